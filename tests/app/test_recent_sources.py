from __future__ import annotations

from pathlib import Path

import pytest

from app.recent_sources import (
    MOST,
    RecentSource,
    recent_from_json,
    recent_to_json,
    still_there,
    with_newest,
)
from app.settings import Settings


def test_the_newest_comes_first_and_each_only_once(tmp_path: Path) -> None:
    recent: tuple[RecentSource, ...] = ()
    for name in ("a.mp4", "b.mp4", "a.mp4"):
        recent = with_newest(recent, tmp_path / name, None)
    assert [source.address for source in recent] == [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for number in range(20):
        recent = with_newest(recent, number, None)
    assert len(recent) == MOST
    assert recent[0] == RecentSource(19)


def test_no_password_is_remembered(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "incab.ini")
    secret = "rtsp://me:secret@cabin.local/stream?token=secret"
    settings.recent_sources = with_newest((), secret, None)
    settings.save()
    assert settings.recent_sources == (RecentSource("rtsp://cabin.local/stream"),)
    assert "secret" not in (tmp_path / "incab.ini").read_text()


def test_what_is_gone_is_left_out(tmp_path: Path) -> None:
    video, table = tmp_path / "a.mp4", tmp_path / "a.csv"
    video.touch()
    recent = (RecentSource(video, table), RecentSource(tmp_path / "gone.mp4"), RecentSource(0))
    assert still_there(recent) == (RecentSource(video), RecentSource(0))
    table.touch()
    assert still_there(recent)[0] == RecentSource(video, table)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    recent = (
        RecentSource(Path("/data/größe & 猫.mp4"), Path("/data/x.csv")),
        RecentSource(3),
        RecentSource("rtsp://cabin.local/stream"),
    )
    assert recent_from_json(recent_to_json(recent)) == recent


@pytest.mark.parametrize(
    "text", ["", "{", "7", "[1, null, {}]", '[{"source": 7}]', '[{"source": "gopher://x"}]']
)
def test_a_spoiled_list_is_an_empty_one(text: str) -> None:
    assert recent_from_json(text) == ()
