"""How a camera or stream is doing, and when it is given up and opened anew.

    opening ──▶ live ◀──▶ stalled ──▶ lost ──▶ reconnecting ──▶ live
       │          └─────────────────────▲             │
       ▼                                └─────────────┘
    refused (an error for the person who named the source)

Pure decisions: no reader, no process and no clock of its own; all times are `perf_counter` seconds.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from enum import Enum


class SourceState(Enum):
    """What a live source is doing."""

    OPENING = "opening"
    LIVE = "live"
    STALLED = "stalled"
    LOST = "lost"
    RECONNECTING = "reconnecting"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLimits:
    """How long what is put up with, in seconds.

    Attributes:
        opening_s: until the first picture ever; also for the start of the child process.
        stalled_s: without a picture; five of the sixteen parts of a 3 s clip are then missing.
        lost_s: without a picture, until the reader is ended and started anew.
        frozen_s: of one and the same picture (see core/frozen.py).
        restart_frozen_s: as frozen, until it is started anew; doubled each time it did not help,
            because a still test card is cured by nothing.
        longest_restart_frozen_s: the cap of that.
        pause_s: at least between two readers, for the driver to let the device go.
        first_retry_s: from one attempt's start to the next, doubled each time.
        longest_retry_s: the cap of that; with `patience_s` and a second to open, a source that
            behaves again is live within five.
        patience_s: for the first picture of an attempt; three times what the first opening took
            when that is more, so that a source that is slow to open is not cut off each time.
        steady_s: live for this long, and the next loss counts as the first again.
    """

    opening_s: float = 10.0
    stalled_s: float = 1.0
    lost_s: float = 3.0
    frozen_s: float = 2.0
    restart_frozen_s: float = 3.0
    longest_restart_frozen_s: float = 60.0
    pause_s: float = 0.25
    first_retry_s: float = 0.5
    longest_retry_s: float = 2.0
    patience_s: float = 2.5
    steady_s: float = 5.0


# On Windows a webcam may take more than ten seconds to begin.
CAMERA_LIMITS = SourceLimits(opening_s=30.0 if sys.platform == "win32" else 10.0)
# Ten seconds is the longest usual distance between two key frames.
STREAM_LIMITS = SourceLimits(frozen_s=10.0)


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What others may know of a live source at one moment.

    Attributes:
        fresh_s: when the last picture that was any good came (or the source was asked for).
        segment: changes with every gap; pictures of different segments make no clip together.
        frozen: whether pictures come that are all the same.
        reason: the sentence that tells why it is not live; empty while it is.
        attempt: how often it was opened in vain since it was lost.
        gaps: interruptions of the clip: stalled, frozen, lost, another size, a jump in time.
        reconnections: readers that were opened after the first.
        misplaced: pictures left out because their time did not go forward.
    """

    state: SourceState
    fresh_s: float
    segment: int = 0
    frozen: bool = False
    reason: str = ""
    attempt: int = 0
    gaps: int = 0
    reconnections: int = 0
    misplaced: int = 0


class Step(Enum):
    """What the owner of the reader has to do now."""

    NOTHING = "nothing"
    OPEN = "open"
    CLOSE = "close"
    REFUSE = "refuse"


