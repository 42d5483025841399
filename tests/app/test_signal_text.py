from __future__ import annotations

import pytest

from app.signal_text import no_signal
from core.source_state import SourceState, SourceStatus

REASON = "No pictures come from camera 0; check its cable or network."


@pytest.mark.parametrize("state", [SourceState.OPENING, SourceState.LIVE])
def test_nothing_is_said_of_what_is_well(state: SourceState) -> None:
    assert no_signal(SourceStatus(state, 0.0), 0) is None


@pytest.mark.parametrize("state", [SourceState.LOST, SourceState.RECONNECTING])
def test_a_lost_source_tells_for_how_long_and_why(state: SourceState) -> None:
    status = SourceStatus(state, 0.0, reason=REASON)
    assert no_signal(status, 3) == ("No signal — reconnecting (3 s)", REASON)
    again = SourceStatus(state, 0.0, reason=REASON, attempt=2)
    assert no_signal(again, 9) == ("No signal — reconnecting (9 s)", f"{REASON} Attempt 2.")


def test_a_silence_and_a_frozen_picture_are_told_apart() -> None:
    silent = SourceStatus(SourceState.STALLED, 0.0, reason=REASON)
    assert no_signal(silent, 2) == ("No signal", "The last picture came 2 s ago.")
    frozen = SourceStatus(SourceState.STALLED, 0.0, frozen=True, reason="It repeats itself.")
    assert no_signal(frozen, 2) == ("Frozen picture (2 s)", "It repeats itself.")
