"""The long rehearsals, short: what they measure works, and what may never happen does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.robustness.exit_states import ROOT, measure, names

_STATES = ("an engine hangs", "swapping")
# How long it takes is for a machine that has nothing else to do; here it only has to end.
_LONGEST_S = 30.0


@pytest.mark.parametrize("state", _STATES)
def test_it_ends_from_states_that_only_a_process_can_be_in(state: str, tmp_path: Path) -> None:
    end = measure(state, "close", tmp_path, _LONGEST_S)
    assert end.problem is None
    assert (end.code, end.left) == (0, 0)


def test_every_state_that_is_tested_here_is_in_the_table() -> None:
    assert set(_STATES) <= set(names())


def figures(script: str, *arguments: str) -> dict[str, object]:
    """What a rehearsal printed, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.robustness.{script}", *arguments, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_slow_models_and_a_stolen_cpu_leave_the_picture_alone() -> None:
    found = figures("overload", "--seconds", "3", "--slowed", "50", "--burn", "2")
    assert found["missed_frames"] == 0
    assert found["skipped"] > 0
    assert found["problems"] == []


def test_a_short_soak_misses_no_frame_and_ends_in_order() -> None:
    found = figures("soak", "--minutes", "0.08")
    assert found["missed_frames"] == 0
    assert found["ended_cleanly"]
    assert set(found["answers"]) == {"int8", "fp32"}
    assert found["problems"] == []
