"""Sessions as tables for people."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.recording.export import summary
from app.recording.finish import unfinished
from app.recording.opening import looks_like_session
from app.recording.places import SESSION_ENDING
from app.recording.reader import RecordedSession, read_session
from core.errors import SessionFileError

_MOST_EVENTS_SHOWN = 20


def print_list(folder: Path) -> None:
    """One line for each session of a folder, newest first.

    Raises:
        SessionFileError: there is no such folder.
    """
    if not folder.is_dir():
        raise SessionFileError(
            f"There is no folder {folder}; record in the window (Ctrl+R), or name a folder."
        )
    files = [
        path
        for path in folder.glob(f"*{SESSION_ENDING}")
        if looks_like_session(path) and ".partial-" not in path.name
    ]
    console = Console()
    if not files:
        console.print(f"There is no session in {escape(str(folder))}.", highlight=False)
        return
    table = Table()
    for name in ("file", "started", "source", "recorded"):
        table.add_column(name, overflow="fold")
    for name in ("clips", "MB"):
        table.add_column(name, overflow="fold", justify="right")
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        table.add_row(*(escape(cell) for cell in _cells(path)))
    console.print(table)


def _cells(path: Path) -> list[str]:
    try:
        # A list of many is not the place to read them all from end to end.
        with read_session(path, check=False) as session:
            state = "" if session.closed else " (not closed)"
            return [
                path.name,
                _local(session.record.started_unix_s),
                session.source.name,
                f"{_minutes(session.recorded_s)}{state}",
                str(len(session.clips.ids)),
                f"{path.stat().st_size / 1e6:.1f}",
            ]
    except SessionFileError as error:
        return [path.name, "", str(error), "", "", ""]


def print_session(session: RecordedSession, *, as_json: bool) -> None:
    """What one session holds."""
    report = summary(session)
    if as_json:
        print(json.dumps(report, indent=2))
        return
    console = Console()
    record, source = session.record, session.source

    def say(text: str) -> None:
        console.print(escape(text), highlight=False)

    ended = record.end_reason or "was not closed (killed, or the disk was full)"
    say(f"{session.path.name}  {source.name}, {source.width}×{source.height}")
    say(
        f"recorded {_local(record.started_unix_s)} by {record.made_by}, "
        f"{_minutes(session.recorded_s)}; ended: {ended}"
    )
    if source.path:
        say(f"video {source.path}")
    table = Table()
    for name in ("model", "file", "MB", "engine", "clips", "SHA-256"):
        table.add_column(name)
    for model in report["models"]:
        table.add_row(
            *(
                escape(cell)
                for cell in (
                    model["slot"],
                    model["file"],
                    f"{model['file_bytes'] / 1e6:.2f}",
                    model["engine"],
                    str(model["clips"]),
                    model["sha256"][:12],
                )
            )
        )
    console.print(table)
    agreement = report["agreement"]
    say(
        f"{report['clips']} clips"
        + (f" · agreement {agreement:.1%}" if agreement is not None else "")
    )
    counters = ", ".join(f"{name} {value}" for name, value in sorted(session.counters.items()))
    if counters:
        say(counters)
    for event in session.events[-_MOST_EVENTS_SHOWN:]:
        say(f"{_local(event.at_unix_s)}  {event.kind}: {event.text}")
    if unfinished(session.path):
        say(
            f"{session.path.name}-wal belongs to it: keep both, or run incab sessions check "
            f"{session.path} --finish"
        )


def _local(unix_s: float) -> str:
    try:
        return f"{datetime.fromtimestamp(unix_s):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return "at an unknown time"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min"
