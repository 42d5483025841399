"""From flickering probabilities to a label a person can read: smoothing, hysteresis, dwell.

Pure logic: time and probabilities go in, a Decision comes out; no clock, no threads.

Legend: K classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, inf

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSettings:
    """How steady a label is.

    Attributes:
        smoothing_s: time constant of the running mean of probabilities.
        enter_threshold: mean probability a class needs to become the label.
        leave_threshold: below this the label is given up ("uncertain").
        dwell_s: a label stays at least this long before another class replaces it.
    """

    smoothing_s: float = 0.5
    enter_threshold: float = 0.45
    leave_threshold: float = 0.30
    dwell_s: float = 0.7

    def __post_init__(self) -> None:
        # Written so that NaN, which a settings file may hold, fails too.
        if not (0 <= self.smoothing_s < inf and 0 <= self.dwell_s < inf):
            raise ValueError("smoothing_s and dwell_s must be finite and not negative")
        if not 0 <= self.leave_threshold <= self.enter_threshold <= 1:
            raise ValueError("thresholds must be 0 <= leave <= enter <= 1")


@dataclass(frozen=True, slots=True)
class Decision:
    """What to show: a class, or None for "uncertain"; and the mean probability of the best one."""

    class_index: int | None
    confidence: float


class LabelDecider:
    """Turns the probabilities of one model into a steady label."""

    def __init__(self, settings: DecisionSettings | None = None) -> None:
        self.settings = settings or DecisionSettings()
        self._mean: NDArray[np.float64] | None = None
        self._time_s = 0.0
        self._label: int | None = None
        self._label_since_s: float | None = None

    def reset(self) -> None:
        """Forget everything, after a seek, a gap or a change of source."""
        self._mean = None
        self._label = None
        self._label_since_s = None

    def update(self, time_s: float, probabilities: NDArray[np.float32]) -> Decision:
        """Take the K probabilities of the clip that ends at `time_s` (seconds, increasing)."""
        settings = self.settings
        if self._mean is None:
            self._mean = probabilities.astype(np.float64)
        else:
            elapsed_s = max(time_s - self._time_s, 0.0)
            kept = exp(-elapsed_s / settings.smoothing_s) if settings.smoothing_s else 0.0
            self._mean = kept * self._mean + (1 - kept) * probabilities
        self._time_s = time_s

        best = int(self._mean.argmax())
        # The dwell outlasts a label given up early: no flash of "uncertain" gets round it.
        since_s = self._label_since_s
        dwelt = since_s is None or time_s - since_s >= settings.dwell_s
        if best != self._label and dwelt and self._mean[best] >= settings.enter_threshold:
            self._take(best, time_s)
        if self._label is not None and self._mean[self._label] < settings.leave_threshold:
            self._label = None
        if self._label is None:
            return Decision(None, float(self._mean[best]))
        return Decision(self._label, float(self._mean[self._label]))

    def _take(self, class_index: int, time_s: float) -> None:
        self._label = class_index
        self._label_since_s = time_s


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The K probabilities of the clip that ends at `time_s`; `begins` after a gap or a seek."""

    time_s: float
    probabilities: NDArray[np.float32]
    begins: bool = False


def decide_again(settings: DecisionSettings, samples: Iterable[Sample]) -> list[int | None]:
    """Which class other settings would have shown for each sample; None is "uncertain"."""
    decider = LabelDecider(settings)
    labels: list[int | None] = []
    for sample in samples:
        if sample.begins:
            decider.reset()
        labels.append(decider.update(sample.time_s, sample.probabilities).class_index)
    return labels
