"""Sizes and costs worked out by hand, and what is too much."""

from __future__ import annotations

import numpy as np
import pytest

from core.fusion import fuse
from core.geometry import Geometry
from core.network import (
    PIXELS,
    Branches,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Int8Conv,
    Int8Linear,
    Int8Network,
    MaxPool,
    Quantization,
    Stage,
    input_channels,
)
from core.shapes import activation_sizes, check_costs, multiply_accumulates

POINT = Geometry((1, 1, 1), (0, 0, 0))


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


# Too much


def grey(*stages: Stage, channels: int = 1) -> FloatNetwork:
    """A network of these stages; `channels` of the last go into the classifier."""
    weight = np.ones((2, channels), np.float32)
    return FloatNetwork(stages, FloatLinear("classifier", weight, np.zeros(2, np.float32)))


def test_the_networks_that_are_trained_are_far_from_the_limits(full_student) -> None:
    network = fuse(full_student)
    check_costs(network, (64, 448, 448, 3))


def test_a_small_file_cannot_ask_for_terabytes() -> None:
    """64 KB of weights: 16,384 channels of 16 × 224 × 224 are 53 GB as float32."""
    wide = grey(convolution("wide", 16_384, 1, 1), channels=16_384)
    check_costs(wide, (1, 16, 16, 1))
    with pytest.raises(ValueError, match=r"wide needs 1\.3e\+10 values at once .* 5\.4e\+08"):
        check_costs(wide, (16, 224, 224, 1))


def test_padding_counts() -> None:
    kernel = np.ones((1, 1, 1, 1, 4001), np.float32)
    padded = Geometry((1, 1, 4000), (0, 0, 4000))
    long = FloatConv("long", kernel, np.zeros(1, np.float32), padded)
    check_costs(grey(long), (16, 224, 224, 1))
    with pytest.raises(ValueError, match="long needs"):
        check_costs(grey(long), (256, 1024, 1024, 1))


def test_what_branches_give_together_counts() -> None:
    one, two = convolution("one", 6000, 1, 1), convolution("two", 6000, 1, 1)
    clip = (1, 256, 256, 1)
    check_costs(grey(one, channels=6000), clip)
    both = grey(Branches(((one,), (two,))), channels=12_000)
    with pytest.raises(ValueError, match="the pool gets"):
        check_costs(both, clip)


def test_work_without_end_is_refused() -> None:
    """Pools compare; they hold no weights that would show it."""
    first = convolution("conv", 1, 1, 1)
    window = MaxPool((33, 65, 65), Geometry((1, 1, 1), (16, 32, 32)))
    check_costs(grey(first, window), (16, 112, 112, 1))
    with pytest.raises(ValueError, match="operations for one clip, allowed are 1e\\+12"):
        check_costs(grey(first, *[window] * 20), (64, 112, 112, 1))
    dense = [convolution(f"conv{index}", 256, 256, 3) for index in range(12)]
    start = convolution("start", 256, 1, 1)
    with pytest.raises(ValueError, match="operations for one clip"):
        check_costs(grey(start, *dense, channels=256), (16, 224, 224, 1))


def test_an_int8_pool_sums_within_int32() -> None:
    ones = np.ones(1, np.float32)
    zeros = np.zeros(1, np.int32)
    conv = Int8Conv(
        "conv", np.ones((1, 1, 1, 1, 1), np.int8), ones, zeros, POINT, PIXELS, Quantization(1.0)
    )
    linear = Int8Linear("classifier", np.ones((1, 1), np.int8), ones, zeros, Quantization(1.0))
    network = Int8Network((conv,), linear)
    check_costs(network, (8, 1024, 1024, 1))
    with pytest.raises(ValueError, match="averages 9437184 positions"):
        check_costs(network, (9, 1024, 1024, 1))
