"""Fills the timeline with what the session answers, and goes where the person points."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.messages import Picture, Shown, Slot, SourceInfo
from app.session import Session
from app.timeline_jumps import (
    next_disagreement,
    next_label_change,
    previous_disagreement,
    previous_label_change,
)
from app.timeline_record import TOP, TimelineRecord
from app.widgets.timeline import Timeline

# The mark of the present moment moves this often; more costs, and nobody sees it.
_REFRESH_S = 0.12
_ZOOM = 0.5

KEYS = (
    ("N  P", "Next label change, the one before"),
    ("D  Shift+D", "Next disagreement, the one before"),
    ("+  -", "Zoom the timeline; so does the wheel, with Shift it scrolls"),
)

Jump = Callable[[TimelineRecord, float], float | None]


class TimelinePresenter(QObject):
    """Owns the record of the source that plays, and the keys that jump along it."""

    def __init__(self, session: Session, timeline: Timeline, window: QWidget) -> None:
        super().__init__(window)
        self.record: TimelineRecord | None = None
        self._session = session
        self._timeline = timeline
        self._refreshed_s = 0.0
        self._now_s: float | None = None
        self.actions = (
            self._jump(window, "N", "Next label change", next_label_change),
            self._jump(window, "P", "Label change before", previous_label_change),
            self._jump(window, "D", "Next disagreement", next_disagreement),
            self._jump(window, "Shift+D", "Disagreement before", previous_disagreement),
            self._action(window, ["+", "="], "Zoom in", lambda: timeline.zoom_by(_ZOOM)),
            self._action(window, ["-"], "Zoom out", lambda: timeline.zoom_by(1 / _ZOOM)),
        )
        timeline.seek_requested.connect(session.navigator.seek)
        session.source_changed.connect(self._on_source)
        session.answers.models_described.connect(self._on_models)
        session.answers.teacher_changed.connect(self._on_teacher)
        session.picture.connect(self._on_picture)
        session.answers.restarted.connect(self._on_restart)
        session.answers.answered.connect(self._on_answer)
        session.state_changed.connect(self.refresh)
        # Answers may come without pictures: the last of a file, those of a frame that rests.
        session.numbers.connect(self._refresh_if_due)

    def _action(
        self, window: QWidget, keys: list[str], text: str, done: Callable[[], None]
    ) -> QAction:
        action = QAction(text, self)
        action.setShortcuts(keys)
        action.triggered.connect(lambda: done())
        window.addAction(action)
        return action

    def _jump(self, window: QWidget, key: str, text: str, where: Jump) -> QAction:
        return self._action(window, [key], text, lambda: self._go(where))

    def _go(self, where: Jump) -> None:
        record, now_s = self.record, self._now_s
        if record is None or record.live or now_s is None:
            return
        time_s = where(record, now_s)
        if time_s is not None:
            # A second press follows before the picture does.
            self._now_s = time_s
            self._session.navigator.seek(time_s)

    def _on_source(self, info: SourceInfo) -> None:
        models = self._session.answers.models
        labels = next(iter(models.models.values())).labels if models and models.models else ()
        self.record = TimelineRecord(labels, info.duration_s, info.truth, info.fps)
        self._now_s = None
        self._timeline.show_record(self.record)

    def _on_models(self, models: object) -> None:
        # What other models said is not what these say.
        if self._session.source is not None:
            self._on_source(self._session.source)

    def _on_teacher(self) -> None:
        if self.record is not None:
            self.record.forget_teacher()

    def _on_picture(self, picture: Picture) -> None:
        self._now_s = picture.frame.time_s
        self._refresh_if_due()

    def _refresh_if_due(self) -> None:
        if time.monotonic() - self._refreshed_s >= _REFRESH_S:
            self.refresh()

    def _on_restart(self, slots: tuple[Slot, ...]) -> None:
        if self.record is not None:
            self.record.interrupt(slots)

    def _on_answer(self, shown: Shown) -> None:
        predictions = shown.answer.predictions
        if self.record is not None:
            self.record.add(
                shown.answer.offer.clip.time_s,
                {slot: prediction.best for slot, prediction in predictions.items()},
                {slot: prediction.top(TOP) for slot, prediction in predictions.items()},
            )

    def refresh(self) -> None:
        """Paint what was added, and where we are."""
        self._refreshed_s = time.monotonic()
        self._timeline.refresh(self._now_s)
