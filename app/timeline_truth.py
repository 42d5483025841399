"""The truth along a file: the activity at each frame, and when the frames are shown. No Qt.

Legend: N frames with a truth, M frames of the file, C cells of time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.timeline_levels import CELLS_PER_SECOND, LONGEST_S, UNKNOWN, Levels, Row

Times = NDArray[np.float64]


class FrameTruth(tuple[str | None, ...]):
    """The activity at each of N frames; and when the frames are shown, once that is known.

    Attributes:
        times_s: M float64, strictly increasing; None until the frames were listed. The thread that
            reads the file puts another array in its place when it knows better.
        longest_s: for how long a frame speaks at most.
    """

    times_s: Times | None
    longest_s: float

    def __new__(cls, activities: Iterable[str | None], longest_s: float = math.inf) -> Self:
        made = super().__new__(cls, activities)
        made.times_s, made.longest_s = None, longest_s
        return made


class TruthStrip:
    """The classes of a truth in cells of time, placed anew when the frames' times become known.

    It reaches as far as the truth does, however long the file is said to be.

    Args:
        truth: the activity at each frame; only a FrameTruth tells more of their times than `fps`.
        numbers: the class of each activity; others are UNKNOWN.
        fps: the nominal rate, which is the best guess before.
    """

    def __init__(self, truth: Iterable[str | None], numbers: Mapping[str, int], fps: float) -> None:
        self._truth = truth if isinstance(truth, FrameTruth) else FrameTruth(truth)
        found = [numbers.get(name, UNKNOWN) if name else UNKNOWN for name in self._truth]
        self._classes = np.array(found, np.int16)
        self._fps = fps
        self._placed_by = self._truth.times_s
        self._place()

    @property
    def levels(self) -> Levels:
        """C classes, and coarser; cell k is `CELLS_PER_SECOND` times k seconds into the file."""
        self._follow()
        return self._levels

    @property
    def starts_s(self) -> Times:
        """When each labelled stretch begins: within its first frame, so that a seek hits it."""
        self._follow()
        return self._starts_s

    def _follow(self) -> None:
        times_s = self._truth.times_s
        if times_s is not self._placed_by:
            self._placed_by = times_s
            self._place()

    def _place(self) -> None:
        begins_s, ends_s = self._shown()
        classes = self._classes[: len(begins_s)]
        self._levels = Levels(_by_cell(classes, begins_s, ends_s))
        before = np.concatenate([[UNKNOWN], classes[:-1]])
        first = np.flatnonzero((classes != before[: len(classes)]) & (classes != UNKNOWN))
        # Not later than half a cell: what was jumped to must not be found again as the next one.
        inside_s = np.minimum((ends_s - begins_s) / 2, 0.5 / CELLS_PER_SECOND)
        self._starts_s = (begins_s + inside_s)[first]

    def _shown(self) -> tuple[Times, Times]:
        """From when until when each frame with a truth is shown; those that are not there left out.

        Until they were listed, nobody knows which are not there.
        """
        count, times_s = len(self._classes), self._placed_by
        if times_s is None:
            times_s = np.arange(count + 1) / self._fps
        begins_s = times_s[:count]
        ends_s = times_s[1 : count + 1]
        if len(ends_s) < len(begins_s):
            ends_s = np.append(ends_s, begins_s[-1] + 1 / self._fps)
        return begins_s, np.minimum(ends_s, begins_s + self._truth.longest_s)


def _by_cell(classes: Row, begins_s: Times, ends_s: Times) -> Row:
    """The class of the frame that is up in the middle of each cell."""
    # At its edge the milliseconds of a container would often lead to the frame before.
    if not len(classes):
        return np.full(1, UNKNOWN, np.int16)
    cells = math.ceil(min(float(ends_s[-1]), LONGEST_S) * CELLS_PER_SECOND)
    middles_s = (np.arange(max(cells, 1)) + 0.5) / CELLS_PER_SECOND
    frames = np.searchsorted(begins_s, middles_s, side="right") - 1
    shown = (frames >= 0) & (middles_s < ends_s[frames])
    return np.where(shown, classes[frames], UNKNOWN).astype(np.int16)
