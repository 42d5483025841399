from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.activities import ACTIVITY_NAMES, UNSCORED_LABELS
from core.annotations import (
    HEADER,
    OBJECT_HEADER,
    Annotations,
    Chunk,
    label_frames,
    read_annotations,
    write_annotations,
)
from core.errors import AnnotationError

HEAD = ",".join(HEADER) + "\n"
OBJECT_HEAD = ",".join(OBJECT_HEADER) + "\n"
RUN = "vp5/run1_2018-05-22-15-10-41.kinect_color"
FIRST = f"5,{RUN},1,68,113,entering_car,0\n"
SECOND = f"5,{RUN},2,113,158,closing_door_inside,0\n"


def read_whole(path: Path, labels: Collection[str] | None = ACTIVITY_NAMES) -> Annotations:
    """A file in which no row is faulty."""
    annotations = read_annotations(path, labels)
    assert annotations.problems == ()
    return annotations


def chunk(start: int = 0, end: int = 90, activity: str = "eating", file_id: str = RUN) -> Chunk:
    return Chunk(5, file_id, 1, start, end, activity, 0)


@pytest.fixture
def csv_file(tmp_path: Path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "midlevel.chunks_90.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


# Reading


def test_reads_rows_as_they_lie_in_the_dataset(csv_file) -> None:
    annotations = read_annotations(csv_file(HEAD + FIRST + SECOND))
    assert annotations.chunks == (
        Chunk(5, RUN, 1, 68, 113, "entering_car", 0),
        Chunk(5, RUN, 2, 113, 158, "closing_door_inside", 0),
    )
    assert annotations.problems == ()
    assert annotations.unscored == 0


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + (HEAD + FIRST).encode(), id="byte order mark"),
        pytest.param((HEAD + FIRST).replace("\n", "\r\n"), id="CRLF"),
        pytest.param((HEAD + FIRST).replace("\n", "\r"), id="CR"),
        pytest.param((HEAD + FIRST).rstrip("\n"), id="no last line end"),
        pytest.param(HEAD + "\n\n" + FIRST + "\n", id="blank lines"),
        pytest.param((HEAD + FIRST).replace(",", " , "), id="blanks around cells"),
        pytest.param(HEAD + FIRST.replace("entering_car", '"entering_car"'), id="quotes"),
        pytest.param((HEAD + FIRST).replace("participant_id", '"participant_id"'), id="quoted"),
        pytest.param(HEAD + FIRST.replace("68", "0068"), id="leading zeros"),
    ],
)
def test_how_a_file_was_written_does_not_matter(csv_file, content) -> None:
    annotations = read_whole(csv_file(content))
    assert annotations.chunks == (Chunk(5, RUN, 1, 68, 113, "entering_car", 0),)


def test_a_quoted_cell_may_hold_commas_and_quotes(csv_file) -> None:
    annotations = read_whole(csv_file(HEAD + '5,"a,""b""",1,0,9,eating,0\n'))
    assert annotations.file_ids == ('a,"b"',)


def test_a_header_alone_is_an_empty_annotation(csv_file) -> None:
    annotations = read_whole(csv_file(HEAD))
    assert annotations.chunks == ()
    assert annotations.file_ids == ()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("\n" + HEAD + FIRST, id="blank first line"),
        pytest.param(FIRST, id="no header"),
        pytest.param(HEAD.replace("activity", "activity,object"), id="half an object level"),
        pytest.param(HEAD.replace(",chunk_id", ""), id="column missing"),
        pytest.param(HEAD.replace("frame_start,frame_end", "frame_end,frame_start"), id="swapped"),
        pytest.param(HEAD.replace(",", ";"), id="semicolons"),
    ],
)
def test_a_wrong_header_is_refused_and_the_right_one_shown(csv_file, content) -> None:
    path = csv_file(content)
    with pytest.raises(AnnotationError) as refusal:
        read_annotations(path)
    assert str(path) in str(refusal.value)
    assert "line 1" in str(refusal.value)
    assert HEAD.strip() in str(refusal.value)


def test_a_huge_header_makes_no_huge_message(csv_file) -> None:
    with pytest.raises(AnnotationError) as refusal:
        read_annotations(csv_file("x" * 100_000))
    assert len(str(refusal.value)) < 1000


