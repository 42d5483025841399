"""A reproduction folder as data: what is there, and plainly None for what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.modelfile import load_model
from training.checkpoint import MODEL_FILE, read_description
from training.evaluate import figures_of
from training.progress import read_log
from training.report.bootstrap import Bootstrap, Counts, Key
from training.reproduce.plan import Task, plan
from training.reproduce.predictions import PREDICTIONS_FILE, Predictions, load_predictions
from training.reproduce.record import read_record


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """One model of the tables, as far as it has come.

    Attributes:
        task: which.
        described: its recipe.json; empty where there is none.
        epochs: the entries of its log.
        val: figures on the validation people as the model file has them, or None.
        file_mb: size of the model file, or None.
        temperature: the calibrating temperature in the model file, or None.
        predictions: answers to the test clips, or None.
    """

    task: Task
    described: Mapping[str, Any]
    epochs: tuple[Mapping[str, Any], ...]
    val: Mapping[str, Any] | None
    file_mb: float | None
    temperature: float | None
    predictions: Predictions | None

    @property
    def test(self) -> dict[str, Any] | None:
        """Figures on the test people: accuracy, calibration, per class."""
        found = self.predictions
        if found is None or self.temperature is None:
            return None
        return figures_of(found.logits, found.targets, found.labels, self.temperature)

    @property
    def counts(self) -> Counts | None:
        """Right and seen test clips of each person and class."""
        found = self.predictions
        if found is None:
            return None
        right = found.answers == found.targets
        return Counts.of(found.people, found.targets, right, len(found.labels))

    @property
    def kept_by_conversion(self) -> Counts | None:
        """Test clips on which the int8 network names what its QAT network named."""
        found = self.predictions
        if found is None or found.qat_answers is None:
            return None
        same = found.answers == found.qat_answers
        return Counts.of(found.people, found.targets, same, len(found.labels)).pooled()


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Everything a report is made of.

    Attributes:
        record: reproduce.json.
        runs: by name, split and seed; every model that was asked for.
        bootstrap: the draws that all intervals share; None when nothing has been measured.
    """

    record: Mapping[str, Any]
    runs: Mapping[tuple[str, int, int], RunResult]
    bootstrap: Bootstrap | None

    @property
    def splits(self) -> tuple[int, ...]:
        """The splits that were asked for; the first is Table I's."""
        return tuple(self.record["splits"])

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were asked for; the first is the teachers' and Table I's."""
        return tuple(self.record["seeds"])

    def of(self, name: str, split: int | None = None) -> list[RunResult]:
        """All runs of one row, or those of one split."""
        return [
            run
            for (row, its_split, _), run in self.runs.items()
            if row == name and split in (None, its_split)
        ]

    def counts(self, name: str) -> dict[Key, Counts]:
        """Test counts of one row's measured runs."""
        return {
            (run.task.split, run.task.seed): counts
            for run in self.of(name)
            if (counts := run.counts) is not None
        }

    def chosen_elsewhere(self) -> dict[tuple[int, int], list[int]]:
        """Test people of one split who are validation people of another: (test, val): people."""
        test: dict[int, set[int]] = {}
        val: dict[int, set[int]] = {}
        for run in self.runs.values():
            if run.predictions is not None:
                test[run.task.split] = set(run.predictions.people.tolist())
            if people := run.described.get("people"):
                val[run.task.split] = set(people["val"])
        return {
            (one, other): sorted(shared)
            for one in sorted(test)
            for other in sorted(val)
            if one != other and (shared := test[one] & val[other])
        }

    def for_every_seed(self, counts: Mapping[Key, Counts]) -> dict[Key, Counts]:
        """A teacher's counts, one run for each split, beside the students of all seeds."""
        first = self.seeds[0]
        return {
            (split, seed): counts[split, first]
            for split in self.splits
            for seed in self.seeds
            if (split, first) in counts
        }


def read_results(folder: Path) -> Results:
    """Read a reproduction as far as it has come.

    Raises:
        DataError: there is none, or one of its files is damaged.
        ModelFileError: a model file is damaged.
    """
    record = read_record(folder)
    tasks = plan(record["splits"], record["seeds"], record["tables"])
    runs = {(task.name, task.split, task.seed): _read(task, folder) for task in tasks}
    people = {
        (run.task.split, run.task.seed): counts.people
        for run in runs.values()
        if (counts := run.counts) is not None
    }
    return Results(record, runs, Bootstrap(people) if people else None)


def _read(task: Task, out: Path) -> RunResult:
    folder = task.folder(out)
    val = file_mb = temperature = predictions = None
    if (folder / MODEL_FILE).is_file():
        model = load_model(folder / MODEL_FILE)
        val, file_mb, temperature = model.metrics.get("val"), model.file_mb, model.temperature
        path = folder / PREDICTIONS_FILE
        if task.measured and path.is_file():
            read = load_predictions(path)
            # Of a model that was trained again since, they say nothing.
            predictions = read if read.about["model_sha256"] == model.sha256 else None
    return RunResult(
        task,
        read_description(folder),
        tuple(read_log(folder)),
        val,
        file_mb,
        temperature,
        predictions,
    )
