"""When pictures that come in bursts are due: those of a live playlist (HLS).

Such a stream is published in files of some seconds each. Whoever reads it gets the pictures of one
file at once and then none until the next, so arrival tells nothing of when they were taken.
"""

from __future__ import annotations

import math

# Without it, a sender whose clock is a little fast would leave us further behind every hour.
_FASTER = 1.001
# A longer step is a hole, or a sender that began anew; waiting for it would look like a stall.
_LONGEST_STEP_S = 1.0


def comes_in_bursts(address: int | str) -> bool:
    """Whether this is the address of a playlist; FFmpeg too goes by the ending of its name."""
    return isinstance(address, str) and ".m3u8" in address.lower()


class Pace:
    """Spreads bursts: each picture is as long after the one before as its sender says.

    Only the picture at hand is held, and never longer than one step; what comes too late moves
    all that follows.
    """

    def __init__(self) -> None:
        self._position_s = math.nan
        self._due_s = 0.0

    def due_s(self, position_s: float, now_s: float) -> float:
        """When to hand on the picture that was just read; not before `now_s`.

        Args:
            position_s: its place in the stream by the sender's clock.
            now_s: the time. The answer is by the same clock.
        """
        step_s = position_s - self._position_s
        due_s = now_s
        if 0 < step_s <= _LONGEST_STEP_S:
            due_s = max(now_s, self._due_s + step_s / _FASTER)
        self._position_s, self._due_s = position_s, due_s
        return due_s
