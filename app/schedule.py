"""When the frames of a file are due."""

from __future__ import annotations

import math

# Behind its schedule by more than this (a suspended laptop, a stalled disk) a file goes on from
# where it is, instead of racing to catch up.
_FORGIVEN_LAG_S = 0.5

# What a person can choose, slowest first; the last is as fast as the file can be decoded.
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, math.inf)


def speed_title(speed: float) -> str:
    """How a speed is written: 0.25×, 1×, max."""
    return "max" if math.isinf(speed) else f"{speed:g}×"


class Schedule:
    """When each frame of a file is due, at a speed in times the rate at which it was recorded."""

    def __init__(self) -> None:
        self._speed = 1.0
        self._origin_s: float | None = None

    def interrupt(self) -> None:
        """Start counting anew with the next frame, after a pause or a jump."""
        self._origin_s = None

    def set_speed(self, speed: float) -> None:
        """Go on from the next frame at another speed."""
        if speed != self._speed:
            self._speed = speed
            self.interrupt()

    def remaining_s(self, time_s: float, now_s: float) -> float:
        """How long until the frame with this time is due; zero or less when it is."""
        # Divided by infinity every time is zero, so that every frame is due.
        since_start_s = time_s / self._speed
        if self._origin_s is None or now_s - (self._origin_s + since_start_s) > _FORGIVEN_LAG_S:
            self._origin_s = now_s - since_start_s
        return self._origin_s + since_start_s - now_s
