"""Write a synthetic set: videos and annotations in the Drive&Act layout, resumable."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import cv2

from core.annotations import Chunk, write_annotations
from core.driveact import SPLITS, SUBSETS, annotation_path
from core.errors import DataError
from core.files import replacing
from training.exclusive import exclusive
from training.progress import duration
from training.synthetic.layout import (
    SyntheticConfig,
    check_space,
    claim_folder,
    file_id,
    remove_leftovers,
    require_room,
    split_people,
    video_path,
)
from training.synthetic.people import sample_person
from training.synthetic.schedule import annotate, plan_run
from training.synthetic.session import SessionRenderer
from training.workers import work

_RUN = 1
_LOOK_EVERY_FRAMES = 150


def synthesize(
    out: Path,
    *,
    people: int,
    minutes: float,
    seed: int,
    views: Sequence[str],
    fps: float,
    size: int = 256,
    processes: int | None = None,
    first_person: int = 1,
    difficulty: float = 1.0,
    report: Callable[[str], None] = lambda line: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
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
        processes: how many work at once, each on a video of its own; None: one for each processor;
            0: this one.
        first_person: number of the first driver.
        difficulty: 1 as usual, 0 without, 2 with twice as much of what makes recognition hard:
            sensor noise, blur, sun and wandering exposure; the tolerance with which the camera is
            mounted; how much places, poses and tempo of one take differ from the next, hesitation
            and the unusual hand; and movement that has nothing to do with the activity (glances,
            hands that wander to the face, fidgeting). People, clothes and timetable stay.
        report: called with a line for each finished video.
        progress: called with (frames done, all frames) of the videos that were still missing.

    Raises:
        BusyError: another process writes there.
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
        difficulty=float(difficulty),
    )
    out = Path(out)
    claim_folder(out, config)
    with exclusive(out):
        remove_leftovers(out, config)
        check_space(out, config)
        try:
            _render_missing(out, config, processes, report, progress)
        finally:
            # When one fails, or on Ctrl-C, the others are stopped in the middle of theirs.
            remove_leftovers(out, config)
        for view in config.views:
            _write_annotations(out, config, view)


def _render_missing(
    out: Path,
    config: SyntheticConfig,
    processes: int | None,
    report: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> None:
    tasks = [(person, view) for view in config.views for person in config.participants]
    missing = [task for task in tasks if not video_path(out, *task).exists()]
    kept = len(tasks) - len(missing)
    if kept:
        report(f"{kept} of {len(tasks)} videos are there already.")
    total = len(missing) * config.frames
    done, finished = [0] * len(missing), 0
    started_s = time.monotonic()

    def tell(task: int, frames: int) -> None:
        done[task] = frames
        progress(sum(done), total)

    def finish(task: int) -> None:
        nonlocal finished
        finished += 1
        tell(task, config.frames)
        rate = sum(done) / (time.monotonic() - started_s)
        report(
            f"{kept + finished}/{len(tasks)} {file_id(*missing[task])}: {config.frames} frames, "
            f"{rate:.0f} frames/s, {duration((total - sum(done)) / rate)} left"
        )

    progress(0, total)
    jobs = [(out, config, *task) for task in missing]
    workers = min((os.cpu_count() or 1) if processes is None else processes, len(missing))
    # Closed at once when one fails, so that no process goes on writing.
    with closing(work(write_video, jobs, workers, tell)) as outcomes:
        for outcome in outcomes:
            if outcome.crash is not None:
                name = file_id(*missing[outcome.task])
                raise DataError(f"{name} could not be rendered: {outcome.crash}.")
            if outcome.failure is not None:
                raise DataError(outcome.failure)
            finish(outcome.task)


def write_video(
    out: Path, config: SyntheticConfig, person: int, view: str, tell: Callable[[int], None]
) -> None:
    """Render one run; the file appears under its name only when complete.

    `tell` is called with the number of frames done.

    Raises:
        DataError: the folder cannot be written, the disk is full, or OpenCV cannot encode.
    """
    path = video_path(out, person, view)
    renderer = SessionRenderer(
        config.seed,
        person,
        _RUN,
        config.minutes,
        config.fps,
        config.size,
        view,
        config.difficulty,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            _encode(partial, renderer, config, tell)
    except OSError as error:
        raise DataError(f"Cannot write {path}: {error.strerror}.") from error


def _encode(
    path: Path, renderer: SessionRenderer, config: SyntheticConfig, tell: Callable[[int], None]
) -> None:
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), fourcc, config.fps, (config.size, config.size), False)
    if not writer.isOpened():
        raise DataError(f"OpenCV cannot write {path}; check the folder and OpenCV's codecs.")
    try:
        for index in range(renderer.frames):
            if index % _LOOK_EVERY_FRAMES == 0:
                require_room(path.parent)
            writer.write(renderer.frame(index))
            tell(index + 1)
    finally:
        writer.release()
    _check_video(path, renderer.frames)


def _check_video(path: Path, frames: int) -> None:
    """cv2 says nothing when the disk fills up, so the file is asked for its length and last frame.

    Raises:
        DataError: it is too short.
    """
    capture = cv2.VideoCapture(str(path))
    found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.set(cv2.CAP_PROP_POS_FRAMES, frames - 1)
    ends = capture.read()[0]
    capture.release()
    if found != frames or not ends:
        raise DataError(
            f"{path.parent} took in only {found} of {frames} frames of {path.stem.split('.')[0]}: "
            "the disk is full or damaged. Free some space and call it again; finished videos stay."
        )


def _write_annotations(out: Path, config: SyntheticConfig, view: str) -> None:
    chunks: list[Chunk] = []
    for number in config.participants:
        person = sample_person(config.seed, number)
        segments = plan_run(config.seed, person, _RUN, config.minutes, config.fps)
        chunks += annotate(segments, number, file_id(number, view), config.fps)
    try:
        path = annotation_path(out, view, "midlevel")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_annotations(path, chunks)
        for split in SPLITS:
            members = split_people(config.participants, split)
            for part in SUBSETS:
                own = (chunk for chunk in chunks if chunk.participant_id in members[part])
                write_annotations(annotation_path(out, view, "midlevel", split, part), own)
    except OSError as error:
        raise DataError(
            f"Cannot write annotations of {view} to {out}: {error.strerror}."
        ) from error
