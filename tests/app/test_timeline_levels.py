from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.timeline_levels import UNKNOWN, Levels, highest, majority


def test_a_group_stands_for_what_most_of_it_says() -> None:
    groups = np.array([[1, 2, 2, 3], [UNKNOWN, UNKNOWN, UNKNOWN, 5], [1, 1, 2, 2]], np.int16)
    assert list(majority(groups)) == [2, 5, 2]
    assert majority(np.full((1, 4), UNKNOWN, np.int16))[0] == UNKNOWN


def test_a_narrow_column_shows_the_value_it_lies_in() -> None:
    levels = Levels(np.arange(8, dtype=np.int16))
    assert list(levels.columns(0, 0.5, 16)) == [value for value in range(8) for _ in range(2)]
    assert list(levels.columns(2.5, 1.0, 2)) == [3, 4]


def test_beyond_the_row_nothing_is_known() -> None:
    levels = Levels(np.arange(4, dtype=np.int16))
    assert list(levels.columns(-2, 1.0, 8)) == [UNKNOWN, UNKNOWN, 0, 1, 2, 3, UNKNOWN, UNKNOWN]


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=30),
    st.integers(1, 60),
    st.integers(2, 401),
)
def test_no_mark_is_lost_or_doubled_at_any_zoom(places: list[int], columns: int, size: int) -> None:
    row = np.zeros(401, np.int16)
    levels = Levels(row, highest)
    levels.columns(0, 1.0, 5)
    for place in places:
        row[place] = 1
        levels.changed(place, place + 1)
    seen = levels.columns(0, size / columns, columns)
    expected = np.count_nonzero(row[:size])
    assert bool(seen.max()) == bool(expected) or expected == 0
    # A value at the edge of a coarse group may be told by the column before.
    assert np.count_nonzero(seen == 1) <= max(1, np.count_nonzero(row))


def test_only_what_changed_is_summed_up_again() -> None:
    row = np.zeros(4096, np.int16)
    summed: list[int] = []

    def counting(groups: np.ndarray) -> np.ndarray:
        summed.append(groups.size)
        return majority(groups)

    levels = Levels(row, counting)
    levels.columns(0, 4096 / 16, 16)
    summed.clear()
    row[1000] = 7
    levels.changed(1000, 1001)
    levels.columns(0, 4096 / 16, 16)
    # One group at each coarser level, and the columns themselves.
    assert sum(summed) < 150


def test_a_longer_row_takes_the_place_of_a_shorter() -> None:
    levels = Levels(np.zeros(10, np.int16))
    levels.replace(np.full(100, 3, np.int16))
    assert list(levels.columns(0, 25.0, 4)) == [3] * 4
