"""Where N, P and D go: the next label change, the one before, the next disagreement. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.timeline_levels import CELLS_PER_SECOND, UNKNOWN
from app.timeline_record import TimelineRecord

# So soon after a place, "the one before" means the place before that.
_JUST_PASSED_S = 0.5
# An answer of the int8 student that lasts less is flicker, not a change of label.
_SHORTEST_LABEL_S = 0.5
# Disagreements closer together than this are one.
_ONE_DISAGREEMENT_S = 0.5


def next_label_change(record: TimelineRecord, now_s: float) -> float | None:
    """When the next activity begins: of the truth where it is known, else of int8."""
    return _first_after(_label_changes(record), now_s)


def previous_label_change(record: TimelineRecord, now_s: float) -> float | None:
    """When the present activity began, or the one before when that was just now."""
    return _last_before(_label_changes(record), now_s - _JUST_PASSED_S)


def next_disagreement(record: TimelineRecord, now_s: float) -> float | None:
    """When the two models next begin to name different activities."""
    return _first_after(_disagreements(record), now_s)


def previous_disagreement(record: TimelineRecord, now_s: float) -> float | None:
    """When they began to differ before."""
    return _last_before(_disagreements(record), now_s - _JUST_PASSED_S)


def _label_changes(record: TimelineRecord) -> NDArray[np.float64]:
    if record.truth_starts_s is not None:
        return record.truth_starts_s
    row = record.answers_of("int8")
    bounds = np.flatnonzero(np.diff(row)) + 1
    starts = np.concatenate([[0], bounds])
    lengths = np.diff(np.concatenate([starts, [len(row)]]))
    lasting = (row[starts] != UNKNOWN) & (lengths >= _SHORTEST_LABEL_S * CELLS_PER_SECOND)
    starts = starts[lasting]
    # The same label again after a flicker is no change.
    fresh = np.concatenate([[True], np.diff(row[starts]) != 0])[: len(starts)]
    return _middle_s(starts[fresh])


def _disagreements(record: TimelineRecord) -> NDArray[np.float64]:
    cells = np.flatnonzero(record.differs)
    apart = np.diff(cells, prepend=-(10**9)) > _ONE_DISAGREEMENT_S * CELLS_PER_SECOND
    return _middle_s(cells[apart])


def _middle_s(cells: NDArray[np.intp]) -> NDArray[np.float64]:
    return (cells + 0.5) / CELLS_PER_SECOND


def _first_after(times_s: NDArray[np.float64], now_s: float) -> float | None:
    # The picture at a place is at most half a cell away from it.
    later = times_s[times_s > now_s + 0.6 / CELLS_PER_SECOND]
    return float(later[0]) if len(later) else None


def _last_before(times_s: NDArray[np.float64], now_s: float) -> float | None:
    earlier = times_s[times_s < now_s]
    return float(earlier[-1]) if len(earlier) else None
