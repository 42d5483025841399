"""The layers of a network as JSON and named tensors, as docs/model_file.md documents, and back.

What is read here comes from a file that anybody may have written: whatever it holds, the answer is
a sound network or one of the errors that core.modelfile turns into a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry, Triple
from core.network import (
    Branches,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Int8Conv,
    Int8Linear,
    Int8Network,
    MaxPool,
    Network,
    Quantization,
    Stage,
    stages_of,
)
from core.normalization import UNIT_RANGE, Normalization

Tensors = Mapping[str, NDArray[Any]]
Entry = dict[str, Any]

_MOST_LAYERS = 1000


def describe(network: Network) -> list[Entry]:
    """One JSON object for each stage in order, the classifier last.

    In front of them stands how pixels are read, unless that is p / 255.
    """
    first = [] if network.normalization.is_unit_range else [_describe_pixels(network.normalization)]
    return [*first, *map(_describe, (*stages_of(network), network.classifier))]


def _describe_pixels(normalization: Normalization) -> Entry:
    return {"pixels": {"mean": list(normalization.mean), "scale": normalization.scale}}


def tensors_of(network: Network) -> dict[str, NDArray[Any]]:
    """`<layer>.weight`, `.bias` and, for int8, `.weight_scale` of every layer."""
    tensors: dict[str, NDArray[Any]] = {}
    for layer in (*network.convolutions, network.classifier):
        tensors[f"{layer.name}.weight"] = layer.weight
        tensors[f"{layer.name}.bias"] = layer.bias
        if isinstance(layer, (Int8Conv, Int8Linear)):
            tensors[f"{layer.name}.weight_scale"] = layer.weight_scale
    return tensors


def _describe(layer: Stage | FloatLinear | Int8Conv | Int8Linear) -> Entry:
    if isinstance(layer, Branches):
        return {"branches": [[_describe(step) for step in chain] for chain in layer.chains]}
    if isinstance(layer, MaxPool):
        geometry = _describe_geometry(layer.geometry)
        del geometry["groups"]
        return {"max_pool": layer.kernel, **geometry}
    described: Entry = {"name": layer.name}
    if isinstance(layer, (FloatConv, Int8Conv)):
        described |= _describe_geometry(layer.geometry) | {"relu": layer.relu}
    if isinstance(layer, (Int8Conv, Int8Linear)):
        described["input"] = asdict(layer.input)
    if isinstance(layer, Int8Conv):
        described["output"] = asdict(layer.output)
    return described


def _describe_geometry(geometry: Geometry) -> Entry:
    described = asdict(geometry)
    if geometry.symmetric:
        del described["padding_back"]
    return described


def assemble(kind: object, described: object, tensors: Tensors) -> Network:
    """The network of this kind ("int8" or "fp32") that `describe` described.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, OverflowError: it is none.
    """
    if not isinstance(described, list) or not 2 <= _count(described) <= _MOST_LAYERS:
        raise ValueError("its list of layers is missing or absurd")
    *entries, last = cast("list[Entry]", described)
    normalization = UNIT_RANGE
    if entries and "pixels" in entries[0]:
        normalization = _normalization(entries.pop(0)["pixels"])
    if kind == "int8":
        convolutions = tuple(_int8_convolution(entry, tensors) for entry in entries)
        classifier = Int8Linear(
            _name(last), *_int8_tensors(_name(last), tensors), _quantization(last["input"])
        )
        return Int8Network(convolutions, classifier, normalization)
    if kind == "fp32":
        stages = tuple(_stage(entry, tensors) for entry in entries)
        linear = FloatLinear(_name(last), *_float_tensors(_name(last), tensors))
        return FloatNetwork(stages, linear, normalization)
    raise ValueError(f"kind {kind!r} is neither int8 nor fp32")


def _count(entries: object) -> int:
    """Entries at every depth, so that branches cannot hide an absurd number of layers."""
    total = 0
    waiting: list[object] = [entries]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, list):
            inner = cast("list[object]", entry)
            total += sum(not isinstance(one, list) for one in inner)
            waiting += inner
        elif isinstance(entry, dict):
            waiting.append(cast("Entry", entry).get("branches"))
    return total


def _stage(entry: Entry, tensors: Tensors) -> Stage:
    if "branches" in entry:
        chains = cast("list[list[Entry]]", entry["branches"])
        return Branches(tuple(tuple(_step(one, tensors) for one in chain) for chain in chains))
    return _step(entry, tensors)


def _step(entry: Entry, tensors: Tensors) -> FloatConv | MaxPool:
    if "branches" in entry:
        raise ValueError("branches within branches are not supported")
    if "max_pool" in entry:
        return MaxPool(_triple(entry, "max_pool"), _geometry(entry, groups=1))
    return FloatConv(
        _name(entry),
        *_float_tensors(_name(entry), tensors),
        _geometry(entry, _whole(entry["groups"], "groups")),
        _relu(entry),
    )


def _int8_convolution(entry: Entry, tensors: Tensors) -> Int8Conv:
    return Int8Conv(
        _name(entry),
        *_int8_tensors(_name(entry), tensors),
        _geometry(entry, _whole(entry["groups"], "groups")),
        _quantization(entry["input"]),
        _quantization(entry["output"]),
        _relu(entry),
    )


def number(value: object, what: str) -> float:
    """A JSON number as float; ValueError, saying what it is, for anything else."""
    # Exact types: in Python true is a whole number too.
    if type(value) is not float and type(value) is not int:
        raise ValueError(f"{what} must be a number, not {value!r:.40}")
    return float(value)


def _normalization(values: Entry) -> Normalization:
    mean = tuple(number(value, "a mean of pixels") for value in values["mean"])
    return Normalization(mean, number(values["scale"], "the scale of pixels"))


def _whole(value: object, what: str) -> int:
    if type(value) is not int:
        raise ValueError(f"{what} must be a whole number, not {value!r:.40}")
    return value


def _name(entry: Entry) -> str:
    if not isinstance(entry["name"], str):
        raise ValueError(f"a layer's name must be a text, not {entry['name']!r:.40}")
    return entry["name"]


def _relu(entry: Entry) -> bool:
    if not isinstance(entry["relu"], bool):
        raise ValueError(f"relu must be true or false, not {entry['relu']!r:.40}")
    return entry["relu"]


def _geometry(entry: Entry, groups: int) -> Geometry:
    back = _triple(entry, "padding_back") if "padding_back" in entry else None
    return Geometry(_triple(entry, "stride"), _triple(entry, "padding"), groups, back)


def _triple(entry: Entry, key: str) -> Triple:
    numbers = [_whole(n, key) for n in entry[key]]
    if len(numbers) != 3:
        raise ValueError(f"{entry.get('name', 'max pool')}: {key} needs three numbers")
    t, h, w = numbers
    return (t, h, w)


def _quantization(values: Entry) -> Quantization:
    scale = number(values["scale"], "an activation scale")
    return Quantization(scale, _whole(values["zero_point"], "a zero-point"))


def _float_tensors(name: str, tensors: Tensors) -> tuple[NDArray[Any], NDArray[Any]]:
    return (
        _tensor(tensors, f"{name}.weight", np.float32),
        _tensor(tensors, f"{name}.bias", np.float32),
    )


def _int8_tensors(name: str, tensors: Tensors) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return (
        _tensor(tensors, f"{name}.weight", np.int8),
        _tensor(tensors, f"{name}.weight_scale", np.float32),
        _tensor(tensors, f"{name}.bias", np.int32),
    )


def _tensor(tensors: Tensors, name: str, dtype: type) -> NDArray[Any]:
    tensor = tensors[name]
    if tensor.dtype != dtype:
        raise ValueError(f"{name} is {tensor.dtype}, expected {np.dtype(dtype)}")
    return tensor
