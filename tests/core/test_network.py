from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.engines import load_engine
from core.modelfile import load_model, save_model
from core.network import (
    PIXEL_SCALE,
    PIXELS,
    FloatConv,
    FloatNetwork,
    Geometry,
    Int8Network,
    Quantization,
    activation_sizes,
    kind_of,
    multiply_accumulates,
)
from core.quantization import fuse


def test_a_pixel_is_the_quantized_input() -> None:
    assert Quantization(1 / 255, 0) == PIXELS
    assert PIXEL_SCALE * 255 == 1


def test_the_student_costs_363_million_multiply_accumulates(full_student) -> None:
    """As ENGINES.md says, 260 million of them in the first convolution."""
    network = fuse(full_student)
    shape = (16, 224, 224, 3)
    assert round(multiply_accumulates(network, shape) / 1e6) == 363
    stem = 16 * 112 * 112 * network.convolutions[0].weight.size
    assert round(stem / 1e6) == 260
    assert activation_sizes(network, shape)[-1] == (1, 7, 7)
    assert len(activation_sizes(network, shape)) == 28


def test_multiply_accumulates_by_hand(networks) -> None:
    network = networks.fp32()
    positions = [4 * 16 * 16, 2 * 8 * 8, 2 * 8 * 8, 2 * 8 * 8, 2 * 8 * 8]
    weights = [8 * 3 * 27, 8 * 27, 8 * 16, 16 * 27, 16 * 12]
    expected = sum(p * w for p, w in zip(positions, weights, strict=True)) + 12 * 5
    assert multiply_accumulates(network, (4, 32, 32, 3)) == expected
    assert activation_sizes(network, (4, 32, 32, 3))[:3] == [(4, 32, 32), (4, 16, 16), (2, 8, 8)]


@pytest.mark.parametrize("size", [(5, 7, 9), (1, 1, 1), (8, 30, 31)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 3, 1)])
def test_output_sizes_are_those_of_numpy_slicing(
    size: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    padded = np.zeros([n + 2 for n in size])
    valid = padded[: padded.shape[0] - 2, : padded.shape[1] - 2, : padded.shape[2] - 2]
    expected = valid[:: stride[0], :: stride[1], :: stride[2]].shape
    assert Geometry(stride, (1, 1, 1), 1).output_size(size, (3, 3, 3)) == expected


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
