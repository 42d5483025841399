"""Pictures of the window that cannot be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.presenters import pictures


def test_what_nobody_foresaw_is_said_and_logged(
    qtbot: QtBot,
    make_window: Callable[..., MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*arguments: object) -> Path:
        raise ZeroDivisionError

    monkeypatch.setattr(pictures, "free_name", broken)
    window = make_window(start=False)
    window.recordings.pictures.choose(str(tmp_path))
    window.recordings.pictures.take.trigger()
    banner = window.widgets.banner
    qtbot.waitUntil(lambda: banner.text.startswith("The picture could not be saved"))
    assert "ZeroDivisionError" in caplog.text
    assert list(tmp_path.glob("*.png")) == []
