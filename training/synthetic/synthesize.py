"""Write a synthetic set: videos and annotations in the Drive&Act layout, resumable."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import cv2

from core.annotations import Chunk, write_annotations
from core.errors import DataError
from training.synthetic.layout import (
    PARTS,
    SPLITS,
    SyntheticConfig,
    check_space,
    claim_folder,
    file_id,
    split_people,
    video_path,
)
from training.synthetic.people import sample_person
from training.synthetic.schedule import annotate, plan_run
from training.synthetic.session import SessionRenderer

_RUN = 1


def synthesize(
    out: Path,
    *,
    people: int = 15,
    minutes: float = 4.0,
    seed: int = 0,
    views: Sequence[str] = ("inner_mirror",),
    fps: float = 30.0,
    size: int = 256,
    processes: int | None = None,
    first_person: int = 1,
    report: Callable[[int, int], None] | None = None,
) -> None:
    """Write `<out>/<view>/vp<N>/<run>.<stream>.mp4` and `<out>/activities_3s/<view>/*.csv`.

    Videos already finished are kept, so that an interrupted call is resumed by repeating it. The
    frames and the annotations depend on the settings only, never on `processes`.

    Args:
        out: the set's root folder; made if missing.
        people: drivers, one run each; about 10:2:3 of them for training, validation and test.
        minutes: length of each run; from 3.5 on every activity occurs.
        seed: another seed gives other people and other runs.
        views: names of cameras, see `camera.VIEWS`.
        fps: frames per second.
        size: picture width and height in pixels.
        processes: how many work at once; None: one for each processor.
        first_person: number of the first driver.
        report: called with (finished videos, all videos), at the start and after each.

    Raises:
        DataError: a setting makes no sense, the folder holds another set, or the disk is full.
    """
    config = SyntheticConfig(
        people=people,
        minutes=float(minutes),
        seed=seed,
        views=tuple(views),
        fps=float(fps),
        size=size,
        first_person=first_person,
    )
    out = Path(out)
    claim_folder(out, config)
    check_space(out, config)
    tasks = [(person, view) for view in config.views for person in config.participants]
    missing = [task for task in tasks if not video_path(out, *task).exists()]
    tell = report or (lambda done, total: None)
    done = len(tasks) - len(missing)
    tell(done, len(tasks))
    workers = min(processes or os.cpu_count() or 1, max(1, len(missing)))
    if workers == 1:
        for person, view in missing:
            write_video(out, config, person, view)
            done += 1
            tell(done, len(tasks))
    else:
        # Spawned, not forked: the caller may hold a GPU, threads or a window.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
            futures = [pool.submit(write_video, out, config, *task) for task in missing]
            try:
                for future in as_completed(futures):
                    future.result()
                    done += 1
                    tell(done, len(tasks))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    for view in config.views:
        _write_annotations(out, config, view)


def _one_thread() -> None:
    # The processes already fill the processors; threads of cv2 would only get in their way.
    cv2.setNumThreads(1)


def write_video(out: Path, config: SyntheticConfig, person: int, view: str) -> None:
    """Render one run; the file appears under its name only when complete.

    Raises:
        DataError: the folder cannot be written, or OpenCV cannot encode.
    """
    path = video_path(out, person, view)
    # cv2 chooses the container by the ending, which therefore stays last.
    partial = path.with_name(f"{path.stem}.partial.mp4")
    renderer = SessionRenderer(
        config.seed, person, _RUN, config.minutes, config.fps, config.size, view
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot make {path.parent}: {error.strerror}.") from error
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(partial), fourcc, config.fps, (config.size, config.size), False)
    if not writer.isOpened():
        raise DataError(f"OpenCV cannot write {partial}; check the folder and OpenCV's codecs.")
    try:
        for index in range(renderer.frames):
            writer.write(renderer.frame(index))
    finally:
        writer.release()
    _check_video(partial, renderer.frames)
    os.replace(partial, path)


def _check_video(path: Path, frames: int) -> None:
    """cv2 says nothing when the disk fills up, so the file is asked for its length."""
    capture = cv2.VideoCapture(str(path))
    found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.release()
    if found != frames:
        raise DataError(f"{path} holds {found} of {frames} frames; is the disk full?")


def _write_annotations(out: Path, config: SyntheticConfig, view: str) -> None:
    folder = out / "activities_3s" / view
    chunks: list[Chunk] = []
    for number in config.participants:
        person = sample_person(config.seed, number)
        segments = plan_run(config.seed, person, _RUN, config.minutes, config.fps)
        chunks += annotate(segments, number, file_id(number, view), config.fps)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_annotations(folder / "midlevel.chunks_90.csv", chunks)
        for split in range(SPLITS):
            members = split_people(config.participants, split)
            for part in PARTS:
                own = (chunk for chunk in chunks if chunk.participant_id in members[part])
                write_annotations(folder / f"midlevel.chunks_90.split_{split}.{part}.csv", own)
    except OSError as error:
        raise DataError(f"Cannot write annotations to {folder}: {error.strerror}.") from error
