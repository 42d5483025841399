from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.options import WindowOptions
from app.snapshot import render_snapshot
from core.errors import SourceError


def test_a_picture_of_the_window_at_work(
    qtbot: QtBot, options: WindowOptions, videos: Path, tmp_path: Path
) -> None:
    target = tmp_path / "demo.png"
    source = videos / "long.mp4"
    render_snapshot(replace(options, source=str(source)), target, 1.0)
    image = QImage(str(target))
    assert (image.width(), image.height()) == (1600, 900)
    # The video is a dark grey, and the window around it is nearly black.
    assert image.pixelColor(400, 120).lightness() in range(12, 40)
    assert list(tmp_path.glob("*partial*")) == []
    # The person's own settings stay as they were.
    assert options.settings_path is not None
    assert not options.settings_path.exists()


def test_a_clip_shorter_than_asked_for_is_drawn_at_its_end(
    qtbot: QtBot, options: WindowOptions, videos: Path, tmp_path: Path
) -> None:
    target = tmp_path / "demo.png"
    render_snapshot(replace(options, source=str(videos / "brief.mp4")), target, 60.0)
    assert target.is_file()


@pytest.mark.parametrize("source", [None, "missing.mp4"])
def test_without_a_video_there_is_no_picture(
    source: str | None, qtbot: QtBot, options: WindowOptions, tmp_path: Path
) -> None:
    target = tmp_path / "demo.png"
    with pytest.raises(SourceError):
        render_snapshot(replace(options, source=source), target, 1.0)
    assert list(tmp_path.glob("*.png")) == []
