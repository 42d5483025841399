"""Things to time whose behaviour is known; a module of its own, because processes import it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from core.errors import EngineError


@dataclass(frozen=True)
class Sleeper:
    """Takes a known time, and counts its runs."""

    seconds: float
    warm_up_runs: ClassVar[int] = 10

    def make(self) -> Sleeping:
        return Sleeping(self.seconds)


class Sleeping:
    def __init__(self, seconds: float) -> None:
        self.seconds, self.runs = seconds, 0

    def run(self, index: int) -> None:
        self.runs += 1
        time.sleep(self.seconds)

    def facts(self) -> dict[str, Any]:
        return {"process": os.getpid(), "runs": self.runs}


@dataclass(frozen=True)
class Faulty:
    """Refuses to load, or dies while it is timed."""

    how: str
    warm_up_runs: ClassVar[int] = 0

    def make(self) -> Faulty:
        if self.how == "refuses":
            raise EngineError("This engine needs another CPU.")
        if self.how == "breaks":
            raise RuntimeError("out of\nluck")
        return self

    def run(self, index: int) -> None:
        os.kill(os.getpid(), signal.SIGILL)

    def facts(self) -> dict[str, Any]:
        return {}
