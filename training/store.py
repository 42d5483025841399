"""Prepared frames: every annotated video decoded once, squashed to 256×256, kept as plain arrays.

    <out>/store.json            what is inside: runs, chunks, splits, where it came from
    <out>/source.json           whose frames these are, so that two datasets never mix
    <out>/frames/<run>.npy      N×256×256×C uint8; C = 1 when every pixel is exactly grey, else 3
    <out>/frames/<run>.times.npy  N float64 seconds

Any 16 frames of any chunk are read by position without decoding the rest, through a memory map.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from core.activities import ACTIVITY_NAMES
from core.annotations import Chunk, read_annotations
from core.clip import ClipSpec, squash
from core.errors import DataError, SourceError
from core.files import replacing
from core.video import VideoFile

FORMAT_VERSION = 1
FRAME_SIZE = 256
SUBSETS = ("train", "val", "test")
SPLITS = (0, 1, 2)
STREAM_SUFFIX = {
    "inner_mirror": "ids_1",
    "a_column_co_driver": "ids_2",
    "ceiling": "ids_3",
    "steering_wheel": "ids_4",
    "a_column_driver": "ids_5",
    "kinect_color": "kinect_color",
    "kinect_ir": "kinect_ir",
    "kinect_depth": "kinect_depth",
}
_VIDEO_ENDINGS = (".mp4", ".avi")


@dataclass(frozen=True, slots=True)
class Store:
    """An opened store: chunks by position, and which of them each split's subset uses."""

    folder: Path
    labels: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    splits: dict[int, dict[str, tuple[int, ...]]]
    description: dict[str, Any]

    def frames(self, file_id: str) -> NDArray[np.uint8]:
        """Memory map N×256×256×C uint8 of one run."""
        return np.load(_frames_path(self.folder, file_id), mmap_mode="r")

    def times_s(self, file_id: str) -> NDArray[np.float64]:
        """N times in seconds of one run."""
        return np.load(_times_path(self.folder, file_id))

    def subset(self, split: int, name: str) -> tuple[int, ...]:
        """Positions of the chunks in one subset of one split."""
        if split not in self.splits or name not in self.splits[split]:
            raise DataError(
                f"{self.folder} has no split {split} {name}; it has "
                f"{', '.join(str(number) for number in self.splits)} with {', '.join(SUBSETS)}."
            )
        return self.splits[split][name]


def _frames_path(folder: Path, file_id: str) -> Path:
    return folder / "frames" / f"{file_id.replace('/', '__')}.npy"


def _times_path(folder: Path, file_id: str) -> Path:
    return folder / "frames" / f"{file_id.replace('/', '__')}.times.npy"


def find_video(root: Path, view: str, file_id: str) -> Path:
    """The video of one run, full size or already reduced.

    Raises:
        DataError: it is not there; the message names where it was looked for.
    """
    for ending in _VIDEO_ENDINGS:
        path = root / view / f"{file_id}{ending}"
        if path.is_file():
            return path
    raise DataError(f"The video {root / view / file_id}.mp4 is missing (.avi neither).")


def prepare(
    root: Path,
    out: Path,
    *,
    view: str = "inner_mirror",
    report: Callable[[str], None] = print,
) -> Store:
    """Decode every annotated run of `view` once; what is already there is kept.

    Missing and broken videos, faulty rows and missing split files are named, and the rest goes on.

    Raises:
        DataError: nothing usable, or `out` holds a store of something else.
        AnnotationError: the annotation file is missing or is none.
    """
    annotations_folder = root / "activities_3s" / view
    annotations = read_annotations(annotations_folder / "midlevel.chunks_90.csv")
    for problem in annotations.problems:
        report(problem)
    if annotations.unscored:
        report(f"{annotations.unscored} rows with labels outside the 34 classes were skipped.")

    (out / "frames").mkdir(parents=True, exist_ok=True)
    _claim(out, view, _origin(root))
    lengths: dict[str, int] = {}
    for number, file_id in enumerate(annotations.file_ids, start=1):
        try:
            lengths[file_id] = _prepare_run(find_video(root, view, file_id), out, file_id)
        except (DataError, SourceError) as error:
            report(str(error))
            continue
        report(f"{number}/{len(annotations.file_ids)} {file_id}: {lengths[file_id]} frames")

    chunks: list[Chunk] = []
    for chunk in annotations.chunks:
        if chunk.file_id not in lengths:
            continue
        if chunk.frame_end > lengths[chunk.file_id]:
            report(
                f"{chunk.file_id} frames {chunk.frame_start}-{chunk.frame_end} lie past the end of "
                f"the video ({lengths[chunk.file_id]} frames) and were skipped."
            )
            continue
        chunks.append(chunk)
    if not chunks:
        raise DataError(f"{root} gave not one usable chunk for {view}; check the messages above.")

    positions = {(c.file_id, c.frame_start, c.frame_end): i for i, c in enumerate(chunks)}
    splits: dict[int, dict[str, list[int]]] = {}
    for split in SPLITS:
        splits[split] = {}
        for name in SUBSETS:
            path = annotations_folder / f"midlevel.chunks_90.split_{split}.{name}.csv"
            if not path.is_file():
                report(f"{path} is missing, so split {split} has no {name} chunks.")
            members = read_annotations(path).chunks if path.is_file() else ()
            keys = ((c.file_id, c.frame_start, c.frame_end) for c in members)
            splits[split][name] = [positions[key] for key in keys if key in positions]

    description = {
        "format": FORMAT_VERSION,
        "view": view,
        "labels": ACTIVITY_NAMES,
        "origin": _origin(root),
        "chunks": [list(asdict(chunk).values()) for chunk in chunks],
        "splits": splits,
    }
    with replacing(out / "store.json") as partial:
        partial.write_text(json.dumps(description))
    return open_store(out)