class SourceMonitor:
    """The state machine of one camera or stream.

    The owner tells it what happens and does what `step` says. It begins in `OPENING` with a
    reader that was started at `now_s`.
    """

    def __init__(self, name: str, now_s: float, limits: SourceLimits) -> None:
        self.name = name
        self.state = SourceState.OPENING
        self._limits = limits
        self._reason = ""
        self._segment = self._gaps = self._reconnections = self._misplaced = 0
        self._attempts = self._losses = 0
        self._attempt_s = self._fresh_s = self._came_s = self._live_s = now_s
        self._retry_s = 0.0
        self._patience_s = limits.patience_s
        # Of the reader in use:
        self._captured_s: float | None = None
        self._size: tuple[int, int] | None = None
        self._frozen_s: float | None = None
        self._restart_frozen_s = limits.restart_frozen_s

    @property
    def segment(self) -> int:
        """Which stretch without a gap the newest picture belongs to."""
        return self._segment

    @property
    def status(self) -> SourceStatus:
        """How it stands now."""
        return SourceStatus(
            self.state,
            self._fresh_s,
            self._segment,
            self._frozen_s is not None,
            self._reason,
            self._attempts,
            self._gaps,
            self._reconnections,
            self._misplaced,
        )

    # -- what happens --------------------------------------------------------------------------

    def picture(
        self,
        captured_s: float,
        size: tuple[int, int],
        repeated_s: float,
        now_s: float,
        opening_since_s: float | None = None,
    ) -> bool:
        """A picture came; whether it is to be used.

        Args:
            captured_s: its time by the reader's own clock.
            size: its width and height.
            repeated_s: for how long this very picture has been coming.
            now_s: the time.
            opening_since_s: when the reader began to open, to learn how long that takes.
        """
        if not self._in_order(captured_s):
            return False
        self._came_s = now_s
        if repeated_s > self._limits.frozen_s:
            self._freeze(now_s)
            return False
        if self._size not in (None, size):
            self._gap()
        self._size = size
        if self.state is not SourceState.LIVE:
            self._revive(now_s, opening_since_s)
        if now_s - self._live_s >= self._limits.steady_s:
            self._losses = 0
            self._restart_frozen_s = self._limits.restart_frozen_s
        self._fresh_s = now_s
        return True

    def lose(self, reason: str, now_s: float) -> None:
        """The reader broke, ended or gives nothing, and is closed.

        One that opens for the first time is refused by its owner instead.
        """
        limits = self._limits
        self._gap()
        self.state = SourceState.LOST
        self._reason = reason
        self._losses += 1
        delay_s = min(limits.first_retry_s * 2 ** min(self._losses - 1, 16), limits.longest_retry_s)
        # Counted from the attempt's start: one that took long has waited already.
        self._retry_s = max(now_s + limits.pause_s, self._attempt_s + delay_s)
        self._captured_s = self._size = self._frozen_s = None

    def step(self, now_s: float, opening_since_s: float | None = None) -> Step:
        """What time alone changes, asked after the pictures that wait were told.

        Args:
            now_s: the time.
            opening_since_s: when the reader began to open its source; None while its process
                starts, whose own slowness is not the source's.
        """
        match self.state:
            case SourceState.OPENING | SourceState.RECONNECTING:
                return self._wait_for_first(now_s, opening_since_s)
            case SourceState.LIVE:
                if now_s - self._came_s > self._limits.stalled_s:
                    self._stall(f"No pictures come from {self.name}; check its cable or network.")
            case SourceState.STALLED:
                return self._wait_for_return(now_s)
            case SourceState.LOST:
                if now_s >= self._retry_s:
                    self._reconnect(now_s)
                    return Step.OPEN
        return Step.NOTHING

    def _wait_for_first(self, now_s: float, opening_since_s: float | None) -> Step:
        first = self.state is SourceState.OPENING
        patience_s = self._limits.opening_s
        if not first and opening_since_s is not None:
            patience_s = self._patience_s
        waited_s = now_s - (self._attempt_s if opening_since_s is None else opening_since_s)
        if waited_s <= patience_s:
            return Step.NOTHING
        self.lose(
            f"{self.name} gives no picture for {waited_s:.0f} s; "
            "check that it is connected and that no other program uses it.",
            now_s,
        )
        return Step.REFUSE if first else Step.CLOSE

    def _wait_for_return(self, now_s: float) -> Step:
        silent = now_s - self._came_s > self._limits.lost_s
        frozen_s = 0.0 if self._frozen_s is None else now_s - self._frozen_s
        if not silent and frozen_s <= self._restart_frozen_s:
            return Step.NOTHING
        if not silent:
            doubled_s = 2 * self._restart_frozen_s
            self._restart_frozen_s = min(doubled_s, self._limits.longest_restart_frozen_s)
        self.lose(self._reason, now_s)
        return Step.CLOSE

    # -- from state to state -------------------------------------------------------------------

    def _in_order(self, captured_s: float) -> bool:
        """Whether time goes forward; a leap of it, either way, is a gap."""
        if not math.isfinite(captured_s):
            self._misplaced += 1
            return False
        before_s = self._captured_s
        if before_s is not None:
            ahead_s = captured_s - before_s
            if -self._limits.stalled_s < ahead_s <= 0:
                # Out of order or stamped twice: where it belongs is not known.
                self._misplaced += 1
                return False
            if abs(ahead_s) > self._limits.stalled_s:
                self._gap()
        self._captured_s = captured_s
        return True

    def _gap(self) -> None:
        # In the other states the clip is cleared already, and nothing came since.
        if self.state is SourceState.LIVE:
            self._segment += 1
            self._gaps += 1

    def _stall(self, reason: str) -> None:
        self._gap()
        self.state = SourceState.STALLED
        self._reason = reason

    def _freeze(self, now_s: float) -> None:
        if self._frozen_s is None:
            self._frozen_s = now_s
            self._stall(f"{self.name} repeats one and the same picture; it may have frozen.")

    def _reconnect(self, now_s: float) -> None:
        self.state = SourceState.RECONNECTING
        self._attempt_s = self._came_s = now_s
        self._attempts += 1
        self._reconnections += 1

    def _revive(self, now_s: float, opening_since_s: float | None) -> None:
        if self.state is SourceState.OPENING and opening_since_s is not None:
            learned_s = 3 * (now_s - opening_since_s)
            self._patience_s = min(max(learned_s, self._patience_s), self._limits.opening_s)
        self.state = SourceState.LIVE
        self._live_s = now_s
        self._attempts = 0
        self._reason = ""
        self._frozen_s = None
