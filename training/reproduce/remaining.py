"""How much is left to train, and how long that takes, as far as anything measured tells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from training.checkpoint import MODEL_FILE
from training.config import Recipe
from training.fitting import is_finished
from training.progress import LOG_FILE, duration
from training.reproduce.plan import Task

# Epochs of one kind train about equally fast: network, width, int8 or float, pixels, live teacher.
_Kind = tuple[str, float, bool, int, bool]


@dataclass(frozen=True, slots=True)
class Left:
    """One task and what it still costs.

    Attributes:
        task: which.
        done: whether nothing is left.
        clips: clips still to be trained on.
        seconds: how long they take at the speed of like runs here; None where none was measured.
    """

    task: Task
    done: bool
    clips: int
    seconds: float | None


def remaining(
    tasks: Sequence[Task],
    recipes: dict[Task, Recipe],
    train_clips: dict[int, int],
    out: Path,
) -> list[Left]:
    """What every task still costs; `train_clips` counts the training clips of each split."""
    speeds: dict[_Kind, list[float]] = {}
    trained: dict[Task, int] = {}
    for task, recipe in recipes.items():
        measured = _clips_per_s(task.folder(out) / LOG_FILE)
        trained[task] = len(measured)
        for epoch, speed in enumerate(measured):
            speeds.setdefault(_kind(recipe, epoch), []).append(speed)
    found = []
    for task in tasks:
        if not task.is_training:
            found.append(Left(task, (task.folder(out) / MODEL_FILE).is_file(), 0, 0.0))
            continue
        recipe, done = recipes[task], is_finished(task.folder(out))
        epochs = () if done else range(trained[task], recipe.epochs)
        each = recipe.clips_per_epoch or train_clips[task.split]
        kinds = [_kind(recipe, epoch) for epoch in epochs]
        seconds = None
        if all(kind in speeds for kind in kinds):
            seconds = sum(each / median(speeds[kind]) for kind in kinds)
        found.append(Left(task, done, each * len(kinds), seconds))
    return found


def said(left: Sequence[Left]) -> str:
    """All of it in one line."""
    undone = [each for each in left if not each.done]
    if not undone:
        return f"All {len(left)} models are there."
    known = [each.seconds for each in undone if each.seconds is not None]
    unknown = len(undone) - len(known)
    parts = [f"{len(undone)} of {len(left)} models are left"]
    if known and sum(known) > 0:
        parts.append(f"about {duration(sum(known))} of training")
    if unknown:
        more = "more " if known and sum(known) > 0 else ""
        parts.append(f"{more}time unknown for {unknown}, until one of their kind has been measured")
    return "; ".join(parts) + "."


def _kind(recipe: Recipe, epoch: int) -> _Kind:
    return (
        recipe.model,
        recipe.width_multiplier,
        recipe.quantize and epoch >= recipe.quantize_from_epoch,
        recipe.early_crop if epoch < recipe.early_epochs else recipe.crop,
        recipe.beta > 0 and recipe.stored_draws == 0,
    )


def _clips_per_s(log: Path) -> list[float]:
    """Of every finished epoch of a run."""
    try:
        lines = log.read_text().splitlines()
    except OSError:
        return []
    return [float(json.loads(line)["clips_per_s"]) for line in lines if line]
