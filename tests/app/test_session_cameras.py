"""A session with a camera: it falls silent, is lost, and comes back by itself."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from app.session import Session
from app.state import State
from core.source_state import SourceState
from tests.app.doubles import FakeCamera
from tests.app.sessions import MakeSession, reach


def live(qtbot: QtBot, session: Session, camera: FakeCamera) -> None:
    opened = camera.opened
    session.open(0)
    qtbot.waitUntil(lambda: camera.opened > opened)
    camera.feed.put(20)
    reach(qtbot, session, State.PLAYING)


def test_a_silent_camera_is_told_and_so_is_its_return(
    qtbot: QtBot, make_session: MakeSession, camera: FakeCamera
) -> None:
    session, log = make_session()
    live(qtbot, session, camera)
    qtbot.waitUntil(lambda: log.signals[-1:] == [SourceState.LIVE])
    restarts = log.restarts
    qtbot.waitUntil(lambda: log.signals[-1:] == [SourceState.STALLED], timeout=5000)
    assert log.waited_s[-1] >= 1
    # At once, not with the next picture.
    assert log.restarts == restarts + 1
    camera.feed.put(21)
    qtbot.waitUntil(lambda: log.signals[-1] is SourceState.LIVE)
    assert log.waited_s[-1] == 0
    session.refresh_numbers()
    assert log.numbers[-1].gaps == 1


def test_an_answer_from_before_a_gap_is_not_shown(
    qtbot: QtBot, make_session: MakeSession, camera: FakeCamera
) -> None:
    """A model that is slow answers when the camera has stalled already."""
    session, log = make_session()
    live(qtbot, session, camera)
    for level in range(60):
        camera.feed.put(level)
        qtbot.wait(20)
    qtbot.waitUntil(lambda: len(log.shown) > 0)
    qtbot.waitUntil(lambda: log.signals[-1:] == [SourceState.STALLED], timeout=5000)
    shown = len(log.shown)
    session._show(log.shown[-1].answer)
    assert len(log.shown) == shown
    session.refresh_numbers()
    assert log.numbers[-1].label_age_ms is None


def test_after_a_pause_a_camera_is_looked_at_anew(
    qtbot: QtBot, make_session: MakeSession, camera: FakeCamera
) -> None:
    """Otherwise an activity would seem to have lasted through the pause, and raise an alert."""
    session, log = make_session()
    live(qtbot, session, camera)
    session.toggle_play()
    assert session.state is State.PAUSED
    restarts = log.restarts
    session.toggle_play()
    assert session.state is State.PLAYING
    assert log.restarts == restarts + 1


def test_silence_is_told_of_each_source_anew(
    qtbot: QtBot,
    make_session: MakeSession,
    camera: FakeCamera,
    videos: Path,
) -> None:
    session, log = make_session()
    live(qtbot, session, camera)
    qtbot.waitUntil(lambda: SourceState.STALLED in log.signals, timeout=5000)
    session.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: session.source is not None and not session.source.live)
    told = len(log.signals)
    live(qtbot, session, camera)
    qtbot.waitUntil(lambda: session.source is not None and session.source.live)
    qtbot.waitUntil(lambda: SourceState.STALLED in log.signals[told:], timeout=5000)


def test_a_lost_camera_comes_back_by_itself(
    qtbot: QtBot, make_session: MakeSession, camera: FakeCamera
) -> None:
    session, log = make_session()
    live(qtbot, session, camera)
    restarts = log.restarts
    camera.feed.put("Camera 0 is gone; plug it in.")
    qtbot.waitUntil(lambda: SourceState.LOST in log.signals)
    assert session.state is State.PLAYING
    assert camera.closed
    assert log.restarts > restarts
    qtbot.waitUntil(lambda: camera.opened == 2)
    camera.feed.put(20)
    qtbot.waitUntil(lambda: log.signals[-1] is SourceState.LIVE)
    assert log.problems == []


def test_a_camera_that_cannot_be_opened_can_be_tried_again(
    qtbot: QtBot, make_session: MakeSession, camera: FakeCamera
) -> None:
    session, log = make_session()
    camera.feed.put("Camera 0 is gone; plug it in.")
    session.open(0)
    reach(qtbot, session, State.FAILED)
    assert log.problems == ["Camera 0 is gone; plug it in."]
    assert camera.closed
    session.toggle_play()
    camera.feed.put(20)
    reach(qtbot, session, State.PLAYING)
    assert camera.opened == 2


def test_the_same_camera_is_released_before_it_is_opened_again(
    qtbot: QtBot, make_session: MakeSession, camera: FakeCamera
) -> None:
    session, _ = make_session()
    closed_at_opening: list[bool] = []

    def open_live(address: int | str) -> FakeCamera:
        closed_at_opening.append(camera.closed)
        return camera(address)

    session._open_live = open_live
    live(qtbot, session, camera)
    live(qtbot, session, camera)
    assert closed_at_opening == [False, True]
