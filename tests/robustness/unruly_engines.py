"""Real engines that begin to hang, break or dawdle when they are told to, in any process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core import engine_choice
from core.engines import Engine, load_engine
from core.modelfile import Model

# A thread that sleeps in C without the interpreter's lock is as stuck as one in a driver.
_FOR_EVER_S = 10_000.0


@dataclass
class Manners:
    """What the engines of one process shall do.

    Attributes:
        slowed: how many times as long a clip takes; the golden answers keep their pace.
        hangs: whether the next clip is never answered.
        hangs_at_load: whether the next engine is never ready.
        raises: whether clips end in an exception.
        stuck: set as soon as something hangs.
    """

    slowed: float = 1.0
    hangs: bool = False
    hangs_at_load: bool = False
    raises: bool = False
    stuck: threading.Event = field(default_factory=threading.Event)

    def install(self) -> None:
        """Let every engine that is loaded from now on behave so."""

        def load(model: Model, name: str, threads: int) -> Engine:
            if self.hangs_at_load:
                self.hang()
            return _Unruly(load_engine(model, name, threads), self)

        engine_choice.load_engine = load

    def hang(self) -> None:
        """Never come back."""
        self.stuck.set()
        time.sleep(_FOR_EVER_S)


class _Unruly:
    def __init__(self, engine: Engine, manners: Manners) -> None:
        self.name = engine.name
        self._logits: Callable[[NDArray[np.uint8]], NDArray[np.float32]] = engine.logits
        self._manners = manners

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits, if at all."""
        if self._manners.hangs:
            self._manners.hang()
        if self._manners.raises:
            raise RuntimeError("it was told to break")
        started_s = time.perf_counter()
        answer = self._logits(pixels)
        time.sleep((time.perf_counter() - started_s) * (self._manners.slowed - 1))
        return answer
