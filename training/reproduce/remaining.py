"""How much is left to train, and how long that takes: as runs here have told, else by a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from core.modelfile import load_model
from training.answers import answers_known
from training.checkpoint import MODEL_FILE
from training.config import Recipe
from training.fitting import is_finished
from training.progress import duration, read_log
from training.reproduce.pace import Kind, kind_of
from training.reproduce.plan import Task

# Clips/s of a run by this recipe in epochs of this kind; see `training.reproduce.pace.Trials`.
Pace = Callable[[Recipe, Kind], float]


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
    """What every task still costs; `train_clips` counts the training clips of each split.

    Of a teacher's stored answers it knows how many there are, not whether they are the wanted ones.
    """
    logs = {task: read_log(task.folder(out)) for task in recipes}
    speeds: dict[Kind, list[float]] = {}
    for task, recipe in recipes.items():
        for epoch, entry in enumerate(logs[task]):
            speeds.setdefault(kind_of(recipe, epoch), []).append(entry["clips_per_s"])
    found, answered = [], set[Task]()
    for task in tasks:
        if not task.is_training:
            found.append(Left(task, is_there(task, out), 0, 0.0))
            continue
        recipe, done = recipes[task], is_there(task, out)
        epochs = () if done else range(len(logs[task]), recipe.epochs)
        each = recipe.clips_per_epoch or train_clips[task.split]
        work = [(recipe, kind_of(recipe, epoch), each) for epoch in epochs]
        # The first student of a teacher waits for its answers, the others find them.
        if work and recipe.stored_draws and task.needs is not None and task.needs not in answered:
            answered.add(task.needs)
            wanted = train_clips[task.split] * recipe.stored_draws
            known = answers_known(task.needs.folder(out))
            work.append(_answering(recipes[task.needs], max(wanted - known, 0)))
        seconds = sum(
            clips / (median(speeds[kind]) if kind in speeds else pace(whose, kind))
            for whose, kind, clips in work
            if clips
        )
        tried = any(clips and kind not in speeds for _, kind, clips in work)
        found.append(Left(task, done, each * len(epochs), seconds, tried))
    return found


def is_there(task: Task, out: Path) -> bool:
    """Whether a task is done: a run is finished, or the int8 twin is that of the student there."""
    folder = task.folder(out)
    if task.is_training or task.needs is None:
        return is_finished(folder)
    path, parent = folder / MODEL_FILE, task.needs.folder(out)
    # Of a student that was trained again since, it is no twin.
    return (
        path.is_file()
        and is_finished(parent)
        and load_model(path).is_twin_of(load_model(parent / MODEL_FILE))
    )


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
