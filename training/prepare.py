"""Fill a store: one pass over each annotated video, all splits at once, several videos at a time.

Whatever the moment at which a call is killed, the next one goes on and ends with the same bytes.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from core.driveact import find_video
from core.errors import DataError
from core.files import replacing
from core.video import VideoFile
from training.exclusive import exclusive
from training.frames import (
    FRAME_SIZE,
    Record,
    is_intact,
    kept_record,
    read_record,
    record_path,
    write_run,
)
from training.level import Level, read_level
from training.store import FORMAT_VERSION, Store, open_store
from training.workers import work

# Times, checksums and what the file system itself takes.
_RESERVE_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class _Plan:
    """One run to decode, and about how large it will be."""

    file_id: str
    video: Path
    frames: int
    size_bytes: int


def prepare(
    root: Path,
    out: Path,
    *,
    view: str = "inner_mirror",
    level: str = "midlevel",
    workers: int = 0,
    strict: bool = False,
    verify: bool = False,
    report: Callable[[str], None] = print,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Store:
    """Decode every annotated run of `view` once; what is already there is kept.

    Missing and broken videos, faulty rows and missing split files are named, and the rest goes on.

    Args:
        root: the dataset as unpacked.
        out: folder of the store; made if missing.
        view: camera, as its folder is called.
        level: whose labels: midlevel, tasklevel or objectlevel.
        workers: how many videos are decoded at once, each in a process of its own, where a codec
            that crashes or hangs costs that video only; 0 decodes them here, one after the other.
        strict: stop at the first thing that is wrong instead.
        verify: read everything back and compare checksums; damaged frames are decoded again.
        report: called with each thing worth telling, a sentence.
        progress: called with (frames decoded, about how many there are) every now and then.

    Raises:
        BusyError: another process prepares it.
        DataError: nothing usable, `out` holds a store of something else, the disk is too small or
            full, or `strict` and something is wrong.
        AnnotationError: the annotation files are missing or are none.
    """

    def complain(problem: str) -> None:
        if strict:
            raise DataError(f"{problem.removesuffix('.')}; mend it or leave out --strict.")
        report(problem)

    annotated = read_level(root, view, level)
    for problem in annotated.problems:
        complain(problem)
    for note in annotated.notes:
        report(note)
    videos: dict[str, Path] = {}
    for file_id in annotated.file_ids:
        try:
            videos[file_id] = find_video(root, view, file_id)
        except DataError as error:
            complain(str(error))
    if not videos:
        raise DataError(
            f"{root} gave not one usable chunk for {view}; check the messages above."
            if annotated.chunks
            else f"The {level} CSVs of {view} in {root} hold not one usable row."
        )
    _check_claim(out, view, level, _origin(root))
    with ExitStack() as held:
        # What cannot be leaves no folder behind, so a new one is not made yet.
        if out.is_dir():
            held.enter_context(exclusive(out))
            _remove_leftovers(out)
        kept = _kept(out, videos, verify, report)
        missing = {file_id: video for file_id, video in videos.items() if file_id not in kept}
        plans = _plan(missing, annotated, workers, complain)
        _check_space(out, plans, len(kept), report)
        held.enter_context(exclusive(out))
        try:
            (out / "frames").mkdir(parents=True, exist_ok=True)
            _claim(out, view, level, _origin(root))
            records = kept | _decode(out, plans, workers, complain, report, progress, len(kept))
            if verify:
                _check_written(out, records, plans)
                report(f"{len(records)} runs were read back and match their checksums.")
            _write_store(root, out, view, level, annotated, records, complain)
        except OSError as error:
            hint = "free some space" if error.errno == errno.ENOSPC else "mend that"
            raise DataError(
                f"Cannot write to {out}: {error.strerror}; {hint} and call it again, it goes on."
            ) from error
        finally:
            _remove_leftovers(out)
    return open_store(out)


def _kept(
    out: Path, videos: dict[str, Path], verify: bool, report: Callable[[str], None]
) -> dict[str, Record]:
    """The runs that need not be decoded again, damaged ones left out."""
    kept: dict[str, Record] = {}
    for file_id, video in videos.items():
        record = kept_record(video, out, file_id)
        if record is not None and verify and not is_intact(out, file_id, record):
            report(f"{file_id} in {out} does not match its checksum and is decoded again.")
            # What cannot be decoded this time must not pass for intact the next time.
            record_path(out, file_id).write_text("{}")
            record = None
        if record is not None:
            kept[file_id] = record
    return kept


def _plan(
    videos: dict[str, Path], annotated: Level, workers: int, complain: Callable[[str], None]
) -> list[_Plan]:
    """Look at each video's first frame; those without one are named and left out."""
    last = {chunk.file_id: 0 for chunk in annotated.chunks}
    for chunk in annotated.chunks:
        last[chunk.file_id] = max(last[chunk.file_id], chunk.frame_end)
    file_ids = list(videos)
    tasks = [(videos[file_id], last[file_id]) for file_id in file_ids]
    plans: dict[int, _Plan] = {}
    with closing(work(_probe, tasks, workers, lambda task, count: None)) as outcomes:
        for outcome in outcomes:
            file_id, video = file_ids[outcome.task], videos[file_ids[outcome.task]]
            if outcome.crash is not None:
                complain(f"{video} cannot be decoded: {outcome.crash}.")
            elif outcome.failure is not None:
                complain(outcome.failure)
            else:
                frames, channels = outcome.result
                size_bytes = frames * FRAME_SIZE**2 * channels
                plans[outcome.task] = _Plan(file_id, video, frames, size_bytes)
    return [plans[task] for task in sorted(plans)]


