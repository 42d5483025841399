"""Looking for a frame of a long file, in the real window: said, measured, and given up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.state import State
from core.frame_index import FrameIndex
from core.video import VideoFile

MakeWindow = Callable[..., MainWindow]
_FRAMES = 600
_HALF = 304


class SlowDisk:
    """Opens files of which, until `gate` is set, only the first half can be read."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.held = threading.Event()
        self.jumps = True

    def __call__(self, path: Path) -> VideoFile:
        disk = self

        class Slow(VideoFile):
            def _report_search(
                self, count: int, expected: int | None, interrupted: Callable[[], bool]
            ) -> None:
                super()._report_search(count, expected, interrupted)
                while count >= _HALF and not disk.gate.wait(0.01):
                    disk.held.set()
                    super()._report_search(count, expected, interrupted)

            def _jump(
                self, index: FrameIndex, number: int, interrupted: Callable[[], bool]
            ) -> bool:
                return disk.jumps and super()._jump(index, number, interrupted)

        return Slow(path)


@pytest.fixture
def disk() -> Iterator[SlowDisk]:
    made = SlowDisk()
    yield made
    made.gate.set()


@pytest.fixture
def resting(make_window: MakeWindow, disk: SlowDisk, videos: Path, qtbot: QtBot) -> MainWindow:
    """A window that rests at the beginning of long.mp4."""
    window = make_window()
    window.session.open_file = disk
    window.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: window.session.navigator.position_s is not None, timeout=20_000)
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert window.session.state is State.PAUSED
    return window


def at(window: MainWindow, time_s: float) -> bool:
    return window.session.navigator.position_s == pytest.approx(time_s, abs=0.01)


def search(qtbot: QtBot, window: MainWindow, time_s: float) -> None:
    window.widgets.timeline.seek_requested.emit(time_s)
    qtbot.waitUntil(lambda: window.widgets.video.search is not None, timeout=10_000)


def test_a_long_search_says_how_far_it_is_until_the_picture_comes(
    qtbot: QtBot, resting: MainWindow, disk: SlowDisk
) -> None:
    search(qtbot, resting, 15.0)
    qtbot.waitUntil(lambda: resting.busy.share is not None, timeout=10_000)
    assert resting.busy.share == pytest.approx(_HALF / _FRAMES)
    assert resting.busy.accessibleDescription() == "looking for the picture"
    assert resting.widgets.video.search == "Searching… 51 %"
    assert not at(resting, 15.0)
    disk.gate.set()
    qtbot.waitUntil(lambda: at(resting, 15.0), timeout=20_000)
    qtbot.waitUntil(lambda: resting.widgets.video.search is None)
    assert not resting.busy.moving


def test_a_step_back_searches_too(qtbot: QtBot, resting: MainWindow, disk: SlowDisk) -> None:
    qtbot.keyClick(resting, Qt.Key.Key_Comma)
    qtbot.waitUntil(lambda: resting.widgets.video.search is not None, timeout=10_000)
    disk.gate.set()
    qtbot.waitUntil(lambda: resting.widgets.video.search is None, timeout=10_000)


def test_another_file_ends_a_search(
    qtbot: QtBot, resting: MainWindow, disk: SlowDisk, videos: Path
) -> None:
    search(qtbot, resting, 15.0)
    searching = resting.session._deck.current
    assert searching is not None
    resting.session.open_file = VideoFile
    resting.open(videos / "brief.mp4")
    qtbot.waitUntil(lambda: resting.windowTitle().startswith("brief"), timeout=20_000)
    qtbot.waitUntil(searching.isFinished, timeout=10_000)
    qtbot.waitUntil(lambda: resting.widgets.video.search is None)


def test_closing_ends_a_search(qtbot: QtBot, resting: MainWindow) -> None:
    search(qtbot, resting, 15.0)
    searching = resting.session._deck.current
    assert searching is not None
    resting.close()
    assert resting.ended_cleanly
    assert searching.isFinished()


def test_a_newer_wish_ends_decoding_up_to_an_older_one(
    qtbot: QtBot, resting: MainWindow, disk: SlowDisk
) -> None:
    # The list of frames is known; the container leads nowhere.
    disk.jumps = False
    disk.gate.set()
    resting.session.navigator.seek(2.0)
    qtbot.waitUntil(lambda: at(resting, 2.0), timeout=20_000)
    disk.gate.clear()
    search(qtbot, resting, 15.0)
    qtbot.waitUntil(disk.held.is_set, timeout=10_000)
    resting.session.navigator.seek(4.0)
    qtbot.waitUntil(lambda: at(resting, 4.0), timeout=20_000)
    qtbot.waitUntil(lambda: resting.widgets.video.search is None)
