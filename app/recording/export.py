"""A session as CSV (one row a clip) or JSON, for other programs; complete or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.recording.reader import RecordedSession
from app.recording.tables import NONE
from core.errors import InCabError
from core.files import replacing

SCHEMA = "incab.session/1"
ENDINGS = (".csv", ".json")
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Cancelled(InCabError):
    """The person did not want the file any more."""


def export_session(
    session: RecordedSession, out: Path, cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Write a session to a .csv or .json file.

    Raises:
        InCabError: another ending, no such folder, or it cannot be written.
        Cancelled: `cancelled`, asked before each row, said so; nothing is written then.
    """
    if out.suffix not in ENDINGS:
        raise InCabError(f"{out} must end in {' or '.join(ENDINGS)}.")
    if not out.parent.is_dir():
        raise InCabError(f"There is no folder {out.parent}; make it first.")
    try:
        with replacing(out) as partial:
            if out.suffix == ".csv":
                _write_csv(session, partial, cancelled)
            else:
                _write_json(session, partial, cancelled)
    except OSError as error:
        raise InCabError(f"{out} cannot be written ({error.strerror}).") from error


def summary(session: RecordedSession) -> dict[str, Any]:
    """The session without its clips, as JSON (schema incab.session/1, see docs/sessions.md)."""
    record = session.record
    clips = len(session.clips.ids)
    return {
        "schema": SCHEMA,
        "file": session.path.name,
        "made_by": record.made_by,
        "started_at": _iso(record.started_unix_s),
        "ended_at": None if record.ended_unix_s is None else _iso(record.ended_unix_s),
        "end_reason": record.end_reason,
        "source": asdict(record.source),
        "models": [
            {
                "slot": model.slot,
                "kind": model.kind,
                "file": model.file_name,
                "file_bytes": model.file_bytes,
                "sha256": model.sha256,
                "engine": model.engine,
                "clips": int((session.answers[number].best != NONE).sum()),
                "labels": list(model.labels),
            }
            for number, model in session.models.items()
        ],
        "clips": clips,
        "agreement": _agreement(session),
        "counters": dict(session.counters),
        "events": [
            {
                "at": _iso(event.at_unix_s),
                "time_s": event.time_s,
                "kind": event.kind,
                "text": event.text,
            }
            for event in session.events
        ],
    }


def _agreement(session: RecordedSession) -> float | None:
    """Share of the clips that both models answered on which they name the same activity."""
    same = both = 0
    by_slot: dict[str, list[int]] = {}
    for number, model in session.models.items():
        by_slot.setdefault(model.slot, []).append(number)
    for one in by_slot.get("int8", []):
        for other in by_slot.get("fp32", []):
            left, right = session.answers[one].best, session.answers[other].best
            answered = (left != NONE) & (right != NONE)
            both += int(answered.sum())
            same += int(((left == right) & answered).sum())
    return same / both if both else None


def _iso(unix_s: float) -> str:
    try:
        return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return str(unix_s)


def rows(
    session: RecordedSession, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[dict[str, Any]]:
    """One dictionary a clip, with the columns of `incab replay --out` first."""
    clips, columns = session.clips, _columns(session)
    for position in range(len(clips.ids)):
        if cancelled():
            raise Cancelled("The export was cancelled; nothing was written.")
        row: dict[str, Any] = dict.fromkeys(columns)
        row["frame"] = int(clips.frame[position])
        row["time_s"] = round(float(clips.time_s[position]), 4)
        row["truth"] = clips.truth_of(position)
        for number, answers in session.answers.items():
            best = int(answers.best[position])
            probabilities = session.probabilities(position, number) if best != NONE else None
            if probabilities is None:
                continue
            slot, labels = answers.model.slot, answers.model.labels
            label = int(answers.label[position])
            row[slot] = labels[best]
            row[f"{slot}_probability"] = round(float(probabilities[best]), 4)
            row[f"{slot}_ms"] = round(float(answers.latency_ms[position]), 3)
            row[f"{slot}_label"] = None if label == NONE else labels[label]
            row[f"{slot}_confidence"] = round(float(answers.confidence[position]), 4)
        row["segment"] = int(clips.segment[position])
        row["captured_unix_s"] = round(float(clips.captured_unix_s[position]), 3)
        yield row


def _columns(session: RecordedSession) -> list[str]:
    slots = session.slots
    own = [name for slot in slots for name in (slot, f"{slot}_probability", f"{slot}_ms")]
    steady = [name for slot in slots for name in (f"{slot}_label", f"{slot}_confidence")]
    return ["frame", "time_s", "truth", *own, *steady, "segment", "captured_unix_s"]


def _write_csv(session: RecordedSession, path: Path, cancelled: Callable[[], bool]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _columns(session))
        writer.writeheader()
        for row in rows(session, cancelled):
            writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _write_json(session: RecordedSession, path: Path, cancelled: Callable[[], bool]) -> None:
    with path.open("w", encoding="utf-8") as file:
        head = json.dumps(summary(session), indent=1)
        file.write(f'{head[:-2]},\n "rows": [')
        for number, row in enumerate(rows(session, cancelled)):
            file.write(",\n  " if number else "\n  ")
            json.dump(row, file)
        file.write("\n ]\n}\n")
