"""What is to be measured, and with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bench.rows import ModelOnEngine
from app.commands.bench import Bench
from app.models import load_named, why_not_comparable
from core.errors import ModelFileError
from core.modelfile import Model

Progress = Callable[[str], None]
Json = dict[str, Any]


def load_models(options: Bench) -> dict[str, Model]:
    """The models by name: int8, fp32 and, when asked for, teacher.

    Raises:
        ModelFileError: one cannot be read or is of the wrong kind, or int8 and fp32 do not take the
            same clips, so that their ratio would not be quantization's.
    """
    paths = {"int8": options.int8, "fp32": options.fp32}
    if options.teacher is not None:
        paths["teacher"] = options.teacher
    models = {name: load_named(path, name) for name, path in paths.items()}
    if problem := why_not_comparable(models["int8"], models["fp32"]):
        raise ModelFileError(problem)
    return models


def accuracy(model: Model) -> float | None:
    """Mean per-class accuracy on the test set, as the model file says."""
    return model.metrics.get("test", {}).get("mean_per_class_accuracy")


@dataclass(frozen=True, slots=True)
class Setting:
    """What every part of the measurement needs.

    `folders` hold each model's clips and the reference's answers to them.
    """

    options: Bench
    models: Mapping[str, Model]
    folders: Mapping[str, Path]
    threads: int
    runs: int
    progress: Progress

    def path(self, name: str) -> Path:
        """The model's file."""
        path = self.models[name].path
        assert path is not None
        return path

    def on(self, name: str, engine: str, threads: int | None = None) -> ModelOnEngine:
        """A model on an engine, to be timed."""
        return ModelOnEngine(
            model=self.path(name),
            engine=engine,
            threads=threads or self.threads,
            folder=self.folders[name],
        )


def reasons(failures: Mapping[str, str]) -> list[Json]:
    """Failures as the report lists them."""
    return [{"what": name, "reason": reason} for name, reason in failures.items()]