def _origin(root: Path) -> dict[str, Any]:
    """How a synthetic cabin was made; an empty description for real recordings."""
    path = root / "synthetic.json"
    try:
        return {"synthetic": json.loads(path.read_text())} if path.is_file() else {}
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); synthesize that folder again.") from error


def _claim(out: Path, view: str, origin: dict[str, Any]) -> None:
    """Note whose frames `out` holds: frames of another dataset would be taken for these."""
    path = out / "source.json"
    source = json.dumps({"view": view, **origin}, sort_keys=True)
    if path.is_file() and path.read_text() != source:
        raise DataError(f"{out} holds frames of another dataset or view; choose another folder.")
    for leftover in (*out.glob("*.partial-*"), *out.glob("frames/*.partial-*")):
        # What a killed call was writing; nobody else knows that name.
        leftover.unlink(missing_ok=True)
    with replacing(path) as partial:
        partial.write_text(source)


class _ColourSeenError(Exception):
    """A run taken for grey is not."""


def _prepare_run(video: Path, out: Path, file_id: str) -> int:
    frames_path, times_path = _frames_path(out, file_id), _times_path(out, file_id)
    if frames_path.is_file() and times_path.is_file():
        return len(np.load(times_path))
    try:
        times_s = _write_frames(video, frames_path, channels=1)
    except _ColourSeenError:
        times_s = _write_frames(video, frames_path, channels=3)
    with replacing(times_path) as partial, partial.open("wb") as file:
        np.save(file, np.array(times_s))
    return len(times_s)


def _write_frames(video: Path, frames_path: Path, channels: int) -> list[float]:
    """Write a video's squashed frames one by one, as they are decoded; returns their times.

    One channel is written instead of three equal ones, which loses nothing.

    Raises:
        _ColourSeenError: `channels` is 1 and the channels of a frame are not equal.
    """
    spec = ClipSpec(resize=FRAME_SIZE, crop=FRAME_SIZE)
    shape = (FRAME_SIZE, FRAME_SIZE, channels)
    header = {"descr": "|u1", "fortran_order": False}
    times_s: list[float] = []
    with (
        VideoFile(video) as source,
        replacing(frames_path) as partial,
        partial.open("wb") as file,
    ):
        write_array_header_1_0(file, header | {"shape": (0, *shape)})
        for frame in source:
            image = squash(frame.image, spec)
            if channels == 1 and (image != image[:, :, :1]).any():
                raise _ColourSeenError
            file.write(np.ascontiguousarray(image[:, :, :channels]))
            times_s.append(frame.time_s)
        # The header has the same length for any number of frames.
        file.seek(0)
        write_array_header_1_0(file, header | {"shape": (len(times_s), *shape)})
    return times_s


def open_store(folder: Path) -> Store:
    """Open a prepared store.

    Raises:
        DataError: there is none, or it was written by another version.
    """
    path = folder / "store.json"
    try:
        description = json.loads(path.read_text())
        if description["format"] != FORMAT_VERSION:
            raise DataError(f"{path} has format {description['format']}; prepare it again.")
        chunks = tuple(Chunk(*row) for row in description["chunks"])
        splits = {
            int(split): {name: tuple(members) for name, members in subsets.items()}
            for split, subsets in description["splits"].items()
        }
        labels = tuple(description["labels"])
    except OSError as error:
        raise DataError(
            f"{folder} is no prepared store (no store.json); run incab-train prepare first."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}); run incab-train prepare again.") from error
    return Store(folder, labels, chunks, splits, description)


def count_labels(store: Store, positions: Sequence[int]) -> dict[str, int]:
    """Chunks of each class among `positions`, zero included."""
    counts = dict.fromkeys(store.labels, 0)
    for position in positions:
        counts[store.chunks[position].activity] += 1
    return counts
