"""Drive&Act annotation files: read, check, write.

A chunk is at most 3 s of one activity of one run; `frame_end` is exclusive, so that a chunk's
end is the next chunk's start. Time between chunks is unlabelled, and that is normal.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.activities import ACTIVITY_NAMES, UNSCORED_LABELS
from core.errors import AnnotationError
from core.files import replacing

HEADER = (
    "participant_id",
    "file_id",
    "annotation_id",
    "frame_start",
    "frame_end",
    "activity",
    "chunk_id",
)


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
    """The usable rows of a file, and what was left out with the reason and line of each."""

    chunks: tuple[Chunk, ...]
    problems: tuple[str, ...]
    unscored: int

    @property
    def file_ids(self) -> tuple[str, ...]:
        """The runs annotated here, in order of first appearance."""
        return tuple(dict.fromkeys(chunk.file_id for chunk in self.chunks))

    def of_run(self, file_id: str) -> tuple[Chunk, ...]:
        """The chunks of one run, by time."""
        own = (chunk for chunk in self.chunks if chunk.file_id == file_id)
        return tuple(sorted(own, key=lambda chunk: chunk.frame_start))


def read_annotations(
    path: Path | str, labels: Sequence[str] = ACTIVITY_NAMES, *, strict: bool = False
) -> Annotations:
    """Read a mid-level CSV; a faulty row is named in `problems` and the rest goes on.

    Raises:
        AnnotationError: no such file, not UTF-8 text, or a wrong header; with `strict` also the
            first faulty row.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"Cannot read annotations {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{path} is not a UTF-8 text file; give a Drive&Act CSV such as midlevel.chunks_90.csv."
        ) from error

    known = frozenset(labels)
    chunks: list[Chunk] = []
    problems: list[str] = []
    unscored = 0
    lines = text.split("\n")
    header = tuple(_cells(lines[0]))
    if header != HEADER:
        raise AnnotationError(
            f"{path} line 1: the header is '{','.join(header)[:120]}', "
            f"expected '{','.join(HEADER)}'."
        )
    seen: set[tuple[str, int, int]] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        try:
            chunk = _parse_row(_cells(line))
            if chunk.activity in UNSCORED_LABELS:
                unscored += 1
                continue
            if chunk.activity not in known:
                raise ValueError(f"unknown activity '{chunk.activity}'")
            key = (chunk.file_id, chunk.frame_start, chunk.frame_end)
            if key in seen:
                raise ValueError(f"frames {chunk.frame_start}-{chunk.frame_end} appear twice")
            seen.add(key)
        except ValueError as error:
            problem = f"{path} line {number}: {error}"
            if strict:
                raise AnnotationError(f"{problem}; mend the row or leave out --strict.") from error
            problems.append(problem)
            continue
        chunks.append(chunk)
    return Annotations(tuple(chunks), tuple(problems), unscored)


def _cells(line: str) -> list[str]:
    """The cells of one line. No cell holds a line break, so a stray quote harms one line only."""
    try:
        return [cell.strip() for cell in next(csv.reader([line]), [])]
    except csv.Error as error:
        raise ValueError(f"no CSV row ({error})") from error


def _parse_row(cells: Sequence[str]) -> Chunk:
    if len(cells) != len(HEADER):
        raise ValueError(f"{len(cells)} columns instead of {len(HEADER)}")
    participant, file_id, annotation, start, end, activity, chunk_id = cells
    numbers = []
    for name, cell in zip(
        ("participant_id", "annotation_id", "frame_start", "frame_end", "chunk_id"),
        (participant, annotation, start, end, chunk_id),
        strict=True,
    ):
        if not (cell.isascii() and cell.isdigit() and len(cell) <= 12):
            raise ValueError(f"{name} is '{cell[:40]}', not a whole number of up to 12 digits")
        numbers.append(int(cell))
    participant_number, annotation_number, frame_start, frame_end, chunk_number = numbers
    if frame_end <= frame_start:
        raise ValueError(f"frame_end {frame_end} is not after frame_start {frame_start}")
    if not file_id:
        raise ValueError("file_id is empty")
    return Chunk(
        participant_number,
        file_id,
        annotation_number,
        frame_start,
        frame_end,
        activity,
        chunk_number,
    )


def write_annotations(path: Path | str, chunks: Iterable[Chunk]) -> None:
    """Write chunks as a Drive&Act CSV; the file appears under its name only when complete."""
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(
            (
                chunk.participant_id,
                chunk.file_id,
                chunk.annotation_id,
                chunk.frame_start,
                chunk.frame_end,
                chunk.activity,
                chunk.chunk_id,
            )
            for chunk in chunks
        )


def label_frames(chunks: Iterable[Chunk], frames: int) -> list[str | None]:
    """The activity shown at each of the first `frames` frames of one run; None where unlabelled."""
    labels: list[str | None] = [None] * frames
    for chunk in chunks:
        end = min(chunk.frame_end, frames)
        labels[chunk.frame_start : end] = [chunk.activity] * max(0, end - chunk.frame_start)
    return labels


def count_activities(chunks: Iterable[Chunk]) -> Counter[str]:
    """Chunks of each activity."""
    return Counter(chunk.activity for chunk in chunks)
