"""Hostile inputs of every kind that InCab reads: each is refused in one sentence, or makes sense.

python -m tests.robustness.fuzz_files [--inputs 10500] [--seed N] [--kinds model …] [--json]

Models, annotations, recipes, recordings, settings, videos and addresses of streams. They are used
in a child process whose memory is limited; whoever takes too long or takes the process down is a
fault, and so is whatever is no InCabError of one line. Prints the figures; 1 when there was one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from core.errors import InCabError
from tests.robustness.fuzz_kinds import Kind, make_kinds

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("model", "annotations", "recipe", "session", "settings", "address", "video")
LONGEST_S = 20.0
# Beyond what the libraries take by themselves.
MOST_MEMORY_MB = 1500
_LONGEST_SENTENCE = 2000


@dataclass
class Figures:
    """What became of the inputs of one kind."""

    inputs: int = 0
    refused: int = 0
    accepted: int = 0
    tracebacks: int = 0
    hangs: int = 0
    crashes: int = 0
    longest_s: float = 0.0
    peak_memory_mb: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """Inputs that were neither refused nor accepted in order."""
        return self.inputs - self.refused - self.accepted


def _chance(seed: int, kind: str, number: int) -> random.Random:
    return random.Random(f"{seed} {kind} {number}")


def outcome_of(kind: Kind, path: Path) -> tuple[str, str]:
    """Use one input; "refused", "accepted" or "traceback", and what was said."""
    try:
        sentence = kind.use(path)
    except InCabError as error:
        sentence = str(error)
    except Exception as error:
        return "traceback", f"{type(error).__name__}: " + traceback.format_exc(limit=-3)
    if sentence is None:
        return "accepted", ""
    lines = sentence.splitlines()
    if len(lines) != 1 or not sentence.endswith((".", "?")) or len(sentence) > _LONGEST_SENTENCE:
        return "traceback", f"no sentence: {sentence[:300]!r}"
    return "refused", sentence


def work(name: str, first: int, last: int, seed: int, limited: bool) -> None:
    """In the child: one line of JSON before each input and one after it."""
    with tempfile.TemporaryDirectory(prefix="incab-fuzz-") as place:
        folder = Path(place)
        kind = make_kinds(folder)[name]
        case = folder / "case"
        case.mkdir()
        if limited:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + MOST_MEMORY_MB * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        for number in range(first, last):
            path = case / f"case{kind.ending}"
            kind.make(path, _chance(seed, name, number))
            print(json.dumps({"number": number}), flush=True)
            began_s = time.monotonic()
            outcome, said = outcome_of(kind, path)
            took_s = time.monotonic() - began_s
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps([number, outcome, took_s, peak_mb, said]), flush=True)
            for left in case.iterdir():
                left.unlink()


def _read(child: subprocess.Popen[bytes], buffer: bytearray, wait_s: float) -> Any:
    """The next thing the child says; None when it says nothing in time, "" at its end."""
    assert child.stdout is not None
    while b"\n" not in buffer:
        if not select.select([child.stdout], [], [], wait_s)[0]:
            return None
        read = os.read(child.stdout.fileno(), 65536)
        if not read:
            return ""
        buffer += read
    line, _, rest = bytes(buffer).partition(b"\n")
    buffer[:] = rest
    return json.loads(line)


def fuzz(name: str, inputs: int, seed: int) -> Figures:
    """So many inputs of one kind, in as many children as it takes."""
    figures = Figures()
    number = 0
    while number < inputs:
        command = [sys.executable, "-m", "tests.robustness.fuzz_files", "--work", name,
                   str(number), str(inputs), str(seed)]  # fmt: skip
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            begun, number = number, _follow(child, figures, number)
            child.kill()
            assert child.stderr is not None
            told = child.stderr.read().decode(errors="replace")
        if number == begun:
            raise RuntimeError(f"The child for {name} made no input {number}: {told[-2000:]}")
        if len(figures.problems) > 50:
            break
    return figures


def _follow(child: subprocess.Popen[bytes], figures: Figures, number: int) -> int:
    """Count what the child says until its end; the number of the input after that."""
    buffer = bytearray()
    busy = False
    while True:
        said = _read(child, buffer, LONGEST_S if busy else 120.0)
        if isinstance(said, dict):
            number, busy = said["number"], True
            continue
        if isinstance(said, list):
            _count(figures, *said)
            number, busy = number + 1, False
            continue
        if busy:
            # It hangs, or is gone.
            figures.inputs += 1
            figures.hangs += said is None
            figures.crashes += said == ""
            how = "takes too long" if said is None else f"ends the process ({child.wait()})"
            figures.problems.append(f"{number} {how}")
            return number + 1
        return number


def _count(
    figures: Figures, number: int, outcome: str, took_s: float, peak_mb: float, said: str
) -> None:
    figures.inputs += 1
    figures.refused += outcome == "refused"
    figures.accepted += outcome == "accepted"
    figures.tracebacks += outcome == "traceback"
    figures.longest_s = round(max(figures.longest_s, took_s), 2)
    figures.peak_memory_mb = round(max(figures.peak_memory_mb, peak_mb), 1)
    if outcome == "traceback":
        figures.problems.append(f"{number} {said[:300]} … {said[-600:]}")


def fuzz_here(name: str, inputs: int, seed: int) -> Figures:
    """The quick form: in this process, without limits."""
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="incab-fuzz-") as place:
        kind = make_kinds(Path(place))[name]
        for number in range(inputs):
            path = Path(place) / f"case{kind.ending}"
            kind.make(path, _chance(seed, name, number))
            outcome, said = outcome_of(kind, path)
            _count(figures, number, outcome, 0.0, 0.0, said)
            for left in Path(place).glob("case*"):
                left.unlink()
    return figures


def main() -> int:
    """Print the figures; 1 when one input was not handled."""
    if sys.argv[1:2] == ["--work"]:
        name, first, last, seed = sys.argv[2:6]
        with contextlib.suppress(BrokenPipeError):
            work(name, int(first), int(last), int(seed), sys.platform == "linux")
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10500, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    each = -(-arguments.inputs // len(arguments.kinds))
    found: dict[str, Figures] = {}
    if not arguments.json:
        print(f"{'':12}{'inputs':>8}{'refused':>9}{'accepted':>9}{'tracebacks':>11}"
              f"{'hangs':>7}{'crashes':>9}{'longest s':>10}{'peak MB':>9}")  # fmt: skip
    for name in arguments.kinds:
        f = found[name] = fuzz(name, each, arguments.seed)
        if not arguments.json:
            print(f"{name:12}{f.inputs:8}{f.refused:9}{f.accepted:9}{f.tracebacks:11}"
                  f"{f.hangs:7}{f.crashes:9}{f.longest_s:10.2f}{f.peak_memory_mb:9.0f}",
                  flush=True)  # fmt: skip
    if arguments.json:
        print(json.dumps({name: asdict(figures) for name, figures in found.items()}, indent=1))
    else:
        outcomes = Counter({name: figures.faults for name, figures in found.items()})
        print(f"{sum(f.inputs for f in found.values())} inputs, {outcomes.total()} faults")
        for name, figures in found.items():
            for problem in figures.problems[:5]:
                print(f"\n{name} {problem}")
    return 1 if any(figures.faults for figures in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
