"""Figures over the last minute: agreement and latency, forgotten when their time is over."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from core.comparison import Latency

_T = TypeVar("_T")

_WINDOW_S = 60.0
# A minute at 100 clips a second; when more come, the minute is shorter, and memory stays bounded.
_MOST = 6000


class _LastMinute(Generic[_T]):
    """What was noted in the last minute, with the time of each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted: deque[tuple[float, _T]] = deque(maxlen=_MOST)

    def _note(self, value: _T) -> None:
        self._noted.append((self._clock(), value))

    def _values(self) -> list[_T]:
        """What is not older than a minute, oldest first; the rest is forgotten."""
        before_s = self._clock() - _WINDOW_S
        while self._noted and self._noted[0][0] <= before_s:
            self._noted.popleft()
        return [value for _, value in self._noted]


class RecentLatency(_LastMinute[float]):
    """Inference times of the last minute."""

    def add(self, latency_ms: float) -> None:
        """One inference took so many milliseconds and ended now."""
        self._note(latency_ms)

    def samples_ms(self) -> list[float]:
        """The times of the last minute, oldest first."""
        return self._values()

    def summary(self) -> Latency | None:
        """Mean and percentiles, or None when nothing was measured in that time."""
        return Latency.of(self.samples_ms())


class RecentAgreement(_LastMinute[tuple[bool, float]]):
    """How far two models agreed in the last minute."""

    def count(self, same: bool, divergence: float) -> None:
        """One clip was answered by both now; see `core.comparison.compare`."""
        self._note((same, divergence))

    def summary(self) -> tuple[int, float | None, float | None]:
        """Clips, share with the same class, mean KL divergence in nats; None without clips."""
        compared = self._values()
        count = len(compared)
        if not count:
            return 0, None, None
        same = sum(same for same, _ in compared)
        return count, same / count, sum(divergence for _, divergence in compared) / count


class LatencyHistogram:
    """All inference times of a session in bounded memory; percentiles are right within 1 %."""

    _LOWEST_MS, _GROWTH, _BINS = 0.01, 1.01, 1800  # up to ten minutes

    def __init__(self) -> None:
        self._counts = np.zeros(self._BINS, np.int64)
        self._sum_ms = 0.0

    def add(self, latency_ms: float) -> None:
        """Add one inference time in milliseconds."""
        place = np.log(max(latency_ms, self._LOWEST_MS) / self._LOWEST_MS) / np.log(self._GROWTH)
        self._counts[min(int(place), self._BINS - 1)] += 1
        self._sum_ms += latency_ms

    def summary(self) -> Latency | None:
        """Mean and percentiles of everything added, or None before the first sample."""
        count = int(self._counts.sum())
        if not count:
            return None
        reached = np.cumsum(self._counts)
        bins = np.searchsorted(reached, [0.5 * count, 0.95 * count, 0.99 * count])
        # The middle of a bin on its own scale.
        p50, p95, p99 = (self._LOWEST_MS * self._GROWTH ** (int(bin_) + 0.5) for bin_ in bins)
        return Latency(count, self._sum_ms / count, p50, p95, p99)
