"""What a person wants of a source, as the window's thread says it and the reading thread obeys.

No Qt: plain locks, so that commands return at once and a waiting reader is woken.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import Enum, auto

from app.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Move:
    """To which frame to go: the one up at `time_s` (None: the one shown), then `steps` further."""

    time_s: float | None
    steps: int = 0

    @property
    def to_beginning(self) -> bool:
        """Whether it is the very first frame, which can be reached without looking for it."""
        return self.time_s is not None and self.time_s <= 0 and self.steps <= 0

    @property
    def forward(self) -> bool:
        """Whether reading on leads there."""
        return self.time_s is None and self.steps > 0


class Turn(Enum):
    """What the reader of a file has to do next."""

    STOP = auto()
    MOVE = auto()
    DELIVER = auto()
    END = auto()


class Playback:
    """Commands to one source, from any thread; it begins paused."""

    def __init__(self) -> None:
        self.loop = False
        self._wakeup = threading.Condition()
        self._playing = False
        self._stopping = False
        self._at_end = False
        self._move: Move | None = None
        self._moving = False
        self._speed = 1.0

    # -- commands ------------------------------------------------------------------------------

    def play(self) -> None:
        """Deliver frames."""
        with self._wakeup:
            self._playing = True
            self._wakeup.notify_all()

    def pause(self) -> None:
        """Deliver no more frames."""
        with self._wakeup:
            self._playing = False
            self._wakeup.notify_all()

    def stop(self) -> None:
        """Let the reader end, whatever it is doing."""
        with self._wakeup:
            self._stopping = True
            self._wakeup.notify_all()

    def seek(self, time_s: float) -> None:
        """Go to the frame up at a time, which is shown even when paused; the newest wish counts."""
        self._ask(Move(time_s))

    def step(self, frames: int) -> None:
        """Go so many frames on (or back) from the one shown or sought."""
        with self._wakeup:
            wanted = self._move or Move(None)
        self._ask(Move(wanted.time_s, wanted.steps + frames))

    def set_speed(self, speed: float) -> None:
        """Play so many times as fast as the file was recorded; infinity waits for nothing."""
        with self._wakeup:
            self._speed = speed
            self._wakeup.notify_all()

    def _ask(self, move: Move) -> None:
        with self._wakeup:
            self._move, self._moving = move, True
            self._at_end = False
            self._wakeup.notify_all()

    # -- what anybody may know -----------------------------------------------------------------

    @property
    def playing(self) -> bool:
        """Whether frames are wanted."""
        return self._playing

    @property
    def stopping(self) -> bool:
        """Whether the end was asked for."""
        return self._stopping

    @property
    def at_end(self) -> bool:
        """Whether the last frame was delivered and no move was asked for since."""
        with self._wakeup:
            return self._at_end

    @property
    def moving(self) -> bool:
        """Whether the frame that was asked for last is still on its way."""
        return self._moving

    @property
    def outdated(self) -> bool:
        """Whether another place was asked for while a frame is on its way."""
        # A step would go on from that frame.
        return self._move is not None and self._move.time_s is not None

    # -- the reader's side ---------------------------------------------------------------------

    def next_turn(self, time_s: float | None, schedule: Schedule) -> Turn:
        """Wait until there is something to do.

        Args:
            time_s: time of the frame that would be next; None at the end of the file.
            schedule: says when that is due.
        """
        with self._wakeup:
            while not self._stopping:
                schedule.set_speed(self._speed)
                if self._move is not None:
                    return Turn.MOVE
                if not self._playing:
                    schedule.interrupt()
                    self._wakeup.wait()
                elif time_s is None:
                    return Turn.END
                else:
                    remaining_s = schedule.remaining_s(time_s, time.monotonic())
                    if remaining_s <= 0:
                        return Turn.DELIVER
                    self._wakeup.wait(remaining_s)
            return Turn.STOP

    def take_move(self) -> Move:
        """The move that was asked for last."""
        with self._wakeup:
            move, self._move = self._move, None
            return move or Move(None)

    def moved(self) -> None:
        """The frame that was asked for is delivered."""
        with self._wakeup:
            self._moving = self._move is not None

    def reached_end(self, again_s: float) -> bool:
        """Whether to rest at the end of the file; with `loop` it starts again instead.

        Args:
            again_s: when it may start again at the earliest, on the monotonic clock.
        """
        with self._wakeup:
            while self.loop and self._undisturbed and time.monotonic() < again_s:
                self._wakeup.wait(again_s - time.monotonic())
            if not self._undisturbed:
                return False
            if self.loop:
                self._move = Move(0.0)
            self._at_end = self._move is None
            return self._at_end

    @property
    def _undisturbed(self) -> bool:
        return self._playing and self._move is None and not self._stopping

    def wait_at_end(self) -> None:
        """Rest until there is a move or a stop."""
        with self._wakeup:
            self._wakeup.wait_for(lambda: self._stopping or self._move is not None)
