"""Writes what happens in a session to the log."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject

from app.messages import EngineReport, Models, Slot, SourceInfo
from app.model_choice import ModelChoice
from app.session import Session
from app.state import State
from core.source_state import SourceStatus

_log = logging.getLogger(__name__)


class SessionLog(QObject):
    """Listens to one session; what it warns of itself is not written twice."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._signal: tuple[object, bool] | None = None
        session.state_changed.connect(self._on_state)
        session.source_changed.connect(self._on_source)
        session.signal_changed.connect(self._on_signal)
        session.answers.models_described.connect(self._on_models)
        session.answers.models_changing.connect(self._on_changing)
        session.answers.engine_tried.connect(self._on_trial)
        session.answers.model_ready.connect(self._on_ready)
        session.answers.models_idle.connect(self._on_idle)

    def _on_state(self, state: State) -> None:
        _log.info("session: %s", state.value)

    def _on_source(self, info: SourceInfo) -> None:
        _log.info("source: %s, %d×%d, %s", info.title, info.width, info.height, _length(info))

    def _on_signal(self, status: SourceStatus, waited_s: int) -> None:
        # The seconds that pass are no news.
        signal = (status.state, status.frozen)
        if signal != self._signal:
            self._signal = signal
            frozen = ", the picture is frozen" if status.frozen else ""
            _log.info("signal: %s%s, gaps so far %d", status.state.value, frozen, status.gaps)

    def _on_models(self, models: Models) -> None:
        for slot, model in models.models.items():
            _log.info(
                "model %s: %s (%s, %.2f MB)", slot, model.file_name, model.kind, model.file_mb
            )

    def _on_changing(self, choice: ModelChoice | None) -> None:
        if choice is not None:
            names = ", ".join(
                f"{slot} {path.name} on {choice.engine_of(slot)}"
                for slot, path in choice.paths.items()
            )
            _log.info("models asked for: %s", names)

    def _on_trial(self, engine: str) -> None:
        _log.info("engine %s is tried in a process of its own", engine)

    def _on_ready(self, slot: Slot, report: EngineReport) -> None:
        latency_ms = report.probed.latency_ms
        speed = "" if latency_ms is None else f", {latency_ms:.2f} ms when tried"
        _log.info("model %s runs on %s%s", slot, report.probed.engine, speed)
        for result in report.left_out:
            _log.info("model %s: left out: %s", slot, result.problem)

    def _on_idle(self) -> None:
        _log.info("models: loading is over")


def _length(info: SourceInfo) -> str:
    return "live" if info.duration_s is None else f"{info.duration_s:.1f} s at {info.fps:g} fps"
