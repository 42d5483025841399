"""Kill `incab-train synthesize` at random moments, start it again, compare every byte.

The long form of test_kills.py: python tests/training/synthetic/rehearse_kills.py FOLDER --kills 10
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def _command(out: Path, people: int) -> list[str]:
    options = f"--people {people} --minutes 0.1 --fps 10 --seed 5 --workers 2"
    return [sys.executable, "-m", "training", "synthesize", str(out), *options.split()]


def _bytes(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def rehearse(folder: Path, kills: int, people: int = 3, seed: int = 0) -> list[str]:
    """What went wrong; one line is printed for each kill."""
    moments = random.Random(seed)
    undisturbed, out = folder / "undisturbed", folder / "killed"
    began_s = time.monotonic()
    subprocess.run(_command(undisturbed, people), cwd=ROOT, check=True, capture_output=True)
    took_s = time.monotonic() - began_s
    wanted = _bytes(undisturbed)
    done = 0
    while done < kills:
        process = subprocess.Popen(
            _command(out, people), cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
        )
        moment_s = moments.uniform(0.0, took_s)
        try:
            process.wait(moment_s)
        except subprocess.TimeoutExpired:
            done += 1
            whole = moments.random() < 0.5
            if whole:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            process.wait()
            videos = len([p for p in out.rglob("*.mp4") if "partial" not in p.name])
            print(
                f"kill {done} after {moment_s:.2f} s, {'all' if whole else 'parent only'}, "
                f"{videos} videos finished",
                flush=True,
            )
            continue
        if process.returncode or _bytes(out) != wanted:
            return [f"a call that was not killed ended with {process.returncode} or other bytes"]
        shutil.rmtree(out)
    subprocess.run(_command(out, people), cwd=ROOT, check=True, capture_output=True)
    found = _bytes(out)
    return [
        f"{name} differs, is missing or is left over"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an empty folder to work in")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    wrong = rehearse(given.folder, given.kills, seed=given.seed)
    print("\n".join(wrong) or "same bytes as undisturbed")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
