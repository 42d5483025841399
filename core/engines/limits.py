"""What float32 cannot carry of an int8 network: the fast engines hold scales and biases in it.

The reference needs no such limits, and no network that was trained comes near them.
"""

from __future__ import annotations

import numpy as np

from core.errors import EngineError
from core.network import Int8Conv, Int8Linear, Int8Network

# Beyond these, products of scales under- or overflow (measured: 34 to 255 steps off).
SMALLEST_SCALE, LARGEST_SCALE = 1e-30, 1e30

# float32 knows a number of 2^21 steps to an eighth of a step, and a sum is rounded three times.
LARGEST_SUM_STEPS = 2.0**21


def scales_fit(layer: Int8Conv | Int8Linear) -> bool:
    """Whether products of the layer's scales neither under- nor overflow in float32."""
    scales = [layer.input.scale, float(layer.weight_scale.min()), float(layer.weight_scale.max())]
    if isinstance(layer, Int8Conv):
        scales.append(layer.output.scale)
    return min(scales) >= SMALLEST_SCALE and max(scales) <= LARGEST_SCALE


def sums_fit(conv: Int8Conv) -> bool:
    """Whether float32 carries the layer's largest possible sums to less than half a step."""
    multipliers = conv.sum_scale / conv.output.scale
    weights = np.abs(conv.weight.astype(np.int64)).reshape(len(conv.weight), -1).sum(axis=1)
    largest_sums = 255 * weights + np.abs(conv.bias.astype(np.int64))
    return bool((largest_sums * multipliers).max() <= LARGEST_SUM_STEPS)


def refuse_what_float32_cannot_hold(network: Int8Network) -> None:
    """Raise EngineError, naming the layer, where float32 could be more than a step off."""
    for layer in (*network.convolutions, network.classifier):
        if not scales_fit(layer):
            raise EngineError(
                f"{layer.name} has scales that only the reference engine can hold (allowed are "
                f"{SMALLEST_SCALE:g} to {LARGEST_SCALE:g}); choose another model."
            )
        if isinstance(layer, Int8Conv) and not sums_fit(layer):
            raise EngineError(
                f"{layer.name} has output steps too fine for its sums, which only the reference "
                "engine gets right; choose another model."
            )
