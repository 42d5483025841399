"""Sessions on tiny models, and what they said."""

from __future__ import annotations

from collections.abc import Callable

from pytestqt.qtbot import QtBot

from app.messages import Numbers, Shown
from app.session import Session
from app.state import State
from core.source_state import SourceState, SourceStatus


class Log:
    """What a session said."""

    def __init__(self, session: Session) -> None:
        self.states: list[State] = []
        self.problems: list[str] = []
        self.shown: list[Shown] = []
        self.numbers: list[Numbers] = []
        self.restarts = 0
        self.signals: list[SourceState] = []
        self.waited_s: list[int] = []
        session.state_changed.connect(self.states.append)
        session.problem.connect(self.problems.append)
        session.answers.answered.connect(self.shown.append)
        session.numbers.connect(self.numbers.append)
        session.signal_changed.connect(self._on_signal)
        session.answers.restarted.connect(self._count)

    def _on_signal(self, status: SourceStatus, waited_s: int) -> None:
        self.signals.append(status.state)
        self.waited_s.append(waited_s)

    def _count(self) -> None:
        self.restarts += 1


MakeSession = Callable[..., tuple[Session, Log]]


def reach(qtbot: QtBot, session: Session, state: State) -> None:
    qtbot.waitUntil(lambda: session.state is state, timeout=10_000)
