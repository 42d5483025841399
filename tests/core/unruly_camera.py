"""A camera and a clock made of Python; the camera has every fault that is known of cameras."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from core.errors import SourceError
from core.video import Frame

Fault = Literal[
    "fine", "block", "silent", "freeze", "exception", "ended", "no reader", "size", "slow",
    "fast", "black", "backwards", "one jump back", "same time", "not a number", "no image",
]  # fmt: skip
FAULTS: tuple[Fault, ...] = get_args(Fault)[1:]
SIZES = ((8, 6), (12, 6))
ADDRESS = "rtsp://user:secret@cam/live"


class Clock:
    """Seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class UnrulyCamera:
    """Opens readers that behave as `fault` says at the moment; `block` stays until reopened.

    Each picture holds its serial number, unless black or repeated; `taken_s` tells when each was
    taken, and `open_readers` how many readers hold the camera.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fault: Fault = "fine"
        self.taken_s: list[float] = []
        self.open_readers = 0
        self.opened = 0

    def __call__(self, address: int | str) -> Reader:
        if self.fault == "no reader":
            raise SourceError("No process can be started.")
        assert self.open_readers == 0, "a camera can be had only once"
        self.open_readers += 1
        self.opened += 1
        return Reader(self)

    def image(self) -> np.ndarray:
        if self.fault == "black":
            width, height = SIZES[0]
            return np.zeros((height, width, 3), np.uint8)
        if self.fault == "freeze":
            return np.full((6, 8, 3), 77, np.uint8)
        width, height = SIZES[self.fault == "size"]
        image = np.zeros((height, width, 3), np.uint8)
        number = len(self.taken_s)
        image[:, :] = (number % 200 + 30, number // 200 % 256, number // 51200)
        self.taken_s.append(self.clock.now_s)
        return image


class Reader:
    """A reader whose process takes 0.3 s to start and whose camera needs 0.4 s to open."""

    def __init__(self, camera: UnrulyCamera) -> None:
        self.started_s: float | None = None
        self._camera = camera
        self._begun_s = camera.clock.now_s
        self._due_s = self._begun_s + 0.7
        self._index = 0
        self._leap_s = 0.0
        self._leapt = False
        self._blocked = False
        self._closed = False

    @property
    def opening_since_s(self) -> float | None:
        since_s = self._begun_s + 0.3
        return since_s if self._camera.clock.now_s >= since_s else None

    def read(self, timeout_s: float) -> Frame | None:
        assert not self._closed
        camera, clock = self._camera, self._camera.clock
        fault = camera.fault
        if self._due_s > clock.now_s + timeout_s:
            clock.sleep(timeout_s)
            return None
        clock.now_s = max(clock.now_s, self._due_s)
        self._blocked = self._blocked or fault == "block"
        if self._blocked or fault == "silent":
            self._due_s = clock.now_s + timeout_s
            clock.sleep(timeout_s)
            return None
        if fault == "exception":
            raise RuntimeError(f"{ADDRESS} confuses the driver")
        if fault in ("ended", "no reader"):
            raise SourceError("No more pictures come; check it.")
        # Up to four pictures wait for a reader that comes late.
        period_s = {"slow": 0.4, "fast": 1 / 120}.get(fault, 1 / 15)
        self._due_s = max(self._due_s + period_s, clock.now_s - 4 * period_s)
        return self._frame(fault)

    def _frame(self, fault: Fault) -> Frame:
        now_s = self._camera.clock.now_s
        if self.started_s is None:
            self.started_s = now_s
        if fault == "one jump back" and not self._leapt:
            self._leapt, self._leap_s = True, self._leap_s - 30.0
        self._leapt = self._leapt and fault == "one jump back"
        time_s = now_s - self.started_s + self._leap_s
        if fault == "backwards" and self._index % 3 == 1:
            time_s -= 0.5
        elif fault == "same time":
            time_s = 1.0
        elif fault == "not a number":
            time_s = float("nan")
        image = self._camera.image()
        frame = Frame(None if fault == "no image" else image, time_s, self._index)  # type: ignore[arg-type]
        self._index += 1
        return frame

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._camera.open_readers -= 1
