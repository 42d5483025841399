"""What a reproduction is: its settings, kept in <out>/reproduce.json so that it stays one thing.

Splits, seeds and tables may be added by later calls; a profile, another data set or other
overrides would make rows that cannot be compared, and are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from core.driveact import SUBSETS
from core.errors import DataError
from core.files import replacing
from training.checkpoint import BEST_FILE, read_description, weights_sha256
from training.config import Recipe, settings_of
from training.fitting import is_finished
from training.people import people_of
from training.provenance import data_fingerprint
from training.reproduce.plan import Task
from training.store import Store

RECORD_FILE = "reproduce.json"
SCHEMA = "incab.reproduce/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to reproduce and how to compute it; see `incab-train reproduce --help`."""

    splits: tuple[int, ...]
    seeds: tuple[int, ...]
    tables: tuple[int, ...]
    profile: str | None
    overrides: Mapping[str, Any]
    command: str
    threads: int = 2
    workers: int = 0
    in_memory: bool = False
    device: torch.device | None = None


def read_record(out: Path) -> dict[str, Any]:
    """What reproduce.json says.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = out / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{out} holds no reproduction (no {RECORD_FILE}); run incab-train reproduce first."
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); delete it and reproduce again.") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise DataError(f"{path} is not of this InCab; reproduce into another --out.")
    return record


def extended_record(out: Path, store: Store, settings: Settings) -> dict[str, Any]:
    """What reproduce.json has to say of this call and those before it; nothing is written.

    Raises:
        DataError: `out` was begun with another profile, other data or other overrides, or with
            another first split or seed.
    """
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "profile": settings.profile,
        "overrides": json.loads(json.dumps(dict(settings.overrides))),
        "data": store.description["origin"],
        "view": store.description.get("view"),
        "data_fingerprint": data_fingerprint(store),
        "splits": list(settings.splits),
        "seeds": list(settings.seeds),
        "tables": sorted(settings.tables),
        "labels": list(store.labels),
        "commands": [settings.command],
    }
    if (out / RECORD_FILE).exists():
        before = read_record(out)
        for name in ("profile", "overrides", "data_fingerprint"):
            if before[name] != record[name]:
                raise DataError(
                    f"{out} was begun with another {name.replace('_', ' ')}; repeat the command it "
                    "was begun with, or choose another --out."
                )
        for name in ("splits", "seeds"):
            # The first of each names the teacher's runs and Table I's.
            if before[name][0] != record[name][0]:
                raise DataError(
                    f"{out} was begun with --{name} {before[name][0]} …; name that one first, or "
                    "choose another --out."
                )
        for name in ("splits", "seeds", "tables", "commands"):
            record[name] = list(dict.fromkeys([*before[name], *record[name]]))
        record["tables"].sort()
    record["people"] = {str(split): _people(store, split) for split in record["splits"]}
    return record


def write_record(out: Path, record: Mapping[str, Any]) -> None:
    """Write reproduce.json."""
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / RECORD_FILE) as partial:
        partial.write_text(json.dumps(record, indent=2), encoding="utf-8")


def _people(store: Store, split: int) -> dict[str, dict[str, int]]:
    """How many people and clips each subset has; DataError where one has none."""
    found = {}
    for subset in SUBSETS:
        clips = len(store.subset(split, subset))
        if not clips:
            raise DataError(
                f"{store.folder} has nobody in split {split} {subset}; leave that split out of "
                "--splits."
            )
        found[subset] = {"people": len(people_of(store, split, subset)), "clips": clips}
    return found


def check_finished(task: Task, out: Path, recipe: Recipe, fingerprint: str) -> None:
    """See to it that a finished run is the one that is wanted now.

    A teacher that is still to be trained, or trained again, is compared with nothing yet.

    Raises:
        DataError: it had another recipe, other data or another teacher; what differs is named.
    """
    folder = task.folder(out)
    described = read_description(folder)
    wanted = json.loads(json.dumps(asdict(recipe)))
    had = settings_of(described)
    changed = [name for name, value in wanted.items() if had[name] != value]
    if described.get("data_fingerprint") != fingerprint:
        changed.append("data")
    if task.needs is not None:
        teacher = task.needs.folder(out)
        there = is_finished(teacher) and (teacher / BEST_FILE).is_file()
        if there and described.get("teacher_sha256") != weights_sha256(teacher):
            changed.append("teacher")
    if changed:
        raise DataError(
            f"{folder} was trained with another {', '.join(changed)}; delete that folder to train "
            "it again, or choose another --out."
        )
