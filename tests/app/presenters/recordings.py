"""What a window answers while it records, and the end of the recording."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.messages import Shown


def answers_of(window: MainWindow) -> list[Shown]:
    """All that is answered from now on."""
    shown: list[Shown] = []
    window.session.answers.answered.connect(shown.append)
    return shown


def stop(qtbot: QtBot, window: MainWindow) -> Path:
    """End the recording, and tell where it is."""
    with qtbot.waitSignal(window.recordings.recording.saved, timeout=20_000) as saved:
        qtbot.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    return saved.args[0]
