"""Pools, branches and padding that differs from side to side, on every engine that takes them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from core.engines.eager import EagerEngine
from core.engines.openvino import OpenVinoEngine, build_layer_graph, compile_graph
from core.engines.reference import ReferenceEngine, run_convolution
from core.geometry import Geometry, same_padding
from core.network import (
    Branches,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Int8Conv,
    MaxPool,
    Quantization,
    Stage,
)
from core.shapes import activation_sizes

CLIP = (4, 7, 10, 3)


def identity(channels: int = 1) -> FloatConv:
    weight = np.eye(channels, dtype=np.float32).reshape(channels, channels, 1, 1, 1)
    bias = np.zeros(channels, np.float32)
    return FloatConv("identity", weight, bias, Geometry((1, 1, 1), (0, 0, 0)), relu=False)


def network_of(stages: tuple[Stage, ...], channels: int, classes: int = 4) -> FloatNetwork:
    random = np.random.default_rng(1)
    weight = np.float32(random.normal(0, 1, (classes, channels)))
    return FloatNetwork(stages, FloatLinear("classifier", weight, np.zeros(classes, np.float32)))


def row_of_bytes(*values: int) -> np.ndarray:
    return np.array(values, np.uint8).reshape(1, 1, -1, 1)


def answer(engine: str, network: FloatNetwork, pixels: np.ndarray) -> np.ndarray:
    if engine == "openvino":
        return OpenVinoEngine(network, pixels.shape, 1).logits(pixels)
    made = EagerEngine(network, 1) if engine == "eager" else ReferenceEngine(network)
    return made.logits(pixels)


ENGINES = ["openvino", "eager", "reference"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pool_by_hand(engine: str) -> None:
    """A row of 51 0 102 255, one value of padding in front: 51, 102 and 255 are the largest."""
    pool = MaxPool((1, 1, 3), Geometry((1, 1, 1), (0, 0, 1), padding_back=(0, 0, 0)))
    weight = np.ones((1, 1), np.float32)
    classifier = FloatLinear("classifier", weight, np.zeros(1, np.float32))
    network = FloatNetwork((identity(), pool), classifier)
    got = answer(engine, network, row_of_bytes(51, 0, 102, 255))
    assert got == pytest.approx([136 / 255], rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_padding_never_wins_a_pool(engine: str) -> None:
    """Below zero too, where zeros would."""
    weight = np.full((1, 1, 1, 1, 1), -1, np.float32)
    negative = FloatConv(
        "negative", weight, np.zeros(1, np.float32), Geometry((1, 1, 1), (0, 0, 0)), relu=False
    )
    ones = FloatLinear("classifier", np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    for back in ((0, 0, 1), (0, 0, 0)):
        pool = MaxPool((1, 1, 3), Geometry((1, 1, 1), (0, 0, 1), padding_back=back))
        got = answer(engine, FloatNetwork((negative, pool), ones), row_of_bytes(255, 255, 255, 255))
        assert got == pytest.approx([-1.0], rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_convolution_padded_on_one_side_by_hand(engine: str) -> None:
    """Taps 1, 10, 100 over 1 2 3 4 / 255, padded behind only: 321 and 43 (stride 2)."""
    weight = np.array([1, 10, 100], np.float32).reshape(1, 1, 1, 1, 3)
    conv = FloatConv(
        "conv",
        weight,
        np.zeros(1, np.float32),
        Geometry((1, 1, 2), (0, 0, 0), padding_back=(0, 0, 1)),
    )
    ones = FloatLinear("classifier", np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    got = answer(engine, FloatNetwork((conv,), ones), row_of_bytes(1, 2, 3, 4))
    assert got == pytest.approx([(321 + 43) / 2 / 255], rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_branches_are_joined_in_order(engine: str) -> None:
    """Red by one chain, the rest by another; each class reads one channel."""

    def pick(name: str, channels: tuple[int, ...], bias: float) -> FloatConv:
        weight = np.eye(3, dtype=np.float32)[list(channels)].reshape(-1, 3, 1, 1, 1)
        geometry = Geometry((1, 1, 1), (0, 0, 0))
        return FloatConv(name, weight, np.full(len(channels), bias, np.float32), geometry)

    joined = Branches(((pick("a", (2, 1), 0),), (identity(3), pick("b", (0,), 1))))
    classifier = FloatLinear("classifier", np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = 51, 102, 204
    got = answer(engine, FloatNetwork((joined,), classifier), pixels)
    np.testing.assert_allclose(got, [0.8, 0.4, 1.2], rtol=1e-6)


@st.composite
def windows(draw: st.DrawFn, longest: int = 3) -> tuple[tuple[int, ...], Geometry]:
    """A kernel and a stride that leave the clip's size alone or halve it, padded as SAME or odd."""
    kernel = tuple(draw(st.integers(1, longest)) for _ in range(3))
    stride = draw(st.sampled_from([(1, 1, 1), (1, 2, 2), (2, 2, 2)]))
    if draw(st.booleans()):
        front, back = same_padding(CLIP[:3], kernel, stride)
        return kernel, Geometry(stride, front, padding_back=back)
    front, back = (tuple(draw(st.integers(0, k // 2)) for k in kernel) for _ in range(2))
    return kernel, Geometry(stride, front, padding_back=back)


@st.composite
def branched(draw: st.DrawFn) -> FloatNetwork:
    """A convolution; a pool, a convolution and two convolutions over one window; a pool."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def conv(name: str, inputs: int, outputs: int, kernel: tuple, geometry: Geometry) -> FloatConv:
        weight = np.float32(random.normal(0, 0.4, (outputs, inputs, *kernel)))
        bias = np.float32(random.normal(0, 0.2, outputs))
        return FloatConv(name, weight, bias, geometry, draw(st.booleans()))

    still = Geometry((1, 1, 1), (0, 0, 0))
    stem_kernel, stem_geometry = draw(windows())
    kernel, geometry = draw(windows(2))
    pool_kernel, pool_geometry = draw(windows(2))
    inputs, width = draw(st.sampled_from([1, 5, 8])), draw(st.sampled_from([1, 3, 16]))
    branches = Branches(
        (
            (MaxPool(kernel, geometry), conv("projection", inputs, 3, (1, 1, 1), still)),
            (conv("window", inputs, width, kernel, geometry),),
            (
                conv("reduction", inputs, 2, (1, 1, 1), still),
                conv("second", 2, 4, kernel, geometry),
            ),
        )
    )
    stages = (
        conv("stem", 3, inputs, stem_kernel, stem_geometry),
        branches,
        MaxPool(pool_kernel, pool_geometry),
    )
    network = network_of(stages, 3 + width + 4)
    try:
        activation_sizes(network, CLIP)
    except ValueError:
        reject()
    return network


@settings(max_examples=12)
@given(branched(), st.integers(0, 2**32 - 1))
def test_random_branches_are_the_same_on_every_engine(network: FloatNetwork, seed: int) -> None:
    clip = np.random.default_rng(seed).integers(0, 256, CLIP, np.uint8)
    expected = answer("reference", network, clip)
    tolerance = 1e-5 * max(float(np.abs(expected).max()), 1.0)
    for engine in ("openvino", "eager"):
        np.testing.assert_allclose(answer(engine, network, clip), expected, atol=tolerance)


@settings(max_examples=16)
@given(
    st.sampled_from([(3, 8, 1), (4, 8, 1), (8, 8, 8), (16, 32, 1)]),
    st.sampled_from([(1, 1, 1), (1, 2, 2), (2, 2, 2)]),
    st.tuples(*[st.integers(0, 2)] * 6),
    st.sampled_from([0, 0, 9, 128]),
    st.integers(0, 2**32 - 1),
)
def test_int8_padded_on_one_side_is_within_one_step(
    channels: tuple[int, int, int],
    stride: tuple[int, int, int],
    padding: tuple[int, ...],
    zero_point: int,
    seed: int,
) -> None:
    inputs, outputs, groups = channels
    random = np.random.default_rng(seed)
    conv = Int8Conv(
        "conv",
        random.integers(-63, 64, (outputs, inputs // groups, 3, 3, 3), np.int8),
        random.uniform(1e-3, 2e-3, outputs).astype(np.float32),
        random.integers(-2000, 2000, outputs, np.int32),
        Geometry(stride, padding[:3], groups, padding_back=padding[3:]),
        Quantization(0.02, zero_point),
        Quantization(0.04),
    )
    x = random.integers(0, 256, (inputs, 4, 9, 8), np.uint8)
    expected = run_convolution(conv, x)
    compiled = compile_graph(build_layer_graph(conv, x.shape), threads=1)
    got = np.array(compiled(x[np.newaxis])[compiled.output(0)][0])
    assert got.shape == expected.shape
    assert np.abs(got.astype(np.int16) - expected).max() <= 1
    assert expected.any()
