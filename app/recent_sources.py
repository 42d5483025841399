"""The sources opened last, newest first, as they are remembered: without passwords."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.sources import Address, parse_source
from core.camera import without_credentials
from core.errors import SourceError

MOST = 8


@dataclass(frozen=True, slots=True)
class RecentSource:
    """A source, and the truth it was opened with."""

    address: Address
    annotations: Path | None = None


def with_newest(
    recent: Iterable[RecentSource], address: Address, annotations: Path | None
) -> tuple[RecentSource, ...]:
    """The list after this source was opened; each source is in it once."""
    if isinstance(address, Path):
        address = address.resolve()
    elif isinstance(address, str):
        address = without_credentials(address)
    newest = RecentSource(address, annotations.resolve() if annotations else None)
    return (newest, *(other for other in recent if other.address != address))[:MOST]


def still_there(recent: Iterable[RecentSource]) -> tuple[RecentSource, ...]:
    """The list without files that are gone; a CSV that is gone leaves its video."""
    return tuple(
        RecentSource(source.address, _if_there(source.annotations))
        for source in recent
        if not isinstance(source.address, Path) or _if_there(source.address)
    )


def _if_there(path: Path | None) -> Path | None:
    try:
        return path if path is not None and path.is_file() else None
    except OSError:
        return None


def recent_to_json(recent: Iterable[RecentSource]) -> str:
    """One text for the settings file."""
    return json.dumps(
        [
            {
                "source": str(source.address),
                "annotations": str(source.annotations) if source.annotations else None,
            }
            for source in recent
        ]
    )


def recent_from_json(text: str) -> tuple[RecentSource, ...]:
    """What `recent_to_json` wrote; entries that somebody spoiled are left out."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    recent: list[RecentSource] = []
    for entry in entries if isinstance(entries, list) else ():
        source = entry.get("source") if isinstance(entry, dict) else None
        annotations = entry.get("annotations") if isinstance(entry, dict) else None
        if not isinstance(source, str):
            continue
        try:
            address = parse_source(source)
        except SourceError:
            continue
        csv = Path(annotations) if isinstance(annotations, str) and annotations else None
        recent.append(RecentSource(address, csv))
    return tuple(recent[:MOST])
