"""SIGKILL rehearsals: record, kill at a random moment, open what is left.

python -m tests.robustness.session_kills [KILLS] [--seed N]

Every second child records at 30 clips a second, the others as fast as a disk may have to follow, so
that kills also fall into checkpoints; some are killed while they close.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from app.recording.reader import read_session
from core.errors import InCabError

ROOT = Path(__file__).resolve().parents[2]
_RATES = (30.0, 1000.0)
_LONGEST_S = 4.0
# What may be lost, and what the test allows a busy machine on top: nothing.
MOST_LOST_S = 1.0


@dataclass(frozen=True)
class Kill:
    """One rehearsal: what the child had printed, what the file held, and how far they are apart."""

    after_s: float
    rate: float
    printed: int
    kept: int
    lost_s: float
    closed: bool
    problem: str | None


@dataclass(frozen=True)
class Report:
    """All rehearsals of a run."""

    kills: int
    readable: int
    before_the_first_commit: int
    killed_while_recording: int
    clips_printed: int
    clips_kept: int
    worst_lost_s: float
    problems: list[str]


def kill_one(folder: Path, rate: float, seconds: float, after_s: float) -> Kill:
    """Record into `folder`, kill `after_s` after the child began to record, and look."""
    path = folder / "session.sqlite"
    command = ["-m", "tests.robustness.recording_child", str(path), str(rate), str(seconds)]
    child = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    lines: list[str] = [child.stdout.readline()]
    deadline_s = time.monotonic() + after_s
    # The pipe holds 64 KiB: it has to be read while the child lives.
    while time.monotonic() < deadline_s and (line := child.stdout.readline()):
        lines.append(line)
    child.kill()
    lines += child.stdout.readlines()
    child.stdout.close()
    child.wait()
    closed = lines[-1].startswith("closed")
    printed = [line.split() for line in lines if line.endswith("\n") and line[0].isdigit()]
    last_s = float(printed[-1][1])
    first_s = float(printed[0][1])
    if not path.exists():
        # It may not be there yet, but only in the first moment.
        return Kill(after_s, rate, len(printed), 0, last_s - first_s, False, None)
    try:
        with read_session(path) as session:
            frames = session.clips.frame.tolist()
            if frames != list(range(len(frames))):
                raise InCabError(f"{path} has holes.")
            kept_s = float(session.clips.captured_unix_s[-1]) if frames else first_s
            problem = "closed without an end" if closed and not session.closed else None
    except InCabError as error:
        return Kill(after_s, rate, len(printed), 0, last_s - first_s, closed, str(error))
    return Kill(after_s, rate, len(printed), len(frames), last_s - kept_s, closed, problem)


def rehearse(kills: int, seed: int = 0) -> Report:
    """So many kills, one after the other."""
    chance = random.Random(seed)
    done: list[Kill] = []
    for number in range(kills):
        seconds = chance.uniform(0.2, _LONGEST_S)
        after_s = chance.uniform(0.0, seconds + 0.15)
        with tempfile.TemporaryDirectory(prefix="incab-kill-") as folder:
            done.append(kill_one(Path(folder), _RATES[number % 2], seconds, after_s))
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{kills}", end="", file=sys.stderr)
    problems = [kill.problem for kill in done if kill.problem]
    problems += [
        f"{kill.lost_s:.2f} s lost: {asdict(kill)}" for kill in done if kill.lost_s > MOST_LOST_S
    ]
    return Report(
        kills=kills,
        readable=sum(kill.problem is None for kill in done),
        before_the_first_commit=sum(kill.kept == 0 for kill in done),
        killed_while_recording=sum(not kill.closed for kill in done),
        clips_printed=sum(kill.printed for kill in done),
        clips_kept=sum(kill.kept for kill in done),
        worst_lost_s=round(max(kill.lost_s for kill in done), 3),
        problems=problems,
    )


def main() -> int:
    """Print the figures; 1 when a session could not be read or lost more than a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    report = rehearse(arguments.kills, arguments.seed)
    print(json.dumps(asdict(report), indent=1))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
