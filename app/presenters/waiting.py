"""Says with one moving line that something takes its time: models, a source, other models."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.messages import Slot
from app.model_choice import ModelChoice
from app.session import Session
from app.state import State
from app.widgets.busy_line import BusyLine


class WaitingPresenter(QObject):
    """Listens to everything that can last longer than half a second."""

    def __init__(self, session: Session, line: BusyLine, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._line = line
        session.answers.models_idle.connect(self._on_models)
        session.answers.model_ready.connect(self._on_models)
        session.state_changed.connect(self._on_state)
        session.answers.models_changing.connect(self._on_changing)

    def start(self) -> None:
        """The models are being loaded."""
        self._on_models()

    def _on_models(self, slot: Slot | None = None, report: object = None) -> None:
        loading = self._session.answers.loading_models
        self._line.wait_for("models", "loading models" if loading else None)

    def _on_state(self, state: State) -> None:
        self._line.wait_for("source", "opening the source" if state is State.OPENING else None)

    def _on_changing(self, choice: ModelChoice | None) -> None:
        self._line.wait_for("change", None if choice is None else "making other models ready")
