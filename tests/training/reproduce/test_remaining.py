from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from training.config import Recipe
from training.reproduce.pace import Kind
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


class Tried:
    """A machine that trains 20 clips/s, and whose teachers answer to 40, whatever is asked."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []

    def __call__(self, recipe: Recipe, kind: Kind) -> float:
        self.kinds.append(kind)
        return 20 if kind.learns else 40


def trained(task: Task, out: Path, epochs: int, clips_per_s: float, finished: bool = False) -> None:
    folder = task.folder(out)
    folder.mkdir(parents=True)
    entries = ({"epoch": epoch, "clips_per_s": clips_per_s} for epoch in range(epochs))
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (folder / "recipe.json").write_text(json.dumps({"recipe": {"epochs": RECIPES[task].epochs}}))
    if finished:
        (folder / "model.safetensors").touch()


def test_what_was_never_trained_is_tried(tmp_path: Path) -> None:
    left = remaining([TEACHER, BASELINE], RECIPES, {0: 70}, tmp_path, Tried())
    assert [(each.done, each.clips, each.seconds, each.tried) for each in left] == [
        (False, 140, 7, True),
        (False, 1000, 50, True),
    ]
    assert said(left) == (
        "2 of 2 models are left; about 57 s of training, by a short trial where no run of the kind "
        "has told yet."
    )


def test_like_runs_tell_how_long_the_others_take(tmp_path: Path) -> None:
    """Four tenths of one student are trained, at 5 clips/s; a teacher is another matter."""
    trained(BASELINE, tmp_path, 4, clips_per_s=5)
    machine = Tried()
    left = remaining([TEACHER, BASELINE, OTHER], RECIPES, {0: 70}, tmp_path, machine)
    assert [(each.seconds, each.tried) for each in left] == [
        (7, True),
        (pytest.approx(120), False),
        (pytest.approx(200), False),
    ]
    assert {kind.model for kind in machine.kinds} == {"i3d"}


def test_the_first_student_of_a_teacher_waits_for_its_answers(tmp_path: Path) -> None:
    taught = replace(STUDENT, beta=0.9, stored_draws=8)
    tasks = [Task("kd", 0, seed, needs=TEACHER) for seed in (0, 1)]
    recipes = {TEACHER: RECIPES[TEACHER], **dict.fromkeys(tasks, taught)}
    trained(TEACHER, tmp_path, 2, clips_per_s=5, finished=True)
    machine = Tried()

    def seconds() -> list[float]:
        left = remaining([TEACHER, *tasks], recipes, {0: 70}, tmp_path, machine)
        return [each.seconds for each in left]

    # 1000 clips at 20 clips/s, and eight draws of 70 clips at 40.
    assert seconds() == [0, 50 + 14, 50]
    assert not any(kind.taught for kind in machine.kinds)
    answers = TEACHER.folder(tmp_path) / "answers-0123456789ab.safetensors"
    for known, left_s in ((280, 7), (560, 0)):
        save_file({"logits": torch.zeros(known, 3)}, answers)
        assert seconds() == [0, 50 + left_s, 50]
    answers.write_bytes(b"half of it")
    assert seconds() == [0, 50 + 14, 50]


def test_what_is_finished_costs_nothing(tmp_path: Path) -> None:
    trained(BASELINE, tmp_path, 10, clips_per_s=5, finished=True)
    trained(OTHER, tmp_path, 10, clips_per_s=5)
    left = remaining([BASELINE, OTHER], RECIPES, {0: 70}, tmp_path, Tried())
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
    left = remaining([BASELINE], recipes, {0: 70}, tmp_path, Tried())
    assert (left[0].seconds, left[0].tried) == (200 / 20, True)
    early = replace(RECIPES[TEACHER], epochs=3, early_epochs=1, early_crop=112)
    trained(TEACHER, tmp_path, 2, clips_per_s=2)
    recipes = {TEACHER: early}
    left = remaining([TEACHER], recipes, {0: 70}, tmp_path, Tried())
    assert (left[0].seconds, left[0].tried) == (pytest.approx(35), False)
