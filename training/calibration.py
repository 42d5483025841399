"""Does a confidence of 80 % mean right four times out of five? If not, a temperature mends it.

Guo et al., "On Calibration of Modern Neural Networks", 2017.

Legend: N clips, K classes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

_BINS = 15
# Wide enough for any network; at the ends confidence is all or nothing anyway.
_LOWEST_TEMPERATURE, _HIGHEST_TEMPERATURE = 0.05, 20.0
_GOLDEN_RATIO = (5**0.5 - 1) / 2


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """N×K logits to N×K probabilities softmax(z / T)."""
    return (torch.tensor(logits, dtype=torch.float64) / temperature).softmax(dim=1).numpy()


def negative_log_likelihood(
    logits: NDArray[np.float32], targets: NDArray[np.intp], temperature: float = 1.0
) -> float:
    """Mean cross-entropy in nats of N×K logits at temperature T."""
    scaled = torch.tensor(logits, dtype=torch.float64) / temperature
    return float(functional.cross_entropy(scaled, torch.tensor(targets)))


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.intp]) -> float:
    """The T at which softmax(z / T) explains the targets best.

    The cross-entropy is convex in 1 / T, so a golden-section search finds its only minimum.
    """
    low, high = 1 / _HIGHEST_TEMPERATURE, 1 / _LOWEST_TEMPERATURE

    def cost(inverse: float) -> float:
        return negative_log_likelihood(logits, targets, 1 / inverse)

    inner, outer = high - _GOLDEN_RATIO * (high - low), low + _GOLDEN_RATIO * (high - low)
    inner_cost, outer_cost = cost(inner), cost(outer)
    while high - low > 1e-4 * low:
        if inner_cost <= outer_cost:
            high, outer, outer_cost = outer, inner, inner_cost
            inner = high - _GOLDEN_RATIO * (high - low)
            inner_cost = cost(inner)
        else:
            low, inner, inner_cost = inner, outer, outer_cost
            outer = low + _GOLDEN_RATIO * (high - low)
            outer_cost = cost(outer)
    return 2 / (low + high)


def limit_in_words(temperature: float) -> str | None:
    """What to say of a fitted temperature that lies at an end of the search; None of others."""
    # The search stops within a ten-thousandth.
    if 1.001 * _LOWEST_TEMPERATURE < temperature < _HIGHEST_TEMPERATURE / 1.001:
        return None
    return (
        f"temperature {temperature:.2f} is an end of the search from {_LOWEST_TEMPERATURE:g} to "
        f"{_HIGHEST_TEMPERATURE:g}, do not trust its confidence"
    )


def calibration_error(
    logits: NDArray[np.float32], targets: NDArray[np.intp], temperature: float = 1.0
) -> float:
    """Expected calibration error: mean |confidence - accuracy| over 15 bins, weighted by clips."""
    shares = probabilities(logits, temperature)
    confidence = shares.max(axis=1)
    right = shares.argmax(axis=1) == targets
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    # Of a bin: clips × |mean confidence - share right|, which is |sum of both's differences|.
    return float(np.abs(np.bincount(bins, confidence - right)).sum() / len(right))
