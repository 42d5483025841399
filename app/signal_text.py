"""What the window says over the picture of a camera or stream that is not live."""

from __future__ import annotations

from core.source_state import SourceState, SourceStatus


def no_signal(status: SourceStatus, waited_s: int) -> tuple[str, str] | None:
    """A headline and a sentence; None while the source is live or opens for the first time.

    `waited_s` is how many whole seconds ago the last good picture came.
    """
    match status.state:
        case SourceState.OPENING | SourceState.LIVE:
            return None
        case SourceState.STALLED if status.frozen:
            return f"Frozen picture ({waited_s} s)", status.reason
        case SourceState.STALLED:
            return "No signal", f"The last picture came {waited_s} s ago."
        case SourceState.LOST | SourceState.RECONNECTING:
            tried = f" Attempt {status.attempt}." if status.attempt else ""
            return f"No signal — reconnecting ({waited_s} s)", status.reason + tried
