"""Moving through a file: what is asked of the source, and what is told of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.capture import Capture, CaptureSetup
from app.navigator import Navigator
from app.playback import Move


@pytest.fixture
def capture(qtbot: QtBot, videos: Path) -> Capture:
    """One that plays, as far as it knows; nobody reads."""
    made = Capture(
        CaptureSetup(
            address=videos / "long.mp4",
            annotations=None,
            kinds=(),
            labels=(),
            next_generation=itertools.count(1).__next__,
            offer=lambda offer: None,
        )
    )
    made.playback.play()
    return made


def test_jumps_add_up_until_the_picture_has_come(capture: Capture) -> None:
    navigator = Navigator()
    told: list[float | None] = []
    navigator.sought.connect(told.append)
    navigator.move_in(capture)
    navigator.jump(2.0)
    assert told == []
    navigator.position_s = 5.0
    navigator.jump(2.0)
    navigator.jump(2.0)
    assert capture.playback.take_move() == Move(9.0)
    assert navigator.searching
    capture.playback.moved()
    assert not navigator.searching
    navigator.arrive()
    navigator.arrive()
    navigator.jump(-20.0)
    assert capture.playback.take_move() == Move(0.0)
    assert told == [7.0, 9.0, None, 0.0]
    assert capture.playback.playing


def test_a_seek_from_the_end_finds_a_reader_that_rests(
    capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    navigator = Navigator()
    navigator.move_in(capture)
    playing: list[bool] = []
    seek = capture.playback.seek

    def watched(time_s: float) -> None:
        playing.append(capture.playback.playing)
        seek(time_s)

    monkeypatch.setattr(capture.playback, "seek", watched)
    navigator.seek(3.0)
    capture.playback.take_move()
    assert capture.playback.reached_end(0.0)
    navigator.seek(4.0)
    assert playing == [True, False]


def test_a_step_pauses(capture: Capture) -> None:
    navigator = Navigator()
    navigator.move_in(capture)
    playing: list[bool] = []
    navigator.move_asked.connect(lambda: playing.append(capture.playback.playing))
    navigator.step(-1)
    assert playing == [False]
    assert capture.playback.take_move() == Move(None, -1)


def test_without_a_file_nothing_moves(capture: Capture) -> None:
    navigator = Navigator()
    asked: list[object] = []
    navigator.sought.connect(asked.append)
    navigator.move_in(capture)
    navigator.position_s = 1.0
    navigator.move_in(None)
    navigator.seek(3.0)
    navigator.jump(1.0)
    navigator.step(1)
    assert asked == []
    assert not capture.playback.moving
    assert capture.playback.playing
    assert (navigator.searching, navigator.searched) == (False, None)


def test_another_source_has_no_position_and_the_same_speed(capture: Capture) -> None:
    navigator = Navigator()
    speeds: list[float] = []
    navigator.speed_changed.connect(speeds.append)
    navigator.set_speed(2.0)
    navigator.set_speed(2.0)
    navigator.position_s = 4.0
    navigator.begin()
    assert (navigator.position_s, navigator.speed, speeds) == (None, 2.0, [2.0])
