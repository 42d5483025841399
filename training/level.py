"""One view and level of a Drive&Act root: its classes, chunks and splits, before any decoding.

The classes of the mid level are the 34 of `core.activities`, whatever the files contain. Those of
the other levels are all labels of the nine split files of the view, in alphabetical order as
spelled (of the unsplit file where there are no split files); so a class that one split lacks
still has its index.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from core.activities import ACTIVITY_NAMES
from core.annotations import Annotations, Chunk, read_annotations
from core.driveact import LEVELS, SPLITS, STREAM_SUFFIX, SUBSETS, annotation_path
from core.errors import AnnotationError, DataError

_Key = tuple[str, int, int]
_NOTHING = Annotations((), (), 0, ())


@dataclass(frozen=True, slots=True)
class Level:
    """What the CSVs of one view and level say.

    `places` names file and line of each chunk; `splits` holds positions in `chunks`; `problems`
    and `notes` are sentences, the former about what was left out because it is wrong.
    """

    labels: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    places: tuple[str, ...]
    splits: dict[int, dict[str, tuple[int, ...]]]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def file_ids(self) -> tuple[str, ...]:
        """The annotated runs, in order of first appearance."""
        return tuple(dict.fromkeys(chunk.file_id for chunk in self.chunks))


def _key(chunk: Chunk) -> _Key:
    return chunk.file_id, chunk.frame_start, chunk.frame_end


def read_level(root: Path, view: str, level: str) -> Level:
    """Read the unsplit CSV and the nine split CSVs of one view.

    A split's row that the unsplit CSV lacks is used as well; where both give the same frames
    different labels, the unsplit CSV is believed.

    Raises:
        DataError: there is no such view or level.
        AnnotationError: not one of the files can be used.
    """
    if view not in STREAM_SUFFIX:
        raise DataError(f"There is no view {view!r}; choose one of {', '.join(STREAM_SUFFIX)}.")
    if level not in LEVELS:
        raise DataError(f"There is no level {level!r}; choose one of {', '.join(LEVELS)}.")
    known = ACTIVITY_NAMES if level == "midlevel" else None
    problems: list[str] = []

    def read(path: Path) -> Annotations | None:
        try:
            table = read_annotations(path, known)
        except AnnotationError as error:
            problems.append(str(error))
            return None
        problems.extend(table.problems)
        return table

    whole_path = annotation_path(root, view, level)
    whole = read(whole_path)
    parts: dict[tuple[int, str], tuple[Path, Annotations]] = {}
    for split in SPLITS:
        for subset in SUBSETS:
            path = annotation_path(root, view, level, split, subset)
            table = read(path) if path.is_file() else None
            if table is not None:
                parts[split, subset] = (path, table)
            elif not path.is_file():
                problems.append(f"{path} is missing, so split {split} has no {subset} chunks.")
    if whole is None and not parts:
        raise AnnotationError(problems[0])

    labels = known or _labels([table for _, table in parts.values()] or [whole])
    chunks: list[Chunk] = []
    places: list[str] = []
    positions: dict[_Key, int] = {}
    skipped = whole.unscored if whole is not None else 0

    def add(chunk: Chunk, place: str) -> None:
        positions[_key(chunk)] = len(chunks)
        chunks.append(chunk)
        places.append(place)

    if whole is not None:
        for chunk, line in zip(whole.chunks, whole.lines, strict=True):
            if chunk.activity in labels:
                add(chunk, f"{whole_path} line {line}")
            else:
                skipped += 1
    splits: dict[int, dict[str, tuple[int, ...]]] = {}
    for split in SPLITS:
        splits[split] = {}
        for subset in SUBSETS:
            members: list[int] = []
            path, table = parts.get((split, subset), (whole_path, _NOTHING))
            for chunk, line in zip(table.chunks, table.lines, strict=True):
                if _key(chunk) not in positions:
                    add(chunk, f"{path} line {line}")
                position = positions[_key(chunk)]
                if chunks[position].activity != chunk.activity:
                    problems.append(
                        f"{path} line {line}: '{chunk.activity}', but {places[position]} says "
                        f"'{chunks[position].activity}'"
                    )
                    continue
                members.append(position)
            splits[split][subset] = tuple(members)
        problems += _shared_people(split, splits[split], chunks)
    notes = []
    if skipped:
        classes = f"the {len(labels)} classes"
        notes.append(f"{skipped} rows with labels outside {classes} were skipped.")
    return Level(labels, tuple(chunks), tuple(places), splits, tuple(problems), tuple(notes))


def _labels(tables: list[Annotations | None]) -> tuple[str, ...]:
    found = {chunk.activity for table in tables if table is not None for chunk in table.chunks}
    return tuple(sorted(found))


def _shared_people(
    split: int, subsets: dict[str, tuple[int, ...]], chunks: list[Chunk]
) -> list[str]:
    """People must not be in two subsets of a split: results on them would mean little."""
    where: Counter[str] = Counter()
    for members in subsets.values():
        where.update({chunks[position].file_id.split("/")[0] for position in members})
    shared = sorted(person for person, count in where.items() if count > 1)
    return [f"Split {split} has {', '.join(shared)} in more than one subset."] if shared else []
