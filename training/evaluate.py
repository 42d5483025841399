"""Accuracy of finished model files on prepared chunks, on the engine that will run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.comparison import Accuracy, softmax
from core.engines import Engine
from core.errors import DataError
from core.modelfile import Model
from training.dataset import ChunkDataset
from training.store import Store

_CALIBRATION_BINS = 15


def evaluate_model(
    model: Model, engine: Engine, store: Store, positions: Sequence[int]
) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Measure one model on evaluation clips.

    Returns:
        {"mean_per_class_accuracy", "top1", "ece", "clips", "per_class"} and the N×K logits.

    Raises:
        DataError: the model names other classes than the data, or there are no clips.
    """
    if not positions:
        raise DataError(f"{store.folder} has no clips in this subset; choose another.")
    if tuple(model.labels) != store.labels:
        raise DataError(
            f"{model.path} names {len(model.labels)} classes, the data "
            f"{len(store.labels)} others; use a model trained on these labels."
        )
    data = ChunkDataset(store, positions, model.clip)
    logits = np.stack([engine.logits(data.clip(item)) for item in range(len(data))])
    accuracy = Accuracy()
    for target, row in zip(data.targets, logits, strict=True):
        accuracy.add(store.labels[target], model.labels[int(row.argmax())])
    figures = {
        "mean_per_class_accuracy": accuracy.mean_per_class,
        "top1": accuracy.top1,
        "ece": calibration_error(logits, np.array(data.targets)),
        "clips": accuracy.clips,
        "per_class": accuracy.per_class(),
    }
    return figures, logits


def calibration_error(logits: NDArray[np.float32], targets: NDArray[np.intp]) -> float:
    """Expected calibration error: mean |confidence - accuracy| over 15 bins, weighted by clips."""
    probabilities = np.stack([softmax(row) for row in logits])
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    bins = np.minimum((confidence * _CALIBRATION_BINS).astype(int), _CALIBRATION_BINS - 1)
    error = 0.0
    for number in range(_CALIBRATION_BINS):
        chosen = bins == number
        if chosen.any():
            gap = abs(float(confidence[chosen].mean()) - float(right[chosen].mean()))
            error += gap * float(chosen.mean())
    return error
