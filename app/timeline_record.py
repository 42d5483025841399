"""What was true and what both models said, along the whole source. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.messages import SLOTS, Slot

# Answers are kept in cells this long; an hour is 108,000 of them.
CELLS_PER_SECOND = 30
# A gap between two answers longer than this stays empty.
_LONGEST_GAP_CELLS = CELLS_PER_SECOND // 2
LIVE_WINDOW_S = 60.0
# Nobody looks at more; a damaged container can claim any time.
_LONGEST_S = 24 * 3600.0
UNKNOWN = -1

Row = NDArray[np.int16]


class TimelineRecord:
    """Class indices by time; `UNKNOWN` where nothing is known.

    A file is kept whole. Of a live source (`duration_s` None) the last minute is shown.
    """

    def __init__(
        self,
        labels: Sequence[str],
        duration_s: float | None,
        truth: Sequence[str | None] | None = None,
        fps: float | None = None,
    ) -> None:
        self.labels = tuple(labels)
        self.live = duration_s is None
        self._length_s = (
            LIVE_WINDOW_S if duration_s is None else min(max(duration_s, 1.0), _LONGEST_S)
        )
        # A live record starts anew at half its room, so that it never grows.
        self._first_cell = 0
        cells = int(self._length_s * CELLS_PER_SECOND) + 1
        self._answers: dict[Slot, Row] = {
            slot: np.full(cells * (2 if self.live else 1), UNKNOWN, np.int16) for slot in SLOTS
        }
        self._last_cell: int | None = None
        self._newest_cell = 0
        self.truth = self._truth_row(truth, fps, cells) if truth is not None and fps else None

    def _truth_row(self, truth: Sequence[str | None], fps: float, cells: int) -> Row:
        numbers = {name: number for number, name in enumerate(self.labels)}
        by_frame = np.array(
            [numbers.get(name, UNKNOWN) if name else UNKNOWN for name in truth] or [UNKNOWN],
            np.int16,
        )
        frames = (np.arange(cells) / CELLS_PER_SECOND * fps).astype(np.intp)
        row = by_frame[np.minimum(frames, len(by_frame) - 1)]
        return np.where(frames < len(by_frame), row, UNKNOWN).astype(np.int16)

    @property
    def window_s(self) -> tuple[float, float]:
        """The times at the left and the right edge."""
        if not self.live:
            return 0.0, self._length_s
        end_s = max(self._newest_cell / CELLS_PER_SECOND, LIVE_WINDOW_S)
        return end_s - LIVE_WINDOW_S, end_s

    def interrupt(self) -> None:
        """What follows does not continue what was: a restart, a gap."""
        self._last_cell = None

    def add(self, time_s: float, classes: Mapping[Slot, int]) -> None:
        """Both models' answers to the clip that ends at `time_s`."""
        if not self.live and time_s >= _LONGEST_S:
            return
        cell = int(time_s * CELLS_PER_SECOND)
        self._make_room(cell)
        last = self._last_cell
        for slot in SLOTS:
            row = self._answers[slot]
            if last is not None and 1 < cell - last <= _LONGEST_GAP_CELLS:
                # Between two answers the earlier one was on the screen.
                earlier = row[last - self._first_cell]
                row[last + 1 - self._first_cell : cell - self._first_cell] = earlier
            row[cell - self._first_cell] = classes.get(slot, UNKNOWN)
        self._last_cell = cell
        self._newest_cell = max(cell, self._newest_cell)

    def _make_room(self, cell: int) -> None:
        size = len(self._answers["int8"])
        if cell - self._first_cell < size:
            return
        if self.live:
            kept = int(LIVE_WINDOW_S * CELLS_PER_SECOND)
            first = max(self._first_cell, cell - kept)
            for slot, row in self._answers.items():
                fresh = np.full_like(row, UNKNOWN)
                old = row[first - self._first_cell :]
                fresh[: len(old)] = old
                self._answers[slot] = fresh
            self._first_cell = first
        else:
            # The container promised less than it holds.
            self._length_s = max(self._length_s, (cell + 1) / CELLS_PER_SECOND)
            for slot, row in self._answers.items():
                self._answers[slot] = np.concatenate([row, np.full(cell + 1, UNKNOWN, np.int16)])

    def columns(self, count: int) -> dict[str, Row]:
        """Rows "truth" (where known), "int8", "fp32" at `count` columns over the window.

        A column shows the last answer within it; "differs" is 1 where the models disagree
        anywhere within it.
        """
        start_s, end_s = self.window_s
        edges = np.linspace(start_s, end_s, count + 1) * CELLS_PER_SECOND
        first = np.floor(edges[:-1]).astype(np.intp)
        last = np.maximum(first, np.ceil(edges[1:]).astype(np.intp) - 1)
        rows: dict[str, Row] = {
            slot: _pick(row, last - self._first_cell) for slot, row in self._answers.items()
        }
        if self.truth is not None:
            rows["truth"] = _pick(self.truth, last)
        int8, fp32 = self._answers["int8"], self._answers["fp32"]
        differs = np.cumsum((int8 != fp32) & (int8 != UNKNOWN) & (fp32 != UNKNOWN))
        differs = np.concatenate([[0], differs])
        inside = np.clip(np.stack([first, last + 1]) - self._first_cell, 0, len(int8))
        rows["differs"] = (differs[inside[1]] > differs[inside[0]]).astype(np.int16)
        return rows


def _pick(row: Row, cells: NDArray[np.intp]) -> Row:
    picked = row[np.clip(cells, 0, len(row) - 1)]
    return np.where((cells >= 0) & (cells < len(row)), picked, UNKNOWN).astype(np.int16)
