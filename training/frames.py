"""The frames of one run in a store: written in one pass over its video, checked by checksum.

frames/<run>.npy        N×256×256×C uint8; C = 1 when every pixel is exactly grey, else 3
frames/<run>.times.npy  N float64 seconds
frames/<run>.json       checksums and the video they came from; written last
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array_header_1_0

from core.clip import ClipSpec, squash
from core.files import replacing
from core.video import VideoFile

FRAME_SIZE = 256
_HEADER = {"descr": "|u1", "fortran_order": False}


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the frames of one run: shape, checksums, and which video they show."""

    frames: int
    channels: int
    sha256: str
    times_sha256: str
    video: str
    video_bytes: int


def frames_path(folder: Path, file_id: str) -> Path:
    """Pixels of one run."""
    return folder / "frames" / f"{file_id.replace('/', '__')}.npy"


def times_path(folder: Path, file_id: str) -> Path:
    """Times of one run."""
    return frames_path(folder, file_id).with_suffix(".times.npy")


def record_path(folder: Path, file_id: str) -> Path:
    """Record of one run."""
    return frames_path(folder, file_id).with_suffix(".json")


class _ColourSeenError(Exception):
    """A run taken for grey is not."""


def write_run(
    video: Path, folder: Path, file_id: str, progress: Callable[[int], None] = lambda frames: None
) -> Record:
    """Decode one video into the store; `progress` is told the frames written so far.

    Raises:
        SourceError: the video cannot be read.
        OSError: the store cannot be written, for instance because the disk is full.
    """
    # Without its times a run is not there, whatever happens from here on. They go first: frames and
    # times without a record pass for complete.
    times_path(folder, file_id).unlink(missing_ok=True)
    record_path(folder, file_id).unlink(missing_ok=True)
    try:
        times_s, sha256, channels = *_write_frames(video, folder, file_id, 1, progress), 1
    except _ColourSeenError:
        times_s, sha256, channels = *_write_frames(video, folder, file_id, 3, progress), 3
    with replacing(times_path(folder, file_id)) as partial, partial.open("wb") as file:
        np.save(file, np.array(times_s))
    return _write_record(video, folder, file_id, (len(times_s), channels), sha256)


def _write_record(
    video: Path, folder: Path, file_id: str, shape: tuple[int, int], sha256: str
) -> Record:
    times_sha256 = hashlib.sha256(times_path(folder, file_id).read_bytes()).hexdigest()
    record = Record(*shape, sha256, times_sha256, video.name, video.stat().st_size)
    with replacing(record_path(folder, file_id)) as partial:
        partial.write_text(json.dumps(asdict(record), indent=1))
    return record


def _write_frames(
    video: Path, folder: Path, file_id: str, channels: int, progress: Callable[[int], None]
) -> tuple[list[float], str]:
    """Write a video's squashed frames as they are decoded; returns their times and checksum.

    One channel is written instead of three equal ones, which loses nothing.

    Raises:
        _ColourSeenError: `channels` is 1 and the channels of a frame are not equal.
    """
    spec = ClipSpec(resize=FRAME_SIZE, crop=FRAME_SIZE)
    shape = (FRAME_SIZE, FRAME_SIZE, channels)
    times_s: list[float] = []
    digest = hashlib.sha256()
    with (
        VideoFile(video) as source,
        replacing(frames_path(folder, file_id)) as partial,
        partial.open("wb") as file,
    ):
        write_array_header_1_0(file, _HEADER | {"shape": (0, *shape)})
        for frame in source:
            image = squash(frame.image, spec)
            if channels == 1 and (image != image[:, :, :1]).any():
                raise _ColourSeenError
            pixels = np.ascontiguousarray(image[:, :, :channels])
            file.write(pixels)
            digest.update(pixels)
            times_s.append(frame.time_s)
            progress(len(times_s))
        # The header has the same length for any number of frames.
        file.seek(0)
        write_array_header_1_0(file, _HEADER | {"shape": (len(times_s), *shape)})
    return times_s, digest.hexdigest()


def kept_record(video: Path, folder: Path, file_id: str) -> Record | None:
    """The record of a run that need not be decoded again; None where it must be.

    A run without a record is complete if its frames and times are: its files were written by a
    call that was killed just before the last step, or by an InCab that kept no records.
    """
    pixels, times = frames_path(folder, file_id), times_path(folder, file_id)
    try:
        shape = np.load(pixels, mmap_mode="r").shape
        count = len(np.load(times))
    except (OSError, ValueError, EOFError):
        return None
    if len(shape) != 4 or shape[1:3] != (FRAME_SIZE, FRAME_SIZE) or shape[0] != count:
        return None
    if not record_path(folder, file_id).is_file():
        return _write_record(video, folder, file_id, (shape[0], shape[3]), _hash_pixels(pixels))
    record = read_record(folder, file_id)
    source = (video.name, video.stat().st_size)
    if record is None or (record.video, record.video_bytes) != source:
        return None
    return record if (record.frames, record.channels) == (shape[0], shape[3]) else None


def read_record(folder: Path, file_id: str) -> Record | None:
    """The record of a run; None where there is none or it is damaged."""
    try:
        return Record(**json.loads(record_path(folder, file_id).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def is_intact(folder: Path, file_id: str, record: Record) -> bool:
    """Whether frames and times of a run are what was written, by checksum."""
    try:
        shape = np.load(frames_path(folder, file_id), mmap_mode="r").shape
        times = times_path(folder, file_id).read_bytes()
        return (
            shape == (record.frames, FRAME_SIZE, FRAME_SIZE, record.channels)
            and hashlib.sha256(times).hexdigest() == record.times_sha256
            and _hash_pixels(frames_path(folder, file_id)) == record.sha256
        )
    except (OSError, ValueError, EOFError):
        return False


def _hash_pixels(path: Path) -> str:
    """SHA-256 of the frames without the header; a few megabytes in memory at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
