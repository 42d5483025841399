"""Drive&Act runs to watch: each video with the annotations that belong to it.

Goes by file names, and reads no more of the annotations than names the runs; `incab-train inspect`
checks everything and takes its time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.annotations import read_annotations
from core.driveact import (
    STREAM_SUFFIX,
    SUBSETS,
    annotation_path,
    find_videos,
    person_of,
)
from core.errors import AnnotationError, DataError

LEVEL = "midlevel"


@dataclass(frozen=True, slots=True)
class Run:
    """One video of a person's run from one view; `annotations` is the CSV that covers it."""

    person: int
    run: str
    view: str
    video: Path
    annotations: Path | None
    chunks: int


def runs_to_watch(root: Path, stopped: Callable[[], bool] = lambda: False) -> tuple[Run, ...]:
    """All videos of a root, by view, person and run; an unusable CSV counts as none.

    Raises:
        DataError: `root` is no folder, or holds no video of Drive&Act's layout.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}; choose the one that holds <view>/vp<N>.")
    runs: list[Run] = []
    for view in STREAM_SUFFIX:
        if stopped():
            break
        runs += _runs_of_view(root, view)
    if not runs:
        raise DataError(
            f"{root} holds no <view>/vp<N>/<run>.mp4; choose the folder that Drive&Act was "
            "unpacked to."
        )
    return tuple(runs)


def find_run(root: Path, person: int, run: str | None = None, view: str | None = None) -> Run:
    """The run of a person that a command line names; `run` may be its beginning, like run1b.

    Without `view` the first view of Drive&Act's order that has such a video is taken.

    Raises:
        DataError: there is no such run, or several; names what there is.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}; give the one that holds <view>/vp<N>.")
    if view is not None and view not in STREAM_SUFFIX:
        raise DataError(f"There is no view {view}; Drive&Act has {', '.join(STREAM_SUFFIX)}.")
    refusal: DataError | None = None
    for candidate in STREAM_SUFFIX if view is None else (view,):
        own = [part for part in _runs_of_view(root, candidate) if part.person == person]
        if not own:
            continue
        matching = [part for part in own if run is None or part.run == run] or [
            part for part in own if run is not None and part.run.split("_")[0] == run
        ]
        if len(matching) == 1:
            return matching[0]
        names = ", ".join(part.run for part in own)
        told = DataError(f"Person {person} has the runs {names} in {candidate}; name one by --run.")
        if matching:
            raise told
        refusal = refusal or told
    if refusal is not None:
        raise refusal
    where = root if view is None else root / view
    raise DataError(f"{where} holds no video of person {person}; look into it for vp<N>.")


def _runs_of_view(root: Path, view: str) -> Iterator[Run]:
    videos = sorted(find_videos(root, view, []), key=lambda found: (person_of(found[0]), found[0]))
    if not videos:
        return
    covered = _covered_by(root, view)
    for file_id, video in videos:
        name = file_id.partition("/")[2].removesuffix(f".{STREAM_SUFFIX[view]}")
        annotations, chunks = covered.get(file_id, (None, 0))
        yield Run(person_of(file_id), name, view, video, annotations, chunks)


def _covered_by(root: Path, view: str) -> dict[str, tuple[Path, int]]:
    """For each annotated run the CSV that names it, and its rows there."""
    covered: dict[str, tuple[Path, int]] = {}
    whole = annotation_path(root, view, LEVEL)
    # Any one split, too, names every run, each in one of its three parts.
    parts = [annotation_path(root, view, LEVEL, 0, subset) for subset in SUBSETS]
    for path in (whole,) if whole.is_file() else parts:
        if not path.is_file():
            continue
        try:
            chunks = read_annotations(path).chunks
        except AnnotationError:
            # Told when the run is opened with it; the videos can be watched without.
            continue
        for file_id, rows in Counter(chunk.file_id for chunk in chunks).items():
            covered[file_id] = (path, rows)
    return covered
