"""Ctrl-C and a polite kill ask training to stop; it finishes its step, saves, and says so."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

# What comes so soon after the first signal is the same key press once more.
_ECHO_S = 1.0


def leave_interrupts(worker: int) -> None:
    """For workers of a DataLoader: Ctrl-C reaches them too, and the process they work for decides.

    Where they are spawned (macOS, Windows) it would end them, and with them the step.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class StopRequest:
    """While this context lasts, SIGINT and SIGTERM set `asked`; a later SIGINT stops at once.

    torchrun passes on what the terminal has already sent to every process, and SIGTERM after it:
    that is no impatience. What an inner context was asked, the one around it has been asked too.
    """

    def __init__(self) -> None:
        self.asked = False
        self._asked_s = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        # Only the main thread may set handlers; elsewhere the caller stops in its own way.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
            around = getattr(handler, "__self__", None)
            if self.asked and isinstance(around, StopRequest):
                around.asked, around._asked_s = True, self._asked_s

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._asked_s = True, time.monotonic()
            # Not print(): the signal may come in the middle of one.
            os.write(2, b"Finishing this step, then saving; Ctrl-C again stops at once.\n")
        elif number == signal.SIGINT and time.monotonic() - self._asked_s > _ECHO_S:
            raise KeyboardInterrupt
