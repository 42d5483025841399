"""Windows that record, and what they have recorded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from tests.app.presenters.recordings import answers_of, stop
from tests.app.windows import MakeWindow


@pytest.fixture
def record(qtbot: QtBot, make_window: MakeWindow, tmp_path: Path) -> Callable[..., MainWindow]:
    """`record(source, …)`: a window that has begun to record it into tmp_path/"recordings"."""

    def begin(source: str, **changes: object) -> MainWindow:
        window = make_window(source=source, **changes)
        window.settings.recordings_folder = tmp_path / "recordings"
        qtbot.waitUntil(
            lambda: window.session.source is not None and not window.session.answers.loading_models,
            timeout=20_000,
        )
        qtbot.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
        assert window.recordings.recording.recording
        return window

    return begin


@pytest.fixture
def recorded(
    qtbot: QtBot, record: Callable[..., MainWindow], videos: Path, tmp_path: Path
) -> tuple[MainWindow, Path, Path]:
    """A window, a recording of some clips, and its video, which may be changed."""
    video = shutil.copy(videos / "long.mp4", tmp_path / "drive.mp4")
    window = record(str(video))
    shown = answers_of(window)
    qtbot.waitUntil(lambda: len(shown) > 3, timeout=20_000)
    return window, stop(qtbot, window), Path(video)
