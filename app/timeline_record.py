"""What was true and what both models said, along the whole source. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.messages import SLOTS, STUDENTS, Slot
from app.timeline_levels import CELLS_PER_SECOND, LONGEST_S, UNKNOWN, Levels, Row, highest
from app.timeline_truth import TruthStrip

# A gap between two answers longer than this stays empty.
_LONGEST_GAP_CELLS = CELLS_PER_SECOND // 2
# The teacher needs that long for a clip where the CPU has other work.
_LONGEST_TEACHER_GAP_CELLS = 5 * CELLS_PER_SECOND
LIVE_WINDOW_S = 60.0
# What the hover text names of each model.
TOP = 3
_SHARE_STEPS = 65535

Top = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of one moment: the truth, and each model's most probable activities."""

    time_s: float
    truth: str | None
    answers: Mapping[Slot, tuple[tuple[str, float | None], ...]]


class TimelineRecord:
    """Class indices by time; `UNKNOWN` where nothing is known.

    A file is kept whole. Of a live source (`duration_s` None) the last minute is shown. The
    teacher, which answers later and not every clip, has a row from its first answer on.
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
            LIVE_WINDOW_S if duration_s is None else min(max(duration_s, 1.0), LONGEST_S)
        )
        # A live record starts anew at half its room, so that it never grows.
        self._first_cell = 0
        cells = int(self._length_s * CELLS_PER_SECOND) + 1
        room = cells * (2 if self.live else 1)
        self._answers = {slot: Levels(np.full(room, UNKNOWN, np.int16)) for slot in STUDENTS}
        self._differs = Levels(np.zeros(room, np.int16), highest)
        self._top = {slot: _no_tops(room) for slot in STUDENTS}
        self._last_cells: dict[Slot, int] = {}
        self._newest_cell = 0
        self._truth: TruthStrip | None = None
        if truth is not None and fps:
            numbers = {name: number for number, name in enumerate(self.labels)}
            self._truth = TruthStrip(truth, numbers, fps)

    @property
    def truth(self) -> Row | None:
        """The true class in each cell, up to the last frame that has one; None without truth."""
        return None if self._truth is None else self._truth.levels.row

    @property
    def truth_starts_s(self) -> NDArray[np.float64] | None:
        """When each labelled stretch of the truth begins."""
        return None if self._truth is None else self._truth.starts_s

    @property
    def window_s(self) -> tuple[float, float]:
        """The times at the left and the right edge."""
        if not self.live:
            return 0.0, self._length_s
        end_s = max(self._newest_cell / CELLS_PER_SECOND, LIVE_WINDOW_S)
        return end_s - LIVE_WINDOW_S, end_s

    def answers_of(self, slot: Slot) -> Row:
        """A file's best class in each cell, `CELLS_PER_SECOND` of them from the first frame on."""
        return self._answers[slot].row

    @property
    def differs(self) -> Row:
        """1 in each of a file's cells in which the models differ."""
        return self._differs.row

    def interrupt(self, slots: Iterable[Slot] = SLOTS) -> None:
        """What these say next does not continue what they said: a restart, a gap, a seek."""
        for slot in slots:
            self._last_cells.pop(slot, None)

    def forget_teacher(self) -> None:
        """There is none any more, or another."""
        for by_slot in (self._answers, self._top, self._last_cells):
            by_slot.pop("teacher", None)

    def reach(self, time_s: float) -> None:
        """A file has a picture at this time, whatever its container promised."""
        if not self.live and self._length_s <= time_s < LONGEST_S:
            self._length_s = (int(time_s * CELLS_PER_SECOND) + 1) / CELLS_PER_SECOND

    def add(
        self, time_s: float, classes: Mapping[Slot, int], top: Mapping[Slot, Top] | None = None
    ) -> None:
        """The models' answers to the clip that ends at `time_s`.

        `top` holds their most probable classes, best first; `TOP` of them are kept.
        """
        if not self.live and time_s >= LONGEST_S:
            return
        cell = int(time_s * CELLS_PER_SECOND)
        if cell < self._first_cell:
            return
        self._make_room(cell)
        self.reach(time_s)
        if "teacher" in classes:
            self._put("teacher", cell, classes, top or {}, _LONGEST_TEACHER_GAP_CELLS)
        if classes.keys() != {"teacher"}:
            self._add_students(cell, classes, top or {})
        self._newest_cell = max(cell, self._newest_cell)

    def _put(
        self,
        slot: Slot,
        cell: int,
        classes: Mapping[Slot, int],
        top: Mapping[Slot, Top],
        longest_gap: int,
    ) -> tuple[int, int]:
        """Write one model's answer; returns the first and the last place that it fills."""
        if slot not in self._answers:
            size = len(self._differs.row)
            self._answers[slot] = Levels(np.full(size, UNKNOWN, np.int16))
            self._top[slot] = _no_tops(size)
        here, first = cell - self._first_cell, cell - self._first_cell
        last_cell = self._last_cells.get(slot)
        if last_cell is not None and 1 < cell - last_cell <= longest_gap:
            # Between two answers the earlier one was on the screen.
            first = max(last_cell + 1 - self._first_cell, 1)
        row, kept = self._answers[slot].row, self._top[slot]
        if first < here:
            row[first:here] = row[first - 1]
            kept[first:here] = kept[first - 1]
        row[here] = classes.get(slot, UNKNOWN)
        _keep(kept[here], top.get(slot, ()))
        self._answers[slot].changed(first, here + 1)
        self._last_cells[slot] = cell
        return first, here

    def _add_students(
        self, cell: int, classes: Mapping[Slot, int], top: Mapping[Slot, Top]
    ) -> None:
        filled = [self._put(slot, cell, classes, top, _LONGEST_GAP_CELLS) for slot in STUDENTS]
        first, here = filled[0]
        int8, fp32 = (self._answers[slot].row[first : here + 1] for slot in STUDENTS)
        known = (int8 != UNKNOWN) & (fp32 != UNKNOWN)
        self._differs.row[first : here + 1] = known & (int8 != fp32)
        self._differs.changed(first, here + 1)

    def _make_room(self, cell: int) -> None:
        size = len(self._differs.row)
        if cell - self._first_cell < size:
            return
        if self.live:
            first = max(self._first_cell, cell - int(LIVE_WINDOW_S * CELLS_PER_SECOND))
            moved, size = first - self._first_cell, size
            self._first_cell = first
        else:
            # The container promised less than it holds.
            moved, size = 0, size + cell + 1
        for levels, empty in ((self._differs, 0), *((a, UNKNOWN) for a in self._answers.values())):
            levels.replace(_moved(levels.row, moved, np.full(size, empty, np.int16)))
        self._top = {slot: _moved(top, moved, _no_tops(size)) for slot, top in self._top.items()}

    def columns(self, count: int, window_s: tuple[float, float] | None = None) -> dict[str, Row]:
        """Rows "truth" and "teacher" (where known), "int8", "fp32" at `count` columns over a part.

        A column shows its most frequent answer; "differs" is 1 where the models disagree
        anywhere within it.
        """
        start_s, end_s = window_s or self.window_s
        per_column = (end_s - start_s) * CELLS_PER_SECOND / count
        # On a grid of whole columns: what scrolls by does not flicker.
        start = round(start_s * CELLS_PER_SECOND / per_column) * per_column
        from_first = start - self._first_cell
        rows: dict[str, Row] = {
            slot: levels.columns(from_first, per_column, count)
            for slot, levels in self._answers.items()
        }
        if self._truth is not None:
            rows["truth"] = self._truth.levels.columns(start, per_column, count)
        rows["differs"] = np.maximum(self._differs.columns(from_first, per_column, count), 0)
        return rows

    def moment(self, time_s: float, within_s: float = 0.0) -> Moment:
        """What is known of a moment, or of the nearest one answered within `within_s`."""
        cell = int(time_s * CELLS_PER_SECOND)
        here = self._nearest_answer(cell - self._first_cell, int(within_s * CELLS_PER_SECOND))
        answers: dict[Slot, tuple[tuple[str, float | None], ...]] = {}
        for slot, levels in self._answers.items() if here is not None else ():
            best = int(levels.row[here])
            if best != UNKNOWN:
                answers[slot] = self._named(best, self._top[slot][here])
        truth, row = None, self.truth
        if row is not None and 0 <= cell < len(row):
            known = int(row[cell])
            truth = self.labels[known] if known != UNKNOWN else None
        return Moment(time_s, truth, answers)

    def _nearest_answer(self, here: int, reach: int) -> int | None:
        first, end = max(here - reach, 0), here + reach + 1
        found = [np.flatnonzero(a.row[first:end] != UNKNOWN) for a in self._answers.values()]
        places = np.concatenate(found) + first if end > 0 else np.empty(0, np.intp)
        return int(places[np.abs(places - here).argmin()]) if len(places) else None

    def _named(self, best: int, kept: NDArray[np.uint16]) -> tuple[tuple[str, float | None], ...]:
        known = [(int(c) - 1, int(s) / _SHARE_STEPS) for c, s in kept if c > 0]
        if not known:
            return ((self.labels[best], None),)
        return tuple((self.labels[index], share) for index, share in known)


def _no_tops(cells: int) -> NDArray[np.uint16]:
    """cells×TOP×(class + 1, share in 65535ths); zeros cost no memory until they are written."""
    return np.zeros((cells, TOP, 2), np.uint16)


def _keep(kept: NDArray[np.uint16], top: Top) -> None:
    kept[:] = 0
    for position, (index, share) in enumerate(top[:TOP]):
        kept[position] = index + 1, round(min(max(share, 0.0), 1.0) * _SHARE_STEPS)


def _moved(old: NDArray, by: int, fresh: NDArray) -> NDArray:
    """The old values, moved to the left, in a fresh array."""
    kept = old[by : by + len(fresh)]
    fresh[: len(kept)] = kept
    return fresh
