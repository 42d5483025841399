"""Engines that break or hang for one model on one engine, while the others go on."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from core.engines import load_engine
from core.modelfile import Model


class Unruly:
    """The engines of this test: each real, until it is told to hang or to break.

    `broken` and `hanging` hold (kind of model, engine); `release` lets go of all that hang.
    """

    def __init__(self) -> None:
        self.broken: set[tuple[str, str]] = set()
        self.hanging: set[tuple[str, str]] = set()
        self.hanging_at_load: set[tuple[str, str]] = set()
        self.loaded: list[tuple[str, str]] = []
        self.release = threading.Event()

    def load(self, model: Model, name: str, threads: int) -> object:
        key = (model.kind, name)
        self.loaded.append(key)
        if key in self.hanging_at_load:
            self.release.wait(30)
        # One engine behind all names: what is tested here is not how fast they are.
        engine = load_engine(model, "reference", threads)
        unruly = self

        class Engine:
            def __init__(self) -> None:
                self.name = name

            def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
                if key in unruly.hanging:
                    unruly.release.wait(30)
                if key in unruly.broken:
                    raise RuntimeError("it broke")
                return engine.logits(pixels)

        return Engine()
