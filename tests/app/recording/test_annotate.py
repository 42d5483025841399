"""The annotated video: every frame, with the labels of its moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.recording.annotate import Line, draw, lines_at, write_annotated_video
from app.recording.from_models import record_of_file
from app.recording.lookup import Lookup
from app.recording.reader import read_session
from app.recording.writer import SessionWriter
from core.errors import InCabError
from core.video import VideoFile
from tests.app.recording.doubles import CAMERA, answer, clip, model, write_session

FRAMES = 40


@pytest.fixture
def video(write_video: Callable[..., Path], tmp_path: Path) -> Path:
    """Odd sides, which encoders do not like."""
    return write_video(tmp_path / "drive.avi", [np.full((121, 161, 3), 200, np.uint8)] * FRAMES)


@pytest.fixture
def path(video: Path, tmp_path: Path) -> Path:
    source = record_of_file(video, (161, 121), 30.0, FRAMES / 30, None)
    return write_session(tmp_path / "s.sqlite", [clip(5, 1, 2), clip(9, 0, 0)], source)


def test_every_frame_is_written_with_the_labels_of_its_moment(
    path: Path, video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    told: list[tuple[int, int | None]] = []
    with read_session(path) as session:
        frames = write_annotated_video(session, video, out, lambda *given: told.append(given))
    assert frames == FRAMES
    assert told == [(number, FRAMES) for number in range(1, FRAMES + 1)]
    with VideoFile(out) as written:
        pictures = [frame.image for frame in written]
    assert len(pictures) == FRAMES
    assert pictures[0].shape == (120, 160, 3)
    # The strip is dark where there is something to say, and not there where there is nothing.
    assert pictures[0][-8:].mean() > 180
    assert pictures[6][-8:].mean() < 120
    assert pictures[39][-8:].mean() < 120
    assert abs(pictures[6][:20].mean() - 200) < 8
    assert {file.name for file in tmp_path.iterdir()} == {"drive.avi", "s.sqlite", "out.mp4"}


def test_the_lines_are_what_was_shown(path: Path) -> None:
    with read_session(path) as session:
        lookup = Lookup(session)
        assert lines_at(lookup, 4) == []
        first = [(line.who, line.text, line.confidence) for line in lines_at(lookup, 8)]
        assert first == [
            ("INT8", "drinking", 0.75),
            ("FP32", "uncertain", None),
            ("truth", "drinking", None),
        ]
        assert lines_at(lookup, 9)[0].text == "sitting still"
        # More than a second later nothing is known any more.
        assert lines_at(lookup, 39) != []
        assert lines_at(lookup, 40) == []


@pytest.mark.parametrize("blank", [False, True])
def test_a_clip_that_a_teacher_alone_answered_takes_no_label_away(
    tmp_path: Path, blank: bool
) -> None:
    path = tmp_path / "s.sqlite"
    writer = SessionWriter(path, CAMERA)
    for slot in ("int8", "fp32", "teacher"):
        writer.add(model(slot))
    for record in (clip(5, 1, 2), clip(9, 0, 0)):
        writer.add(record)
    # The teacher alone: of a frame between them, and of one of theirs once more.
    for frame in (7, 9):
        writer.add(replace(clip(frame, 0, 0, segment=1), answers={"teacher": answer(2, 2)}))
    writer.close("stopped")
    with read_session(path) as session:
        lookup = Lookup(session, blank=blank)
        assert lookup.positions.tolist() == [0, 2, 1]
        frames = [0, 1, 2] if blank else [5, 7, 9]
        assert [lookup.at(frame) for frame in frames] == [0, 2, 1]
        assert [lookup.at_or_before(frame) for frame in frames] == [0, 0, 1]


def test_where_a_teacher_alone_was_recorded_its_clips_count(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    writer = SessionWriter(path, CAMERA)
    writer.add(model("teacher"))
    writer.add(replace(clip(5, 0, 0), answers={"teacher": answer(2, 2)}))
    writer.close("stopped")
    with read_session(path) as session:
        assert Lookup(session).at_or_before(8) == 0


def test_a_long_text_is_made_smaller_and_not_cut() -> None:
    name = "a very long activity that nobody would ever call so" * 2
    white = np.full((120, 160, 3), 255, np.uint8)
    image = draw(white, [Line("INT8", name, 0.5, (0, 0, 255))])
    # Nothing is drawn beyond the right margin, where the percentage ends.
    assert (image[-20:, -3:] == 255 // 4).all()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("out.gif", "must end in"), ("no/out.mp4", "no folder"), ("drive.avi", "itself")],
)
def test_a_place_that_will_not_do_is_named(
    path: Path, video: Path, tmp_path: Path, name: str, reason: str
) -> None:
    before = video.read_bytes()
    with read_session(path) as session, pytest.raises(InCabError, match=reason):
        write_annotated_video(session, video, tmp_path / name)
    assert video.read_bytes() == before


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_disk_that_fills_up_leaves_the_video_that_was_there(
    video: Path, path: Path, tmp_path: Path, ending: str
) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are a Unix matter")
    out = (tmp_path / "out").with_suffix(ending)
    with read_session(path) as session:
        write_annotated_video(session, video, out)
        good = out.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) // 2, limits[1]))
        try:
            with pytest.raises(InCabError, match="is the disk full"):
                write_annotated_video(session, video, out)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert out.read_bytes() == good
    assert {file.name for file in tmp_path.iterdir()} == {"drive.avi", "s.sqlite", out.name}


def test_a_slow_stretch_keeps_its_length(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    class Slow(VideoFile):
        """Every frame stays up for three."""

        def read(self):
            frame = super().read()
            return frame and type(frame)(frame.image, frame.time_s * 3, frame.index)

    video = write_video(tmp_path / "drive.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 10)
    path = write_session(tmp_path / "s.sqlite", [clip(5, 1, 2)])
    with pytest.MonkeyPatch.context() as patch, read_session(path) as session:
        patch.setattr("app.recording.annotate.VideoFile", Slow)
        assert write_annotated_video(session, video, tmp_path / "out.mp4") == 28
    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 28
    capture.release()
