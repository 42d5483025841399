"""The session's video with what both models said written over it, as a video file of its own.

The source's sound is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.messages import STUDENTS
from app.recording.export import Cancelled
from app.recording.lookup import Lookup
from app.recording.reader import RecordedSession
from app.recording.tables import NONE
from core.activities import colour_of, title_of
from core.errors import InCabError
from core.files import replacing
from core.frame_index import packet_positions_ms
from core.video import VideoFile

_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
# A gap in the source's times longer than this is cut short.
_LONGEST_REPEAT_S = 10.0
_SMALLEST_LINE_PX = 14
_LINE_SHARE = 0.042
_TEXT = (242, 237, 237)
_QUIET = (197, 180, 167)

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Line:
    """One line over the picture: who says what, how surely, and the activity's colour (BGR)."""

    who: str
    text: str
    confidence: float | None
    colour: tuple[int, int, int]


def write_annotated_video(
    session: RecordedSession,
    video_path: Path,
    out: Path,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Write every frame of the video with the labels of its moment; returns how many.

    Args:
        session: the recording.
        video_path: its video.
        out: an .mp4, .avi or .mkv file; it appears only when complete.
        progress: told the frames done and expected.
        cancelled: asked before each frame.

    Raises:
        InCabError: a file cannot be read or written.
        Cancelled: `cancelled` said so; nothing is written then.
    """
    if out.suffix not in _CODECS:
        raise InCabError(f"{out} must end in {', '.join(_CODECS)}.")
    if not out.parent.is_dir():
        raise InCabError(f"There is no folder {out.parent}; make it first.")
    if out.exists() and out.samefile(video_path):
        raise InCabError(f"{out} is the recorded video itself; choose another name.")
    lookup = Lookup(session)
    try:
        with VideoFile(video_path) as video, replacing(out) as partial:
            return _write(video, lookup, partial, progress, cancelled)
    except OSError as error:
        raise InCabError(f"{out} cannot be written ({error.strerror}).") from error


def _write(
    video: VideoFile,
    lookup: Lookup,
    partial: Path,
    progress: Callable[[int, int | None], None],
    cancelled: Callable[[], bool],
) -> int:
    properties = video.properties
    # Encoders want even sides.
    size = (properties.width & ~1, properties.height & ~1)
    code = cv2.VideoWriter.fourcc(*_CODECS[partial.suffix])
    writer = cv2.VideoWriter(str(partial.absolute()), cv2.CAP_FFMPEG, code, properties.fps, size)
    written = 0
    try:
        if not writer.isOpened():
            raise InCabError(f"This OpenCV cannot write {partial.suffix} files; choose another.")
        for frame in video:
            if cancelled():
                raise Cancelled("The video was cancelled; nothing was written.")
            image = draw(frame.image, lines_at(lookup, frame.index))[: size[1], : size[0]]
            if image.shape[1::-1] != size:
                image = np.asarray(cv2.resize(image, size), np.uint8)
            # A file has one rate; where the source's own times run slower, pictures are repeated.
            due = round(frame.time_s * properties.fps) + 1
            most = max(1, round(_LONGEST_REPEAT_S * properties.fps))
            for _ in range(max(1, min(due - written, most))):
                writer.write(np.ascontiguousarray(image))
                written += 1
            progress(frame.index + 1, properties.frame_count)
    finally:
        writer.release()
    # OpenCV's writer says nothing of what it could not write.
    if sum(1 for _ in packet_positions_ms(partial)) != written:
        raise InCabError(
            f"The video could not be written whole to {partial.parent}; is the disk full?"
        )
    return written


def lines_at(lookup: Lookup, frame: int) -> list[Line]:
    """What stands over a frame: both models' steady labels, and the truth where it is known."""
    position = lookup.at_or_before(frame)
    if position is None:
        return []
    session = lookup.session
    lines: list[Line] = []
    for answers in session.answers.values():
        # A teacher's answers are seconds apart, and would come and go.
        if answers.best[position] == NONE or answers.model.slot not in STUDENTS:
            continue
        model, label = answers.model, int(answers.label[position])
        name = None if label == NONE else model.labels[label]
        lines.append(
            Line(
                model.slot.upper(),
                "uncertain" if name is None else title_of(name),
                None if name is None else float(answers.confidence[position]),
                (128, 128, 128) if name is None else _bgr(colour_of(name)),
            )
        )
    truth = session.clips.truth_of(position)
    if truth is not None:
        lines.append(Line("truth", title_of(truth), None, _bgr(colour_of(truth))))
    return lines


def _bgr(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return blue, green, red


def draw(image: Image, lines: list[Line]) -> Image:
    """H×W×3 uint8 RGB to H×W×3 uint8 BGR with the lines on a dark strip at its foot."""
    canvas = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)
    if not lines:
        return canvas
    height, width = canvas.shape[:2]
    line_px = max(_SMALLEST_LINE_PX, round(height * _LINE_SHARE))
    pitch, margin = round(line_px * 1.5), round(line_px * 0.6)
    strip = canvas[max(0, height - len(lines) * pitch - margin) :]
    strip[:] = strip // 4
    weight = max(1, round(line_px / 12))
    for number, line in enumerate(lines):
        baseline = height - margin - (len(lines) - 1 - number) * pitch
        top = baseline - line_px
        cv2.rectangle(canvas, (margin, top), (margin + line_px // 3, baseline), line.colour, -1)
        left = 2 * margin + line_px // 3
        column = left + round(line_px * 3.4)
        percent = "" if line.confidence is None else f"{line.confidence * 100:.0f} %"
        right = width - margin - _width(percent, line_px, weight)
        _put(canvas, line.who, (left, baseline), line_px, _QUIET, weight, column - left)
        _put(canvas, line.text, (column, baseline), line_px, _TEXT, weight, right - column)
        _put(canvas, percent, (right, baseline), line_px, _TEXT, weight, width)
    return canvas


def _scale(line_px: int) -> float:
    # Hershey's capitals are 21 pixels high at scale 1.
    return line_px * 0.8 / 21


def _width(text: str, line_px: int, weight: int) -> int:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, _scale(line_px), weight)
    return width


def _put(
    canvas: Image,
    text: str,
    origin: tuple[int, int],
    line_px: int,
    colour: tuple[int, int, int],
    weight: int,
    room: int,
) -> None:
    """Write a text, smaller where it would not fit into `room` pixels."""
    needed = _width(text, line_px, weight)
    scale = _scale(line_px) * min(1.0, max(room, 1) / max(needed, 1))
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(canvas, text, origin, font, scale, colour, weight, cv2.LINE_AA)
