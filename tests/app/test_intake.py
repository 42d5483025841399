"""What is told of a source, and what is not told again."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.capture import Capture, CaptureSetup
from app.intake import Intake
from app.messages import Picture
from core.source_state import SourceState, SourceStatus
from core.video import Frame
from tests.app.doubles import SPEC

IMAGE = np.zeros((4, 6, 3), np.uint8)


@pytest.fixture
def capture(qtbot: QtBot) -> Capture:
    """A camera that nobody reads."""
    return Capture(
        CaptureSetup(
            address=0,
            annotations=None,
            kinds=(SPEC,),
            labels=(),
            next_generation=itertools.count(1).__next__,
            offer=lambda offer: None,
        )
    )


class Log:
    """What an intake told, in order."""

    def __init__(self, intake: Intake) -> None:
        self.told: list[object] = []
        intake.interrupted.connect(lambda: self.told.append("interrupted"))
        intake.picture.connect(lambda picture: self.told.append(picture.frame.index))
        intake.signal_changed.connect(
            lambda status, waited_s: self.told.append((status.state, waited_s))
        )

    def take(self) -> list[object]:
        told, self.told = self.told, []
        return told


def picture(index: int, generation: int) -> Picture:
    return Picture(Frame(IMAGE, index / 30, index), IMAGE, generation, 0.0, 1, 4)


def test_each_picture_is_told_once_and_a_break_before_the_picture_after_it(
    capture: Capture,
) -> None:
    intake = Intake()
    log = Log(intake)
    capture.captured = 3
    capture.pictures.put(picture(2, 1))
    assert intake.take(capture) == 3
    assert log.take() == ["interrupted", 2]
    assert intake.take(capture) == 0
    capture.pictures.put(picture(3, 1))
    intake.take(capture)
    capture.pictures.put(picture(9, 2))
    intake.take(capture)
    assert log.take() == [3, "interrupted", 9]
    assert intake.generation == 2


def test_a_gap_is_a_break_before_there_is_a_picture(capture: Capture) -> None:
    intake = Intake()
    log = Log(intake)
    live = SourceStatus(SourceState.LIVE, time.perf_counter())
    capture.begin_generation()
    capture.source_status = live
    intake.take(capture)
    intake.take(capture)
    assert log.take() == ["interrupted", (SourceState.LIVE, 0)]
    capture.begin_generation()
    capture.source_status = replace(live, state=SourceState.STALLED, fresh_s=live.fresh_s - 7.5)
    intake.take(capture)
    stalled, waited_s = log.told[1]
    assert log.told[0] == "interrupted"
    assert stalled is SourceState.STALLED
    assert waited_s >= 7
    # Of another source everything is told anew.
    log.take()
    intake.begin()
    intake.take(capture)
    assert [log.told[0], log.told[1][0]] == ["interrupted", SourceState.STALLED]
