"""Scales at which no sum can fall between two bytes, so that every engine rounds it the same way.

Eq. 4 maps an integer sum a to the byte round(a · M), M = S_in · S_w / S_out. Engines compute a · M
in float32, and where it comes near n + 1/2 their last bits decide: five of a million bytes differ
in the first layer, and through 27 layers a third of them. But where M = p / d with d odd,

    a · p / d = n + 1/2   would need   2 · a · p = d · (2n + 1),   even = odd,

and every value stays at least 1 / (2d) away from it. Float32 is off by at most about
255 · 4 · 2^-24 = 6·10^-5 there, so with d below 8000 engines, however they order their operations,
agree with the integer reference to the byte. The price is a slightly larger weight scale.

Legend: O output channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# How much larger than wanted a scale may become; half of it is lost on average.
_SLACK = 0.005
_MOST_NUMERATORS = 128


def tie_free(ratios: Tensor) -> Tensor:
    """O positive ratios to the nearest p / d not below them, d odd and as small as _SLACK allows.

    float64 in and out.
    """
    numerators = torch.arange(1, _MOST_NUMERATORS + 1, device=ratios.device).double()[:, None]
    denominators = torch.floor(numerators / ratios + 1e-9)
    denominators = (denominators - (denominators % 2 == 0).double()).clamp_min(1)
    fractions = numerators / denominators
    good = (fractions <= ratios * (1 + _SLACK)) & (fractions >= ratios * (1 - 1e-9))
    first = good.int().argmax(dim=0)
    found = fractions.gather(0, first[None])[0]
    # Where nothing is near enough, for ratios above 1, the ratio itself.
    return torch.where(good.any(dim=0), found, ratios)


def tie_free_pool(ratio: float) -> float:
    """The same for a mean: ratio · sum / N over N positions, N with at most six factors of two.

    p is 64, so that the twos of N cancel and below the line only odd numbers stay; d is the
    nearest odd number. What is no positive number stays what it is, for the loss to show.
    """
    if not 0 < ratio < math.inf:
        return ratio
    return 64 / max(2 * round((64 / ratio - 1) / 2) + 1, 1)
