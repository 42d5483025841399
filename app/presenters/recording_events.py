"""What happens while recording, in words: states, gaps, engines, faults, alerts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from PySide6.QtCore import QObject

from app.messages import STUDENTS, EngineReport, Slot, engine_title
from app.model_choice import Fault, Stall
from app.recording.records import EventRecord
from app.session import Session
from app.state import State
from core.activities import title_of
from core.alerts import Alert
from core.source_state import SourceStatus


class EventLog(QObject):
    """Puts a record of every event; `put` ignores it while nobody records."""

    def __init__(
        self, session: Session, put: Callable[[EventRecord], None], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._put = put
        self._signal = ""
        # By whether it is the students' thread; the teacher has its own.
        self._stalled_s = {True: math.inf, False: math.inf}
        session.state_changed.connect(self._on_state)
        session.signal_changed.connect(self._on_signal)
        session.answers.restarted.connect(lambda: self._note("restart", "labels begin anew"))
        session.answers.model_ready.connect(self._on_ready)
        session.answers.model_faulted.connect(self._on_fault)
        session.answers.model_failed.connect(
            lambda slot, text: self._note("failure", f"{slot}: {text}")
        )
        session.answers.model_stalled.connect(self._on_stall)
        session.problem.connect(lambda text: self._note("problem", text))

    def begin(self) -> None:
        """Say in which state the recording begins."""
        self._signal = ""
        self._on_state(self._session.state)

    def on_alert(self, alert: Alert) -> None:
        """An activity lasted longer than its rule allows."""
        rule = alert.rule
        self._note("alert", f"{title_of(rule.activity)} for more than {rule.after_s:g} s")

    def _note(self, kind: str, text: str) -> None:
        """Put an event of this moment."""
        self._put(EventRecord(time.time(), kind, text, self._session.navigator.position_s))

    def _on_state(self, state: State) -> None:
        self._note("state", state.value)

    def _on_signal(self, status: SourceStatus, waited_s: int) -> None:
        # It is told every second for as long as it waits.
        if status.state.value != self._signal:
            self._signal = status.state.value
            self._note("signal", f"{status.state.value}. {status.reason}".strip(". ") + ".")

    def _on_ready(self, slot: Slot, report: EngineReport) -> None:
        self._note("engine", f"{slot} runs on {engine_title(report.probed.engine)}")

    def _on_fault(self, slot: Slot, fault: Fault) -> None:
        self._note("fault", f"{slot}: {fault.sentence}")

    def _on_stall(self, stall: Stall) -> None:
        # It is told every second for as long as it lasts; a new one begins to count again.
        students = stall.slot in STUDENTS
        if stall.seconds <= self._stalled_s[students]:
            self._note("fault", f"{stall.slot}: no answer for {stall.seconds} s")
        self._stalled_s[students] = stall.seconds