def test_what_cannot_be_read_is_named(tmp_path: Path, csv_file) -> None:
    with pytest.raises(AnnotationError, match=r"nowhere\.csv: No such file"):
        read_annotations(tmp_path / "nowhere.csv")
    with pytest.raises(AnnotationError, match="directory"):
        read_annotations(tmp_path)
    with pytest.raises(AnnotationError, match="not a UTF-8 text file"):
        read_annotations(csv_file(HEAD.encode() + b"5,vp\xff/run,1,0,9,eating,0\n"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param("5,run,1,0,90,juggling,0", "unknown activity 'juggling'", id="unknown"),
        pytest.param("5,run,1,0,90,Eating,0", "unknown activity 'Eating'", id="other case"),
        pytest.param("5,run,1,0,90,,0", "unknown activity ''", id="no activity"),
        pytest.param("5,run,1,0,90,eating", "6 columns instead of 7", id="short"),
        pytest.param("5,run,1,0,90,eating,0,", "8 columns instead of 7", id="long"),
        pytest.param("5,,1,0,90,eating,0", "file_id is empty", id="no run"),
        pytest.param("x,run,1,0,90,eating,0", "participant_id is 'x'", id="participant"),
        pytest.param("5,run,,0,90,eating,0", "annotation_id is ''", id="annotation"),
        pytest.param("5,run,1,0,90,eating,0.0", "chunk_id is '0.0'", id="fraction"),
        pytest.param("5,run,1,-1,90,eating,0", "frame_start is '-1'", id="negative"),
        pytest.param("5,run,1,0,1e3,eating,0", "frame_end is '1e3'", id="exponent"),
        pytest.param("5,run,1,0,9_0,eating,0", "frame_end is '9_0'", id="underscore"),
        pytest.param("5,run,1,0,९०,eating,0", "frame_end is '९०'", id="other digits"),
        pytest.param("5,run,1,0,9²,eating,0", "frame_end is '9²'", id="superscript"),
        pytest.param("5,run,1,0,1000000000000,eating,0", "frame_end is '1000000000000'", id="13"),
        pytest.param("5,run,1,0," + "9" * 5000 + ",eating,0", "frame_end is '9999", id="5000"),
        pytest.param("5,run,1,90,90,eating,0", "frame_end 90 is not after frame_start", id="none"),
        pytest.param("5,run,1,91,90,eating,0", "frame_end 90 is not after", id="backwards"),
    ],
)
def test_a_faulty_row_is_named_and_the_rest_goes_on(csv_file, row: str, reason: str) -> None:
    path = csv_file(HEAD + FIRST + row + "\n" + SECOND)
    annotations = read_annotations(path)
    assert [chunk.frame_start for chunk in annotations.chunks] == [68, 113]
    (problem,) = annotations.problems
    assert problem.startswith(f"{path} line 3: ")
    assert reason in problem
    assert len(problem) < len(str(path)) + 200


def test_twelve_digits_are_a_number(csv_file) -> None:
    annotations = read_annotations(csv_file(HEAD + "5,run,1,0,999999999999,eating,0\n"))
    assert annotations.chunks[0].frame_end == 999_999_999_999


def test_line_numbers_count_blank_and_unscored_lines(csv_file) -> None:
    unscored = FIRST.replace("entering_car", "standing_by_the_door")
    annotations = read_annotations(csv_file(HEAD + "\n" + unscored + "broken\n"))
    assert "line 4: 1 columns" in annotations.problems[0]


def test_the_same_frames_twice_count_once(csv_file) -> None:
    path = csv_file(HEAD + FIRST + FIRST.replace("entering_car", "eating"))
    annotations = read_annotations(path)
    assert [chunk.activity for chunk in annotations.chunks] == ["entering_car"]
    assert "line 3: frames 68-113 appear twice" in annotations.problems[0]


def test_the_same_frames_of_another_run_are_no_duplicate(csv_file) -> None:
    other = FIRST.replace("run1", "run2")
    assert len(read_whole(csv_file(HEAD + FIRST + other)).chunks) == 2


@pytest.mark.parametrize(
    ("start", "end"), [(67, 69), (112, 114), (60, 200), (80, 90), (68, 90), (90, 113)]
)
def test_of_overlapping_rows_the_first_counts(csv_file, start: int, end: int) -> None:
    other = f"5,{RUN},9,{start},{end},eating,0\n"
    path = csv_file(HEAD + FIRST + other + SECOND)
    annotations = read_annotations(path)
    assert [(c.frame_start, c.frame_end) for c in annotations.chunks] == [(68, 113), (113, 158)]
    assert annotations.lines == (2, 4)
    (problem,) = annotations.problems
    assert f"line 3: frames {start}-{end} overlap frames 68-113" in problem


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
@settings(deadline=None)
def test_no_frame_has_two_labels(spans: list[tuple[int, int]]) -> None:
    rows = "".join(f"5,run,1,{start},{start + length},eating,0\n" for start, length in spans)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.csv"
        path.write_text(HEAD + rows)
        annotations = read_annotations(path)
    frames = [f for c in annotations.chunks for f in range(c.frame_start, c.frame_end)]
    assert len(frames) == len(set(frames))
    assert len(annotations.chunks) + len(annotations.problems) == len(spans)


@pytest.mark.parametrize("label", sorted(UNSCORED_LABELS))
def test_labels_outside_the_benchmark_are_counted_not_blamed(csv_file, label: str) -> None:
    path = csv_file(HEAD + FIRST + SECOND.replace("closing_door_inside", label))
    annotations = read_whole(path)
    assert len(annotations.chunks) == 1
    assert annotations.unscored == 1
    assert annotations.problems == ()


def test_other_label_sets_can_be_read(csv_file) -> None:
    path = csv_file(HEAD + FIRST.replace("entering_car", "driving"))
    (found,) = read_whole(path, ("driving", "parking")).chunks
    assert found.activity == "driving"
    assert read_annotations(csv_file(HEAD + FIRST), ("driving",)).chunks == ()


