"""Drive&Act annotation files: read and checked at every level, written at mid and task level.

A chunk is at most 3 s of one activity of one run; `frame_end` is exclusive, so that a chunk's
end is the next chunk's start. Time between chunks is unlabelled, and that is normal.

Mid and task level name one activity in a row. Object level names an action, an object and a
location; together they are one label here, `action/object/location`.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.activities import ACTIVITY_NAMES, UNSCORED_LABELS
from core.errors import AnnotationError, quoted
from core.files import read_ordinary, replacing

HEADER = (
    "participant_id",
    "file_id",
    "annotation_id",
    "frame_start",
    "frame_end",
    "activity",
    "chunk_id",
)
OBJECT_HEADER = (*HEADER[:5], "activity", "object", "location", "chunk_id")
_LABEL_SEPARATOR = "/"
# Drive&Act's largest has some ten thousand lines. Each costs memory, faulty ones too.
_LARGEST_BYTES = 16 * 2**20
_MOST_LINES = 200_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """One row: frames [frame_start, frame_end) of the run `file_id` show one activity."""

    participant_id: int
    file_id: str
    annotation_id: int
    frame_start: int
    frame_end: int
    activity: str
    chunk_id: int


@dataclass(frozen=True, slots=True)
class Annotations:
    """The usable rows of a file, and what was left out with the reason and line of each.

    `lines` are the line numbers of `chunks`; `unscored` counts rows with a label that Drive&Act
    itself leaves out of its 34 classes.
    """

    chunks: tuple[Chunk, ...]
    problems: tuple[str, ...]
    unscored: int
    lines: tuple[int, ...]

    @property
    def file_ids(self) -> tuple[str, ...]:
        """The runs annotated here, in order of first appearance."""
        return tuple(dict.fromkeys(chunk.file_id for chunk in self.chunks))

    def of_run(self, file_id: str) -> tuple[Chunk, ...]:
        """The chunks of one run, by time."""
        own = (chunk for chunk in self.chunks if chunk.file_id == file_id)
        return tuple(sorted(own, key=lambda chunk: chunk.frame_start))


@dataclass(slots=True)
class _Timeline:
    """The frames of one run that are taken already; the spans never overlap."""

    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def take(self, start: int, end: int) -> None:
        """Take [start, end).

        Raises:
            ValueError: some of it is taken already; says by which frames.
        """
        place = bisect_right(self.spans, (start, end))
        for taken_start, taken_end in self.spans[max(0, place - 1) : place + 1]:
            if (taken_start, taken_end) == (start, end):
                raise ValueError(f"frames {start}-{end} appear twice")
            if start < taken_end and taken_start < end:
                raise ValueError(
                    f"frames {start}-{end} overlap frames {taken_start}-{taken_end} of another row"
                )
        self.spans.insert(place, (start, end))


def read_annotations(path: Path, labels: Collection[str] | None = ACTIVITY_NAMES) -> Annotations:
    """Read a CSV of any level; a faulty row is named in `problems` and the rest goes on.

    A frame has one label: of two rows with the same or overlapping frames of a run, the first is
    kept. With `labels` None every label is taken as it stands.

    Raises:
        AnnotationError: no such file, not UTF-8 text, or a wrong header.
    """
    try:
        text = read_ordinary(path, _LARGEST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"Cannot read annotations {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{path} is not a UTF-8 text file; give a Drive&Act CSV such as midlevel.chunks_90.csv."
        ) from error

    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > _MOST_LINES:
        raise AnnotationError(
            f"{path} has more than {_MOST_LINES:,} lines; give a Drive&Act CSV, which has fewer."
        )
    known = None if labels is None else frozenset(labels)
    chunks: list[Chunk] = []
    numbers: list[int] = []
    problems: list[str] = []
    unscored = 0
    lines = text.split("\n")
    try:
        header = tuple(_cells(lines[0]))
    except ValueError:
        header = (lines[0],)
    if header not in (HEADER, OBJECT_HEADER):
        raise AnnotationError(
            f"{path} line 1: the header is {quoted(','.join(header), 120)}, expected "
            f"'{','.join(HEADER)}' (or activity,object,location at object level)."
        )
    timelines: dict[str, _Timeline] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        try:
            chunk = _parse_row(_cells(line), len(header))
            if known is not None and chunk.activity not in known:
                if chunk.activity in UNSCORED_LABELS:
                    unscored += 1
                    continue
                raise ValueError(f"unknown activity {quoted(chunk.activity)}")
            timeline = timelines.setdefault(chunk.file_id, _Timeline())
            timeline.take(chunk.frame_start, chunk.frame_end)
        except ValueError as error:
            problems.append(f"{path} line {number}: {error}")
            continue
        chunks.append(chunk)
        numbers.append(number)
    return Annotations(tuple(chunks), tuple(problems), unscored, tuple(numbers))


def _cells(line: str) -> list[str]:
    """The cells of one line. No cell holds a line break, so a stray quote harms one line only."""
    try:
        return [cell.strip() for cell in next(csv.reader([line]), [])]
    except csv.Error as error:
        raise ValueError(f"no CSV row ({error})") from error


def _parse_row(cells: Sequence[str], columns: int) -> Chunk:
    if len(cells) != columns:
        raise ValueError(f"{len(cells)} columns instead of {columns}")
    participant, file_id, annotation, start, end, *label, chunk_id = cells
    numbers = []
    for name, cell in zip(
        ("participant_id", "annotation_id", "frame_start", "frame_end", "chunk_id"),
        (participant, annotation, start, end, chunk_id),
        strict=True,
    ):
        if not (cell.isascii() and cell.isdigit() and len(cell) <= 12):
            raise ValueError(f"{name} is {quoted(cell, 40)}, not a whole number of up to 12 digits")
        numbers.append(int(cell))
    participant_number, annotation_number, frame_start, frame_end, chunk_number = numbers
    if frame_end <= frame_start:
        raise ValueError(f"frame_end {frame_end} is not after frame_start {frame_start}")
    if not file_id:
        raise ValueError("file_id is empty")
    if not all(text.isprintable() for text in (file_id, *label)):
        raise ValueError("file_id or activity holds a character that cannot be shown")
    if not all(label):
        raise ValueError("unknown activity ''")
    if len(label) > 1 and any(_LABEL_SEPARATOR in part for part in label):
        raise ValueError(f"activity, object or location holds a '{_LABEL_SEPARATOR}'")
    return Chunk(
        participant_number,
        file_id,
        annotation_number,
        frame_start,
        frame_end,
        _LABEL_SEPARATOR.join(label),
        chunk_number,
    )


def write_annotations(path: Path, chunks: Iterable[Chunk]) -> None:
    """Write chunks as a Drive&Act CSV of mid or task level; it has its name only when complete."""
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for chunk in chunks:
            writer.writerow(
                (
                    chunk.participant_id,
                    chunk.file_id,
                    chunk.annotation_id,
                    chunk.frame_start,
                    chunk.frame_end,
                    chunk.activity,
                    chunk.chunk_id,
                )
            )


def label_frames(chunks: Iterable[Chunk], frames: int) -> list[str | None]:
    """The activity shown at each of the first `frames` frames of one run; None where unlabelled."""
    labels: list[str | None] = [None] * frames
    for chunk in chunks:
        end = min(chunk.frame_end, frames)
        labels[chunk.frame_start : end] = [chunk.activity] * max(0, end - chunk.frame_start)
    return labels
