"""A file that is being recorded keeps its locks, whatever this process is asked to open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.recording.export import export_session
from app.recording.in_use import being_recorded
from app.recording.opening import looks_like_session
from app.recording.reader import read_session
from app.recording.review import load_review
from app.recording.video_match import find_video, why_other_video
from app.recording.writer import SessionWriter
from core.errors import SessionFileError, SourceError
from tests.app.recording.doubles import (
    CAMERA,
    TAKE_LOG,
    WRITE,
    clip,
    model,
    run_elsewhere,
    write_session,
)


def ask_for_everything(path: Path) -> None:
    """Whatever a person may do with a file in this process; all of it is refused."""
    assert looks_like_session(path)
    with pytest.raises(SessionFileError, match="is being recorded; stop the recording first"):
        load_review(path)
    with (
        pytest.raises(SessionFileError, match="is being recorded"),
        read_session(path, check=False) as session,
    ):
        export_session(session, path.with_suffix(".csv"))
    with pytest.raises(SessionFileError, match="is being recorded"):
        find_video(CAMERA, path, path)
    # A session from elsewhere may name any file as its video.
    source = replace(CAMERA, kind="file", path=str(path), fingerprint="ab" * 32)
    with pytest.raises(SourceError, match="is not there any more"):
        why_other_video(source, find_video(source, path.with_name("elsewhere.sqlite")))


@pytest.mark.parametrize("name", ["s.sqlite", "link.sqlite", "hard.sqlite", "s.sqlite-shm"])
def test_a_file_that_is_recorded_keeps_its_locks(tmp_path: Path, name: str) -> None:
    path = tmp_path / "s.sqlite"
    writer = SessionWriter(path, CAMERA)
    (tmp_path / "link.sqlite").symlink_to(path)
    (tmp_path / "hard.sqlite").hardlink_to(path)
    for record in (model("int8"), model("fp32"), clip(1, 0, 0)):
        writer.add(record)
    ask_for_everything(tmp_path / name)
    # In the middle of a change, and between two.
    assert run_elsewhere(WRITE, path) == "database is locked"
    writer.commit()
    ask_for_everything(tmp_path / name)
    assert run_elsewhere(TAKE_LOG, path) == "database is locked"
    writer.add(clip(2, 0, 0))
    writer.close("stopped")
    with read_session(path) as session:
        assert session.clips.frame.tolist() == [1, 2]


def test_a_file_is_free_when_its_writer_is_done(tmp_path: Path) -> None:
    closed = write_session(tmp_path / "closed.sqlite", [])
    abandoned = SessionWriter(tmp_path / "abandoned.sqlite", CAMERA)
    assert being_recorded(abandoned.path)
    abandoned.abandon()
    with pytest.raises(SessionFileError):
        SessionWriter(tmp_path / "nowhere" / "s.sqlite", CAMERA)
    assert not being_recorded(closed)
    assert not being_recorded(abandoned.path)
    assert not being_recorded(tmp_path / "nul\0")
