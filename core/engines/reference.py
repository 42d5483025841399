"""The integer reference: eq. 4 of arXiv 2311.05970 computed exactly, slowly and obviously.

    q_out = clamp(Z_out + round_half_away(acc · M), 0, 255),  acc = Σ (q_in - Z_in) · q_w + bias
    M = S_in · S_w / S_out = M0 · 2^-n,  M0 an integer in [2^30, 2^31)

Every other engine is judged against this file. Products and sums are carried in float64, which
is exact here: all of them are integers far below 2^53.

Legend: T frames, H height, W width, C channels, O output channels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core.geometry import Geometry
from core.network import Branches, FloatConv, FloatNetwork, Int8Conv, Int8Network, MaxPool, Stage

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_MULTIPLIER_BITS = 31
_LARGEST_SHIFT = 62
_FLOAT64 = np.finfo(np.float64)


def fixed_point(multipliers: F64) -> tuple[I64, I64]:
    """Positive real multipliers as (M0, n) with M ≈ M0 · 2^-n and M0 in [2^30, 2^31)."""
    mantissa, exponent = np.frexp(multipliers)
    m0 = np.rint(mantissa * 2.0**_MULTIPLIER_BITS).astype(np.int64)
    shift = _MULTIPLIER_BITS - exponent.astype(np.int64)
    rounded_up = m0 == 1 << _MULTIPLIER_BITS
    return np.where(rounded_up, m0 >> 1, m0), np.where(rounded_up, shift - 1, shift)


def requantize(accumulator: I64, multipliers: F64, zero_point: int, low: int = 0) -> U8:
    """C×… int32 accumulators to uint8, rounding half away from zero; one multiplier a channel."""
    # Infinity and zero, which absurd scales give, end where these do: at the clamps.
    m0, shift = fixed_point(np.clip(multipliers, _FLOAT64.tiny, _FLOAT64.max))
    column = (-1, *([1] * (accumulator.ndim - 1)))
    # |acc| < 2^31 and M0 < 2^31, so the product fits 63 bits. A shift below 1 (M >= 2^30) turns
    # any non-zero sum into a saturated byte, and one past 62 turns it into zero: both are kept
    # within what int64 can shift without changing the clamped answer.
    levels = accumulator * m0.reshape(column)
    bounded = np.clip(shift, 1, _LARGEST_SHIFT).reshape(column)
    # From here on in place: fresh arrays of this size cost more than the arithmetic.
    negative = levels < 0
    np.abs(levels, out=levels)
    levels += np.int64(1) << (bounded - 1)
    levels >>= bounded
    levels[shift > _LARGEST_SHIFT] = 0
    np.negative(levels, out=levels, where=negative)
    levels += zero_point
    return np.clip(levels, low, 255, out=levels).astype(np.uint8)


def accumulate(x: F64, weight: NDArray[np.generic], conv: Int8Conv | FloatConv) -> F64:
    """C×T×H×W (already padded) convolved with O×(C/groups)×kT×kH×kW in float64.

    For each output frame the windows are laid out as columns, so that one product of matrices adds
    up all taps. The order of a float sum does not matter here: see above.
    """
    out_channels, _, *kernel = weight.shape
    groups = conv.geometry.groups
    windows = _windows(x, kernel, conv.geometry)
    channels, frames, height, width = windows.shape[:4]
    taps = weight.astype(np.float64).reshape(groups, out_channels // groups, -1)
    total = np.empty((groups, out_channels // groups, frames, height * width))
    for frame in range(frames):
        columns = windows[:, frame].transpose(0, 3, 4, 5, 1, 2)
        columns = columns.reshape(groups, channels // groups * prod(kernel), height * width)
        np.matmul(taps, columns, out=total[:, :, frame])
    return total.reshape(out_channels, frames, height, width)


def _windows(x: F64, kernel: Sequence[int], geometry: Geometry) -> F64:
    """C×T×H×W (already padded) seen as C×T'×H'×W'×kT×kH×kW, nothing copied."""
    t, h, w = geometry.stride
    return sliding_window_view(x, tuple(kernel), axis=(1, 2, 3))[:, ::t, ::h, ::w]


def _pad(x: F64, geometry: Geometry, value: float = 0.0) -> F64:
    return np.pad(x, [(0, 0), *geometry.pads], constant_values=value)


def run_convolution(conv: Int8Conv, x: U8) -> U8:
    """One layer of eq. 4: C×T×H×W uint8 to O×T'×H'×W' uint8. Padding stands for real zero."""
    centred = _pad(x.astype(np.float64) - conv.input.zero_point, conv.geometry)
    accumulator = accumulate(centred, conv.weight, conv).astype(np.int64)
    accumulator += conv.bias.astype(np.int64).reshape(-1, 1, 1, 1)
    multipliers = conv.sum_scale / conv.output.scale
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
    return (accumulator * classifier.sum_scale).astype(np.float32)


def float_logits(network: FloatNetwork, pixels: U8) -> NDArray[np.float32]:
    """The fp32 network in float64: T×H×W×C uint8 pixels to K logits."""
    x = network.normalization.apply(pixels).transpose(3, 0, 1, 2)
    pooled = _float_chain(network.stages, x).mean(axis=(1, 2, 3))
    classifier = network.classifier
    return (classifier.weight.astype(np.float64) @ pooled + classifier.bias).astype(np.float32)


def _float_chain(stages: Sequence[Stage], x: F64) -> F64:
    for stage in stages:
        if isinstance(stage, Branches):
            x = np.concatenate([_float_chain(chain, x) for chain in stage.chains])
        elif isinstance(stage, MaxPool):
            padded = _pad(x, stage.geometry, -np.inf)
            x = _windows(padded, stage.kernel, stage.geometry).max(axis=(4, 5, 6))
        else:
            x = accumulate(_pad(x, stage.geometry), stage.weight, stage)
            x += stage.bias.astype(np.float64).reshape(-1, 1, 1, 1)
            if stage.relu:
                x = np.maximum(x, 0)
    return x


class ReferenceEngine:
    """Runs either network by the book: integers for int8, float64 for fp32. Slow on purpose."""

    name = "reference"

    def __init__(self, network: FloatNetwork | Int8Network) -> None:
        self.network = network

    # What overflows shows as a logit that is not finite, which every caller checks.
    @np.errstate(over="ignore", invalid="ignore")
    def logits(self, pixels: U8) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits."""
        if isinstance(self.network, FloatNetwork):
            return float_logits(self.network, pixels)
        x = np.ascontiguousarray(self.network.quantize_pixels(pixels).transpose(3, 0, 1, 2))
        for conv in self.network.convolutions:
            x = run_convolution(conv, x)
        return run_classifier(self.network, run_pool(self.network, x))
