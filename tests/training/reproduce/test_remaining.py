from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from training.config import Recipe
from training.reproduce.plan import Task
from training.reproduce.remaining import remaining, said

BASELINE, OTHER, TEACHER = (
    Task("mobilenet3d", 0, 0),
    Task("mobilenet3d", 0, 1),
    Task("i3d", 0, 0),
)
STUDENT = Recipe(epochs=10, clips_per_epoch=100, batch_size=10)
RECIPES = {
    BASELINE: STUDENT,
    OTHER: replace(STUDENT, seed=1),
    TEACHER: Recipe(model="i3d", epochs=2, batch_size=10),
}


def trained(task: Task, out: Path, epochs: int, clips_per_s: float, finished: bool = False) -> None:
    folder = task.folder(out)
    folder.mkdir(parents=True)
    entries = ({"epoch": epoch, "clips_per_s": clips_per_s} for epoch in range(epochs))
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (folder / "recipe.json").write_text(json.dumps({"recipe": {"epochs": RECIPES[task].epochs}}))
    if finished:
        (folder / "model.safetensors").touch()


def test_nothing_is_known_before_anything_was_measured(tmp_path: Path) -> None:
    left = remaining([TEACHER, BASELINE], RECIPES, {0: 70}, tmp_path)
    assert [(each.done, each.clips, each.seconds) for each in left] == [
        (False, 140, None),
        (False, 1000, None),
    ]
    assert said(left) == (
        "2 of 2 models are left; time unknown for 2, until one of their kind has been measured."
    )


def test_like_runs_tell_how_long_the_others_take(tmp_path: Path) -> None:
    """Four tenths of one student are trained, at 5 clips/s; a teacher is another matter."""
    trained(BASELINE, tmp_path, 4, clips_per_s=5)
    left = remaining([TEACHER, BASELINE, OTHER], RECIPES, {0: 70}, tmp_path)
    assert [each.seconds for each in left] == [None, pytest.approx(120), pytest.approx(200)]
    assert "about 5 min of training; more time unknown for 1" in said(left)


def test_what_is_finished_costs_nothing(tmp_path: Path) -> None:
    trained(BASELINE, tmp_path, 10, clips_per_s=5, finished=True)
    trained(OTHER, tmp_path, 10, clips_per_s=5)
    left = remaining([BASELINE, OTHER], RECIPES, {0: 70}, tmp_path)
    # The second has trained all epochs, but its model file was not written.
    assert [(each.done, each.clips, each.seconds) for each in left] == [(True, 0, 0), (False, 0, 0)]
    assert said(left) == "1 of 2 models are left."
    assert said(left[:1]) == "All 1 models are there."


def test_early_and_float_epochs_have_speeds_of_their_own(tmp_path: Path) -> None:
    """Two fast float epochs say nothing of the two int8 ones behind them."""
    recipe = replace(
        STUDENT, quantize=True, epochs=4, quantize_from_epoch=2, freeze_observers_epoch=3
    )
    trained(BASELINE, tmp_path, 2, clips_per_s=50)
    recipes = {BASELINE: recipe, TEACHER: RECIPES[TEACHER]}
    assert remaining([BASELINE], recipes, {0: 70}, tmp_path)[0].seconds is None
    early = replace(RECIPES[TEACHER], epochs=3, early_epochs=1, early_crop=112)
    trained(TEACHER, tmp_path, 2, clips_per_s=2)
    recipes = {TEACHER: early}
    assert remaining([TEACHER], recipes, {0: 70}, tmp_path)[0].seconds == pytest.approx(35)
