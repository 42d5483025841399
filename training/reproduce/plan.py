"""Which runs the tables need, in which order, and where each is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.experiments import EXPERIMENTS, TABLE_1, TABLE_2, Experiment

# The cheap comparison: the KD student, quantized after its training.
POST_TRAINING = "kd_post_training"
_POST_TRAINED = "kd"


@dataclass(frozen=True, slots=True)
class Task:
    """One model of the tables.

    Attributes:
        name: of the experiment, or POST_TRAINING.
        split: of the people.
        seed: of the run.
        needs: the task whose run teaches, or is quantized; None for what starts alone.
        measured: whether the test people are asked about it in the end. Table I compares settings,
            which is a choice: it is made on the validation people.
    """

    name: str
    split: int
    seed: int
    needs: Task | None = None
    measured: bool = True

    @property
    def experiment(self) -> Experiment:
        """What is trained; KeyError for what is not trained."""
        return EXPERIMENTS[self.name]

    @property
    def is_training(self) -> bool:
        """Whether it is trained, not quantized after training."""
        return self.name != POST_TRAINING

    @property
    def title(self) -> str:
        """For people: "kd, split 0, seed 1"."""
        return f"{self.name}, split {self.split}, seed {self.seed}"

    def folder(self, out: Path) -> Path:
        """Where its model file and, if it is trained, its run are kept."""
        return out / "runs" / f"split{self.split}-seed{self.seed}" / self.name


def plan(splits: Sequence[int], seeds: Sequence[int], tables: Sequence[int]) -> list[Task]:
    """All tasks, each behind what it needs.

    A teacher is trained once for each split, with the first seed, and teaches the students of every
    seed: it is by far the longest run. Table I belongs to the first split and the first seed, as in
    the paper.
    """
    tasks: dict[tuple[str, int, int], Task] = {}

    def add(name: str, split: int, seed: int, measured: bool) -> Task:
        key = (name, split, seed)
        if key in tasks:
            # Once more, now for a table of test people: the place in the order stays.
            tasks[key] = replace(tasks[key], measured=tasks[key].measured or measured)
            return tasks[key]
        needs = None
        if name == POST_TRAINING:
            needs = add(_POST_TRAINED, split, seed, measured)
        elif (teacher := EXPERIMENTS[name].teacher) is not None:
            needs = add(teacher, split, seeds[0], measured)
        tasks[key] = Task(name, split, seed, needs, measured)
        return tasks[key]

    rows = [experiment.name for experiment in TABLE_2] if 2 in tables else []
    if 2 in tables:
        rows.append(POST_TRAINING)
    elif 3 in tables:
        rows = ["mobilenet3d", "qd"]
    teachers = {name for name in rows if _teaches(name)}
    for split in splits:
        for seed in seeds:
            for name in rows:
                add(name, split, seeds[0] if name in teachers else seed, measured=True)
    if 1 in tables:
        for settings in TABLE_1.values():
            for experiment in settings.values():
                add(experiment.name, splits[0], seeds[0], measured=False)
    return list(tasks.values())


def _teaches(name: str) -> bool:
    return any(experiment.teacher == name for experiment in EXPERIMENTS.values())
