"""Power cuts, rehearsed: stop a recording at a random moment, forget what no disk had to keep.

python -m tests.robustness.power_cuts [CUTS] [--seed N]

What a disk was told to write but not to keep may be on it or not, in any order and in part. So of
the sectors that were written since the last synchronisation a random part is taken back, and the
end of the log with them; then the session is opened. It has to be readable, without holes, and to
hold every clip that the disk had taken.

SQLite's own synchronisations cannot be seen here, but follow from its rules: it touches the session
only after the log is on the disk, and begins the log anew only after the session is.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from app.recording.reader import read_session
from core.errors import InCabError
from tests.robustness.power_child import parts

ROOT = Path(__file__).resolve().parents[2]
MOST_LOST_S = 1.0
_RATES = (30.0, 1000.0)
_LONGEST_S = 4.0
_SECTOR = 512
# In the head of a log: whoever begins it anew changes this.
_SALT = slice(16, 24)
_HEAD = 32


@dataclass(frozen=True)
class Cut:
    """One rehearsal.

    Attributes:
        taken_back: sectors that had been written and were forgotten.
        synced: clips that the disk had taken for certain.
        kept: clips that could be read afterwards.
        lost_s: from the last clip that was recorded to the last that could be read.
    """

    after_s: float
    rate: float
    taken_back: int
    synced: int
    kept: int
    lost_s: float
    problem: str | None


@dataclass(frozen=True)
class Report:
    """All rehearsals of a run."""

    cuts: int
    readable: int
    sectors_taken_back: int
    clips_synced: int
    clips_kept: int
    worst_lost_s: float
    problems: list[str]


def forget(old: bytes, new: bytes, chance: random.Random, untouched: int = 0) -> tuple[bytes, int]:
    """What a disk may hold that surely held `old` and was told to write `new`; sectors forgotten.

    The first `untouched` bytes are those of `new`.
    """
    share = chance.random()
    length = chance.randint(min(len(old), len(new)), max(len(old), len(new), untouched))
    length = max(length, min(untouched, len(new)))
    made, forgotten = bytearray(), 0
    for place in range(0, length, _SECTOR):
        before = old[place : place + _SECTOR].ljust(_SECTOR, b"\0")
        after = new[place : place + _SECTOR].ljust(_SECTOR, b"\0")
        if before != after and chance.random() < share:
            forgotten += 1
            after = before
        made += after
    made[:untouched] = new[:untouched]
    forgotten += max(0, len(new) - length) // _SECTOR
    return bytes(made[:length]), forgotten


def _cut(session: Path, images: Path, left: Path, chance: random.Random) -> int:
    """Write to `left` what a power cut may leave of a stopped recording; sectors forgotten."""
    number = (images / "synced").read_text()
    old_db, old_log = ((images / f"{number}.{end}").read_bytes() for end in ("db", "wal"))
    new_db, new_log = (path.read_bytes() for path in parts(session))
    forgotten = 0
    if old_log[_SALT] != new_log[_SALT]:
        # Begun anew: the session is on the disk, and so is the head of the log.
        new_log, forgotten = forget(old_log, new_log, chance, untouched=_HEAD)
    elif old_db != new_db:
        # The log is being brought into the session, and is on the disk for that.
        new_db, forgotten = forget(old_db, new_db, chance)
    else:
        new_log, forgotten = forget(old_log, new_log, chance)
    for path, content in zip(parts(left), (new_db, new_log), strict=True):
        path.write_bytes(content)
    return forgotten


def _frames(session: Path) -> list[int]:
    with read_session(session) as read:
        frames = read.clips.frame.tolist()
    if frames != list(range(len(frames))):
        raise InCabError(f"{session} has holes.")
    return frames


def cut_one(folder: Path, rate: float, after_s: float, chance: random.Random) -> Cut:
    """Record into `folder`, cut `after_s` after the first clip, and look at what is left."""
    session, images = folder / "session.sqlite", folder / "images"
    command = [sys.executable, "-m", "tests.robustness.power_child", str(session), str(rate)]
    with subprocess.Popen(
        [*command, str(2 * _LONGEST_S + after_s), str(images)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        deadline_s = time.monotonic() + after_s
        # A cut before anything was synchronised leaves nothing that was promised.
        while time.monotonic() < deadline_s or not (images / "synced").exists():
            lines.append(child.stdout.readline())
        child.send_signal(signal.SIGSTOP)
        left = folder / "left.sqlite"
        try:
            forgotten = _cut(session, images, left, chance)
            synced = folder / "synced.sqlite"
            number = (images / "synced").read_text()
            for path, end in zip(parts(synced), ("db", "wal"), strict=True):
                path.write_bytes((images / f"{number}.{end}").read_bytes())
        finally:
            child.kill()
        lines += child.stdout.readlines()
    recorded_s = [float(line.split()[1]) for line in lines if line.endswith("\n")]
    promised = len(_frames(synced))
    try:
        kept = len(_frames(left))
    except InCabError as error:
        return Cut(after_s, rate, forgotten, promised, 0, 0.0, str(error))
    problem = None if kept >= promised else f"{promised - kept} synchronised clips are gone"
    lost_s = recorded_s[-1] - recorded_s[max(0, min(kept, len(recorded_s)) - 1)]
    return Cut(after_s, rate, forgotten, promised, kept, lost_s, problem)


def rehearse(cuts: int, seed: int = 0) -> Report:
    """So many power cuts, one after the other."""
    chance = random.Random(seed)
    done: list[Cut] = []
    for number in range(cuts):
        with tempfile.TemporaryDirectory(prefix="incab-cut-") as folder:
            after_s = chance.uniform(0.0, _LONGEST_S)
            done.append(cut_one(Path(folder), _RATES[number % 2], after_s, chance))
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{cuts}", end="", file=sys.stderr)
    problems = [f"{cut.problem}: {asdict(cut)}" for cut in done if cut.problem]
    return Report(
        cuts=cuts,
        readable=sum(cut.problem is None for cut in done),
        sectors_taken_back=sum(cut.taken_back for cut in done),
        clips_synced=sum(cut.synced for cut in done),
        clips_kept=sum(cut.kept for cut in done),
        worst_lost_s=round(max(cut.lost_s for cut in done), 3),
        problems=problems,
    )


def main() -> int:
    """Print the figures; 1 when a session could not be read, or lost what had been synchronised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cuts", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    report = rehearse(arguments.cuts, arguments.seed)
    print(json.dumps(asdict(report), indent=1))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