def _probe(video: Path, last_frame: int, tell: Callable[[int], None]) -> tuple[int, int]:
    """About how many frames a video has, and how many channels its first one has.

    Raises:
        SourceError: there is none.
    """
    with VideoFile(video) as source:
        frames = source.properties.frame_count or 0
        # Rows may lie past the end, so the container is believed where it says something that its
        # size allows: the index alone takes more than a byte for each frame.
        if not 0 < frames <= video.stat().st_size:
            frames = min(last_frame, 10**6)
        first = source.read()
        grey = first is not None and not (first.image != first.image[:, :, :1]).any()
    return frames, 1 if grey else 3


def _check_space(out: Path, plans: list[_Plan], kept: int, report: Callable[[str], None]) -> None:
    """Say how large the store will grow, and refuse what the disk cannot hold.

    Raises:
        DataError: no disk, or too little free space on it for the runs still to decode.
    """
    needed = sum(plan.size_bytes for plan in plans) + _RESERVE_BYTES
    there = next((path for path in (out, *out.parents) if path.exists()), None)
    if there is None:
        raise DataError(f"There is no {out.anchor} to hold {out}; choose another folder.")
    free = shutil.disk_usage(there).free
    frames = sum(plan.frames for plan in plans)
    if plans:
        report(
            f"{len(plans)} runs to decode ({kept} are there already): about {frames:,} frames, "
            f"{needed / 1e9:.2f} GB; {free / 1e9:.2f} GB are free."
        )
    if needed > free:
        raise DataError(
            f"{out} needs about {needed / 1e9:.2f} GB more and {free / 1e9:.2f} GB are free; "
            "free some space or choose a folder on another disk."
        )


