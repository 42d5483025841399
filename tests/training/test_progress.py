from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from core.errors import DataError
from training.progress import EpochProgress, RunLog, duration, read_log, summary

FIGURES = {"hard": 2.0, "loss": 1.5, "soft": 1.0, "train_top1": 0.25}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (11_100, "3 h 05 min")],
)
def test_durations_are_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_names_losses_speed_and_what_is_left(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr("training.progress.time.perf_counter", lambda: now_s[0])
    page = io.StringIO()
    console = Console(file=page, force_terminal=terminal, width=150)
    with EpochProgress(console, 1, 3, step=18, steps=60, still_to_come=1) as shown:
        for step in (19, 20):
            now_s[0] += 2.0
            shown.advance(step, 8, FIGURES)
    said = page.getvalue()
    # Two seconds a step, 40 steps of this epoch and 60 of the last one to go.
    expected = "loss 1.500 (hard 2.000, soft 1.000), train 25.0%, 4.0 clips/s, 3 min left"
    assert expected in said
    if not terminal:
        assert said == f"epoch 1 step 20/60 {expected}\n"


def test_epochs_that_take_longer_count_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("training.progress.time.perf_counter", lambda: now_s[0])
    page = io.StringIO()
    with EpochProgress(Console(file=page), 1, 3, 19, 60, still_to_come=4) as shown:
        now_s[0] += 2.0
        shown.advance(20, 8, FIGURES)
    # 40 steps of this epoch, and one that is as long as four.
    assert "9 min left" in page.getvalue()


def test_a_summary_shows_what_there_is() -> None:
    entry = {"epoch": 4, "loss": 1.5, "train_top1": 0.5, "clips_per_s": 8.0, "waiting_share": 0.03}
    assert summary(entry) == "epoch 4: loss 1.500, train 50.0%, 8.0 clips/s, waiting 3%"
    entry["val"] = {"mean_per_class_accuracy": 0.4, "top1": 0.6}
    assert summary(entry).endswith("val mean per-class 40.0%, top-1 60.0%")


def test_the_log_needs_no_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorboard" else found(name)
    )
    log = RunLog(tmp_path)
    entries = [{"epoch": 0, "loss": 2.0}]
    log.write(entries)
    log.write([*entries, {"epoch": 1, "loss": 1.0, "val": {"top1": 0.5}}])
    log.close()
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [2.0, 1.0]
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_tensorboard_gets_the_same_figures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="an optional extra")
    log = RunLog(tmp_path)
    log.write([{"epoch": 0, "loss": 2.0, "val": {"top1": 0.5}}])
    log.close()
    assert any((tmp_path / "tensorboard").iterdir())


def test_a_log_is_read_back_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []
    entries = [{"epoch": 0, "loss": 2.0}, {"epoch": 1, "loss": 1.0}]
    RunLog(tmp_path, entries).close()
    assert read_log(tmp_path) == entries
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epoch": 2')
    with pytest.raises(DataError, match=r"log\.jsonl is damaged"):
        read_log(tmp_path)
