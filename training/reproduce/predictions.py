"""What a finished model answered to every test clip, kept so that intervals can be computed later.

Legend: N clips, K classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core.errors import DataError
from core.files import replacing

PREDICTIONS_FILE = "predictions.safetensors"
_METADATA_KEY = "incab"


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """One model's answers to one subset of one split.

    Attributes:
        logits: N×K float32.
        targets: N class indices.
        people: N numbers of the person in the clip.
        labels: K class names.
        qat_answers: N classes that the network named before its conversion to int8, while it was
            still fake-quantized floats; None for other models.
        about: where they come from: "run", "split", "seed", "subset", "model_sha256",
            "data_fingerprint", "engine", "file_mb", "temperature", "latency" (or None), …
    """

    logits: NDArray[np.float32]
    targets: NDArray[np.int32]
    people: NDArray[np.int32]
    labels: tuple[str, ...]
    about: dict[str, Any]
    qat_answers: NDArray[np.int32] | None = None

    @property
    def answers(self) -> NDArray[np.intp]:
        """N classes with the largest logit."""
        return self.logits.argmax(axis=1)


def save_predictions(predictions: Predictions, path: Path) -> None:
    """Write them; the file appears under its final name only when complete."""
    tensors = {
        "logits": predictions.logits,
        "targets": predictions.targets,
        "people": predictions.people,
    }
    if predictions.qat_answers is not None:
        tensors["qat_answers"] = predictions.qat_answers
    header = {"labels": predictions.labels, "about": predictions.about}
    data = save(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        metadata={_METADATA_KEY: json.dumps(header, allow_nan=False)},
    )
    with replacing(path) as partial:
        partial.write_bytes(data)


def load_predictions(path: Path) -> Predictions:
    """Read what `save_predictions` wrote.

    Raises:
        DataError: the file is missing, damaged, or its parts do not fit each other.
    """
    try:
        with safe_open(path, "np") as file:
            header = json.loads((file.metadata() or {})[_METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        loaded = Predictions(
            logits=tensors["logits"],
            targets=tensors["targets"],
            people=tensors["people"],
            labels=tuple(header["labels"]),
            about=header["about"],
            qat_answers=tensors.get("qat_answers"),
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); delete it and reproduce again."
        ) from error
    clips, classes = loaded.logits.shape
    others = (loaded.targets, loaded.people, loaded.qat_answers)
    if classes != len(loaded.labels) or any(
        other is not None and other.shape != (clips,) for other in others
    ):
        raise DataError(f"{path} is damaged (its parts differ in size); delete it.")
    return loaded
