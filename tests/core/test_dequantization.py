from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.dequantization import dequantized
from core.engines.reference import ReferenceEngine, accumulate, run_convolution
from core.golden import golden_clip
from core.network import Int8Conv, Int8Network, Quantization


def shifted(network: Int8Network) -> Int8Network:
    """The second layer without its ReLU, so with a zero-point."""
    first, second, third, *rest = network.convolutions
    output = Quantization(second.output.scale * 2, 90)
    second = replace(second, output=output, relu=False)
    third = replace(third, input=output)
    return replace(network, convolutions=(first, second, third, *rest))


@pytest.mark.parametrize("zero_points", [False, True])
def test_each_layer_is_what_its_integers_stand_for(networks, zero_points: bool) -> None:
    network = networks.int8()
    network = shifted(network) if zero_points else network
    floats = dequantized(network)
    clip = golden_clip("ordinary", networks.spec.clip_shape)
    levels = network.quantize_pixels(clip).transpose(3, 0, 1, 2)
    for conv, real in zip(network.convolutions, floats.convolutions, strict=True):
        assert isinstance(conv, Int8Conv)
        assert (real.relu, real.geometry) == (conv.relu, conv.geometry)
        x = (levels.astype(float) - conv.input.zero_point) * conv.input.scale
        padding = [(0, 0), *((p, p) for p in conv.geometry.padding)]
        y = accumulate(np.pad(x, padding), real.weight, real) + real.bias.reshape(-1, 1, 1, 1)
        y = np.maximum(y, 0) if real.relu else y
        expected = np.clip(np.rint(y / conv.output.scale) + conv.output.zero_point, 0, 255)
        levels = run_convolution(conv, levels)
        off = np.abs(expected - levels)
        # Floats may fall on the other side of a tie.
        assert off.max() <= 1
        assert (off > 0).mean() < 1e-3


def test_the_whole_network_differs_by_rounding(networks) -> None:
    network = networks.int8()
    clip = golden_clip("ordinary", networks.spec.clip_shape)
    got = ReferenceEngine(dequantized(network)).logits(clip)
    expected = ReferenceEngine(network).logits(clip)
    assert np.abs(got - expected).max() < 0.03 * np.ptp(expected)
    assert not np.array_equal(got, expected)


def test_a_clamp_at_zero_point_0_is_a_relu_whatever_the_file_says(networks) -> None:
    network = networks.int8()
    first, *others = network.convolutions
    assert first.relu
    unnamed = replace(network, convolutions=(replace(first, relu=False), *others))
    assert dequantized(unnamed).convolutions[0].relu
