from __future__ import annotations

import numpy as np

from app.messages import STUDENTS
from app.timeline_record import CELLS_PER_SECOND, LIVE_WINDOW_S, UNKNOWN, TimelineRecord
from tests.app.doubles import LABELS


def test_answers_appear_where_they_belong_and_differences_are_marked() -> None:
    record = TimelineRecord(LABELS, 10.0)
    for tenth in range(40, 60):
        record.add(tenth / 10, {"int8": 1, "fp32": 1 if tenth < 50 else 2})
    rows = record.columns(100)
    assert set(rows) == {"int8", "fp32", "differs"}
    assert rows["int8"][20] == UNKNOWN
    assert rows["int8"][45] == 1
    assert rows["fp32"][55] == 2
    assert rows["differs"][45] == 0
    assert rows["differs"][55] == 1
    assert rows["differs"][70] == 0


def test_the_time_between_two_answers_belongs_to_the_earlier() -> None:
    record = TimelineRecord(LABELS, 2.0)
    record.add(1.0, {"int8": 1, "fp32": 1})
    record.add(1.4, {"int8": 2, "fp32": 1})
    rows = record.columns(60)
    assert list(rows["int8"][30:42]) == [1] * 12
    assert rows["int8"][42] == 2


def test_a_long_gap_or_an_interruption_stays_empty() -> None:
    record = TimelineRecord(LABELS, 3.0)
    record.add(1.0, {"int8": 1, "fp32": 1})
    record.add(1.6, {"int8": 1, "fp32": 1})
    record.interrupt()
    record.add(1.8, {"int8": 1, "fp32": 1})
    rows = record.columns(90)
    assert rows["int8"][40] == UNKNOWN
    assert rows["int8"][51] == UNKNOWN


def test_truth_lies_over_the_frames_it_names() -> None:
    truth = [None] * 30 + ["drinking"] * 30 + ["an activity of another list"] * 30
    record = TimelineRecord(LABELS, 3.0, truth, 30.0)
    row = record.columns(90)["truth"]
    assert list(row[[15, 45, 75]]) == [UNKNOWN, LABELS.index("drinking"), UNKNOWN]


def test_a_single_differing_clip_is_marked_in_an_hour() -> None:
    record = TimelineRecord(LABELS, 3600.0)
    record.add(1800.0, {"int8": 1, "fp32": 2})
    assert record.columns(1000)["differs"].sum() == 1


def test_a_file_longer_than_it_promised_grows() -> None:
    record = TimelineRecord(LABELS, 2.0)
    record.add(5.0, {"int8": 3, "fp32": 3})
    assert record.window_s[1] > 5
    assert 3 in record.columns(200)["int8"]


def test_the_length_grows_with_each_answer_and_each_picture_beyond_it() -> None:
    record = TimelineRecord(LABELS, 0.0)
    lengths_s = []
    for tenth in range(100):
        record.add(tenth / 10, {"int8": 3, "fp32": 3})
        lengths_s.append(record.window_s[1])
        assert record.window_s[1] >= tenth / 10
    # No more than needed, whatever room there is.
    assert lengths_s[20] < 2.1
    record.reach(12.0)
    assert record.window_s == (0.0, 361 / CELLS_PER_SECOND)
    record.reach(3.0)
    assert record.window_s[1] > 12


def test_an_absurd_time_costs_no_memory() -> None:
    record = TimelineRecord(LABELS, 1e12)
    record.add(1e12, {"int8": 3, "fp32": 3})
    assert record.window_s[1] <= 24 * 3600


def test_a_live_record_shows_the_last_minute_and_never_grows() -> None:
    record = TimelineRecord(LABELS, None)
    sizes = set()
    for second in range(600):
        record.add(second, {"int8": second % 6, "fp32": second % 6})
        sizes.add(len(record.differs))
    assert len(sizes) == 1
    assert record.window_s == (599 - LIVE_WINDOW_S, 599)
    row = record.columns(int(LIVE_WINDOW_S) * CELLS_PER_SECOND)["int8"]
    assert set(row[row != UNKNOWN]) == set(range(6))
    assert np.count_nonzero(row != UNKNOWN) >= 59


def test_a_teacher_has_a_row_from_its_first_answer_and_touches_no_other() -> None:
    record = TimelineRecord(LABELS, 10.0)
    for cell in range(60):
        record.add((cell + 0.5) / CELLS_PER_SECOND, {"int8": 1, "fp32": 1})
    before = record.columns(300)
    # Later than the students' answers, and a second apart.
    record.add(0.51, {"teacher": 2}, {"teacher": [(2, 0.75)]})
    record.add(1.51, {"teacher": 3})
    rows = record.columns(300)
    assert rows["teacher"][14] == UNKNOWN
    assert list(rows["teacher"][15:45]) == [2] * 30
    assert rows["teacher"][45] == 3
    for name, row in before.items():
        assert list(rows[name]) == list(row)
    moment = record.moment(1.0)
    assert [name for name, _ in moment.answers["teacher"]] == [LABELS[2]]
    assert list(moment.answers) == ["int8", "fp32", "teacher"]
    record.forget_teacher()
    assert "teacher" not in record.columns(300)
    assert list(record.moment(1.0).answers) == ["int8", "fp32"]


def test_an_interruption_of_the_students_leaves_the_teachers_strip_whole() -> None:
    record = TimelineRecord(LABELS, 10.0)
    everybody = {"int8": 1, "fp32": 1, "teacher": 2}
    record.add(0.01, everybody)
    record.interrupt(STUDENTS)
    record.add(0.34, everybody)
    rows = record.columns(300)
    assert list(rows["teacher"][:11]) == [2] * 11
    assert list(rows["int8"][:11]) == [1, *[UNKNOWN] * 9, 1]


def test_a_live_record_starts_anew_with_its_teacher() -> None:
    record = TimelineRecord(LABELS, None)
    for second in range(200):
        record.add(second, {"int8": 1, "fp32": 1})
        record.add(second - 0.5, {"teacher": 2})
    rows = record.columns(60)
    assert UNKNOWN not in list(rows["teacher"][:-1])
