"""What a Drive&Act folder holds: people, runs, views, annotations, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.annotations import read_annotations
from core.driveact import (
    LEVELS,
    SPLITS,
    STREAM_SUFFIX,
    SUBSETS,
    annotation_folder,
    annotation_path,
    find_videos,
    person_of,
)
from core.errors import AnnotationError, DataError


@dataclass(frozen=True, slots=True)
class Recording:
    """One run from one view: its video, if there, and how many rows each level has for it."""

    view: str
    person: int
    run: str
    file_id: str
    video: Path | None
    size_bytes: int
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """One CSV that was found, and how many of its rows are usable."""

    path: Path
    view: str
    level: str
    split: int | None
    subset: str
    rows: int
    unscored: int


@dataclass(frozen=True)
class Dataset:
    """What a root holds; `missing` and `problems` are sentences for a person."""

    root: Path
    recordings: tuple[Recording, ...]
    annotations: tuple[AnnotationFile, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]

    @cached_property
    def people(self) -> tuple[int, ...]:
        """The vp numbers, ascending."""
        return tuple(sorted({recording.person for recording in self.recordings}))

    @cached_property
    def views(self) -> tuple[str, ...]:
        """Views with a video or a CSV, in Drive&Act's order."""
        seen = {part.view for part in (*self.recordings, *self.annotations)}
        return tuple(view for view in STREAM_SUFFIX if view in seen)

    @cached_property
    def runs(self) -> tuple[tuple[int, str], ...]:
        """(person, run) of everything found, whatever the view."""
        return tuple(sorted({(part.person, part.run) for part in self.recordings}))

    def of_view(self, view: str) -> tuple[Recording, ...]:
        """The recordings of one view, by person and run."""
        return tuple(recording for recording in self.recordings if recording.view == view)

    def description(self) -> dict[str, Any]:
        """The schema incab.dataset/1: JSON values only, paths relative to the root."""
        return {
            "schema": "incab.dataset/1",
            "root": str(self.root),
            "people": list(self.people),
            "views": list(self.views),
            "recordings": [
                asdict(part) | {"video": None if part.video is None else self._relative(part.video)}
                for part in self.recordings
            ],
            "annotations": [
                asdict(part) | {"path": self._relative(part.path), "subset": part.subset or None}
                for part in self.annotations
            ],
            "missing": list(self.missing),
            "problems": list(self.problems),
        }

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def find_runs(root: Path) -> Dataset:
    """Look through a root: videos by name only, CSVs row by row. No video is opened.

    Raises:
        DataError: `root` is no folder, or holds nothing of Drive&Act's layout.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}; give the one that Drive&Act was unpacked to.")
    recordings: list[Recording] = []
    annotations: list[AnnotationFile] = []
    missing: list[str] = []
    problems: list[str] = []
    for view in STREAM_SUFFIX:
        rows: dict[str, dict[str, int]] = {}
        for level in LEVELS:
            for file in _read_level(root, view, level, rows, problems):
                annotations.append(file)
        videos = dict(find_videos(root, view, problems))
        if not rows and not videos:
            continue
        for file_id in sorted({*rows, *videos}, key=lambda name: (person_of(name), name)):
            person = person_of(file_id)
            if person < 0:
                problems.append(f"{view}: the file_id '{file_id[:80]}' is not vp<N>/<run>.")
                continue
            run = file_id.partition("/")[2].removesuffix(f".{STREAM_SUFFIX[view]}")
            video = videos.get(file_id)
            size_bytes = video.stat().st_size if video is not None else 0
            counts = rows.get(file_id, {})
            if video is None:
                missing.append(f"{root / view / file_id}.mp4 is missing ({_total(counts)} rows).")
            elif not counts and rows:
                missing.append(f"{video} has no annotation.")
            recordings.append(Recording(view, person, run, file_id, video, size_bytes, counts))
        if not rows:
            missing.append(f"{annotation_folder(root, view)} holds no CSV, but {view} has videos.")
        missing += _missing_files(root, view, annotations)
    if not recordings and not annotations:
        raise DataError(
            f"{root} holds neither <view>/vp<N>/<run>.mp4 nor activities_3s/<view>/*.csv; "
            "give the folder that Drive&Act was unpacked to."
        )
    return Dataset(root, tuple(recordings), tuple(annotations), tuple(missing), tuple(problems))


def _total(counts: dict[str, int]) -> int:
    return sum(counts.values())


def _read_level(
    root: Path, view: str, level: str, rows: dict[str, dict[str, int]], problems: list[str]
) -> Iterator[AnnotationFile]:
    """The CSVs of one level; rows of each run are counted from the unsplit one, if there is one."""
    parts = [(None, ""), *((split, subset) for split in SPLITS for subset in SUBSETS)]
    counted, named = False, None
    for split, subset in parts:
        path = annotation_path(root, view, level, split, subset)
        if not path.is_file():
            continue
        try:
            table = read_annotations(path) if level == "midlevel" else read_annotations(path, None)
        except AnnotationError as error:
            problems.append(str(error))
            continue
        problems += table.problems
        # Any one split already names every run.
        named = split if named is None else named
        if split is None or (not counted and split == named):
            for chunk in table.chunks:
                counts = rows.setdefault(chunk.file_id, {})
                counts[level] = counts.get(level, 0) + 1
        counted = counted or split is None
        yield AnnotationFile(path, view, level, split, subset, len(table.chunks), table.unscored)


def _missing_files(root: Path, view: str, found: list[AnnotationFile]) -> Iterator[str]:
    """Files that a level which is there at all ought to have."""
    for level in LEVELS:
        own = {
            (file.split, file.subset) for file in found if (file.view, file.level) == (view, level)
        }
        if not own:
            continue
        wanted = [(None, ""), *((split, subset) for split in SPLITS for subset in SUBSETS)]
        for split, subset in wanted:
            if (split, subset) not in own:
                path = annotation_path(root, view, level, split, subset)
                if not path.is_file():
                    yield f"{path} is missing."
