"""How fast the store hands out clips, beside decoding the same clips from the videos.

Both sides make the same evaluation clips of the same chunks in the same random order. The video
side is as quick as OpenCV allows: files stay open, it seeks to the chunk, decodes up to the last
frame it needs, and converts only the sixteen it keeps.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import BrokenBarrierError

import cv2
import numpy as np
import psutil

from core.clip import ClipSpec, centre_crop, squash
from core.driveact import find_video
from core.errors import DataError
from training.dataset import ChunkDataset, evaluation_positions
from training.store import Store, open_store

SPEC = ClipSpec()
# A process imports its modules, perhaps from a slow disk; reading is hardly this slow anywhere.
_START_S, _READ_S = 120.0, 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSpeed:
    """Clips per second by number of processes, of the videos (one process), and what was read."""

    clips: int
    store_clips_per_s: dict[int, float]
    video_clips_per_s: float
    video: str
    identical: int
    compared: int
    memory_growth_mb: float | None


def measure_store(
    root: Path, folder: Path, *, clips: int, workers: Sequence[int] = (), seed: int = 0
) -> StoreSpeed:
    """Read `clips` chunks at random, twice from the store and once from the videos.

    The first reading warms the disk cache for both the same way and is not counted.

    Args:
        root: the dataset that the store was made of.
        folder: the store.
        clips: how many chunks; some come several times where the store has fewer.
        workers: numbers of processes to measure beside one.
        seed: same seed, same chunks.

    Raises:
        DataError: no store or an empty one, or a video of it is gone.
    """
    store = open_store(folder)
    if not store.chunks:
        raise DataError(f"{folder} holds no chunks to read; prepare one that does.")
    random = np.random.default_rng(seed)
    positions = [int(p) for p in random.integers(0, len(store.chunks), clips)]
    reader = _VideoReader(root, store)
    compared = positions[:: max(1, clips // 20)]
    dataset = ChunkDataset(store, compared, SPEC)
    identical = sum(
        np.array_equal(dataset.clip(item), reader.clip(position))
        for item, position in enumerate(compared)
    )
    _read(folder, positions)
    before_mb = _own_memory_mb()
    speeds = {1: clips / _read(folder, positions)}
    after_mb = _own_memory_mb()
    start_s = time.perf_counter()
    for position in positions:
        reader.clip(position)
    video_s = time.perf_counter() - start_s
    for count in sorted({*workers} - {1}):
        speeds[count] = count * clips / _read_in_processes(folder, positions, count)
    return StoreSpeed(
        clips=clips,
        store_clips_per_s=speeds,
        video_clips_per_s=clips / video_s,
        video=reader.description,
        identical=identical,
        compared=len(compared),
        memory_growth_mb=None if before_mb is None or after_mb is None else after_mb - before_mb,
    )


class _VideoReader:
    """Evaluation clips straight from the videos; times come from the store."""

    def __init__(self, root: Path, store: Store) -> None:
        self.root, self.store = root, store
        self.description = ""
        self._captures: dict[str, cv2.VideoCapture] = {}

    def _capture(self, file_id: str) -> cv2.VideoCapture:
        if file_id not in self._captures:
            path = find_video(self.root, str(self.store.description["view"]), file_id)
            capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
            if not capture.isOpened():
                raise DataError(f"{path} cannot be opened; it could when the store was made.")
            code = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1")
            width, height = (
                int(capture.get(name))
                for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
            )
            self.description = f"{code.strip(chr(0))} {width}×{height}"
            self._captures[file_id] = capture
        return self._captures[file_id]

    def clip(self, position: int) -> np.ndarray:
        """T×H×W×C uint8, as ChunkDataset.clip gives it."""
        chunk = self.store.chunks[position]
        capture = self._capture(chunk.file_id)
        times_s = self.store.times_s(chunk.file_id)[chunk.frame_start : chunk.frame_end]
        chosen = evaluation_positions(times_s, SPEC)
        wanted = {int(frame): target for target, frame in enumerate(chosen)}
        clip = np.zeros(SPEC.clip_shape, np.uint8)
        capture.set(cv2.CAP_PROP_POS_FRAMES, chunk.frame_start)
        for frame in range(int(chosen[-1]) + 1):
            if not capture.grab():
                raise DataError(f"{chunk.file_id} ends before frame {chunk.frame_start + frame}.")
            if frame in wanted:
                _, image = capture.retrieve()
                picture = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
                clip[wanted[frame]] = centre_crop(squash(picture, SPEC), SPEC)
        return clip


def _read(folder: Path, positions: Sequence[int]) -> float:
    """Seconds for reading all clips in this process."""
    dataset = ChunkDataset(open_store(folder), positions, SPEC)
    start_s = time.perf_counter()
    for item in range(len(dataset)):
        dataset[item]
    return time.perf_counter() - start_s


def _read_in_processes(folder: Path, positions: Sequence[int], count: int) -> float:
    """Seconds until `count` processes that start together have each read all clips."""
    # Spawned, not forked: this process has threads.
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(count + 1)
    processes = [
        context.Process(target=_read_together, args=(folder, positions, together), daemon=True)
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    try:
        together.wait(_START_S)
        start_s = time.perf_counter()
        together.wait(_READ_S)
        return time.perf_counter() - start_s
    except BrokenBarrierError as error:
        raise DataError(
            f"A process that reads {folder} failed or came to no end; "
            "run incab-train prepare --verify, or try fewer --workers."
        ) from error
    finally:
        for process in processes:
            if together.broken:
                process.kill()
            process.join()


def _read_together(folder: Path, positions: Sequence[int], together: Barrier) -> None:
    cv2.setNumThreads(1)
    try:
        _read(folder, positions[:1])
        together.wait(_START_S)
        _read(folder, positions)
    except BaseException:
        together.abort()
        raise
    together.wait(_READ_S)


def _own_memory_mb() -> float | None:
    """Memory of this process without mapped files; None where the system does not tell."""
    memory = psutil.Process().memory_info()
    return (memory.rss - memory.shared) / 1e6 if hasattr(memory, "shared") else None
