"""When the frames of a file are due."""

from __future__ import annotations

# Behind its schedule by more than this (a suspended laptop, a stalled disk) a file goes on from
# where it is, instead of racing to catch up.
_FORGIVEN_LAG_S = 0.5


class Schedule:
    """When each frame of a file is due, at the speed it was recorded."""

    def __init__(self) -> None:
        self._origin_s: float | None = None

    def interrupt(self) -> None:
        """Start counting anew with the next frame, after a pause."""
        self._origin_s = None

    def remaining_s(self, time_s: float, now_s: float) -> float:
        """How long until the frame with this time is due; zero or less when it is."""
        if self._origin_s is None or now_s - (self._origin_s + time_s) > _FORGIVEN_LAG_S:
            self._origin_s = now_s - time_s
        return self._origin_s + time_s - now_s
