from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import from_numpy
from torch.nn import functional

from core.engines.reference import (
    ReferenceEngine,
    fixed_point,
    float_logits,
    requantize,
    run_classifier,
    run_convolution,
    run_pool,
)
from core.geometry import Geometry
from core.network import Int8Conv, Int8Linear, Int8Network, Quantization

INT32 = st.integers(-(2**31), 2**31 - 1)
MULTIPLIERS = st.one_of(
    st.floats(1e-300, 1e300),
    st.floats(1e-12, 1e3),
    # Powers of two and their neighbours: where mantissas wrap and ties are exact.
    st.builds(lambda e, up: float(np.nextafter(2.0**e, up)), st.integers(-70, 40), st.floats(0, 9)),
    st.integers(-70, 40).map(lambda e: 2.0**e),
)


def round_half_away(value: Fraction) -> int:
    magnitude = floor(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def exact(accumulator: int, multiplier: float, zero_point: int, low: int) -> int:
    """Eq. 4 with fractions, the multiplier rounded to 31 bits."""
    mantissa, exponent = np.frexp(multiplier)
    multiplier_31_bits = Fraction(round(Fraction(float(mantissa)) * 2**31), 2**31)
    value = accumulator * multiplier_31_bits * Fraction(2) ** int(exponent)
    return min(max(round_half_away(value) + zero_point, low), 255)


def one(accumulator: int, multiplier: float, zero_point: int = 0, low: int = 0) -> int:
    return int(requantize(np.array([accumulator]), np.array([multiplier]), zero_point, low).item())


# Requantization


@given(MULTIPLIERS)
def test_a_multiplier_becomes_31_bits_and_a_shift(multiplier: float) -> None:
    m0, shift = (int(value.item()) for value in fixed_point(np.array([multiplier])))
    assert 2**30 <= m0 < 2**31
    error = abs(Fraction(m0) / Fraction(2) ** shift - Fraction(multiplier))
    assert error <= Fraction(multiplier) * Fraction(1, 2**31)


@settings(max_examples=300)
@given(INT32, MULTIPLIERS, st.integers(0, 255), st.booleans())
def test_requantization_is_eq_4_exactly(
    accumulator: int, multiplier: float, zero_point: int, relu: bool
) -> None:
    low = zero_point if relu else 0
    expected = exact(accumulator, multiplier, zero_point, low)
    assert one(accumulator, multiplier, zero_point, low) == expected


@given(st.integers(-600, 600), st.integers(1, 20), st.integers(0, 255))
def test_ties_go_away_from_zero(steps: int, bits: int, zero_point: int) -> None:
    """(steps + 1/2) exactly, at every power of two."""
    accumulator = (2 * steps + 1) * 2 ** (bits - 1)
    rounded = steps + 1 if accumulator > 0 else steps
    expected = min(max(rounded + zero_point, 0), 255)
    assert one(accumulator, 2.0**-bits, zero_point) == expected


def test_small_examples() -> None:
    assert [one(acc, 0.5) for acc in (0, 1, 2, 3, 5, 509, 510, 511)] == [
        0,
        1,
        1,
        2,
        3,
        255,
        255,
        255,
    ]
    assert [one(acc, 0.5, 10) for acc in (-1, -2, -3, -19, -20, -400)] == [9, 9, 8, 0, 0, 0]
    assert [one(acc, 0.5, 10, 10) for acc in (-1, -400, 1, 2)] == [10, 10, 11, 11]


@pytest.mark.parametrize("multiplier", [1e-300, 2.0**-63, 2.0**-33, 1.0, 2.0**31, 1e300])
@pytest.mark.parametrize("accumulator", [-(2**31), -1, 0, 1, 2**31 - 1])
def test_extremes_saturate_and_never_wrap(accumulator: int, multiplier: float) -> None:
    expected = min(max(round_half_away(accumulator * Fraction(multiplier)), 0), 255)
    assert one(accumulator, multiplier) == expected


def test_every_channel_has_its_own_multiplier() -> None:
    accumulator = np.full((3, 1, 2, 2), 100)
    levels = requantize(accumulator, np.array([1.0, 0.5, 0.01]), 0)
    assert levels.dtype == np.uint8
    assert levels.reshape(3, -1).tolist() == [[100] * 4, [50] * 4, [1] * 4]


# Layers


@st.composite
def layers(draw: st.DrawFn) -> tuple[Int8Conv, np.ndarray]:
    groups = draw(st.sampled_from([1, 1, 2, 3, 4]))
    in_channels = groups * draw(st.integers(1, 3))
    out_channels = groups * draw(st.integers(1, 3))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * 3))
    geometry = Geometry(
        draw(st.tuples(*[st.integers(1, 3)] * 3)),
        tuple(draw(st.integers(0, k - 1)) for k in kernel),
        groups,
        tuple(draw(st.integers(0, k - 1)) for k in kernel),
    )
    size = tuple(draw(st.integers(k, k + 4)) for k in kernel)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    conv = Int8Conv(
        "conv",
        random.integers(-127, 128, (out_channels, in_channels // groups, *kernel), np.int8),
        random.uniform(1e-4, 1e-1, out_channels).astype(np.float32),
        random.integers(-20_000, 20_000, out_channels, np.int32),
        geometry,
        Quantization(float(random.uniform(1e-3, 0.1)), draw(st.sampled_from([0, 0, 7, 128, 255]))),
        Quantization(float(random.uniform(1e-2, 10)), draw(st.sampled_from([0, 0, 9, 128, 255]))),
        draw(st.booleans()),
    )
    return conv, random.integers(0, 256, (in_channels, *size), np.uint8)


@settings(max_examples=80)
@given(layers())
def test_a_layer_equals_torch_in_double_precision(case: tuple[Int8Conv, np.ndarray]) -> None:
    conv, x = case
    centred = from_numpy(x.astype(np.float64) - conv.input.zero_point)[None]
    # Last axis first, before and behind.
    (t, tt), (h, hh), (w, ww) = conv.geometry.pads
    centred = functional.pad(centred, (w, ww, h, hh, t, tt))
    sums = functional.conv3d(
        centred,
        from_numpy(conv.weight.astype(np.float64)),
        from_numpy(conv.bias.astype(np.float64)),
        conv.geometry.stride,
        groups=conv.geometry.groups,
    )[0].numpy()
    assert (sums == np.rint(sums)).all()
    levels = run_convolution(conv, x)
    assert levels.dtype == np.uint8
    assert levels.shape == sums.shape
    multipliers = conv.input.scale * conv.weight_scale.astype(np.float64) / conv.output.scale
    zero_point = conv.output.zero_point
    low = zero_point if conv.relu else 0
    for index in np.ndindex(sums.shape):
        expected = exact(int(sums[index]), multipliers[index[0]], zero_point, low)
        assert levels[index] == expected


def test_padding_stands_for_real_zero() -> None:
    """With zero-point 100 the level 100 is zero, and so is everything around the picture."""
    conv = Int8Conv(
        "conv",
        np.full((1, 1, 3, 3, 3), 10, np.int8),
        np.ones(1, np.float32),
        np.array([5], np.int32),
        Geometry((1, 1, 1), (1, 1, 1), 1),
        Quantization(1.0, 100),
        Quantization(1.0, 3),
        relu=False,
    )
    assert (run_convolution(conv, np.full((1, 2, 4, 4), 100, np.uint8)) == 8).all()
    corner = run_convolution(conv, np.full((1, 2, 4, 4), 101, np.uint8))[0, 0, 0, 0]
    assert corner == 3 + 5 + 8 * 10


def test_without_relu_values_below_zero_survive() -> None:
    conv = Int8Conv(
        "conv",
        np.full((1, 1, 1, 1, 1), -1, np.int8),
        np.ones(1, np.float32),
        np.zeros(1, np.int32),
        Geometry((1, 1, 1), (0, 0, 0), 1),
        Quantization(1.0),
        Quantization(1.0, 50),
        relu=False,
    )
    x = np.array([0, 20, 60], np.uint8).reshape(1, 1, 1, 3)
    assert run_convolution(conv, x).ravel().tolist() == [50, 30, 0]
    assert run_convolution(replace(conv, relu=True), x).ravel().tolist() == [50, 50, 50]


# Pool and classifier


def network_with(last: Quantization, classifier: Int8Linear) -> Int8Network:
    channels = classifier.weight.shape[1]
    conv = Int8Conv(
        "conv",
        np.ones((channels, 1, 1, 1, 1), np.int8),
        np.ones(channels, np.float32),
        np.zeros(channels, np.int32),
        Geometry((1, 1, 1), (0, 0, 0), 1),
        Quantization(1 / 255),
        last,
    )
    return Int8Network((conv,), classifier)


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from([0, 20, 255]),
    st.sampled_from([0, 11, 255]),
)
def test_the_pool_is_the_mean_at_the_classifier_s_scale(
    seed: int, size: tuple[int, int, int], zero_in: int, zero_out: int
) -> None:
    random = np.random.default_rng(seed)
    last = Quantization(float(random.uniform(0.01, 1)), zero_in)
    target = Quantization(float(random.uniform(0.01, 1)), zero_out)
    weight = np.ones((2, 4), np.int8)
    linear = Int8Linear("classifier", weight, np.ones(2, np.float32), np.zeros(2, np.int32), target)
    x = random.integers(0, 256, (4, *size), np.uint8)
    pooled = run_pool(network_with(last, linear), x)
    for channel, level in zip(x, pooled, strict=True):
        mean = last.scale * (float(channel.mean()) - last.zero_point)
        wanted = min(max(mean / target.scale + target.zero_point, 0), 255)
        assert abs(int(level) - wanted) <= 0.5 + 1e-6


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 3, 128]))
def test_the_classifier_is_an_integer_product(seed: int, zero_point: int) -> None:
    random = np.random.default_rng(seed)
    linear = Int8Linear(
        "classifier",
        random.integers(-127, 128, (3, 5), np.int8),
        random.uniform(1e-3, 1, 3).astype(np.float32),
        random.integers(-(2**30), 2**30, 3, np.int32),
        Quantization(0.02, zero_point),
    )
    x = random.integers(0, 256, 5, np.uint8)
    logits = run_classifier(network_with(Quantization(1.0), linear), x)
    assert logits.dtype == np.float32
    for k in range(3):
        total = sum(
            int(w) * (int(q) - zero_point) for w, q in zip(linear.weight[k], x, strict=True)
        )
        expected = (total + int(linear.bias[k])) * 0.02 * float(linear.weight_scale[k])
        assert logits[k] == pytest.approx(expected, rel=1e-6)


