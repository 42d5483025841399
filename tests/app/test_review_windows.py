"""Windows of recordings come and go, keep the first window's layout, and end together."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QByteArray, QDeadlineTimer
from pytestqt.qtbot import QtBot

from app import review_windows
from app.main_window import MainWindow
from app.recording.blank_video import BlankVideo
from app.recording.review import load_review
from tests.app.recording.doubles import clip, write_session

MakeWindow = Callable[..., MainWindow]


@pytest.fixture
def show(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> Callable[[int], tuple[MainWindow, list[MainWindow]]]:
    """`show(count)`: a first window, and so many that show a recording each."""

    def open_all(count: int) -> tuple[MainWindow, list[MainWindow]]:
        first = make_window()
        for number in range(count):
            clips = [clip(frame, 0, 1) for frame in range(30)]
            first.open(write_session(tmp_path / f"s{number}.sqlite", clips))
            qtbot.waitUntil(lambda: len(first.reviews) == number + 1, timeout=20_000)  # noqa: B023
        windows = list(first.reviews)
        qtbot.waitUntil(lambda: all(one.session.source for one in windows), timeout=20_000)
        return first, windows

    return open_all


def is_gone(window: MainWindow) -> Callable[[], bool]:
    return lambda: not shiboken6.isValid(window)


def test_a_window_that_is_closed_goes_away(
    qtbot: QtBot, show: Callable[[int], tuple[MainWindow, list[MainWindow]]]
) -> None:
    first, (one, other) = show(2)
    capture = one.session._deck.current
    assert capture is not None
    assert one.review is not None
    recorded = weakref.ref(one.review.session)
    one.close()
    assert first.reviews == [other]
    qtbot.waitUntil(is_gone(one), timeout=20_000)
    assert capture.isFinished()
    assert first.isVisible()
    assert other.isVisible()
    # And all that was read for it is given back.
    del one, capture
    gc.collect()
    assert recorded() is None


def test_only_the_first_window_remembers_its_layout(
    qtbot: QtBot, show: Callable[[int], tuple[MainWindow, list[MainWindow]]]
) -> None:
    first, (review,) = show(1)
    settings = first.settings
    geometry, layout = QByteArray(b"geometry"), QByteArray(b"layout")
    settings.geometry, settings.layout, settings.loop = geometry, layout, False
    review.widgets.transport_actions.loop.setChecked(True)
    review.close()
    assert (settings.geometry, settings.layout, settings.loop) == (geometry, layout, False)
    first.close()
    assert settings.geometry != geometry
    assert settings.layout != layout


def test_a_thread_that_is_late_holds_nobody_up_and_keeps_its_window(
    qtbot: QtBot,
    show: Callable[[int], tuple[MainWindow, list[MainWindow]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck, go_on = threading.Event(), threading.Event()
    read = BlankVideo.read

    def hang(video: BlankVideo) -> object:
        stuck.set()
        go_on.wait(60)
        return read(video)

    first, (review,) = show(1)
    monkeypatch.setattr(BlankVideo, "read", hang)
    review.session.restart()
    assert stuck.wait(20)
    capture = review.session._deck.current
    assert capture is not None
    review.close()
    # The UI thread is here again although the other one hangs.
    first._windows._let_go()
    assert capture.isRunning()
    assert first._windows._leaving == [review]
    assert shiboken6.isValid(review)
    go_on.set()
    qtbot.waitUntil(is_gone(review), timeout=20_000)


def test_all_windows_are_asked_before_one_is_waited_for(
    show: Callable[[int], tuple[MainWindow, list[MainWindow]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, reviews = show(3)
    done: list[tuple[str, object, int]] = []

    def watch(target: object, method: str) -> None:
        original = getattr(target, method)

        def watched(*given: QDeadlineTimer) -> object:
            done.append((method, target, given[0].deadline() if given else 0))
            return original(*given)

        monkeypatch.setattr(target, method, watched)

    for window in (first, *reviews):
        for part in (window.session, window.recordings):
            watch(part, "stop")
            watch(part, "late")
    first.close()
    assert first.ended_cleanly
    stops = [place for place, (method, *_) in enumerate(done) if method == "stop"]
    waits = [place for place, (method, *_) in enumerate(done) if method == "late"]
    assert len(stops) == 8
    assert max(stops) < min(waits)
    # Against one moment, however many there are.
    for part in ("session", "recordings"):
        targets = [getattr(window, part) for window in (first, *reviews)]
        deadlines_ms = {
            deadline_ms
            for method, target, deadline_ms in done[: max(stops) + 9]
            if method == "late" and target in targets
        }
        assert len(deadlines_ms) == 1
    assert review_windows._FILES_MS < 2000 > review_windows._THREADS_MS


def test_a_recording_that_is_read_when_its_window_closes_opens_no_other(
    make_window: MakeWindow, tmp_path: Path
) -> None:
    first = make_window(start=False)
    late = load_review(write_session(tmp_path / "late.sqlite", [clip(1, 0, 0)]))
    first.close()
    first.recordings._on_review(late)
    assert first.reviews == []
    assert late.session._retired
