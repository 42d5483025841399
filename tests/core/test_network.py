from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.engines import load_engine
from core.geometry import Geometry
from core.modelfile import load_model, save_model
from core.network import (
    PIXEL_SCALE,
    PIXELS,
    Branches,
    FloatConv,
    FloatNetwork,
    Int8Network,
    MaxPool,
    Quantization,
    Stage,
    kind_of,
)


def test_a_pixel_is_the_quantized_input() -> None:
    assert Quantization(1 / 255, 0) == PIXELS
    assert PIXEL_SCALE * 255 == 1


def convolution(name: str, outputs: int, inputs: int, kernel: int) -> FloatConv:
    half = (kernel // 2,) * 3
    weight = np.ones((outputs, inputs, *[kernel] * 3), np.float32)
    return FloatConv(name, weight, np.zeros(outputs, np.float32), Geometry((1, 1, 1), half))


def test_only_convolutions_in_a_row_are_a_chain(networks) -> None:
    network = networks.fp32()
    assert network.is_chain
    pool = MaxPool((1, 1, 1), Geometry((1, 1, 1), (0, 0, 0)))
    assert not FloatNetwork((*network.stages, pool), network.classifier).is_chain


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (MaxPool((3, 3, 3), Geometry((1, 1, 1), (1, 1, 1), groups=2)), "max pool has no groups"),
        (MaxPool((3, 3, 3), Geometry((0, 1, 1), (1, 1, 1))), "max pool: strides must be"),
        (MaxPool((1, 1, 1), Geometry((1, 1, 1), (1, 0, 0))), "padding 0 to less than the kernel"),
        (MaxPool((3, 3, 3), Geometry((1, 1, 1), (2, 1, 1))), "more than half its kernel"),
        (Branches(()), "at least one chain"),
        (Branches(((),)), "no chain may be empty"),
        (Branches(((convolution("a", 4, 12, 1),), (convolution("b", 8, 3, 1),))), "b: weight"),
        (Branches(((convolution("a", 4, 12, 1),), (convolution("a", 8, 12, 1),))), "same name"),
        (Branches(((convolution("a", 4, 12, 1),), (convolution("b", 7, 12, 1),))), "classifier"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_stages_that_cannot_be(networks, stage: Stage, message: str) -> None:
    network = networks.fp32()
    with pytest.raises(ValueError, match=message):
        FloatNetwork((*network.stages, stage), network.classifier)


def test_kinds_and_the_largest_weight(networks) -> None:
    assert kind_of(networks.fp32()) == "fp32"
    network = networks.int8()
    assert kind_of(network) == "int8"
    assert network.largest_weight == 63
    classifier = replace(network.classifier, weight=network.classifier.weight.copy())
    classifier.weight[0, 0] = -128
    assert Int8Network(network.convolutions, classifier).largest_weight == 128


@pytest.mark.parametrize(
    "arguments", [(0.0,), (-1.0,), (float("nan"),), (float("inf"),), (1.0, -1), (1.0, 256)], ids=str
)
def test_quantization_that_cannot_be(arguments: tuple) -> None:
    with pytest.raises(ValueError, match=r"an activation scale|a zero-point"):
        Quantization(*arguments)


@pytest.mark.parametrize("layer", [0, 2, -1])
@pytest.mark.parametrize("field", ["bias", "weight_scale"])
def test_a_vector_of_another_length_is_named(networks, layer: int, field: str) -> None:
    network = networks.int8()
    layers = [*network.convolutions, network.classifier]
    longer = np.append(getattr(layers[layer], field), getattr(layers[layer], field)[:1])
    layers[layer] = replace(layers[layer], **{field: longer})
    with pytest.raises(ValueError, match=rf"{layers[layer].name}: {field} has shape"):
        Int8Network(tuple(layers[:-1]), layers[-1])


def test_two_layers_of_one_name_are_refused(networks) -> None:
    """In a file the second would overwrite the first."""
    network = networks.fp32()
    first, second, *rest = network.convolutions
    with pytest.raises(ValueError, match="two layers have the same name"):
        FloatNetwork((first, replace(second, name=first.name), *rest), network.classifier)


def test_a_network_without_classes_or_layers_is_refused(networks) -> None:
    network = networks.fp32()
    empty = replace(
        network.classifier, weight=network.classifier.weight[:0], bias=network.classifier.bias[:0]
    )
    with pytest.raises(ValueError, match="classifier: weight"):
        FloatNetwork(network.convolutions, empty)
    with pytest.raises(ValueError, match="at least one convolution"):
        FloatNetwork((), network.classifier)


def test_a_first_layer_may_be_grouped(networks, tmp_path: Path) -> None:
    """Each colour by itself: three groups of one channel take a clip of three."""
    network = networks.fp32()
    first, second = network.convolutions[:2]
    weight = np.ones((6, 1, 3, 3, 3), np.float32)
    grouped = FloatConv(
        "grouped", weight, np.zeros(6, np.float32), replace(first.geometry, groups=3)
    )
    joined = replace(
        second,
        weight=np.ones((8, 6, 3, 3, 3), np.float32),
        geometry=replace(second.geometry, groups=1),
    )
    network = FloatNetwork((grouped, joined, *network.convolutions[2:]), network.classifier)
    path = tmp_path / "model.safetensors"
    save_model(networks.model(network), path)
    load_engine(load_model(path), threads=1)


@pytest.mark.parametrize("layer", [1, -1])
def test_sums_beyond_int32_are_refused(networks, layer: int) -> None:
    """Per channel: 255 · Σ|w| + |bias| may be 2^31 - 1 and no more."""
    network = networks.int8()
    layers = [*network.convolutions, network.classifier]
    weights = np.abs(layers[layer].weight.astype(np.int64)).reshape(len(layers[layer].bias), -1)
    bias = layers[layer].bias.copy()
    for beyond in (0, 1):
        bias[3] = 255 * int(weights[3].sum()) - (2**31 - 1) - beyond
        layers[layer] = replace(layers[layer], bias=bias.copy())
        if not beyond:
            Int8Network(tuple(layers[:-1]), layers[-1])
            continue
        with pytest.raises(ValueError, match=f"{layers[layer].name}: its sums can leave"):
            Int8Network(tuple(layers[:-1]), layers[-1])
