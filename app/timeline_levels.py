"""A long row of values at coarser and coarser steps, so that any part of it is drawn at once.

Legend: N values of the row, C columns asked for. No Qt.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.int16]
UNKNOWN = -1
# Along the time of a source a row has so many values; an hour is 108,000 of them.
CELLS_PER_SECOND = 30
# Nobody looks at more; a damaged container can claim any time.
LONGEST_S = 24 * 3600.0

# Values that one value of the next coarser level stands for.
_STEP = 4


def majority(groups: Row) -> Row:
    """The most frequent known value of each of G×K groups, the later of equals; else UNKNOWN."""
    counts = np.zeros(groups.shape, np.int8)
    for position in range(groups.shape[1]):
        counts += groups == groups[:, position : position + 1]
    counts[groups == UNKNOWN] = 0
    last = groups.shape[1] - 1 - counts[:, ::-1].argmax(axis=1)
    return groups[np.arange(len(groups)), last]


def highest(groups: Row) -> Row:
    """The highest value of each of G×K groups: whether there is any mark among them."""
    return groups.max(axis=1)


class Levels:
    """A row of int16 and its coarser levels, brought up to date when they are looked at."""

    def __init__(self, row: Row, summary: Callable[[Row], Row] = majority) -> None:
        self._summary = summary
        self._levels = [row]
        self._stale: tuple[int, int] | None = None
        self.replace(row)

    @property
    def row(self) -> Row:
        """The N values themselves; say `changed` after writing to them."""
        return self._levels[0]

    def replace(self, row: Row) -> None:
        """Stand for another row, which may be longer."""
        self._levels = [row]
        while len(self._levels[-1]) > _STEP:
            coarser = -(-len(self._levels[-1]) // _STEP)
            self._levels.append(np.full(coarser, UNKNOWN, np.int16))
        self._stale = (0, len(row))

    def changed(self, first: int, end: int) -> None:
        """The values from `first` until before `end` are new."""
        if self._stale is not None:
            first, end = min(first, self._stale[0]), max(end, self._stale[1])
        self._stale = (first, end)

    def columns(self, start: float, per_column: float, count: int) -> Row:
        """C columns of `per_column` values each, the first beginning at value `start`.

        UNKNOWN where the row has no values.
        """
        self._settle()
        level, width = 0, per_column
        while width >= _STEP and level < len(self._levels) - 1:
            level, width, start = level + 1, width / _STEP, start / _STEP
        row = self._levels[level]
        edges = start + width * np.arange(count + 1)
        # Each value belongs to the column it begins in; narrower columns show the one they lie in.
        whole = np.ceil if width >= 1 else np.floor
        first = whole(edges[:-1]).astype(np.intp)
        last = np.maximum(first, np.ceil(edges[1:]).astype(np.intp) - 1)
        most = int((last - first).max(initial=0)) + 1
        cells = np.minimum(first[:, None] + np.arange(most), last[:, None])
        values = row[np.clip(cells, 0, len(row) - 1)]
        inside = (cells >= 0) & (cells < len(row))
        return self._summary(np.where(inside, values, UNKNOWN).astype(np.int16))

    def _settle(self) -> None:
        if self._stale is None:
            return
        first, end = self._stale
        self._stale = None
        for finer, coarser in zip(self._levels, self._levels[1:], strict=False):
            first, end = first // _STEP, -(-end // _STEP)
            values = finer[first * _STEP : end * _STEP]
            missing = (end - first) * _STEP - len(values)
            padded = np.pad(values, (0, missing), constant_values=UNKNOWN)
            coarser[first:end] = self._summary(padded.reshape(-1, _STEP))
