"""The main job from beginning to end with nothing but a keyboard, as the system would send it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QWindow
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.messages import Slot
from app.options import WindowOptions
from app.recording.places import SESSION_ENDING
from app.state import State
from app.widgets.transport import JUMP_S
from core.modelfile import save_model
from tests.app.doubles import float_network, tiny_model

Key = Qt.Key
CONTROL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
# More controls than a window has: who walks so far has walked in a circle.
_MOST_STEPS = 120
# When long.mp4 becomes bright, seconds.
_CHANGE_S = 10.0


class Keyboard:
    """Sends keys where the system would: to the window that has the focus."""

    def __init__(self, qtbot: QtBot) -> None:
        self._qtbot = qtbot

    def press(self, key: Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Press and let go of one key."""
        QTest.keyClick(self._window(), key, modifiers)

    def _window(self) -> QWindow:
        focused = QGuiApplication.focusWindow()
        if focused is None:
            # Where no window manager runs, nobody gives the focus back when a dialog closes.
            last = [one for one in QApplication.topLevelWidgets() if one.isVisible()][-1]
            last.activateWindow()
            self._qtbot.waitUntil(lambda: QGuiApplication.focusWindow() is not None, timeout=10_000)
            focused = QGuiApplication.focusWindow()
        assert focused is not None
        return focused

    def type(self, text: str) -> None:
        self._qtbot.waitUntil(lambda: isinstance(self.dialog(), QFileDialog), timeout=10_000)
        for letter in text:
            QTest.keyClick(QGuiApplication.focusWindow(), letter)
        self.press(Key.Key_Return)

    def dialog(self) -> QWidget | None:
        return QApplication.activeWindow()

    def walk_to(self, name: str) -> None:
        """Tab until the control of this name has the focus."""
        passed = []
        for _ in range(_MOST_STEPS):
            widget = QApplication.focusWidget()
            passed.append(name_of(widget))
            if passed[-1] == name:
                return
            self.press(Key.Key_Tab)
        raise AssertionError(f"{name} is not among {passed}")


def name_of(widget: QWidget | None) -> str:
    return widget.accessibleName() if widget is not None else ""


@pytest.fixture
def keys(qtbot: QtBot) -> Iterator[Keyboard]:
    # The system's own dialogs belong to other processes.
    attribute = Qt.ApplicationAttribute.AA_DontUseNativeDialogs
    before = QApplication.testAttribute(attribute)
    QApplication.setAttribute(attribute, True)
    yield Keyboard(qtbot)
    QApplication.setAttribute(attribute, before)


@pytest.fixture
def rival(models: dict[Slot, Path], options: WindowOptions, tmp_path: Path) -> WindowOptions:
    """Both models in a folder of their own, beside a third that finds every picture dark."""
    folder = tmp_path / "models"
    folder.mkdir()
    paths = {slot: folder / path.name for slot, path in models.items()}
    for slot, path in models.items():
        paths[slot].write_bytes(path.read_bytes())
    network = float_network()
    classifier = network.classifier
    dark = replace(classifier, bias=classifier.bias - np.float32([0, 100, 0, 0, 0, 0]))
    save_model(tiny_model(replace(network, classifier=dark)), folder / "rival.safetensors")
    return replace(options, int8=paths["int8"], fp32=paths["fp32"])


