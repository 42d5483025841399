"""A stream server on loopback that stalls, drops, refuses, sends garbage, then behaves again.

python -m tests.robustness.stream_server [--rounds 3] [--fault-s 6] [--json]

Real child processes, real FFmpeg, and the limits that the application has. Prints how long after
the server behaves again the source is live; 1 when one took longer than 5 s. For a machine that has
nothing else to do: processes have to be started.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import get_args

from core.live import ReconnectingSource
from core.source_state import STREAM_LIMITS, SourceLimits, SourceState
from tests.core.mjpeg_server import Manners, MjpegServer

BAR_S = 5.0
MISBEHAVIOURS: tuple[Manners, ...] = get_args(Manners)[1:]
_PATIENCE_S = 60.0


@dataclass
class Figures:
    """How long each way back to live took, in seconds, by what the server had done before."""

    recovered_s: dict[str, list[float]] = field(default_factory=dict)
    gaps: int = 0
    reconnections: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def all_s(self) -> list[float]:
        """All of them."""
        return [seconds for some in self.recovered_s.values() for seconds in some]


def _poll_for(source: ReconnectingSource, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        source.poll(0.05)


def _poll_until_live(source: ReconnectingSource) -> float:
    began_s = time.monotonic()
    while source.status.state is not SourceState.LIVE:
        source.poll(0.05)
        if time.monotonic() - began_s > _PATIENCE_S:
            raise TimeoutError(source.status.reason)
    return time.monotonic() - began_s


def rehearse(
    rounds: int,
    fault_s: float,
    limits: SourceLimits = STREAM_LIMITS,
    misbehaviours: tuple[Manners, ...] = MISBEHAVIOURS,
) -> Figures:
    """Let the server misbehave in each way, `rounds` times, for `fault_s` each."""
    figures = Figures()
    with MjpegServer() as server:
        address = f"http://127.0.0.1:{server.port}/video"
        with ReconnectingSource(address, limits=limits) as source:
            _poll_until_live(source)
            for number in range(rounds):
                for manners in misbehaviours:
                    if manners == "refusing":
                        # Only who has no connection can be refused one.
                        server.manners = "dropping"
                        _poll_for(source, 0.3)
                    server.manners = manners
                    _poll_for(source, fault_s)
                    server.manners = "fine"
                    try:
                        took_s = _poll_until_live(source)
                    except TimeoutError as error:
                        figures.problems.append(f"round {number}, {manners}: {error}")
                        return figures
                    figures.recovered_s.setdefault(manners, []).append(round(took_s, 3))
                    # Some pictures in between; the next loss counts as one of a series.
                    _poll_for(source, 0.5)
            figures.gaps = source.status.gaps
            figures.reconnections = source.status.reconnections
    return figures


def main() -> int:
    """Print the figures; 1 when the source was live too late."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fault-s", type=float, default=6.0, help="how long it misbehaves")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = rehearse(arguments.rounds, arguments.fault_s)
    late = [seconds for seconds in figures.all_s if seconds > BAR_S]
    if arguments.json:
        print(json.dumps(asdict(figures), indent=1))
    else:
        print(f"{len(figures.all_s)} recoveries, {len(late)} later than the bar of {BAR_S:g} s")
        print(f"{figures.gaps} gaps, {figures.reconnections} reconnections")
        for manners, seconds in figures.recovered_s.items():
            print(f"  {manners:9} median {statistics.median(seconds):.2f} s, "
                  f"slowest {max(seconds):.2f} s")  # fmt: skip
        print(*figures.problems, sep="\n")
    return 1 if late or figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())
