"""Connects the transport's buttons, keys and the timeline with moving through a file."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QTabBar,
    QWidget,
)

from app.session import Session
from app.widgets.transport import JUMP_S, Transport, TransportActions

# These need the arrow keys for themselves while they have the focus.
_OWNERS_OF_ARROWS = (QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QTabBar)


class TransportPresenter(QObject):
    """Listens for the life of the window."""

    def __init__(
        self, session: Session, actions: TransportActions, transport: Transport, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._arrows = {action: action.shortcuts() for action in (actions.back, actions.on)}
        actions.play.triggered.connect(session.toggle_play)
        actions.restart.triggered.connect(session.restart)
        actions.loop.toggled.connect(session.set_loop)
        actions.frame_back.triggered.connect(lambda: session.navigator.step(-1))
        actions.frame_on.triggered.connect(lambda: session.navigator.step(1))
        actions.back.triggered.connect(lambda: session.navigator.jump(-JUMP_S))
        actions.on.triggered.connect(lambda: session.navigator.jump(JUMP_S))
        actions.speed_chosen.connect(session.navigator.set_speed)
        session.navigator.speed_changed.connect(actions.show_speed)
        session.navigator.sought.connect(transport.show_target)
        QApplication.instance().focusChanged.connect(self._on_focus)

    def _on_focus(self, before: QWidget | None, now: QWidget | None) -> None:
        taken = isinstance(now, _OWNERS_OF_ARROWS)
        for action, keys in self._arrows.items():
            action.setShortcuts([] if taken else keys)
