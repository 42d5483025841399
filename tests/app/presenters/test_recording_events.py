from __future__ import annotations

import time
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.inference import Inference
from app.messages import SLOTS
from app.model_choice import ModelChoice, Stall
from app.presenters.recording_events import EventLog
from app.session import Session


def test_each_stall_is_one_event_however_long_it_lasts(qtbot: QtBot, tmp_path: Path) -> None:
    """The window is told every second, and takes the label away once."""
    choice = ModelChoice.of({slot: tmp_path / slot for slot in SLOTS}, "auto")
    inference = Inference(choice)
    session = Session(inference)
    noted: list[tuple[str, str]] = []
    log = EventLog(session, lambda event: noted.append((event.kind, event.text)), session)
    log.begin()
    noted.clear()
    for _ in range(2):
        session.answers.tally._newest_captured_s = time.perf_counter()
        for second in (3, 4, 5):
            inference.stalled.emit(Stall("int8", "OpenVINO", second))
            # On a thread of its own.
            inference.stalled.emit(Stall("teacher", "OpenVINO", second + 7))
    restart, fault = ("restart", "labels begin anew"), ("fault", "int8: no answer for 3 s")
    teacher = ("fault", "teacher: no answer for 10 s")
    assert sorted(noted) == sorted([restart, fault, teacher] * 2)
    assert not session.answers.tally.has_label
