from __future__ import annotations

from pathlib import Path

import pytest

from training.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main
from training.experiments import TABLE_1
from training.store import Store


@pytest.fixture(autouse=True)
def _leave_malloc_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold for the whole test session."""
    monkeypatch.setattr("training.hardware.keep_freed_memory", lambda: None)


@pytest.fixture(autouse=True)
def _any_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real recipes take minutes to try."""
    monkeypatch.setattr("training.reproduce.pace.Trials.clips_per_s", lambda *asked: 10.0)


def test_a_plan_lists_every_run_of_the_real_recipes(
    tiny_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "paper"
    command = ["reproduce", "--data", str(tiny_store.folder), "--out", str(out), "--plan"]
    for profile in ([], ["--profile", "quick"]):
        assert main([*command, "--splits", "0", "1", *profile]) == EXIT_DONE
        said = capsys.readouterr().out
        assert "23 of 23 models are left; about " in said
    assert not out.exists()


@pytest.mark.parametrize("columns", ["80", "50"])
def test_a_narrow_terminal_cuts_no_name(
    tiny_store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = tmp_path / "paper"
    command = ["reproduce", "--data", str(tiny_store.folder), "--out", str(out), "--plan"]
    assert main([*command, "--splits", "0"]) == EXIT_DONE
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    # What is folded goes on in the next line, beside empty cells.
    shown = "".join((" " if row[2].strip() else "") + row[1].strip() for row in rows).split()
    wanted = {each.name for settings in TABLE_1.values() for each in settings.values()}
    assert len(wanted) > 10
    assert wanted <= set(shown)
    if columns == "80":
        assert all(row[2].strip() for row in rows), "nothing needs to be folded"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--profile", "quikc"], "quikc"),
        (["--splits", "7"], "no split 7"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    tiny_store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    out = tmp_path / "paper"
    command = ["reproduce", "--data", str(tiny_store.folder), "--out", str(out)]
    assert main([*command, "--splits", "0", *arguments]) == EXIT_FAILED
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert reason in said
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seeds", "0", "0"],
        ["--tables", "4"],
        ["--threads", "0"],
        ["--seeds", "-1"],
        # What tells the rows apart cannot be the same for all.
        ["--beta", "0.5"],
        ["--seed", "3"],
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    command = ["reproduce", "--data", str(tmp_path), "--out", str(tmp_path / "o"), *arguments]
    assert main(command) == EXIT_USAGE
