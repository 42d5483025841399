"""Says on a model's panel that its engine failed, what is done about it, and how to try again."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from app.messages import STUDENTS, EngineReport, Models, Slot
from app.model_choice import Fault, ModelChoice, Stall
from app.session import Session
from app.widgets.banner import Banner
from app.widgets.model_panel import ModelPanel

RETRY_KEY = "F5"


class ModelFaults(QObject):
    """Listens to one session for the life of the window."""

    def __init__(
        self, session: Session, panels: Mapping[Slot, ModelPanel], banner: Banner, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._panels = panels
        # What was said of models that do not run.
        self._failures: dict[Slot, str] = {}
        self.retry = QAction("Try models that stopped again", self)
        self.retry.setShortcut(RETRY_KEY)
        self.retry.setEnabled(False)
        self.retry.triggered.connect(session.answers.retry_models)
        session.answers.models_described.connect(self._on_models)
        session.answers.teacher_changed.connect(lambda: self._failures.pop("teacher", None))
        session.answers.model_ready.connect(self._on_ready)
        session.answers.model_faulted.connect(self._on_fault)
        session.answers.model_failed.connect(self._on_failed)
        session.answers.model_stalled.connect(self._on_stalled)
        session.answers.models_changing.connect(self._on_changing)
        session.answers.models_idle.connect(self._on_idle)
        session.answers.models_refused.connect(banner.show_problem)

    def _on_models(self, models: Models) -> None:
        # A teacher that failed beside other students still waits to be tried again.
        for slot in tuple(self._failures):
            if slot in STUDENTS or slot not in models.models:
                del self._failures[slot]

    def _on_ready(self, slot: Slot, report: EngineReport) -> None:
        self._failures.pop(slot, None)

    def _on_fault(self, slot: Slot, fault: Fault) -> None:
        if fault.retry_in_s is None:
            headline, remedy = "changing the engine…", "The next engine takes its place."
        else:
            headline = "trying again…"
            remedy = f"It is tried again in {fault.retry_in_s:g} s."
        self._panels[slot].show_fault(headline, f"{_ended(fault.sentence)} {remedy}")

    def _on_failed(self, slot: Slot, sentence: str) -> None:
        self._failures[slot] = sentence
        self._show_failure(slot)

    def _on_stalled(self, stall: Stall) -> None:
        # One thread runs both students; the teacher has its own.
        waiting = STUDENTS if stall.slot in STUDENTS else (stall.slot,)
        sentence = (
            f"No answer for {stall.seconds} s: waiting for {stall.waiting_for}. "
            "An engine that hangs is replaced by another."
        )
        for slot in self._session.answers.engines:
            if slot in waiting:
                headline = "not answering" if slot == stall.slot else "waiting…"
                self._panels[slot].show_stall(headline, sentence)

    def _on_changing(self, choice: ModelChoice | None) -> None:
        for slot in self._failures:
            if choice is not None:
                self._panels[slot].show_fault("trying again…", self._failures[slot])
            else:
                self._show_failure(slot)
        self.retry.setEnabled(bool(self._failures) and choice is None)

    def _on_idle(self) -> None:
        self.retry.setEnabled(bool(self._failures))

    def _show_failure(self, slot: Slot) -> None:
        sentence = f"{_ended(self._failures[slot])} Press {RETRY_KEY} to try again."
        self._panels[slot].show_failure(sentence)
        self.retry.setEnabled(True)


def _ended(sentence: str) -> str:
    """The sentence with a full stop; what engines say of themselves may have none."""
    return f"{sentence.rstrip().rstrip('.')}."
