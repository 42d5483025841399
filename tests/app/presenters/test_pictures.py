"""Pictures of the window, and those that cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QDeadlineTimer, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from tests.app.windows import MakeWindow


def test_a_picture_of_the_window_is_saved_where_it_was_chosen(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    window = make_window()
    pictures = window.recordings.pictures
    pictures.choose(str(tmp_path / "pictures"))
    with qtbot.waitSignal(pictures.saved, timeout=20_000) as saved:
        qtbot.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    (path,) = saved.args
    assert list((tmp_path / "pictures").iterdir()) == [path]
    assert QImage(str(path)).size() == window.grab().toImage().size()
    qtbot.waitUntil(lambda: str(path) in window.widgets.banner.text)
    (tmp_path / "file").write_text("")
    pictures.choose(str(tmp_path / "file"))
    pictures.take.trigger()
    qtbot.waitUntil(lambda: "choose another pictures folder" in window.widgets.banner.text)


def test_pictures_of_the_same_second_get_names_of_their_own(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    window = make_window(start=False)
    pictures = window.recordings.pictures
    assert not pictures.take.autoRepeat()
    assert not window.recordings.recording.record.autoRepeat()
    pictures.choose(str(tmp_path))
    for _ in range(4):
        pictures.save()
    assert pictures.late(QDeadlineTimer(20_000)) == []
    names = list(tmp_path.glob("*.png"))
    assert len(names) == 4
    assert all(QImage(str(path)).size() == window.grab().toImage().size() for path in names)


def test_what_nobody_foresaw_is_said_and_logged(
    qtbot: QtBot,
    make_window: MakeWindow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*arguments: object) -> Path:
        raise ZeroDivisionError

    monkeypatch.setattr("app.presenters.pictures.free_name", broken)
    window = make_window(start=False)
    window.recordings.pictures.choose(str(tmp_path))
    window.recordings.pictures.take.trigger()
    banner = window.widgets.banner
    qtbot.waitUntil(lambda: banner.text.startswith("The picture could not be saved"))
    assert "ZeroDivisionError" in caplog.text
    assert list(tmp_path.glob("*.png")) == []
