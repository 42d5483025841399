from __future__ import annotations

import numpy as np
import pytest

from app.timeline_jumps import next_label_change
from app.timeline_levels import CELLS_PER_SECOND, UNKNOWN
from app.timeline_record import TimelineRecord
from app.timeline_truth import FrameTruth, TruthStrip
from tests.app.doubles import LABELS

# 20 frames at 15 a second, then 20 at 30 a second; the truth changes between them.
TIMES_S = np.concatenate([np.arange(20) / 15, 20 / 15 + np.arange(20) / 30])
CHANGE_S = 20 / 15


def truth_of_both(**more: float) -> FrameTruth:
    return FrameTruth(["drinking"] * 20 + ["eating"] * 20, **more)


def record_of(truth: FrameTruth, duration_s: float = 2.0) -> TimelineRecord:
    return TimelineRecord(LABELS, duration_s, truth, 30.0)


def named(record: TimelineRecord, *times_s: float) -> list[str | None]:
    return [record.moment(time_s).truth for time_s in times_s]


def test_truth_lies_where_its_frames_are_shown() -> None:
    truth = truth_of_both()
    truth.times_s = TIMES_S
    record = record_of(truth)
    assert named(record, 0.0, CHANGE_S - 0.05, CHANGE_S + 0.05, 1.95, 2.05) == [
        "drinking",
        "drinking",
        "eating",
        "eating",
        None,
    ]
    assert next_label_change(record, 0.1) == pytest.approx(CHANGE_S, abs=1 / 60)
    row = record.columns(60)["truth"]
    assert list(np.flatnonzero(np.diff(row))) == [round(CHANGE_S * CELLS_PER_SECOND) - 1]


def test_the_nominal_rate_is_the_guess_until_the_frames_are_listed() -> None:
    truth = truth_of_both()
    record = record_of(truth)
    assert named(record, 0.7, 1.4) == ["eating", None]
    truth.times_s = TIMES_S
    assert named(record, 0.7, 1.4) == ["drinking", "eating"]
    assert next_label_change(record, 0.1) == pytest.approx(CHANGE_S, abs=1 / 60)


def test_rounded_times_do_not_move_the_truth_by_a_frame() -> None:
    truth = FrameTruth([LABELS[frame % 2] for frame in range(30)])
    truth.times_s = np.round(np.arange(30) / 30, 3)
    row = record_of(truth, 1.0).truth
    assert row is not None
    assert list(row[:30]) == [frame % 2 for frame in range(30)]


def test_truth_of_frames_that_are_not_in_the_file_is_nowhere() -> None:
    truth = truth_of_both()
    truth.times_s = TIMES_S[:20]
    record = record_of(truth)
    assert named(record, 1.28, 1.5) == ["drinking", None]
    assert next_label_change(record, 0.1) is None
    truth.times_s = TIMES_S[:0]
    assert named(record, 0.0) == [None]


def test_a_frame_speaks_no_longer_than_it_may() -> None:
    truth = FrameTruth(["drinking", "eating", None], longest_s=1.0)
    truth.times_s = np.array([3.0, 3.5, 60.0])
    record = record_of(truth, 60.0)
    assert named(record, 2.9, 3.1, 4.4, 4.6, 59.0) == [None, "drinking", "eating", None, None]


@pytest.mark.parametrize("fps", [1.0, 15.0, 25.0, 30.0, 60.0])
def test_a_jump_hits_the_frame_and_the_next_one_leads_on(fps: float) -> None:
    strip = TruthStrip([LABELS[0]] * 8 + [LABELS[1]] * 8, {LABELS[0]: 0, LABELS[1]: 1}, fps)
    assert [int(start_s * fps) for start_s in strip.starts_s] == [0, 8]
    record = TimelineRecord(LABELS, 16 / fps, [LABELS[0]] * 8 + [LABELS[1]] * 8, fps)
    # The picture that is shown then has its own, earlier time.
    assert next_label_change(record, 8 / fps) is None


def test_truth_reaches_further_than_a_container_that_promised_too_little() -> None:
    record = TimelineRecord(LABELS, 1.0, ["drinking"] * 90, 30.0)
    record.add(2.5, {"int8": 1, "fp32": 1})
    assert record.moment(2.5).truth == "drinking"
    row = record.columns(100)["truth"]
    assert UNKNOWN not in list(row[:95])