def test_runs_keep_their_order_and_their_chunks_are_sorted_by_time(csv_file) -> None:
    other = "5,vp1/run2.ids_1,1,0,9,eating,0\n"
    annotations = read_annotations(csv_file(HEAD + SECOND + other + FIRST))
    assert annotations.file_ids == (RUN, "vp1/run2.ids_1")
    assert [chunk.frame_start for chunk in annotations.of_run(RUN)] == [68, 113]
    assert annotations.of_run("vp9/run2") == ()


def test_a_stray_quote_spoils_its_own_row_only(csv_file) -> None:
    path = csv_file(HEAD + FIRST + '5,"run,1,0,90,eating,0\n' + SECOND)
    annotations = read_annotations(path)
    assert [chunk.frame_start for chunk in annotations.chunks] == [68, 113]
    assert "line 3" in annotations.problems[0]


def test_an_endless_cell_is_a_faulty_row(csv_file) -> None:
    path = csv_file(HEAD + FIRST + "5," + "r" * 200_000 + ",1,0,90,eating,0\n" + SECOND)
    annotations = read_annotations(path)
    assert len(annotations.chunks) == 2
    assert "line 3" in annotations.problems[0]


# The other levels


def test_object_level_rows_have_one_label_of_three_parts(csv_file) -> None:
    row = "1,run,1,0,90,reaching_for,bottle,back_seat,0\n"
    (found,) = read_whole(csv_file(OBJECT_HEAD + row), None).chunks
    assert found == Chunk(1, "run", 1, 0, 90, "reaching_for/bottle/back_seat", 0)
    for faulty in (row.replace("bottle", ""), row.replace("bottle", "a/b"), FIRST):
        (problem,) = read_annotations(csv_file(OBJECT_HEAD + faulty), None).problems
        assert "line 2" in problem


def test_any_label_is_taken_where_the_set_is_open(csv_file) -> None:
    path = csv_file(HEAD + FIRST.replace("entering_car", "closing_backpack"))
    (found,) = read_whole(path, None).chunks
    assert found.activity == "closing_backpack"
    assert read_annotations(csv_file(HEAD + FIRST.replace("entering_car", "")), None).problems


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(str.encode)
    | st.text(st.sampled_from('0159,"\n\r eating/vp.'), max_size=300).map(
        lambda rows: (HEAD + rows).encode()
    )
)
@settings(deadline=None)
def test_any_file_at_all_is_read_or_refused_in_words(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.csv"
        path.write_bytes(content)
        with contextlib.suppress(AnnotationError):
            annotations = read_annotations(path)
            assert len(annotations.lines) == len(annotations.chunks)


# Writing


def test_a_written_file_has_the_datasets_own_form(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_annotations(path, [Chunk(5, RUN, 1, 68, 113, "entering_car", 0)])
    assert path.read_bytes() == (HEAD + FIRST).encode()


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_annotations(path, [chunk()])
    before = path.read_bytes()

    def broken():
        yield chunk(90, 180)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write_annotations(path, broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


printable = st.characters(exclude_categories=("C", "Z"))
any_rows = st.lists(
    st.tuples(
        st.integers(0, 99),
        st.text(printable, min_size=1, max_size=30) | st.just(' a "quoted", one '.strip()),
        st.integers(0, 10**12 - 1),
        st.integers(0, 10**10),
        st.integers(1, 10**10),
        st.sampled_from(ACTIVITY_NAMES),
        st.integers(0, 10**12 - 1),
    ),
    max_size=20,
)


@settings(deadline=None)  # the disk is not what is tested
@given(any_rows)
def test_what_is_written_is_read_again(rows) -> None:
    chunks: list[Chunk] = []
    end = 0
    for participant, file_id, annotation, gap, length, activity, number in rows:
        start, end = end + gap, end + gap + length
        chunks.append(Chunk(participant, file_id, annotation, start, end, activity, number))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "round.csv"
        write_annotations(path, chunks)
        annotations = read_whole(path)
        assert [entry.name for entry in Path(folder).iterdir()] == ["round.csv"]
    assert annotations.chunks == tuple(chunks)


# Time


def test_the_end_is_exclusive_and_gaps_are_unlabelled() -> None:
    labels = label_frames([chunk(1, 3, "eating"), chunk(3, 4, "drinking"), chunk(6, 7)], 8)
    expected = [None, "eating", "eating", "drinking", None, None, "eating", None]
    assert labels == expected


def test_chunks_past_the_videos_end_add_no_frames() -> None:
    assert label_frames([chunk(2, 90), chunk(90, 180)], 4) == [None, None, "eating", "eating"]
    assert label_frames([chunk(2, 90)], 0) == []


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=8),
    st.integers(0, 80),
)
def test_a_frame_is_labelled_exactly_inside_a_chunk(spans, frames: int) -> None:
    labels = label_frames([chunk(start, start + length) for start, length in spans], frames)
    assert len(labels) == frames
    for frame, label in enumerate(labels):
        inside = any(start <= frame < start + length for start, length in spans)
        assert label == ("eating" if inside else None)