# Whole networks


def test_layers_follow_one_another(networks) -> None:
    network = networks.int8()
    pixels = np.random.default_rng(1).integers(0, 256, networks.spec.clip_shape, np.uint8)
    x = pixels.transpose(3, 0, 1, 2)
    for conv in network.convolutions:
        x = run_convolution(conv, x)
    expected = run_classifier(network, run_pool(network, x))
    np.testing.assert_array_equal(ReferenceEngine(network).logits(pixels), expected)


def test_the_float_reference_equals_torch_in_double_precision(networks) -> None:
    network = networks.fp32()
    pixels = np.random.default_rng(1).integers(0, 256, networks.spec.clip_shape, np.uint8)
    x = from_numpy(pixels.transpose(3, 0, 1, 2) / 255)[None]
    for conv in network.convolutions:
        weight, bias = (from_numpy(part.astype(np.float64)) for part in (conv.weight, conv.bias))
        g = conv.geometry
        x = functional.conv3d(x, weight, bias, g.stride, g.padding, groups=g.groups).relu()
    pooled = x.mean(dim=(2, 3, 4))[0].numpy()
    expected = network.classifier.weight @ pooled + network.classifier.bias
    got = ReferenceEngine(network).logits(pixels)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_rounding_after_training_changes_the_answer_but_little(networks) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, networks.spec.clip_shape, np.uint8)
    fp32 = float_logits(networks.fp32(), pixels)
    int8 = ReferenceEngine(networks.int8()).logits(pixels)
    assert 0 < np.abs(int8 - fp32).max() < 0.1 * (fp32.max() - fp32.min())


def test_a_network_without_relu_lets_negatives_pass(networks) -> None:
    network = networks.fp32()
    bare = replace(network, stages=tuple(replace(conv, relu=False) for conv in network.stages))
    pixels = np.random.default_rng(3).integers(0, 256, networks.spec.clip_shape, np.uint8)
    assert not np.allclose(float_logits(bare, pixels), float_logits(network, pixels), atol=0.01)