def test_the_whole_job_by_keyboard(
    qtbot: QtBot,
    keys: Keyboard,
    rival: WindowOptions,
    make_window: Callable[..., MainWindow],
    videos: Path,
    tmp_path: Path,
) -> None:
    window = make_window(int8=rival.int8, fp32=rival.fp32)
    session = window.session
    recordings = tmp_path / "recordings"
    window.settings.recordings_folder = recordings

    def until(done: Callable[[], bool]) -> None:
        qtbot.waitUntil(done, timeout=20_000)

    def at(time_s: float, within_s: float = 1 / 30) -> bool:
        return session.navigator.position_s == pytest.approx(time_s, abs=within_s)

    # The hint of the first run goes, and a video is opened.
    assert window.hint.isVisible()
    keys.press(Key.Key_Escape)
    assert not window.hint.isVisible()
    keys.press(Key.Key_O)
    keys.type(str(videos / "long.mp4"))
    until(lambda: session.answers.tally.agreement.clips > 3)
    # Pause, step, jump.
    keys.press(Key.Key_Space)
    assert session.state is State.PAUSED
    keys.press(Key.Key_Home)
    until(lambda: session.navigator.position_s == 0)
    for _ in range(3):
        keys.press(Key.Key_Period)
    keys.press(Key.Key_Comma)
    until(lambda: at(2 / 30, 1e-3))
    keys.press(Key.Key_Right)
    until(lambda: at(2 / 30 + JUMP_S, 1e-3))
    keys.press(Key.Key_Left)
    until(lambda: at(2 / 30, 1e-3))

    # Compare with another model: two models down in the list of the right side.
    keys.press(Key.Key_M)
    assert window.chooser.isVisible()
    keys.walk_to("Model file, Right, FP32")
    while window.chooser.files["fp32"].currentText() != "rival.safetensors":
        keys.press(Key.Key_Down)
    keys.walk_to("Compare these")
    keys.press(Key.Key_Return)
    panel = window.widgets.panels["fp32"]
    until(lambda: panel.file.toolTip().startswith("rival") and not window.chooser.state.text())
    keys.press(Key.Key_Escape)
    assert not window.chooser.isVisible()
    assert session.state is State.PAUSED

    # Play the rest four times as fast, and look at what was said on the way.
    for time_s in (2, 4, 6, 8):
        keys.press(Key.Key_Right)
        until(lambda time_s=time_s: at(2 / 30 + time_s, 1e-3))
    while session.navigator.speed < 4:
        keys.press(Key.Key_BracketRight)
    keys.press(Key.Key_Space)
    until(lambda: session.state is State.ENDED)
    # A busy machine answers few clips, and what it said changes a little late.
    keys.press(Key.Key_P)
    until(lambda: session.state is State.PAUSED and at(_CHANGE_S, 1.5))
    change_s = session.navigator.position_s
    assert change_s is not None
    keys.press(Key.Key_Left)
    until(lambda: at(change_s - JUMP_S))
    # One change lies before it: where the labels began anew after the jumps.
    navigator = session.navigator
    while not at(change_s):
        before_s = navigator.position_s or 0.0
        keys.press(Key.Key_N)
        until(lambda before_s=before_s: (navigator.position_s or 0.0) > before_s)
        assert (navigator.position_s or 0.0) < change_s + 0.1
    keys.press(Key.Key_P)
    until(lambda: (navigator.position_s or 0.0) < change_s - 1)
    keys.press(Key.Key_D)
    until(lambda: at(change_s, 1.0))

    # Record some seconds.
    while session.navigator.speed > 2:
        keys.press(Key.Key_BracketLeft)
    keys.press(Key.Key_R, CONTROL)
    assert window.recordings.recording.recording
    keys.press(Key.Key_Space)
    clips = session.answers.tally.agreement.clips
    until(lambda: session.answers.tally.agreement.clips > clips + 20)
    with qtbot.waitSignal(window.recordings.recording.saved, timeout=20_000):
        keys.press(Key.Key_R, CONTROL)
    keys.press(Key.Key_Space)
    (recorded,) = recordings.glob(f"*{SESSION_ENDING}")

    # Export what was recorded.
    table = tmp_path / "table.csv"
    keys.press(Key.Key_E, CONTROL)
    with qtbot.waitSignal(window.recordings.exports.exported, timeout=20_000):
        keys.type(str(table))
    with table.open() as file:
        assert len(list(csv.reader(file))) > 20

    # Open it again, in a window of its own, and leave both.
    keys.press(Key.Key_O, CONTROL)
    keys.type(str(recorded))
    until(lambda: len(window.reviews) == 1 and window.reviews[0].isActiveWindow())
    review = window.reviews[0]
    until(lambda: review.session.navigator.position_s is not None)
    keys.press(Key.Key_Q)
    until(lambda: not review.isVisible())
    assert window.isVisible()
    keys.press(Key.Key_Q)
    assert not window.isVisible()
    assert window.ended_cleanly
