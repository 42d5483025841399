"""Choosing a source in the real window: cameras, streams, files, and the last one again."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.state import State
from core.camera_list import CameraDevice
from tests.app.doubles import FakeCamera
from tests.app.windows import MakeWindow, loaded, panel_texts, reach


def entry(window: MainWindow, text: str) -> None:
    """Choose an entry of the source menu."""
    window.picker.fill_menu()
    next(action for action in window.picker.menu.actions() if text in action.text()).trigger()


def test_cameras_are_listed_by_name(
    qtbot: QtBot,
    make_window: MakeWindow,
    camera: FakeCamera,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = make_window()
    monkeypatch.setattr(
        "app.widgets.source_picker.list_cameras", lambda: [CameraDevice(2, "Cabin & Co")]
    )
    entry(window, "Cabin && Co")
    qtbot.waitUntil(lambda: camera.opened == 1, timeout=20_000)
    camera.feed.put(40)
    reach(qtbot, window, State.PLAYING)
    assert window.windowTitle() == "camera 2 – InCab"
    assert window.widgets.pill.text().startswith("● LIVE")
    assert not window.widgets.transport_actions.restart.isEnabled()


def test_a_lost_camera_greys_the_picture_and_comes_back(
    qtbot: QtBot, make_window: MakeWindow, camera: FakeCamera
) -> None:
    window = make_window(source="0")
    qtbot.waitUntil(lambda: camera.opened == 1, timeout=20_000)
    camera.feed.put(40)
    reach(qtbot, window, State.PLAYING)
    camera.feed.put("Camera 0 is gone; plug it in.")
    video = window.widgets.video
    qtbot.waitUntil(lambda: "reconnecting (" in video.accessibleDescription())
    assert "Camera 0 is gone; plug it in." in video.accessibleDescription()
    assert window.widgets.pill.text() == "● NO SIGNAL"
    loaded(qtbot, window)
    assert panel_texts(window) == {"no signal"}
    qtbot.waitUntil(lambda: camera.opened == 2)
    camera.feed.put(60)
    qtbot.waitUntil(lambda: "LIVE" in window.widgets.pill.text())
    assert "reconnecting" not in video.accessibleDescription()
    assert panel_texts(window) == {"warming up"}
    window.session.refresh_numbers()
    assert window.widgets.status.value("gaps") == "1"


def test_a_camera_that_cannot_be_opened_is_told_and_space_tries_again(
    qtbot: QtBot, make_window: MakeWindow, camera: FakeCamera
) -> None:
    camera.feed.put("Camera 0 is gone; plug it in.")
    window = make_window(source="0")
    reach(qtbot, window, State.FAILED)
    assert window.widgets.banner.text == "Camera 0 is gone; plug it in."
    assert window.widgets.video.accessibleDescription().startswith("No signal")
    assert window.widgets.transport_actions.play.text() == "Try again"
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: camera.opened == 2)
    camera.feed.put(40)
    reach(qtbot, window, State.PLAYING)
    assert not window.widgets.banner.isVisible()


def test_a_silent_camera_is_told_and_comes_back(
    qtbot: QtBot, make_window: MakeWindow, camera: FakeCamera
) -> None:
    window = make_window(source="0")
    qtbot.waitUntil(lambda: camera.opened == 1, timeout=20_000)
    camera.feed.put(40)
    video = window.widgets.video
    qtbot.waitUntil(lambda: video.accessibleDescription().startswith("No signal"), timeout=10_000)
    assert window.widgets.pill.text() == "● NO SIGNAL"
    camera.feed.put(40)
    qtbot.waitUntil(lambda: "LIVE" in window.widgets.pill.text())
    qtbot.waitUntil(lambda: "warming up" in video.accessibleDescription())


def test_the_camera_dialog_asks_for_a_number(
    qtbot: QtBot, make_window: MakeWindow, camera: FakeCamera
) -> None:
    window = make_window()
    dialog = window.picker.ask_for_camera()
    dialog.setIntValue(3)
    with qtbot.waitSignal(window.picker.chosen) as chosen:
        dialog.accept()
    assert chosen.args == [3, None]


def test_the_stream_dialog_takes_addresses_only(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    dialog = window.picker.ask_for_stream()
    dialog.setTextValue("gopher://nowhere")
    dialog.accept()
    assert "gopher" in window.widgets.banner.text


def test_the_file_dialog_opens_what_was_chosen(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window()
    dialog = window.picker.ask_for_file()
    dialog.fileSelected.emit(str(videos / "long.mp4"))
    dialog.reject()
    reach(qtbot, window, State.PLAYING)


def test_the_last_source_is_offered_again(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "blink.mp4"))
    reach(qtbot, window, State.ENDED)
    window.close()
    window = make_window()
    window.picker.fill_menu()
    assert window.picker.reopen.text().startswith("Reopen blink.mp4")
    qtbot.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ShiftModifier)
    reach(qtbot, window, State.ENDED)
