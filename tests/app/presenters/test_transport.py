"""Moving through a file in the real window, with keys and buttons alone."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QListWidget
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.messages import Shown
from app.state import State
from core.activities import title_of
from tests.app.doubles import BRIGHT, DARK, FakeCamera
from tests.app.windows import MakeWindow, labelled

PATIENCE_MS = 20_000


@pytest.fixture
def paused(qtbot: QtBot, make_window: MakeWindow, videos: Path) -> MainWindow:
    """The window with long.mp4 (300 dark frames, 300 bright ones), paused and labelled."""
    window = make_window(source=str(videos / "long.mp4"))
    panels = window.widgets.shown_panels.values()
    qtbot.waitUntil(
        lambda: all(panel.activity.text == title_of(DARK) for panel in panels), timeout=PATIENCE_MS
    )
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert window.session.state is State.PAUSED
    return window


def shown_frame(window: MainWindow) -> int:
    picture = window.widgets.video.picture
    assert picture is not None
    return picture.frame.index


def newest(shown: Shown) -> int:
    return shown.answer.offer.clip.frame_index


def at_frame(qtbot: QtBot, window: MainWindow, index: int) -> None:
    qtbot.waitUntil(lambda: shown_frame(window) == index, timeout=PATIENCE_MS)


def test_pausing_keeps_the_label_of_the_frame_shown(qtbot: QtBot, paused: MainWindow) -> None:
    answers: list[Shown] = []
    paused.session.answers.answered.connect(answers.append)
    qtbot.wait(300)
    index = shown_frame(paused)
    paused.session.refresh_numbers()
    assert paused.widgets.video.accessibleDescription() == title_of(DARK)
    assert shown_frame(paused) == index
    # What came after the pause, if anything, was of that very frame.
    assert {newest(shown) for shown in answers} <= {index - 1, index}


def test_a_seek_shows_the_frame_with_its_own_label_at_once(
    qtbot: QtBot, paused: MainWindow
) -> None:
    answers: list[Shown] = []
    paused.session.answers.answered.connect(answers.append)
    for time_s, index, name in ((15.0, 450, BRIGHT), (3.0, 90, DARK), (19.0, 570, BRIGHT)):
        paused.session.navigator.seek(time_s)
        at_frame(qtbot, paused, index)
        labelled(qtbot, paused, name)
        picture = paused.widgets.video.picture
        assert picture.filled == picture.needed
        assert newest(answers[-1]) == index
        assert paused.session.state is State.PAUSED
    # Only the frames shown were recognised, not those before them.
    assert len(answers) <= 4


def test_the_keys_step_and_jump(qtbot: QtBot, paused: MainWindow) -> None:
    paused.session.navigator.seek(5.0)
    at_frame(qtbot, paused, 150)
    for key, expected in (
        (Qt.Key.Key_Period, 151),
        (Qt.Key.Key_Comma, 150),
        (Qt.Key.Key_Right, 210),
        (Qt.Key.Key_Left, 150),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_Left, 0),
    ):
        qtbot.keyClick(paused, key)
        at_frame(qtbot, paused, expected)
    assert paused.session.state is State.PAUSED
    # Before the clip can be full again, nothing is claimed.
    qtbot.waitUntil(lambda: "warming up" in paused.widgets.video.accessibleDescription())


def test_pressing_twice_jumps_twice(qtbot: QtBot, paused: MainWindow) -> None:
    paused.session.navigator.seek(5.0)
    at_frame(qtbot, paused, 150)
    for _ in range(3):
        qtbot.keyClick(paused, Qt.Key.Key_Right)
    at_frame(qtbot, paused, 330)


def test_a_jump_tells_its_target_until_the_picture_is_there(
    qtbot: QtBot, paused: MainWindow
) -> None:
    paused.session.navigator.seek(12.0)
    position = paused.widgets.transport.position
    assert position.text() == "00:12 / 00:20"
    assert position.property("tone") == "accent"
    at_frame(qtbot, paused, 360)
    qtbot.waitUntil(lambda: position.property("tone") == "text")
    assert position.text() == "00:12 / 00:20"


def test_a_step_while_playing_pauses(qtbot: QtBot, paused: MainWindow) -> None:
    qtbot.keyClick(paused, Qt.Key.Key_Space)
    assert paused.session.state is State.PLAYING
    qtbot.keyClick(paused, Qt.Key.Key_Period)
    assert paused.session.state is State.PAUSED


def test_a_seek_while_playing_plays_on_from_there(qtbot: QtBot, paused: MainWindow) -> None:
    qtbot.keyClick(paused, Qt.Key.Key_Space)
    paused.session.navigator.seek(14.0)
    qtbot.waitUntil(lambda: shown_frame(paused) > 421, timeout=PATIENCE_MS)
    assert paused.session.state is State.PLAYING
    labelled(qtbot, paused, BRIGHT)


@pytest.mark.parametrize("step", [True, False])
def test_moving_from_the_end_rests_where_it_leads(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, step: bool
) -> None:
    window = make_window(source=str(videos / "blink.mp4"))
    qtbot.waitUntil(lambda: window.session.state is State.ENDED, timeout=PATIENCE_MS)
    if step:
        qtbot.keyClick(window, Qt.Key.Key_Comma)
    else:
        window.session.navigator.seek(2 / 30)
    at_frame(qtbot, window, 2)
    assert window.session.state is State.PAUSED
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.session.state is State.ENDED, timeout=PATIENCE_MS)


def test_speeds_by_key_and_by_menu(qtbot: QtBot, paused: MainWindow) -> None:
    transport, actions = paused.widgets.transport, paused.widgets.transport_actions
    assert transport.speed.text() == "1×"
    qtbot.keyClick(paused, Qt.Key.Key_BracketLeft)
    qtbot.keyClick(paused, Qt.Key.Key_BracketLeft)
    qtbot.keyClick(paused, Qt.Key.Key_BracketLeft)
    assert (paused.session.navigator.speed, transport.speed.text()) == (0.25, "0.25×")
    actions.speed_choices[-1].trigger()
    assert (paused.session.navigator.speed, transport.speed.text()) == (math.inf, "max")
    assert transport.speed.accessibleName() == "Speed max"
    qtbot.keyClick(paused, Qt.Key.Key_BracketRight)
    assert paused.session.navigator.speed == math.inf
    qtbot.mouseClick(transport.speed, Qt.MouseButton.LeftButton)
    assert transport.menu.isVisible()
    chosen = [action.text() for action in transport.menu.actions() if action.isChecked()]
    assert chosen == ["max: as fast as it can be read"]
    transport.menu.close()


def test_without_bounds_no_frame_is_lost_and_skipped_clips_are_counted(
    qtbot: QtBot, paused: MainWindow
) -> None:
    session = paused.session
    capture = session._deck.current
    assert capture is not None
    answers: list[Shown] = []
    session.answers.answered.connect(answers.append)
    # From here on nothing is under way any more.
    session.navigator.step(1)
    qtbot.waitUntil(lambda: bool(answers) and newest(answers[-1]) == shown_frame(paused))
    answers.clear()
    skipped_before, captured_before = session._inference.skipped, capture.captured
    session.navigator.set_speed(math.inf)
    first = shown_frame(paused)
    qtbot.keyClick(paused, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: session.state is State.ENDED, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: newest(answers[-1]) == 599)
    taken = capture.captured - captured_before
    assert taken == 599 - first
    skipped = session._inference.skipped - skipped_before
    assert len(answers) + skipped == taken
    # Frames of one clip still lie 0.3 s apart: none was left out of the buffer.
    assert answers[-1].answer.offer.clip.frame_indices == (592, 594, 596, 599)


def test_a_camera_has_no_transport(
    qtbot: QtBot, make_window: MakeWindow, camera: FakeCamera
) -> None:
    window = make_window(source="0")
    qtbot.waitUntil(lambda: camera.opened == 1, timeout=PATIENCE_MS)
    camera.feed.put(40)
    qtbot.waitUntil(lambda: window.session.state is State.PLAYING)
    actions = window.widgets.transport_actions
    for action in (actions.restart, actions.frame_on, actions.back, actions.loop, actions.speed):
        assert not action.isEnabled()
    window.session.navigator.seek(3.0)
    window.session.navigator.step(1)
    assert window.session.state is State.PLAYING


def test_a_list_keeps_the_arrow_keys_while_it_has_the_focus(
    qtbot: QtBot, paused: MainWindow
) -> None:
    actions = paused.widgets.transport_actions
    items = QListWidget(paused)
    items.show()

    def keys(action: QAction) -> list[str]:
        return [key.toString() for key in action.shortcuts()]

    items.setFocus()
    assert keys(actions.back) == keys(actions.on) == []
    paused.widgets.stage.setFocus()
    assert (keys(actions.back), keys(actions.on)) == (["Left"], ["Right"])
