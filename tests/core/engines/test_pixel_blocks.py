from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engines.pixel_blocks import lay_out, on_blocks, takes_blocks
from core.engines.reference import ReferenceEngine, run_convolution
from core.geometry import Geometry
from core.network import (
    PIXELS,
    FloatNetwork,
    Int8Conv,
    Int8Linear,
    Int8Network,
    MaxPool,
    Quantization,
)


def blocks_of(pixels: np.ndarray) -> np.ndarray:
    """Block by block, slowly."""
    frames, height, width, _ = pixels.shape
    out = np.zeros((frames, height // 2, width // 2, 4), np.uint8)
    for row in range(height // 2):
        for column in range(width // 2):
            block = pixels[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2, 0]
            out[:, row, column] = block.reshape(frames, 4)
    return out


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_blocks_hold_their_four_pixels_in_reading_order(
    frames: int, rows: int, columns: int, turned: bool
) -> None:
    random = np.random.default_rng(rows * 10 + columns)
    pixels = random.integers(0, 256, (frames, 2 * rows, 2 * columns, 1), np.uint8)
    if turned:
        pixels = pixels[:, ::-1]
    out = np.full((frames, rows, columns, 4), 7, np.uint8)
    lay_out(pixels, out)
    np.testing.assert_array_equal(out, blocks_of(pixels))


def grey_conv(random: np.random.Generator, outputs: int, time: tuple[int, int, int]) -> Int8Conv:
    kernel, stride, padding = time
    return Int8Conv(
        "conv0",
        random.integers(-63, 64, (outputs, 1, kernel, 3, 3)).astype(np.int8),
        random.uniform(0.001, 0.01, outputs).astype(np.float32),
        random.integers(-500, 500, outputs).astype(np.int32),
        Geometry((stride, 2, 2), (padding, 1, 1)),
        PIXELS,
        Quantization(0.01),
    )


def grey_network(conv: Int8Conv) -> Int8Network:
    outputs = len(conv.weight)
    random = np.random.default_rng(1)
    classifier = Int8Linear(
        "classifier",
        random.integers(-63, 64, (3, outputs)).astype(np.int8),
        np.full(3, 0.01, np.float32),
        np.zeros(3, np.int32),
        conv.output,
    )
    return Int8Network((conv,), classifier)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 5),
    st.sampled_from([(3, 1, 1), (1, 1, 0), (3, 2, 1), (5, 2, 2)]),
    st.integers(5, 7),
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(0, 2**31),
)
def test_every_output_byte_stays_the_same(
    outputs: int, time: tuple[int, int, int], frames: int, rows: int, columns: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    conv = grey_conv(random, outputs, time)
    network = grey_network(conv)
    pixels = random.integers(0, 256, (frames, 2 * rows, 2 * columns, 1), np.uint8)
    assert takes_blocks(network, pixels.shape)
    expected = run_convolution(conv, pixels.transpose(3, 0, 1, 2))
    blocked = on_blocks(network).convolutions[0]
    assert isinstance(blocked, Int8Conv)
    got = run_convolution(blocked, blocks_of(pixels).transpose(3, 0, 1, 2))
    np.testing.assert_array_equal(got, expected)


def test_whole_networks_answer_the_same(networks) -> None:
    grey = replace(networks, spec=replace(networks.spec, channels="grey"))
    random = np.random.default_rng(0)
    for network in (grey.int8(), grey.fp32()):
        shape = grey.spec.clip_shape
        assert takes_blocks(network, shape)
        pixels = random.integers(0, 256, shape, np.uint8)
        expected = ReferenceEngine(network).logits(pixels)
        got = ReferenceEngine(on_blocks(network)).logits(blocks_of(pixels))
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "shape", [(16, 33, 32, 1), (16, 32, 33, 1), (16, 32, 32, 3)], ids=["height", "width", "colour"]
)
def test_odd_pictures_and_colour_keep_the_ordinary_form(shape: tuple[int, int, int, int]) -> None:
    network = grey_network(grey_conv(np.random.default_rng(0), 2, (3, 1, 1)))
    assert not takes_blocks(network, shape)


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((1, 1, 1), (1, 1, 1)),
        Geometry((1, 2, 2), (1, 0, 0)),
        Geometry((1, 2, 2), (1, 1, 1), padding_back=(1, 2, 1)),
    ],
    ids=["stride 1", "no padding", "more padding behind"],
)
def test_other_geometries_keep_the_ordinary_form(geometry: Geometry) -> None:
    conv = grey_conv(np.random.default_rng(0), 2, (3, 1, 1))
    network = grey_network(replace(conv, geometry=geometry))
    assert not takes_blocks(network, (16, 32, 32, 1))


def test_a_network_that_pools_first_keeps_the_ordinary_form(networks) -> None:
    grey = replace(networks, spec=replace(networks.spec, channels="grey"))
    network = grey.fp32()
    assert takes_blocks(network, grey.spec.clip_shape)
    pool = MaxPool((1, 1, 1), Geometry((1, 1, 1), (0, 0, 0)))
    pooled = FloatNetwork((pool, *network.stages), network.classifier)
    assert not takes_blocks(pooled, grey.spec.clip_shape)
