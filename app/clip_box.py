"""Where clips wait for the models, and answers for the window. No Qt.

One clip is in flight and one is pending; a newer one replaces the pending one, which is counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from app.messages import Answer, ClipOffer
from core.clip import ClipSpec

# When the window does not fetch answers, the models rest instead of piling them up.
_MOST_UNFETCHED = 64


class ClipBox:
    """The only thing that a model worker and the other threads both touch."""

    def __init__(self) -> None:
        self.skipped = 0
        self._wakeup = threading.Condition()
        self._closed = False
        self._answering = False
        self._pending: ClipOffer | None = None
        self._owed: object | None = None
        self._answers: deque[Answer] = deque()

    @property
    def owed(self) -> object | None:
        """Stands for the clip that nobody has dealt with since the last one; None without one.

        It stays the same object for as long as whoever answers does not come for the next clip,
        however many newer ones replace the one that waits.
        """
        return self._owed

    @property
    def closed(self) -> bool:
        """Whether it takes and gives nothing any more."""
        return self._closed

    def offer(self, offer: ClipOffer) -> None:
        """Leave the newest clip; one that was still waiting is skipped and counted.

        While the models load nothing is counted: the window says that they load.
        """
        with self._wakeup:
            if self._pending is not None and self._answering:
                self.skipped += 1
            self._pending = offer
            self._owed = self._owed or object()
            self._wakeup.notify_all()

    def owe(self, owed: object | None) -> None:
        """Take over what another box still owed; call it with no other thread about."""
        self._owed = owed

    def answer(self, answer: Answer) -> None:
        """Leave an answer; after close() nobody will get it."""
        with self._wakeup:
            if not self._closed:
                self._answers.append(answer)

    def take_answers(self) -> list[Answer]:
        """All answers since the last call, oldest first."""
        with self._wakeup:
            answers = list(self._answers)
            self._answers.clear()
            self._wakeup.notify_all()
            return answers

    def next_clip(self, spec: ClipSpec, until_s: float | None = None) -> ClipOffer | None:
        """Wait for the newest clip, once its answer has room; None when closed or out of time.

        Clips of another kind than `spec`, left from before the models changed, are dropped.

        Args:
            spec: what the models look at.
            until_s: when to give up, on the monotonic clock; None never does.
        """
        with self._wakeup:
            self._answering = True
            self._owed = None
            while not self._closed:
                if self._pending is not None and self._pending.spec != spec:
                    self._pending = None
                self._owed = None if self._pending is None else self._owed or object()
                if self._pending is not None and len(self._answers) < _MOST_UNFETCHED:
                    offer, self._pending = self._pending, None
                    return offer
                left_s = None if until_s is None else until_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    return None
                self._wakeup.wait(left_s)
            return None

    def close(self) -> None:
        """Let nobody wait here any more, and forget what lies here."""
        with self._wakeup:
            self._closed = True
            self._pending = self._owed = None
            self._answers.clear()
            self._wakeup.notify_all()
