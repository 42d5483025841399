from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recent import LatencyHistogram, RecentAgreement, RecentLatency


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_latencies_are_forgotten_after_their_minute() -> None:
    clock = Clock()
    recent = RecentLatency(clock)
    recent.add(5.0)
    clock.now_s = 30.0
    recent.add(9.0)
    assert recent.samples_ms() == [5.0, 9.0]
    clock.now_s = 60.0
    summary = recent.summary()
    assert summary is not None
    assert (summary.count, summary.p50) == (1, 9.0)
    clock.now_s = 90.0
    assert recent.summary() is None


def test_agreement_is_that_of_the_last_minute() -> None:
    clock = Clock()
    recent = RecentAgreement(clock)
    assert recent.summary() == (0, None, None)
    recent.count(False, 0.4)
    clock.now_s = 10.0
    recent.count(True, 0.0)
    assert recent.summary() == (2, 0.5, 0.2)
    clock.now_s = 61.0
    assert recent.summary() == (1, 1.0, 0.0)


@given(st.lists(st.floats(0.02, 5000.0), min_size=1, max_size=400))
def test_a_sessions_percentiles_are_right_within_a_percent(samples_ms: list[float]) -> None:
    histogram = LatencyHistogram()
    for sample_ms in samples_ms:
        histogram.add(sample_ms)
    summary = histogram.summary()
    assert summary is not None
    exact = np.percentile(samples_ms, (50, 95, 99), method="inverted_cdf")
    assert (summary.p50, summary.p95, summary.p99) == pytest.approx(tuple(exact), rel=0.01)
    assert summary.mean == pytest.approx(np.mean(samples_ms))


def test_a_histogram_begins_empty_and_takes_anything() -> None:
    histogram = LatencyHistogram()
    assert histogram.summary() is None
    histogram.add(0.0)
    histogram.add(1e9)
    summary = histogram.summary()
    assert summary is not None
    assert summary.count == 2
