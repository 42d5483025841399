"""The fp32 model file that an int8 twin belongs to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.errors import DataError
from core.modelfile import load_model
from core.network import FloatNetwork
from training.checkpoint import BEST_FILE, MODEL_FILE


def parent_of(start: Path, student: FloatNetwork) -> str | None:
    """SHA-256 of the fp32 model file of exactly the student that quantization starts from.

    A start that is a file is that file itself, and the student was built from it; what starts from
    an int8 file has no such parent.

    Raises:
        DataError: the file beside the start weights is not made of exactly those weights.
        ModelFileError: there is none, or it cannot be used.
    """
    if start.is_file():
        file = load_model(start)
        return file.sha256 if file.kind == "fp32" else None
    fp32 = load_model(start / MODEL_FILE)
    if not isinstance(fp32.network, FloatNetwork) or not _same(fp32.network, student):
        raise DataError(
            f"{start / MODEL_FILE} was not made from {start / BEST_FILE}; "
            "export that run again, so that the twin has the right parent."
        )
    return fp32.sha256


def _same(one: FloatNetwork, other: FloatNetwork) -> bool:
    pairs = zip(
        (*one.convolutions, one.classifier), (*other.convolutions, other.classifier), strict=True
    )
    return all(
        np.array_equal(a.weight, b.weight) and np.array_equal(a.bias, b.bias) for a, b in pairs
    )
