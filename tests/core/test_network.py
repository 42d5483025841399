from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines import load_engine
from core.modelfile import load_model, save_model
from core.network import (
    PIXEL_SCALE,
    PIXELS,
    Branches,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Geometry,
    Int8Network,
    MaxPool,
    Quantization,
    Stage,
    activation_sizes,
    input_channels,
    kind_of,
    multiply_accumulates,
    same_padding,
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


@given(st.data())
def test_output_sizes_count_where_the_window_fits(data: st.DataObject) -> None:
    """Counted one position after the other, padding of its own on each side."""
    axes = []
    for _ in range(3):
        kernel = data.draw(st.integers(1, 5))
        front, back = (data.draw(st.integers(0, kernel - 1)) for _ in range(2))
        size = data.draw(st.integers(max(1, kernel - front - back), 9))
        axes.append((size, kernel, data.draw(st.integers(1, 3)), front, back))
    sizes, kernels, strides, fronts, backs = zip(*axes, strict=True)
    geometry = Geometry(strides, fronts, padding_back=backs)
    expected = tuple(
        sum(1 for start in range(-front, size + back) if start + kernel <= size + back)
        if stride == 1
        else len(range(-front, size + back - kernel + 1, stride))
        for size, kernel, stride, front, back in axes
    )
    assert geometry.output_size(sizes, kernels) == expected


def test_one_way_to_write_each_geometry() -> None:
    plain = Geometry((1, 2, 2), (1, 0, 2), 4)
    assert Geometry((1, 2, 2), (1, 0, 2), 4, padding_back=(1, 0, 2)) == plain
    assert plain.symmetric
    assert plain.pads == ((1, 1), (0, 0), (2, 2))
    one_sided = replace(plain, padding_back=(0, 1, 3))
    assert one_sided != plain
    assert not one_sided.symmetric
    assert one_sided.pads == ((1, 0), (0, 1), (2, 3))
    assert one_sided.back == (0, 1, 3)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "front", "back"),
    [
        # 112 outputs reach over 111 · 2 + 7 = 229 pixels: five more than there are.
        (224, 7, 2, 2, 3),
        (221, 7, 2, 3, 3),
        (112, 3, 2, 0, 1),
        (7, 3, 2, 1, 1),
        (7, 2, 2, 0, 1),
        (4, 2, 2, 0, 0),
        (5, 3, 1, 1, 1),
        (5, 2, 1, 0, 1),
        (1, 3, 2, 1, 1),
        (4, 1, 2, 0, 0),
    ],
)
def test_same_padding_worked_out_by_hand(
    size: int, kernel: int, stride: int, front: int, back: int
) -> None:
    got = same_padding((size, 1, 1), (kernel, 1, 1), (stride, 1, 1))
    assert got == ((front, 0, 0), (back, 0, 0))
    geometry = Geometry((stride, 1, 1), got[0], padding_back=got[1])
    assert geometry.output_size((size, 1, 1), (kernel, 1, 1))[0] == -(-size // stride)


def test_sizes_and_costs_of_branches_by_hand() -> None:
    """A clip of 2×4×4 grey pixels: 8 → pool to 2×2×2 → branches of 3 and 8 + 2 channels."""
    network = FloatNetwork(
        (
            convolution("stem", 8, 1, 1),
            MaxPool((1, 2, 2), Geometry((1, 2, 2), (0, 0, 0))),
            Branches(
                (
                    (convolution("left", 3, 8, 1),),
                    (convolution("reduction", 8, 8, 1), convolution("right", 2, 8, 3)),
                )
            ),
        ),
        FloatLinear("classifier", np.ones((7, 5), np.float32), np.zeros(7, np.float32)),
    )
    shape = (2, 4, 4, 1)
    assert [conv.name for conv in network.convolutions] == ["stem", "left", "reduction", "right"]
    assert activation_sizes(network, shape) == [(2, 4, 4), *[(2, 2, 2)] * 4]
    by_hand = 32 * 8 + 8 * 8 * 3 + 8 * 8 * 8 + 8 * 8 * 2 * 27 + 7 * 5
    assert multiply_accumulates(network, shape) == by_hand
    assert input_channels(network) == 1
    assert not network.is_chain


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
