"""Several calls of `reproduce` on one folder."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import training.reproduce.reproduce as module
from tests.training.elsewhere import held_elsewhere
from tests.training.reproduce.rows import SETTINGS
from training.__main__ import EXIT_DONE, main
from training.reproduce.record import read_record
from training.reproduce.reproduce import Reproduction
from training.store import Store

# A reproduction that waits calls this instead, with the process that is at work.
Look = Callable[[], None]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "paper"


@pytest.fixture
def folder(out: Path) -> Path:
    return out / "runs" / "split0-seed0"


def kill_when_waited_for(
    other: subprocess.Popen[str], look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(stop: object) -> None:
        look()
        other.kill()
        other.wait()

    monkeypatch.setattr(module, "_wait", wait)


def test_what_another_call_trains_is_waited_for(
    tiny_store: Store, tiny_rows: None, out: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It trains what it can beside the other one, and takes over when that is killed."""
    printed = io.StringIO()
    there: list[set[str]] = []
    with held_elsewhere(folder / "i3d") as other:

        def look() -> None:
            there.append({path.parent.name for path in folder.glob("*/model.safetensors")})

        kill_when_waited_for(other, look, monkeypatch)
        Reproduction(tiny_store, out, SETTINGS).train(Console(file=printed, width=200))
    assert there == [{"mobilenet3d", "quantization"}], "what needs no teacher"
    assert len(list(folder.glob("*/model.safetensors"))) == 6
    said = printed.getvalue()
    assert said.count("waiting for it") == 1
    assert said.index("[2 of 6] mobilenet3d") < said.index("waiting for it")
    assert said.index("waiting for it") < said.index("[1 of 6] i3d")


def test_a_twin_waits_for_a_student_that_is_trained_again(
    tiny_store: Store, tiny_rows: None, out: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reproduction(tiny_store, out, SETTINGS).train(Console(quiet=True))
    shutil.rmtree(folder / "kd")
    again = Reproduction(tiny_store, out, SETTINGS)
    left: list[str] = []
    with held_elsewhere(folder / "kd") as other:

        def look() -> None:
            left.extend(each.task.name for each in again.left() if not each.done)

        kill_when_waited_for(other, look, monkeypatch)
        again.train(Console(quiet=True))
    assert left == ["kd", "kd_post_training"], "the old twin is nobody's"
    assert all(each.done for each in again.left())


def test_one_call_measures(
    tiny_store: Store,
    tiny_rows: None,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.hardware.keep_freed_memory", lambda: None)
    command = ["reproduce", "--data", str(tiny_store.folder), "--out", str(out), "--splits", "0"]
    with ExitStack() as meanwhile:

        def train(self: Reproduction, console: Console) -> None:
            meanwhile.enter_context(held_elsewhere(out))

        monkeypatch.setattr(Reproduction, "train", train)
        assert main([*command, "--tables", "2", "--threads", "1"]) == EXIT_DONE
    assert "Everything is trained; another process measures it." in capsys.readouterr().out
    assert not list(out.rglob("predictions.safetensors"))


def test_calls_that_are_started_together_are_both_remembered(
    tiny_store: Store, tiny_rows: None, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one writes between the first one's reading and its writing."""
    plan, both = module.plan, replace(SETTINGS, seeds=(0, 1))

    def meanwhile(*asked: tuple[int, ...]) -> object:
        monkeypatch.setattr(module, "plan", plan)
        Reproduction(tiny_store, out, both)
        return plan(*asked)

    monkeypatch.setattr(module, "plan", meanwhile)
    Reproduction(tiny_store, out, SETTINGS)
    assert read_record(out)["seeds"] == [0, 1]
