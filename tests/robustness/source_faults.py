"""Every fault of a camera in every state of a live source, on a clock of its own.

python -m tests.robustness.source_faults [--fault-s 12] [--repeat 1] [--json]

For each pair: does it come back to live within 5 s of the fault's end (or, without a first
picture, refuse in a sentence), and does any clip hold a picture from before the gap? Prints the
figures; 1 when one pair failed.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field

from core.errors import SourceError
from core.source_state import CAMERA_LIMITS, SourceState
from tests.core.test_live import RECOVERED_WITHIN_S, Watcher
from tests.core.unruly_camera import FAULTS, Fault

_OPENED_WITHIN_S = CAMERA_LIMITS.opening_s + 1.0


@dataclass
class Figures:
    """What became of all pairs of fault and state."""

    pairs: int = 0
    recovered: int = 0
    reported: int = 0
    crashes: int = 0
    stale_clips: int = 0
    clips: int = 0
    slowest_s: float = 0.0
    slowest_pair: str = ""
    by_fault_s: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def try_pair(fault: Fault, state: SourceState, fault_s: float, figures: Figures) -> None:
    """Bring a source into a state, let the fault last, end it, and time the way back to live."""
    watcher = Watcher()
    figures.pairs += 1
    try:
        watcher.bring_to(state)
        watcher.camera.fault = fault
        try:
            watcher.go_on(fault_s)
            watcher.camera.fault = "fine"
            # While it opens, the camera it was asked for has longer to show itself.
            first = state is SourceState.OPENING
            took_s = watcher.reach(
                SourceState.LIVE, _OPENED_WITHIN_S if first else RECOVERED_WITHIN_S
            )
            clips = watcher.clips
            watcher.go_on(2.0)
            assert watcher.clips > clips, "live, but no clip"
        except SourceError as error:
            # Only for a source that never gave a picture; whoever named it is told.
            if state is not SourceState.OPENING:
                raise AssertionError(f"given up: {error}") from error
            figures.reported += 1
            return
        figures.recovered += 1
        figures.by_fault_s[fault] = max(took_s, figures.by_fault_s.get(fault, 0.0))
        if took_s > figures.slowest_s:
            figures.slowest_s, figures.slowest_pair = took_s, f"{fault} while {state.value}"
    except AssertionError as error:
        stale = any(word in str(error) for word in ("before the gap", "outlives"))
        figures.stale_clips += stale
        figures.problems.append(f"{fault} while {state.value}: {error}")
    except Exception:
        figures.crashes += 1
        figures.problems.append(f"{fault} while {state.value}: {traceback.format_exc(limit=-2)}")
    finally:
        figures.clips += watcher.clips
        watcher.source.close()


def rehearse(fault_s: float = 12.0, repeat: int = 1, seed: int = 0) -> Figures:
    """All pairs; the first time the fault lasts `fault_s`, then any time from 0.05 s to that."""
    figures, chance = Figures(), random.Random(seed)
    for turn in range(repeat):
        for fault in FAULTS:
            for state in SourceState:
                lasting_s = chance.uniform(0.05, fault_s) if turn else fault_s
                try_pair(fault, state, lasting_s, figures)
    return figures


def main() -> int:
    """Print the figures; 1 when one pair failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault-s", type=float, default=12.0, help="how long the fault lasts")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # What the log is told of each fault is not asked for here.
    logging.disable(logging.CRITICAL)
    figures = rehearse(arguments.fault_s, arguments.repeat)
    if arguments.json:
        print(json.dumps(asdict(figures), indent=1))
    else:
        print(f"{len(FAULTS)} faults in {len(SourceState)} states, {figures.pairs} pairs: "
              f"{figures.recovered} recovered, {figures.reported} reported")  # fmt: skip
        print(f"{figures.crashes} crashes, {figures.stale_clips} stale clips of {figures.clips}")
        print(f"slowest way back to live {figures.slowest_s:.1f} s ({figures.slowest_pair}), "
              f"bar {RECOVERED_WITHIN_S:g} s")  # fmt: skip
        for fault, took_s in Counter(figures.by_fault_s).most_common():
            print(f"  {fault:15} {took_s:5.1f} s")
        print(*figures.problems, sep="\n")
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())
