from __future__ import annotations

import subprocess
import sys
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


WINDOW = """
import sys
from pathlib import Path
from app.options import WindowOptions
from app.snapshot import render_snapshot
source, int8, fp32, target = sys.argv[1:]
options = WindowOptions(
    source=source, annotations=None, int8=Path(int8), fp32=Path(fp32), threads=1, probe="never"
)
render_snapshot(options, Path(target), 60.0)
print(*sorted({"torch", "PySide6", "openvino"} & set(sys.modules)))
"""


def test_the_window_at_work_needs_no_torch(
    options: WindowOptions, videos: Path, tmp_path: Path
) -> None:
    """Models loaded, a clip answered, all drawn: a vehicle box has no PyTorch."""
    target = tmp_path / "demo.png"
    given = (videos / "brief.mp4", options.int8, options.fp32, target)
    process = subprocess.run(
        [sys.executable, "-c", WINDOW, *map(str, given)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert target.is_file()
    assert process.stdout.split() == ["PySide6", "openvino"]


@pytest.mark.parametrize("source", [None, "missing.mp4"])
def test_without_a_video_there_is_no_picture(
    source: str | None, qtbot: QtBot, options: WindowOptions, tmp_path: Path
) -> None:
    target = tmp_path / "demo.png"
    with pytest.raises(SourceError):
        render_snapshot(replace(options, source=source), target, 1.0)
    assert list(tmp_path.glob("*.png")) == []
