"""Accuracy of finished model files on prepared chunks, on the engine that will run them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.comparison import Accuracy
from core.engines import DEFAULT_ENGINE, Engine, load_engine
from core.engines.reference import ReferenceEngine
from core.errors import DataError, EngineError, SaturationError
from core.modelfile import Model
from training.ahead import ahead
from training.calibration import calibration_error
from training.dataset import Augmentation, ChunkDataset
from training.store import Store

# Clips that are prepared while one is answered: enough to bridge a slow read.
CLIPS_AHEAD = 4


@dataclass(slots=True)
class Pace:
    """How fast an evaluation went: clips, seconds, and those of them spent waiting for clips."""

    clips: int = 0
    seconds: float = 0.0
    waiting_s: float = 0.0

    def __str__(self) -> str:
        if not self.seconds:
            return f"{self.clips} clips"
        return (
            f"{self.clips} clips, {self.clips / self.seconds:.1f} clips/s, "
            f"{self.waiting_s / self.seconds:.0%} of the time waiting for data"
        )


def check_measurable(model: Model, store: Store, positions: Sequence[int]) -> None:
    """Raise DataError where the model names other classes than the data, or there are no clips."""
    if not positions:
        raise DataError(f"{store.folder} has no clips in this subset; choose another.")
    advice = "use a model trained on these labels."
    for number, (named, wanted) in enumerate(zip(model.labels, store.labels, strict=False)):
        if named != wanted:
            raise DataError(
                f"{model.path} names class {number} {named!r}, the data in {store.folder} "
                f"{wanted!r}; {advice}"
            )
    if len(model.labels) != len(store.labels):
        longer = max(model.labels, store.labels, key=len)
        extra = longer[min(len(model.labels), len(store.labels))]
        raise DataError(
            f"Only one of {model.path} and the data in {store.folder} has the class {extra!r}; "
            f"{advice}"
        )


def measuring_engine(model: Model, threads: int) -> Engine:
    """The default engine; where a CPU without VNNI would saturate in it, the exact one."""
    try:
        return load_engine(model, DEFAULT_ENGINE, threads)
    except SaturationError as error:
        slowly = "Measuring on the exact engine instead: about a second a clip."
        print(f"{error} {slowly}", file=sys.stderr)
        return load_engine(model, ReferenceEngine.name)


def evaluate_model(
    model: Model,
    engine: Engine,
    store: Store,
    positions: Sequence[int],
    draws: int = 0,
    pace: Pace | None = None,
) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Measure one model on evaluation clips, or on `draws` seeded random draws of each chunk.

    The paper's code evaluates one random draw of 16 frames, so that its scores differ from run to
    run; draws make that comparable. Every draw counts as a clip. `pace` is told how fast it went.

    Returns:
        {"mean_per_class_accuracy", "top1", "ece", "clips", "per_class"} and the N×K logits, all
        chunks of the first draw first.

    Raises:
        DataError: the model names other classes than the data, or there are no clips.
        EngineError: an answer is no number.
    """
    check_measurable(model, store, positions)
    drawn = Augmentation(flip_probability=0.0, random_crop=False) if draws else None
    data = ChunkDataset(store, positions, model.clip, drawn)
    pairs = [(item, draw) for draw in range(draws or 1) for item in range(len(data))]
    pace = pace or Pace()
    answers = []
    asked_s = time.perf_counter()
    prepared = (data.clip(item, draw) for item, draw in pairs)
    with closing(ahead(prepared, CLIPS_AHEAD)) as clips:
        for pixels in clips:
            given_s = time.perf_counter()
            answers.append(engine.logits(pixels))
            answered_s = time.perf_counter()
            pace.clips += 1
            pace.waiting_s += given_s - asked_s
            pace.seconds += answered_s - asked_s
            asked_s = answered_s
    logits = np.stack(answers)
    if not np.isfinite(logits).all():
        raise EngineError(
            f"The engine {engine.name} gave NaN or infinity for some clips; choose another one."
        )
    targets = targets_of(store, positions, draws)
    return figures_of(logits, targets, model.labels, model.temperature), logits


def targets_of(store: Store, positions: Sequence[int], draws: int = 0) -> NDArray[np.intp]:
    """Class index of each row of what evaluate_model returns."""
    index = {name: number for number, name in enumerate(store.labels)}
    once = [index[store.chunks[position].activity] for position in positions]
    return np.tile(np.array(once, np.intp), draws or 1)


def figures_of(
    logits: NDArray[np.float32],
    targets: NDArray[np.intp],
    labels: Sequence[str],
    temperature: float,
) -> dict[str, Any]:
    """Accuracy and calibration of N×K logits whose truth is N class indices."""
    accuracy = Accuracy()
    for target, answer in zip(targets, logits.argmax(axis=1), strict=True):
        accuracy.add(labels[int(target)], labels[int(answer)])
    return {
        "mean_per_class_accuracy": accuracy.mean_per_class,
        "top1": accuracy.top1,
        "ece": calibration_error(logits, targets, temperature),
        "clips": accuracy.clips,
        "per_class": accuracy.per_class(),
    }
