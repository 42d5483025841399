"""Lets the person choose how steady labels are, and shows what that does to the last minute."""

from __future__ import annotations

from collections import deque

import numpy as np
from PySide6.QtCore import QObject, QTimer

from app.messages import Shown
from app.session import Session
from app.settings import Settings
from app.timeline_levels import UNKNOWN, Row
from app.widgets.decision_panel import DecisionPanel
from app.widgets.timeline_paint import Palette
from core.decisions import DecisionSettings, Sample, decide_again

_REMEMBERED_S = 60.0
_MOST = 1800
# While a slider moves, the minute is decided again at most this often.
_PREVIEW_MS = 150


class DecisionPresenter(QObject):
    """Keeps the last minute of the int8 student's probabilities; nothing of it is written."""

    def __init__(
        self, session: Session, panel: DecisionPanel, settings: Settings, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._panel = panel
        self._settings = settings
        self._samples: deque[Sample] = deque(maxlen=_MOST)
        self._begins = True
        self._soon = QTimer(self, interval=_PREVIEW_MS, singleShot=True)
        self._soon.timeout.connect(self.preview)
        panel.changed.connect(self._on_changed)
        session.answers.answered.connect(self._on_answer)
        session.answers.restarted.connect(self._on_restart)
        session.source_changed.connect(self._forget)
        session.answers.models_described.connect(self._forget)
        session.numbers.connect(self._on_numbers)
        self.show()

    def show(self) -> None:
        """Take what the settings say."""
        self._panel.show_settings(self._settings.decisions)
        self._session.answers.decide_with(self._settings.decisions)

    def _on_changed(self, decisions: DecisionSettings) -> None:
        self._settings.decisions = decisions
        self._session.answers.decide_with(decisions)
        if not self._soon.isActive():
            self._soon.start()

    def _on_answer(self, shown: Shown) -> None:
        prediction = shown.answer.predictions.get("int8")
        if prediction is None:
            return
        time_s = shown.answer.offer.clip.time_s
        self._samples.append(Sample(time_s, prediction.probabilities, self._begins))
        self._begins = False

    def _on_restart(self) -> None:
        self._begins = True

    def _forget(self) -> None:
        self._samples.clear()
        self._begins = True
        self.preview()

    def _on_numbers(self) -> None:
        if self._panel.isVisible() and not self._soon.isActive():
            self._soon.start()

    def preview(self) -> None:
        """Decide the last minute again with the values as they are."""
        models, samples = self._session.answers.models, self._recent()
        if models is None or "int8" not in models.models or not samples:
            self._panel.show_preview(None, None, None)
            return
        raw = np.array([int(s.probabilities.argmax()) for s in samples], np.int16)
        decided = decide_again(self._settings.decisions, samples)
        steady: Row = np.array([UNKNOWN if c is None else c for c in decided], np.int16)
        self._panel.show_preview(Palette(models.models["int8"].labels), raw, steady)

    def _recent(self) -> list[Sample]:
        """The samples of the last minute of the source's own time, across seeks."""
        kept: list[Sample] = []
        spent_s = 0.0
        for sample in reversed(self._samples):
            if kept and not kept[-1].begins:
                spent_s += max(kept[-1].time_s - sample.time_s, 0.0)
            if spent_s > _REMEMBERED_S:
                break
            kept.append(sample)
        return kept[::-1]
