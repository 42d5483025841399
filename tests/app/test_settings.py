from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from app.settings import Settings
from app.sources import Address


@pytest.mark.parametrize("source", [Path("/data/run 1, left.mp4"), 2, "rtsp://cabin.local/stream"])
def test_what_was_saved_is_remembered(source: Address, tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    settings = Settings(path)
    settings.last_source = source
    settings.loop = True
    settings.geometry = QByteArray(b"\x00\x01geometry")
    settings.save()
    again = Settings(path)
    assert again.last_source == source
    assert again.loop
    assert again.geometry == QByteArray(b"\x00\x01geometry")


def test_the_first_start_has_defaults(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "incab.ini")
    assert settings.last_source is None
    assert not settings.loop
    assert settings.geometry.isEmpty()
    assert settings.folder == Path.home()


def test_a_password_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    settings = Settings(path)
    settings.last_source = "rtsp://me:secret@cabin.local/stream?token=secret"
    settings.save()
    assert "secret" not in path.read_text()
    assert "cabin.local" in path.read_text()


def test_the_dialog_begins_where_the_last_file_was(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "incab.ini")
    settings.last_source = tmp_path / "run.mp4"
    assert settings.folder == tmp_path.resolve()


@pytest.mark.parametrize(
    "text", ["\x00\x01\x02", "[source]\nlast=ftp://x/y\n", "[window]\ngeometry=5"]
)
def test_a_damaged_file_is_like_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    path.write_text(text)
    settings = Settings(path)
    assert settings.last_source is None
    assert settings.geometry.isEmpty()
