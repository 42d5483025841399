from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

import pytest

from app.sources import parse_source, title_of_source
from core.errors import SourceError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        (" 12 ", 12),
        ("-1", Path("-1")),
        ("1.mp4", Path("1.mp4")),
        # Digits, but no number that a person types.
        ("²", Path("²")),
        ("٣", Path("٣")),
        ("drive.mp4", Path("drive.mp4")),
        ("/data/vp1/run 1.mp4", Path("/data/vp1/run 1.mp4")),
        ("file:///data/run%201.mp4", Path("/data/run 1.mp4")),
        ("C:\\videos\\run.mp4", Path("C:\\videos\\run.mp4")),
        ("C://videos/run.mp4", Path("C://videos/run.mp4")),
        ("rtsp://cabin.local/stream", "rtsp://cabin.local/stream"),
        ("HTTP://cabin.local/stream", "HTTP://cabin.local/stream"),
    ],
)
def test_files_cameras_and_streams_are_told_apart(text: str, expected: object) -> None:
    assert parse_source(text) == expected


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///C:/my%20videos/run.mp4", "C:\\my videos\\run.mp4"),
        ("file://server/share/run.mp4", "\\\\server\\share\\run.mp4"),
    ],
)
def test_file_addresses_on_windows(monkeypatch: pytest.MonkeyPatch, url: str, path: str) -> None:
    nturl2path = pytest.importorskip("nturl2path", reason="what Windows' Python does is needed")
    monkeypatch.setattr(urllib.request, "url2pathname", nturl2path.url2pathname)
    monkeypatch.setattr(sys, "platform", "win32")
    assert str(parse_source(url)) == path
    with pytest.raises(SourceError, match="file:// address"):
        parse_source("file:///C:x:y/run.mp4")


@pytest.mark.parametrize("text", ["", "  ", "ftp://host/a.mp4", "concat://a|b"])
def test_what_is_no_source_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SourceError, match=r"\.$"):
        parse_source(text)


def test_no_title_or_refusal_holds_a_password() -> None:
    assert "secret" not in title_of_source("rtsp://me:secret@cabin.local/stream?key=secret")
    with pytest.raises(SourceError) as refused:
        parse_source("ftp://me:secret@cabin.local/a.mp4")
    assert "secret" not in str(refused.value)
    # Mistyped: no address, and no file either that a message may name.
    with pytest.raises(SourceError, match="begins with rtsp://") as refused:
        parse_source("rtsp:/me:secret@cabin.local/stream")
    assert "secret" not in str(refused.value)


def test_a_file_is_named_without_its_folder() -> None:
    assert title_of_source(Path("/data/run.mp4")) == "run.mp4"
