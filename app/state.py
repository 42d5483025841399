"""The states of a session, and which may follow which."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """What the session is doing."""

    IDLE = "idle"
    OPENING = "opening"
    PLAYING = "playing"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"


NEXT_STATES: dict[State, frozenset[State]] = {
    State.IDLE: frozenset({State.OPENING}),
    # A source that cannot be opened leaves everything as it was.
    State.OPENING: frozenset({State.PLAYING, State.PAUSED, State.ENDED, State.FAILED}),
    State.PLAYING: frozenset({State.PAUSED, State.ENDED, State.FAILED, State.OPENING}),
    # A pause at the very end of a file is one at a file that has ended.
    State.PAUSED: frozenset({State.PLAYING, State.ENDED, State.FAILED, State.OPENING}),
    # A jump or a step from the end rests where it leads.
    State.ENDED: frozenset({State.PLAYING, State.PAUSED, State.FAILED, State.OPENING}),
    State.FAILED: frozenset({State.OPENING}),
}
