"""Figures over the last minute: agreement and latency, forgotten when their time is over."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from core.comparison import Latency

_T = TypeVar("_T")

WINDOW_S = 60.0
# A minute at 100 clips a second; when more come, the minute is shorter, and memory stays bounded.
_MOST = 6000


class RecentLatency:
    """Inference times of the last `window_s` seconds."""

    def __init__(
        self, window_s: float = WINDOW_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._window_s = window_s
        self._clock = clock
        self._samples: deque[tuple[float, float]] = deque(maxlen=_MOST)

    def add(self, latency_ms: float) -> None:
        """One inference took so many milliseconds and ended now."""
        self._samples.append((self._clock(), latency_ms))

    def samples_ms(self) -> list[float]:
        """The times of the last `window_s`, oldest first."""
        _forget(self._samples, self._clock() - self._window_s)
        return [latency_ms for _, latency_ms in self._samples]

    def summary(self) -> Latency | None:
        """Mean and percentiles, or None when nothing was measured in that time."""
        return Latency.of(self.samples_ms())


class RecentAgreement:
    """How far two models agreed in the last `window_s` seconds."""

    def __init__(
        self, window_s: float = WINDOW_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._window_s = window_s
        self._clock = clock
        self._samples: deque[tuple[float, tuple[bool, float]]] = deque(maxlen=_MOST)

    def count(self, same: bool, divergence: float) -> None:
        """One clip was answered by both now; see `core.comparison.compare`."""
        self._samples.append((self._clock(), (same, divergence)))

    def summary(self) -> tuple[int, float | None, float | None]:
        """Clips, share with the same class, mean KL divergence in nats; None without clips."""
        _forget(self._samples, self._clock() - self._window_s)
        count = len(self._samples)
        if not count:
            return 0, None, None
        same = sum(sample[0] for _, sample in self._samples)
        return count, same / count, sum(sample[1] for _, sample in self._samples) / count


def _forget(samples: deque[tuple[float, _T]], before_s: float) -> None:
    while samples and samples[0][0] <= before_s:
        samples.popleft()


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
