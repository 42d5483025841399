"""How much is left to train, and how long that takes: as runs here have told, else by a trial."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

from training.answers import answers_known
from training.checkpoint import MODEL_FILE
from training.config import Recipe
from training.fitting import is_finished
from training.progress import LOG_FILE, duration
from training.reproduce.pace import Kind, kind_of
from training.reproduce.plan import Task


class Pace(Protocol):
    """Whoever knows how fast a kind of run goes; see `training.reproduce.pace.Trials`."""

    def clips_per_s(self, recipe: Recipe, kind: Kind) -> float:
        """Of a run by this recipe in epochs of this kind."""
        ...


@dataclass(frozen=True, slots=True)
class Left:
    """One task and what it still costs.

    Attributes:
        task: which.
        done: whether nothing is left.
        clips: clips still to be trained on.
        seconds: how long they take, with what a teacher has to answer first.
        tried: whether a part of that is known from a trial only, not from like runs here.
    """

    task: Task
    done: bool
    clips: int
    seconds: float
    tried: bool = False


def remaining(
    tasks: Sequence[Task],
    recipes: Mapping[Task, Recipe],
    train_clips: Mapping[int, int],
    out: Path,
    pace: Pace,
) -> list[Left]:
    """What every task still costs; `train_clips` counts the training clips of each split."""
    measured = {task: _clips_per_s(task.folder(out) / LOG_FILE) for task in recipes}
    speeds: dict[Kind, list[float]] = {}
    for task, recipe in recipes.items():
        for epoch, speed in enumerate(measured[task]):
            speeds.setdefault(kind_of(recipe, epoch), []).append(speed)
    found, answered = [], set[Task]()
    for task in tasks:
        if not task.is_training:
            found.append(Left(task, (task.folder(out) / MODEL_FILE).is_file(), 0, 0.0))
            continue
        recipe, done = recipes[task], is_finished(task.folder(out))
        epochs = () if done else range(len(measured[task]), recipe.epochs)
        each = recipe.clips_per_epoch or train_clips[task.split]
        work = [(recipe, kind_of(recipe, epoch), each) for epoch in epochs]
        # The first student of a teacher waits for its answers, the others find them.
        if work and recipe.stored_draws and task.needs is not None and task.needs not in answered:
            answered.add(task.needs)
            wanted = train_clips[task.split] * recipe.stored_draws
            known = answers_known(task.needs.folder(out))
            work.append(_answering(recipes[task.needs], max(wanted - known, 0)))
        seconds = sum(
            clips / (median(speeds[kind]) if kind in speeds else pace.clips_per_s(whose, kind))
            for whose, kind, clips in work
            if clips
        )
        tried = any(clips and kind not in speeds for _, kind, clips in work)
        found.append(Left(task, done, each * len(epochs), seconds, tried))
    return found


def _answering(teacher: Recipe, clips: int) -> tuple[Recipe, Kind, int]:
    kind = Kind(teacher.model, teacher.width_multiplier, False, teacher.crop, False, learns=False)
    return teacher, kind, clips


def said(left: Sequence[Left]) -> str:
    """All of it in one line."""
    undone = [each for each in left if not each.done]
    if not undone:
        return f"All {len(left)} models are there."
    line = f"{len(undone)} of {len(left)} models are left"
    seconds = sum(each.seconds for each in undone)
    if seconds > 0:
        line += f"; about {duration(seconds)} of training"
    if any(each.tried for each in undone):
        line += ", by a short trial where no run of the kind has told yet"
    return line + "."


def _clips_per_s(log: Path) -> list[float]:
    """Of every finished epoch of a run."""
    try:
        lines = log.read_text().splitlines()
    except OSError:
        return []
    return [float(json.loads(line)["clips_per_s"]) for line in lines if line]
