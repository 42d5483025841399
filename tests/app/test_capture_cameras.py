"""The source worker with a camera: pausing, gaps, losing it, and letting go of it."""

from __future__ import annotations

import threading

from pytestqt.qtbot import QtBot

from core.source_state import SourceState
from core.video import Frame
from tests.app.doubles import FakeCamera
from tests.app.rigs import STOPS_WITHIN_MS, MakeRig, Rig


def test_a_camera_opens_with_its_first_picture(
    qtbot: QtBot, rig: MakeRig, camera: FakeCamera
) -> None:
    made = rig(0)
    with qtbot.waitSignal(made.capture.opened):
        made.capture.start()
        camera.feed.put(50)
    assert made.opened[0].live
    assert made.opened[0].title == "camera 0"


def test_a_paused_camera_keeps_its_clip_buffer_filled(
    qtbot: QtBot, rig: MakeRig, camera: FakeCamera
) -> None:
    made = rig(0)
    made.capture.start()
    for level in range(20):
        camera.feed.put(level)
        qtbot.wait(20)
    qtbot.waitUntil(lambda: made.capture.captured == 20)
    assert made.offers == []
    made.capture.playback.play()
    camera.feed.put(20)
    qtbot.waitUntil(lambda: len(made.offers) == 1)
    assert made.offers[0].clip.frame_index == 20


def state_of(made: Rig) -> SourceState | None:
    status = made.capture.source_status
    return status.state if status is not None else None


def test_a_silence_begins_a_new_generation_before_the_next_picture(
    qtbot: QtBot, rig: MakeRig, camera: FakeCamera
) -> None:
    """What the models still say of the clip before is then known to be out of date."""
    made = rig(0)
    made.capture.start()
    made.capture.playback.play()
    camera.feed.put(1)
    qtbot.waitUntil(lambda: made.capture.captured == 1)
    first = made.capture.pictures.take()
    qtbot.waitUntil(lambda: state_of(made) is SourceState.STALLED)
    assert made.capture.generation == 2
    camera.feed.put(2)
    qtbot.waitUntil(lambda: made.capture.captured == 2)
    second = made.capture.pictures.take()
    assert first is not None
    assert second is not None
    assert (first.generation, second.generation) == (1, 2)
    assert second.filled == 1


def test_of_pictures_that_wait_all_are_buffered_and_the_newest_is_offered(
    qtbot: QtBot, rig: MakeRig, camera: FakeCamera
) -> None:
    made = rig(0)
    waiting = threading.Event()
    read = camera.read

    def read_when_all_wait(timeout_s: float) -> Frame | None:
        return read(timeout_s) if waiting.wait(timeout_s) else None

    camera.read = read_when_all_wait
    for level in range(4):
        camera.feed.put(level)
    made.capture.start()
    made.capture.playback.play()
    waiting.set()
    qtbot.waitUntil(lambda: made.capture.captured == 4)
    picture = made.capture.pictures.take()
    assert picture is not None
    assert picture.frame.index == 3
    assert len(made.capture._buffers._buffers[0]._frames) >= 2
    assert [offer.clip.frame_index for offer in made.offers] in ([], [3])


def test_a_camera_that_breaks_comes_back_by_itself(
    qtbot: QtBot, rig: MakeRig, camera: FakeCamera
) -> None:
    made = rig(0)
    made.capture.start()
    made.capture.playback.play()
    camera.feed.put(1)
    camera.feed.put("The cable is out; plug it in.")
    qtbot.waitUntil(lambda: state_of(made) is SourceState.LOST)
    assert camera.closed
    assert made.capture.generation == 2
    qtbot.waitUntil(lambda: camera.opened == 2)
    camera.feed.put(2)
    qtbot.waitUntil(lambda: state_of(made) is SourceState.LIVE)
    picture = made.capture.pictures.take()
    assert picture is not None
    assert (picture.generation, picture.filled, picture.frame.index) == (2, 1, 1)
    assert picture.frame.time_s > 0
    assert len(made.opened) == 1
    assert made.failures == []


def test_a_camera_that_never_gave_a_picture_is_closed_and_told(
    qtbot: QtBot, rig: MakeRig, camera: FakeCamera
) -> None:
    made = rig(0)
    with qtbot.waitSignal(made.capture.failed):
        made.capture.start()
        camera.feed.put("The cable is out; plug it in.")
    assert made.failures == ["The cable is out; plug it in."]
    qtbot.waitUntil(made.capture.isFinished)
    assert camera.closed


def test_stop_releases_a_camera_that_gives_nothing(rig: MakeRig, camera: FakeCamera) -> None:
    made = rig(0)
    made.capture.start()
    made.capture.stop()
    assert made.capture.wait(STOPS_WITHIN_MS)
    assert camera.closed or camera.opened == 0
    assert made.failures == []
