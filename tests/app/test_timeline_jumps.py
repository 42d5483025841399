from __future__ import annotations

import pytest

from app.timeline_jumps import (
    next_disagreement,
    next_label_change,
    previous_disagreement,
    previous_label_change,
)
from app.timeline_record import TimelineRecord
from tests.app.doubles import LABELS

TRUTH = [None] * 30 + ["drinking"] * 30 + ["eating"] * 60 + [None] * 30 + ["eating"] * 30


def answered(classes: list[int], others: list[int] | None = None) -> TimelineRecord:
    """One answer a frame at 30 fps."""
    record = TimelineRecord(LABELS, len(classes) / 30)
    for frame, (int8, fp32) in enumerate(zip(classes, others or classes, strict=True)):
        record.add((frame + 0.2) / 30, {"int8": int8, "fp32": fp32})
    return record


def test_label_changes_are_those_of_the_truth_and_hit_the_frame() -> None:
    record = TimelineRecord(LABELS, 6.0, TRUTH, 30.0)
    starts = []
    now_s = 0.0
    while (time_s := next_label_change(record, now_s)) is not None and len(starts) < 9:
        starts.append(int(time_s * 30))
        # The picture that is shown then has its own, earlier time.
        now_s = int(time_s * 30) / 30
    assert starts == [30, 60, 150]
    assert previous_label_change(record, 5.9) == pytest.approx(150.5 / 30)
    assert previous_label_change(record, 150.5 / 30) == pytest.approx(60.5 / 30)
    assert previous_label_change(record, 0.5) is None


def test_without_truth_int8_decides_and_flicker_is_no_change() -> None:
    record = answered([1] * 30 + [2] * 3 + [1] * 30 + [3] * 30)
    first = next_label_change(record, 0.2)
    assert first is not None
    assert int(first * 30) == 63
    assert next_label_change(record, first) is None


def test_disagreements_close_together_are_one() -> None:
    others = [1] * 30 + [2, 1, 2, 2] + [1] * 30 + [4] * 10 + [1] * 20
    record = answered([1] * len(others), others)
    first = next_disagreement(record, 0.0)
    second = next_disagreement(record, first or 0.0)
    assert (int((first or 0) * 30), int((second or 0) * 30)) == (30, 64)
    assert next_disagreement(record, second or 0.0) is None
    assert previous_disagreement(record, (second or 0.0) + 0.1) == first


def test_an_empty_record_has_nowhere_to_go() -> None:
    record = TimelineRecord(LABELS, 5.0)
    for jump in (next_label_change, previous_label_change, next_disagreement):
        assert jump(record, 2.0) is None
