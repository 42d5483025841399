"""When pictures of a playlist are due, on a clock of its own."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.camera_pace import Pace, comes_in_bursts

STEP_S = 0.04
# A live playlist: this many pictures come at once, then none until they are over.
BURST = 50


def handed_on(arrivals_s: list[float], positions_s: list[float]) -> list[float]:
    """When each picture is handed on, by a reader that reads the next only after that."""
    pace, now_s, times_s = Pace(), 0.0, []
    for arrival_s, position_s in zip(arrivals_s, positions_s, strict=True):
        now_s = max(now_s, arrival_s)
        due_s = pace.due_s(position_s, now_s)
        assert due_s >= now_s
        now_s = due_s
        times_s.append(due_s)
    return times_s


def positions(count: int) -> list[float]:
    return [index * STEP_S for index in range(count)]


def test_bursts_are_spread_without_a_pause_between_them() -> None:
    arrivals_s = [index // BURST * BURST * STEP_S for index in range(10 * BURST)]
    times_s = handed_on(arrivals_s, positions(10 * BURST))
    steps_s = [after - before for before, after in pairwise(times_s)]
    assert min(steps_s) == pytest.approx(STEP_S, rel=0.002)
    # The little that it is faster adds up to one short wait for the next burst.
    assert max(steps_s) == pytest.approx(STEP_S, abs=0.003)


def test_pictures_that_come_one_by_one_are_not_held() -> None:
    arrivals_s = positions(1000)
    assert handed_on(arrivals_s, positions(1000)) == pytest.approx(arrivals_s)


@pytest.mark.parametrize("clock", [0.9995, 1.0005], ids=["slow", "fast"])
def test_a_sender_with_another_clock_is_followed(clock: float) -> None:
    """Where ours says one second, its own says `clock`; the wait must not grow."""
    count = 20_000
    arrivals_s = [index * STEP_S / clock for index in range(count)]
    times_s = handed_on(arrivals_s, positions(count))
    assert times_s[-1] - arrivals_s[-1] < STEP_S


def test_after_a_late_burst_the_rate_is_kept() -> None:
    arrivals_s = [0.0] * 10 + [5.0] * 10
    times_s = handed_on(arrivals_s, positions(20))
    assert times_s[10] == 5.0
    assert times_s[19] == pytest.approx(5.0 + 9 * STEP_S, rel=0.002)


@pytest.mark.parametrize("leap_s", [-60.0, -0.01, 0.0, 1.5, 3600.0, math.nan, math.inf])
def test_a_leap_of_the_senders_clock_is_not_waited_for(leap_s: float) -> None:
    pace = Pace()
    pace.due_s(100.0, 0.0)
    assert pace.due_s(100.0 + leap_s, 0.01) == 0.01
    pace.due_s(200.0, 0.02)
    assert pace.due_s(200.0 + STEP_S, 0.02) == pytest.approx(0.02 + STEP_S, rel=0.002)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5),
            st.floats(allow_nan=True, allow_infinity=True),
        ),
        min_size=1,
    )
)
def test_nothing_is_held_longer_than_a_second(reads: list[tuple[float, float]]) -> None:
    """Whatever the sender says of its times."""
    pace, now_s = Pace(), 0.0
    for waited_s, position_s in reads:
        now_s += waited_s
        due_s = pace.due_s(position_s, now_s)
        assert now_s <= due_s <= now_s + 1.0
        now_s = due_s


@pytest.mark.parametrize(
    ("address", "bursts"),
    [
        ("http://cam/live.m3u8", True),
        ("https://user:secret@cam/LIVE.M3U8?token=1", True),
        ("http://cam/video", False),
        ("rtsp://cam/live", False),
        (0, False),
    ],
)
def test_playlists_are_known_by_their_address(address: int | str, bursts: bool) -> None:
    assert comes_in_bursts(address) is bursts
