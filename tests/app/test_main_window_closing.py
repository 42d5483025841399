"""Closing the real window in every state: nothing is left of it."""

from __future__ import annotations

import importlib
import multiprocessing
import multiprocessing.resource_tracker
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.capture import Capture
from app.main_window import MainWindow
from app.model_worker import ModelWorker
from app.state import State
from tests.app.doubles import DARK, FakeCamera
from tests.app.windows import MakeWindow, labelled, loaded, reach


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The system's ids of all worker threads that were started."""
    started: list[int] = []
    for kind in (Capture, ModelWorker):

        def run(worker: Capture | ModelWorker, original: Callable[..., None] = kind.run) -> None:
            started.append(threading.get_native_id())
            original(worker)

        monkeypatch.setattr(kind, "run", run)
    return started


def alive(native_id: int) -> bool:
    return any(thread.id == native_id for thread in psutil.Process().threads())


def python_threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if not isinstance(t, threading._DummyThread)}


@pytest.fixture
def nothing_left(qtbot: QtBot, workers: list[int]) -> Callable[[MainWindow], None]:
    # It starts a helper thread of its own when it is imported, which is not ours to end.
    importlib.import_module("openvino")
    before = python_threads()
    children = {child.pid for child in psutil.Process().children(recursive=True)}

    def check(window: MainWindow) -> None:
        started_s = time.monotonic()
        window.close()
        assert time.monotonic() - started_s < 2
        assert window.ended_cleanly
        # Qt's wait() returns a moment before the system has taken the thread away.
        qtbot.waitUntil(lambda: not any(alive(native_id) for native_id in workers), timeout=1000)
        models = window.session._inference
        for part in (models._students, models._teacher):
            assert not any(worker.isRunning() for worker in part._workers())
        assert not any(capture.isRunning() for capture in window.session._deck.workers)
        assert python_threads() == before
        assert multiprocessing.active_children() == []
        tracker = getattr(multiprocessing.resource_tracker._resource_tracker, "_pid", None)
        left = {child.pid for child in psutil.Process().children(recursive=True)}
        assert left <= children | {tracker}

    return check


Check = Callable[[MainWindow], None]


def test_closing_before_anything_began(make_window: MakeWindow, nothing_left: Check) -> None:
    nothing_left(make_window(start=False))


def test_closing_while_the_models_load(make_window: MakeWindow, nothing_left: Check) -> None:
    nothing_left(make_window())


@pytest.mark.parametrize("state", [State.PLAYING, State.PAUSED, State.ENDED, State.FAILED])
def test_closing_in_each_state(
    state: State,
    qtbot: QtBot,
    make_window: MakeWindow,
    videos: Path,
    workers: list[int],
    nothing_left: Check,
) -> None:
    name = {State.ENDED: "brief.mp4", State.FAILED: "missing.mp4"}.get(state, "long.mp4")
    window = make_window(source=str(videos / name))
    if state is State.PLAYING:
        labelled(qtbot, window, DARK)
        assert len(workers) == 2
        assert all(alive(native_id) for native_id in workers)
    if state is State.PAUSED:
        reach(qtbot, window, State.PLAYING)
        window.session.toggle_play()
    reach(qtbot, window, state)
    nothing_left(window)


def test_closing_while_a_camera_gives_nothing(
    qtbot: QtBot, make_window: MakeWindow, camera: FakeCamera, nothing_left: Check
) -> None:
    window = make_window(source="0")
    qtbot.waitUntil(lambda: camera.opened == 1, timeout=20_000)
    nothing_left(window)
    assert camera.closed


def test_closing_while_a_real_stream_process_opens(
    qtbot: QtBot, make_window: MakeWindow, nothing_left: Check
) -> None:
    from core.camera import LiveSource

    window = make_window()
    loaded(qtbot, window)
    window.session._open_live = LiveSource
    window.open("http://127.0.0.1:9/nothing")
    qtbot.waitUntil(lambda: multiprocessing.active_children() != [], timeout=20_000)
    nothing_left(window)


def test_closing_with_q(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(start=False)
    qtbot.keyClick(window, Qt.Key.Key_Q)
    assert not window.isVisible()


def test_a_worker_that_does_not_end_is_reported(
    make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    window = make_window(start=False)
    with monkeypatch.context() as patch:
        patch.setattr(window.session._inference, "wait", lambda milliseconds: False)
        window.close()
        assert not window.ended_cleanly
    assert "incab-models did not end" in caplog.text
    window.ended_cleanly = True
