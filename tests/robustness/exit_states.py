"""Ending from every state: how long it takes, what is left behind, and the exit code.

python -m tests.robustness.exit_states [STATE…] [--repeat N] [--signals] [--json]

Each state is a process of its own with the real window on Qt's offscreen platform, the bundled
models and clip. It is closed once by its window and, with --signals, by SIGTERM and by SIGINT too.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 2.0
_LONGEST_WAY_S = 90.0
_SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}


@dataclass(frozen=True)
class Exit:
    """One end: from which state, how, in which time, and what was wrong with it."""

    state: str
    how: str
    seconds: float | None
    code: int | None
    left: int
    problem: str | None


def names() -> list[str]:
    """Every state, as the child knows them."""
    from tests.robustness.exit_child import STATES

    return list(STATES)


def measure(state: str, how: str, folder: Path, longest_s: float = LONGEST_S) -> Exit:
    """Bring a process into a state and end it.

    Args:
        state: one of names().
        how: "close" for the window's own way, or "SIGTERM", "SIGINT".
        folder: where its settings, cache and log go.
        longest_s: how long its end may take.
    """
    short = folder / "short.mp4"
    if not short.is_file():
        _write_video(short)
    command = [sys.executable, "-m", "tests.robustness.exit_child", state]
    command += ["close" if how == "close" else "wait", str(short)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "INCAB_LOG": str(folder / "log"),
            "INCAB_CACHE": os.environ.get("INCAB_CACHE", str(folder / "cache")),
            "XDG_CONFIG_HOME": str(folder / "config"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        alarm = threading.Timer(_LONGEST_WAY_S, process.kill)
        alarm.start()
        try:
            return _end(process, state, how, longest_s)
        finally:
            alarm.cancel()
            process.kill()


def _end(process: subprocess.Popen[str], state: str, how: str, longest_s: float) -> Exit:
    assert process.stdout is not None
    line = process.stdout.readline()
    started_s = time.perf_counter()
    if not line:
        _, said = process.communicate()
        problem = f"the state was not reached: {said.strip()[-300:]}"
        return Exit(state, how, None, process.returncode, 0, problem)
    if how in _SIGNALS:
        process.send_signal(_SIGNALS[how])
    children = [
        psutil.Process(pid) for pid in json.loads(line)["children"] if psutil.pid_exists(pid)
    ]
    # Not communicate(): a child that outlives the process would keep its pipes open.
    code = process.wait()
    seconds = _since(started_s)
    # Python's own tracker of shared memory ends when it sees that its parent has.
    alive = children
    while (alive := [child for child in alive if _runs(child)]) and _since(started_s) < longest_s:
        time.sleep(0.02)
    problem = None
    if seconds > longest_s:
        problem = f"took {seconds:.1f} s"
    elif code != 0:
        problem = f"exit code {code}"
    elif alive:
        problem = f"left {[' '.join(child.cmdline()) for child in alive]}"
    return Exit(state, how, round(seconds, 3), code, len(alive), problem)


def _since(started_s: float) -> float:
    return time.perf_counter() - started_s


def _runs(process: psutil.Process) -> bool:
    """Whether it does anything; one that nobody asked for its exit status does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _write_video(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (64, 48))
    for level in range(20):
        writer.write(np.full((48, 64, 3), 10 * level, np.uint8))
    writer.release()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each end; 0 when all were in time and in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", nargs="*", help="all of them when left out")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--signals", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    ways = ["close", *_SIGNALS] if options.signals else ["close"]
    ends: list[Exit] = []
    with tempfile.TemporaryDirectory(prefix="incab-exit-") as name:
        for state in options.states or names():
            for how in ways * options.repeat:
                end = measure(state, how, Path(name))
                ends.append(end)
                time_s = "–" if end.seconds is None else f"{end.seconds:.2f} s"
                if not options.json:
                    print(f"{end.state:26} {how:8} {time_s:>7}  {end.problem or 'ok'}", flush=True)
    bad = [end for end in ends if end.problem]
    if options.json:
        print(json.dumps([asdict(end) for end in ends], indent=1))
    else:
        times = [end.seconds for end in ends if end.seconds is not None]
        print(
            f"{len(ends) - len(bad)} of {len(ends)} in order; slowest {max(times, default=0):.2f} s"
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
