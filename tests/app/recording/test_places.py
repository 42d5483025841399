"""Names of recordings, and finding the video of one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from app.recording.from_models import record_of_file
from app.recording.places import free_name
from app.recording.video_match import find_video, why_other_video
from core.errors import SourceError
from tests.app.recording.doubles import CAMERA

NOW = datetime(2026, 3, 1, 14, 5, 9)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("drive.mp4", "2026-03-01_14-05-09_drive.sqlite"),
        ("rtsp://cabin/stream", "2026-03-01_14-05-09_rtsp_cabin_stream.sqlite"),
        ("../../etc/passwd", "2026-03-01_14-05-09_etc_passwd.sqlite"),
        ("...", "2026-03-01_14-05-09_session.sqlite"),
        ("x" * 300, f"2026-03-01_14-05-09_{'x' * 60}.sqlite"),
    ],
)
def test_names_say_when_and_what_and_lead_nowhere(tmp_path: Path, title: str, name: str) -> None:
    assert free_name(tmp_path, title, ".sqlite", NOW) == tmp_path / name


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    first = free_name(tmp_path, "a", ".png", NOW)
    first.touch()
    second = free_name(tmp_path, "a", ".png", NOW)
    assert second.name == "2026-03-01_14-05-09_a_2.png"


def test_a_video_is_found_where_it_was_beside_the_recording_or_not(tmp_path: Path) -> None:
    video = tmp_path / "drive.mp4"
    video.write_bytes(b"pictures" * 1000)
    source = record_of_file(video, (64, 48), 30.0, 1.0, None)
    session = tmp_path / "elsewhere" / "s.sqlite"
    session.parent.mkdir()
    assert find_video(source, session) == video
    assert why_other_video(source, video) is None
    moved = video.rename(session.parent / "drive.mp4")
    assert find_video(source, session) == moved
    moved.write_bytes(b"Pictures" * 1000)
    assert "is not the file that was recorded" in str(why_other_video(source, moved))
    moved.unlink()
    with pytest.raises(SourceError, match="is not there any more"):
        find_video(source, session)
    with pytest.raises(SourceError, match="no file"):
        find_video(source, session, video)
    with pytest.raises(SourceError, match="no pictures are stored"):
        find_video(CAMERA, session)


@pytest.mark.parametrize(
    "path", ["C:\\Users\\me\\drive.mp4", "\\\\server\\share\\drive.mp4", "/home/me/drive.mp4"]
)
def test_a_video_beside_the_recording_is_found_on_any_system(tmp_path: Path, path: str) -> None:
    video = tmp_path / "drive.mp4"
    video.touch()
    assert find_video(replace(CAMERA, kind="file", path=path), tmp_path / "s.sqlite") == video


@pytest.mark.parametrize(
    "path",
    [
        "//evil/share/drive.mp4",
        "\\\\evil\\share\\drive.mp4",
        "/\\evil\\share\\drive.mp4",
        "\\/evil/share/drive.mp4",
    ],
)
def test_another_machine_is_not_asked(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def is_file(self: Path) -> bool:
        asked.append(str(self))
        return False

    monkeypatch.setattr(Path, "is_file", is_file)
    source = replace(CAMERA, kind="file", path=path)
    with pytest.raises(SourceError):
        find_video(source, tmp_path / "s.sqlite")
    assert all(name.startswith(str(tmp_path)) for name in asked)
