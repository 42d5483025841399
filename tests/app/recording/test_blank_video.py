"""The empty pictures that stand in for a video: when they are shown, and at which rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.recording.blank_video import BlankVideo
from app.recording.records import SourceRecord
from app.recording.review import Review, load_review
from tests.app.recording.doubles import CAMERA, clip, write_session

FILE = SourceRecord(
    kind="file", name="gone.mp4", width=64, height=48, path="/nowhere/gone.mp4", fps=30.0
)
DAY_S = 25 * 3600.0


def review_of(path: Path, source: SourceRecord, late_s: float) -> Review:
    """Ten clips a second over ten seconds, the first one so late in the source."""
    clips = [clip(frame, 0, 1) for frame in range(0, 300, 3)]
    moved = [replace(one, time_s=one.time_s + late_s) for one in clips]
    return load_review(write_session(path, moved, source))


def test_a_camera_is_shown_from_its_first_recorded_clip_on(tmp_path: Path) -> None:
    review = review_of(tmp_path / "day.sqlite", CAMERA, DAY_S)
    with BlankVideo(review.lookup) as video:
        assert video.properties.fps == pytest.approx(10.0)
        frames = list(video)
        times_s = video.index().times_s
    assert [frame.time_s for frame in frames] == pytest.approx([k / 10 for k in range(100)])
    assert list(times_s) == [frame.time_s for frame in frames]
    review.close()


def test_of_a_file_the_times_are_those_in_the_file(tmp_path: Path) -> None:
    review = review_of(tmp_path / "file.sqlite", FILE, 60.0)
    with BlankVideo(review.lookup) as video:
        assert video.properties.fps == pytest.approx(10.0)
        assert next(iter(video)).time_s == pytest.approx(60.0)
    review.close()


def test_a_recording_without_a_clip_has_no_picture(tmp_path: Path) -> None:
    review = load_review(write_session(tmp_path / "none.sqlite", [], CAMERA))
    with BlankVideo(review.lookup) as video:
        assert video.read() is None
        assert len(video.index()) == 0
    review.close()
