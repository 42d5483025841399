"""One safetensors file holds a model: weights, what it wants to see, labels, origin and proof.

Tensors are named `<layer>.weight`, `.bias` and, for int8, `.weight_scale`. Everything else is
JSON under the key "incab" of the header's metadata. Nothing in a model file is ever executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.clip import ClipSpec
from core.description import assemble, describe, number, tensors_of
from core.errors import ModelFileError
from core.files import read_ordinary, replacing
from core.golden import GOLDEN_NAMES
from core.network import Network, input_channels, kind_of
from core.shapes import check_costs

FORMAT_VERSION = 1
_METADATA_KEY = "incab"
_LARGEST_FILE_BYTES = 512 * 2**20
_LARGEST_HEADER_BYTES = 4 * 2**20

# Beyond these every answer would be shown as certain, or none as more likely than another.
_LOWEST_TEMPERATURE, _HIGHEST_TEMPERATURE = 0.01, 100.0

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Model:
    """A network with all that is needed to use and trust it.

    Attributes:
        network: fp32 or int8 layers.
        clip: the input the network was trained on.
        labels: K class names in index order.
        architecture: e.g. {"name": "mobilenet3d", "width_multiplier": 0.5}.
        training: recipe, data, seed, versions: how it came to be.
        metrics: what was measured, e.g. {"test": {"mean_per_class_accuracy": 0.5, ...}}.
        parent: SHA-256 of the fp32 file that an int8 twin was fine-tuned from, else None.
        golden: for each golden input the K logits that an engine must give.
        temperature: T at which softmax(logits / T) is calibrated; fitted on validation clips.
        sha256: hash of the file's bytes; empty until saved or loaded.
        file_bytes: size of the file; 0 until saved or loaded.
        path: where it was loaded from.
    """

    network: Network
    clip: ClipSpec
    labels: tuple[str, ...]
    architecture: Json
    training: Json = field(default_factory=dict[str, Any])
    metrics: Json = field(default_factory=dict[str, Any])
    parent: str | None = None
    golden: Mapping[str, NDArray[np.float32]] = field(
        default_factory=dict[str, NDArray[np.float32]]
    )
    temperature: float = 1.0
    sha256: str = ""
    file_bytes: int = 0
    path: Path | None = None

    def __post_init__(self) -> None:
        classes = self.network.classifier.weight.shape[0]
        if len(self.labels) != classes:
            raise ValueError(f"it names {len(self.labels)} classes but its weights give {classes}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a class name appears twice")
        if not _LOWEST_TEMPERATURE <= self.temperature <= _HIGHEST_TEMPERATURE:
            raise ValueError(
                f"its temperature must be {_LOWEST_TEMPERATURE} to {_HIGHEST_TEMPERATURE}, "
                f"not {self.temperature}"
            )
        channels = input_channels(self.network)
        if channels != self.clip.channel_count:
            raise ValueError(
                f"its clips have {self.clip.channel_count} channels but its weights take {channels}"
            )
        check_costs(self.network, self.clip.clip_shape)
        for name, logits in self.golden.items():
            if logits.shape != (classes,) or not np.isfinite(logits).all():
                raise ValueError(f"its golden answer {name!r} is not {classes} finite logits")

    @property
    def kind(self) -> str:
        """The kind of numbers it holds: "int8" or "fp32"."""
        return kind_of(self.network)

    @property
    def file_mb(self) -> float:
        """Size of the saved file in MB (10^6 bytes), as the paper counts it."""
        return self.file_bytes / 1e6

    def is_twin_of(self, fp32: Model) -> bool:
        """Whether this int8 model was fine-tuned from exactly that fp32 model."""
        return self.parent is not None and self.parent == fp32.sha256


def save_model(model: Model, path: Path) -> None:
    """Write `model`; the file appears under its final name only when complete."""
    header = {
        "format": FORMAT_VERSION,
        "kind": model.kind,
        "architecture": model.architecture,
        "clip": asdict(model.clip),
        "labels": model.labels,
        "layers": describe(model.network),
        "training": model.training,
        "metrics": model.metrics,
        "parent": model.parent,
        "temperature": model.temperature,
        "golden": {
            name: [float(value) for value in logits] for name, logits in model.golden.items()
        },
    }
    tensors = {
        name: np.ascontiguousarray(tensor) for name, tensor in tensors_of(model.network).items()
    }
    data = save(tensors, metadata={_METADATA_KEY: json.dumps(header, allow_nan=False)})
    with replacing(path) as partial:
        partial.write_bytes(data)


def load_model(path: Path) -> Model:
    """Read and check a model file.

    Raises:
        ModelFileError: missing, truncated, not safetensors, not InCab's, or inconsistent.
    """
    data = _read(path)
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(
            f"{path} is damaged ({_reason(error)}); copy or export it again."
        ) from error
    try:
        model = _assemble(_header(data), tensors)
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ModelFileError(
            f"{path} is not a usable InCab model: {_reason(error)}. "
            "Use a file written by incab-train."
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    return replace(model, sha256=digest, file_bytes=len(data), path=path)


def kind_and_family(path: Path) -> tuple[str, str]:
    """What a model file says of itself: "int8" or "fp32", and the name of its architecture.

    Nothing else of it is checked, so that this takes no longer than reading the file.

    Raises:
        ModelFileError: missing, not safetensors, or not InCab's.
    """
    data = _read(path)
    try:
        header = _header(data)
        return str(header["kind"]), str(_mapping(header, "architecture").get("name", ""))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is not a usable InCab model: {_reason(error)}. "
            "Use a file written by incab-train."
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return "".join(c if c.isprintable() else " " for c in str(error)[:200])


def _read(path: Path) -> bytes:
    try:
        data = read_ordinary(path, _LARGEST_FILE_BYTES)
    except OSError as error:
        raise ModelFileError(
            f"Cannot read model {path}: {error.strerror}; choose a .safetensors file."
        ) from error
    header_bytes = int.from_bytes(data[:8], "little") if len(data) >= 8 else -1
    if 2 <= header_bytes <= min(len(data) - 8, _LARGEST_HEADER_BYTES):
        return data
    # Only now: a header of 640 or 19280 bytes begins like a pickle or a zip archive does.
    if data[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        raise ModelFileError(
            f"{path} is a Python pickle (a PyTorch checkpoint), not a safetensors file; "
            "InCab never loads pickles: make a model file of it with incab-train import."
        )
    raise ModelFileError(f"{path} is truncated or no safetensors file; copy it again.")


def _header(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    if _METADATA_KEY not in metadata:
        raise ValueError("its header holds no InCab description")
    header = json.loads(metadata[_METADATA_KEY])
    if not isinstance(header, dict):
        raise ValueError("its InCab description is no JSON object")
    header = cast("dict[str, Any]", header)
    if header.get("format") != FORMAT_VERSION:
        raise ValueError(
            f"its format is {header.get('format')!r}, this InCab reads {FORMAT_VERSION}"
        )
    return header


def _assemble(header: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Model:
    network = assemble(header["kind"], header["layers"], tensors)
    labels = header["labels"]
    if not isinstance(labels, list) or not all(
        isinstance(label, str) for label in cast("list[Any]", labels)
    ):
        raise ValueError("its labels are no list of names")
    if header["parent"] is not None and not isinstance(header["parent"], str):
        raise ValueError("its parent is no hash")
    # Without them no engine could prove itself, so a file must bring the answers to all.
    if set(header["golden"]) != set(GOLDEN_NAMES):
        raise ValueError(f"it needs golden answers to {', '.join(GOLDEN_NAMES)}")
    with np.errstate(over="ignore"):
        golden = {name: np.array(header["golden"][name], np.float32) for name in GOLDEN_NAMES}
    return Model(
        network=network,
        clip=ClipSpec(**header["clip"]),
        labels=tuple(cast("list[str]", labels)),
        architecture=_mapping(header, "architecture"),
        training=_mapping(header, "training"),
        metrics=_metrics(header),
        parent=header["parent"],
        golden=golden,
        # Files written before there was one are as they were trained.
        temperature=number(header.get("temperature", 1.0), "its temperature"),
    )


def _mapping(values: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(values[name], dict):
        raise ValueError(f"its {name} must be a JSON object")
    return values[name]


def _metrics(header: dict[str, Any]) -> dict[str, Any]:
    """By subset, each an object; the accuracy that the bench prints is a share or left out."""
    metrics = _mapping(header, "metrics")
    for subset in metrics:
        accuracy = _mapping(metrics, subset).get("mean_per_class_accuracy")
        if accuracy is not None and not 0 <= number(accuracy, "its accuracy") <= 1:
            raise ValueError(f"its accuracy must be 0 to 1, not {accuracy}")
    return metrics
