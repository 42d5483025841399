"""The integer reference: eq. 4 of arXiv 2311.05970 computed exactly, slowly and obviously.

    q_out = clamp(Z_out + round_half_away(acc · M), 0, 255),  acc = Σ (q_in - Z_in) · q_w + bias
    M = S_in · S_w / S_out = M0 · 2^-n,  M0 an integer in [2^30, 2^31)

Every other engine is judged against this file. Products and sums are carried in float64, which
is exact here: all of them are integers far below 2^53.

Legend: T frames, H height, W width, C channels, O output channels, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.network import FloatConv, FloatNetwork, Int8Conv, Int8Network

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_MULTIPLIER_BITS = 31
_LARGEST_SHIFT = 62


def fixed_point(multipliers: F64) -> tuple[I64, I64]:
    """Positive real multipliers as (M0, n) with M ≈ M0 · 2^-n and M0 in [2^30, 2^31)."""
    mantissa, exponent = np.frexp(multipliers)
    m0 = np.rint(mantissa * 2.0**_MULTIPLIER_BITS).astype(np.int64)
    shift = _MULTIPLIER_BITS - exponent.astype(np.int64)
    rounded_up = m0 == 1 << _MULTIPLIER_BITS
    return np.where(rounded_up, m0 >> 1, m0), np.where(rounded_up, shift - 1, shift)


def requantize(accumulator: I64, multipliers: F64, zero_point: int, low: int = 0) -> U8:
    """C×… int32 accumulators to uint8, rounding half away from zero; one multiplier a channel."""
    m0, shift = fixed_point(multipliers)
    column = (-1, *([1] * (accumulator.ndim - 1)))
    # |acc| < 2^31 and M0 < 2^31, so the product fits 63 bits. A shift below 1 (M >= 2^30) turns
    # any non-zero sum into a saturated byte, and one past 62 turns it into zero: both are kept
    # within what int64 can shift without changing the clamped answer.
    product = accumulator * m0.reshape(column)
    bounded = np.clip(shift, 1, _LARGEST_SHIFT).reshape(column)
    half = np.int64(1) << (bounded - 1)
    magnitude = (np.abs(product) + half) >> bounded
    magnitude = np.where(shift.reshape(column) > _LARGEST_SHIFT, 0, magnitude)
    levels = np.sign(product) * magnitude + zero_point
    return np.clip(levels, low, 255).astype(np.uint8)


def accumulate(x: F64, weight: NDArray[np.generic], conv: Int8Conv | FloatConv) -> F64:
    """C×T×H×W (already padded) convolved with O×(C/groups)×kT×kH×kW, tap by tap, in float64."""
    stride, groups = conv.geometry.stride, conv.geometry.groups
    out_channels, group_channels, kt, kh, kw = weight.shape
    size = tuple(
        (n - k) // s + 1 for n, k, s in zip(x.shape[1:], (kt, kh, kw), stride, strict=True)
    )
    total = np.zeros((groups, out_channels // groups, int(np.prod(size))))
    taps = weight.astype(np.float64).reshape(groups, -1, group_channels, kt, kh, kw)
    for t in range(kt):
        for h in range(kh):
            for w in range(kw):
                window = x[
                    :,
                    t : t + (size[0] - 1) * stride[0] + 1 : stride[0],
                    h : h + (size[1] - 1) * stride[1] + 1 : stride[1],
                    w : w + (size[2] - 1) * stride[2] + 1 : stride[2],
                ]
                total += taps[:, :, :, t, h, w] @ window.reshape(groups, group_channels, -1)
    return total.reshape(out_channels, *size)


def _pad(x: F64, conv: Int8Conv | FloatConv) -> F64:
    return np.pad(x, [(0, 0), *((p, p) for p in conv.geometry.padding)])


def run_convolution(conv: Int8Conv, x: U8) -> U8:
    """One layer of eq. 4: C×T×H×W uint8 to O×T'×H'×W' uint8. Padding stands for real zero."""
    centred = _pad(x.astype(np.float64) - conv.input.zero_point, conv)
    accumulator = accumulate(centred, conv.weight, conv).astype(np.int64)
    accumulator += conv.bias.astype(np.int64).reshape(-1, 1, 1, 1)
    multipliers = conv.input.scale * conv.weight_scale.astype(np.float64) / conv.output.scale
    zero_point = conv.output.zero_point
    return requantize(accumulator, multipliers, zero_point, low=zero_point if conv.relu else 0)


def run_pool(network: Int8Network, x: U8) -> U8:
    """Global average pool: C×T×H×W uint8 to C uint8 at the classifier's input scale."""
    last = network.convolutions[-1].output
    target = network.classifier.input
    count = x[0].size
    sums = x.reshape(len(x), -1).astype(np.int64).sum(axis=1) - count * last.zero_point
    multipliers = np.full(len(x), last.scale / (count * target.scale))
    return requantize(sums, multipliers, target.zero_point)


def run_classifier(network: Int8Network, x: U8) -> NDArray[np.float32]:
    """C uint8 to K float32 logits."""
    classifier = network.classifier
    centred = x.astype(np.int64) - classifier.input.zero_point
    accumulator = classifier.weight.astype(np.int64) @ centred + classifier.bias
    scale = classifier.input.scale * classifier.weight_scale.astype(np.float64)
    return (accumulator * scale).astype(np.float32)


def float_logits(network: FloatNetwork, pixels: U8) -> NDArray[np.float32]:
    """The fp32 network in float64: T×H×W×C uint8 pixels to K logits."""
    x = pixels.transpose(3, 0, 1, 2).astype(np.float64) / 255
    for conv in network.convolutions:
        x = accumulate(_pad(x, conv), conv.weight, conv)
        x += conv.bias.astype(np.float64).reshape(-1, 1, 1, 1)
        if conv.relu:
            x = np.maximum(x, 0)
    pooled = x.mean(axis=(1, 2, 3))
    classifier = network.classifier
    return (classifier.weight.astype(np.float64) @ pooled + classifier.bias).astype(np.float32)


class ReferenceEngine:
    """Runs either network by the book: integers for int8, float64 for fp32. Slow on purpose."""

    name = "reference"

    def __init__(self, network: FloatNetwork | Int8Network) -> None:
        self.network = network

    def logits(self, pixels: U8) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits."""
        if isinstance(self.network, FloatNetwork):
            return float_logits(self.network, pixels)
        x = np.ascontiguousarray(pixels.transpose(3, 0, 1, 2))
        for conv in self.network.convolutions:
            x = run_convolution(conv, x)
        return run_classifier(self.network, run_pool(self.network, x))
