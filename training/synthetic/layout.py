"""Names, folders and splits of a synthetic set, as Drive&Act has them."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from core.driveact import STREAM_SUFFIX
from core.errors import DataError
from core.files import replacing
from training.synthetic.camera import view_named

# Raised whenever the same numbers give other pictures: old and new must not mix in a folder.
GENERATOR_VERSION = 4
CONFIG_NAME = "synthetic.json"
FEWEST_PEOPLE = 3
# Measured on 256x256 mp4v with the noisiest sensor; the average is 0.1.
_BYTES_PER_PIXEL = 0.26
_RESERVE_BYTES = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticConfig:
    """Everything the bytes of a set depend on; checked on construction."""

    people: int
    minutes: float
    seed: int
    views: tuple[str, ...]
    fps: float
    size: int
    first_person: int
    difficulty: float = 1.0
    version: int = GENERATOR_VERSION

    def __post_init__(self) -> None:
        if self.people < FEWEST_PEOPLE:
            raise DataError(
                f"{self.people} people cannot be split by person; give at least {FEWEST_PEOPLE}."
            )
        if not 0 < self.minutes <= 600:
            raise DataError(f"minutes is {self.minutes}; give a number above 0, at most 600.")
        if not 1 <= self.fps <= 240:
            raise DataError(f"fps is {self.fps}; give a number from 1 to 240.")
        if self.frames < 1:
            raise DataError(f"minutes is {self.minutes}, which is not one frame; give more.")
        if not 64 <= self.size <= 1024 or self.size % 2:
            raise DataError(f"size is {self.size}; give an even number from 64 to 1024.")
        if not 0 <= self.difficulty <= 3:
            raise DataError(f"difficulty is {self.difficulty}; give a number from 0 to 3.")
        if self.seed < 0 or self.first_person < 1:
            raise DataError("seed must not be negative, and first_person must be at least 1.")
        if not self.views or len(set(self.views)) != len(self.views):
            raise DataError("Name at least one view, and each only once.")
        for name in self.views:
            view_named(name)

    @property
    def frames(self) -> int:
        """Frames of one run."""
        return round(self.minutes * 60 * self.fps)

    @property
    def participants(self) -> tuple[int, ...]:
        """The vp numbers of this set."""
        return tuple(range(self.first_person, self.first_person + self.people))


def file_id(person: int, view: str) -> str:
    """The run's name in the CSVs, without a file ending: run, time of recording and stream."""
    day = 1 + (person - 1) % 28
    month = 1 + (person - 1) // 28 % 12
    return f"vp{person}/run1_2026-{month:02d}-{day:02d}-10-00-00.{STREAM_SUFFIX[view]}"


def video_path(out: Path, person: int, view: str) -> Path:
    """Where the run's video lies."""
    return out / view / f"{file_id(person, view)}.mp4"


def split_people(participants: tuple[int, ...], split: int) -> dict[str, frozenset[int]]:
    """People of train, val and test (about 10:2:3), disjoint; each split tests other people."""
    count = len(participants)
    tests = max(1, round(count * 3 / 15))
    vals = max(1, round(count * 2 / 15))
    order = [participants[(split * tests + k) % count] for k in range(count)]
    return {
        "test": frozenset(order[:tests]),
        "val": frozenset(order[tests : tests + vals]),
        "train": frozenset(order[tests + vals :]),
    }


def claim_folder(out: Path, config: SyntheticConfig) -> None:
    """Make the folder this configuration's own.

    Raises:
        DataError: it holds a set made with another configuration, or cannot be written.
    """
    path = out / CONFIG_NAME
    wanted = json.dumps(asdict(config), indent=2, sort_keys=True) + "\n"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if path.exists():
            found = path.read_text(encoding="utf-8", errors="replace")
            if found != wanted:
                raise DataError(
                    f"{out} already holds a synthetic set with other settings"
                    f"{_differences(found, wanted)}; choose another folder or remove this one."
                )
            return
        with replacing(path) as partial:
            partial.write_text(wanted, encoding="utf-8")
    except OSError as error:
        raise DataError(f"Cannot write to {out}: {error.strerror}.") from error


def _differences(found: str, wanted: str) -> str:
    try:
        old, new = json.loads(found), json.loads(wanted)
        changed = [
            f"{k} {old.get(k)!r} there, {new[k]!r} asked" for k in new if old.get(k) != new[k]
        ]
    except (ValueError, AttributeError):
        return f" ({CONFIG_NAME} is unreadable)"
    return f" ({'; '.join(changed)})"


def check_space(out: Path, config: SyntheticConfig) -> None:
    """Refuse before the first frame when the set cannot fit on the disk.

    Raises:
        DataError: too little free space for the videos still missing.
    """
    missing = sum(
        not video_path(out, person, view).exists()
        for view in config.views
        for person in config.participants
    )
    needed = int(missing * config.frames * config.size**2 * _BYTES_PER_PIXEL) + _RESERVE_BYTES
    if missing == 0:
        return
    free = shutil.disk_usage(out).free
    if free < needed:
        raise DataError(
            f"{out} has {free / 2**20:,.0f} MiB free, the synthetic videos need about "
            f"{needed / 2**20:,.0f} MiB; free some space, or ask for fewer minutes or people."
        )


def require_room(folder: Path) -> None:
    """Stop before the disk is quite full, for its sake and because encoders then say nothing.

    Raises:
        DataError: less than 16 MiB are free.
    """
    if shutil.disk_usage(folder).free < _RESERVE_BYTES:
        raise DataError(
            f"The disk of {folder} is full; "
            "free some space and call it again: finished videos stay."
        )


def remove_leftovers(out: Path, config: SyntheticConfig) -> None:
    """What a killed call was writing; nobody else knows those names."""
    folders = [out, *(out / "activities_3s" / view for view in config.views)]
    folders += [
        video_path(out, p, view).parent for view in config.views for p in config.participants
    ]
    for folder in folders:
        for leftover in folder.glob("*.partial-*"):
            leftover.unlink(missing_ok=True)