def _decode(
    out: Path,
    plans: list[_Plan],
    workers: int,
    complain: Callable[[str], None],
    report: Callable[[str], None],
    progress: Callable[[int, int], None],
    kept: int,
) -> dict[str, Record]:
    """Decode the planned runs; those that fail are named and left out."""
    total = sum(plan.frames for plan in plans)
    done = [0] * len(plans)

    def tell(task: int, frames: int) -> None:
        done[task] = frames
        progress(sum(done), max(total, sum(done)))

    records: dict[str, Record] = {}
    tasks = [(plan.video, out, plan.file_id) for plan in plans]
    progress(0, total)
    # Closed at once when something fails, so that no process goes on writing.
    with closing(work(write_run, tasks, workers, tell)) as outcomes:
        for number, outcome in enumerate(outcomes, start=kept + 1):
            plan = plans[outcome.task]
            record = read_record(out, plan.file_id)
            if outcome.crash is not None:
                complain(f"{plan.video} cannot be decoded: {outcome.crash}.")
            elif outcome.failure is not None or record is None:
                complain(outcome.failure or f"{plan.file_id} vanished from {out}.")
            else:
                records[plan.file_id] = record
                report(f"{number}/{kept + len(plans)} {plan.file_id}: {record.frames} frames")
                tell(outcome.task, record.frames)
    return records


def _check_written(out: Path, records: dict[str, Record], plans: list[_Plan]) -> None:
    """Read back what this call wrote.

    Raises:
        DataError: something else came back.
    """
    for file_id in (plan.file_id for plan in plans if plan.file_id in records):
        if not is_intact(out, file_id, records[file_id]):
            record_path(out, file_id).write_text("{}")
            raise DataError(
                f"{file_id} in {out} came back from the disk otherwise than it was written; "
                "check the disk and call it again."
            )


def _write_store(
    root: Path,
    out: Path,
    view: str,
    level: str,
    annotated: Level,
    records: dict[str, Record],
    complain: Callable[[str], None],
) -> None:
    """Write what is inside; chunks without frames are left out.

    Raises:
        DataError: no chunk has frames.
    """
    moved: dict[int, int] = {}
    chunks = []
    for position, chunk in enumerate(annotated.chunks):
        record = records.get(chunk.file_id)
        if record is None:
            continue
        if chunk.frame_end > record.frames:
            complain(
                f"{annotated.places[position]}: {chunk.file_id} frames {chunk.frame_start}-"
                f"{chunk.frame_end} lie past the end of the video ({record.frames} frames)."
            )
            continue
        moved[position] = len(chunks)
        chunks.append(list(astuple(chunk)))
    if not chunks:
        raise DataError(f"{root} gave not one usable chunk for {view}; check the messages above.")
    description = {
        "format": FORMAT_VERSION,
        "view": view,
        "level": level,
        "labels": annotated.labels,
        "origin": _origin(root),
        "chunks": chunks,
        "splits": {
            split: {
                subset: [moved[position] for position in members if position in moved]
                for subset, members in subsets.items()
            }
            for split, subsets in annotated.splits.items()
        },
    }
    with replacing(out / "store.json") as partial:
        partial.write_text(json.dumps(description))


def _origin(root: Path) -> dict[str, Any]:
    """How a synthetic cabin was made; an empty description for real recordings."""
    path = root / "synthetic.json"
    try:
        return {"synthetic": json.loads(path.read_text())} if path.is_file() else {}
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); synthesize that folder again.") from error


def _source(view: str, level: str, origin: dict[str, Any]) -> str:
    source = {"view": view, **origin}
    # Stores made before there were other levels say nothing of theirs.
    return json.dumps(source if level == "midlevel" else source | {"level": level}, sort_keys=True)


def _check_claim(out: Path, view: str, level: str, origin: dict[str, Any]) -> None:
    """Frames of another dataset would be taken for these.

    Raises:
        DataError: `out` holds frames of something else.
    """
    path = out / "source.json"
    if path.is_file() and path.read_bytes() != _source(view, level, origin).encode():
        raise DataError(
            f"{out} holds frames of another dataset, view or level; choose another folder."
        )


def _claim(out: Path, view: str, level: str, origin: dict[str, Any]) -> None:
    with replacing(out / "source.json") as partial:
        partial.write_text(_source(view, level, origin))


def _remove_leftovers(out: Path) -> None:
    """What a killed call or process was writing; nobody else knows those names."""
    for leftover in (*out.glob("*.partial-*"), *out.glob("frames/*.partial-*")):
        leftover.unlink(missing_ok=True)
