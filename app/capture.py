"""The source worker: reads frames, keeps the clip buffer, and hands over only the newest.

A file is paced by its own frame times and the chosen speed (`FilePlayer`); a camera or stream paces
itself. Every frame goes into the clip buffer, whether it is painted and inferred or not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
from PySide6.QtCore import QThread, Signal

from app.clip_buffers import ClipBuffers
from app.file_length import length_s, list_frames, listed_frames, why_short
from app.file_player import FilePlayer
from app.messages import ClipOffer, Picture, SourceInfo
from app.picture_slot import PictureSlot, shrink_to
from app.playback import Playback
from app.sources import Address, title_of_source
from app.timeline_truth import FrameTruth
from app.truth import truth_of_video
from core.camera import LiveSource
from core.clip import ClipSpec
from core.errors import AnnotationError, InCabError
from core.frame_index import FrameIndex
from core.live import LivePicture, LiveReader, ReconnectingSource
from core.source_state import SourceStatus
from core.video import Frame, VideoFile

_log = logging.getLogger(__name__)

# How long a stop waits for a live source at most.
_LIVE_TIMEOUT_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSetup:
    """What a source worker needs to know before it starts.

    Attributes:
        address: the file, camera or stream.
        annotations: the truth for a file.
        kinds: the clips the models want, the students' first; empty when there is no model.
        labels: the class names that annotations may use.
        next_generation: gives a larger number at each call, over all sources of a session.
        offer: takes each full clip; must return at once.
        open_live: makes the reader of a camera or stream.
        open_file: makes the reader of a file.
        truth: the activity at each frame of a file, where it is known without annotations.
    """

    address: Address
    annotations: Path | None
    kinds: tuple[ClipSpec, ...]
    labels: tuple[str, ...]
    next_generation: Callable[[], int]
    offer: Callable[[ClipOffer], None]
    open_live: Callable[[int | str], LiveReader] = LiveSource
    open_file: Callable[[Path], VideoFile] = VideoFile
    truth: tuple[str | None, ...] | None = None


class Capture(QThread):
    """Reads one source until it is told to stop, as its `playback` says; it begins paused.

    A camera or stream that pauses goes on filling the clip buffer.
    """

    # Each names its sender first: signals cross threads and may arrive after the source changed.
    opened = Signal(object, object)  # Capture, SourceInfo
    ended = Signal(object)  # Capture
    failed = Signal(object, str)  # Capture, sentence

    def __init__(self, setup: CaptureSetup) -> None:
        super().__init__()
        self.setObjectName("incab-capture")
        self.setup = setup
        self.pictures = PictureSlot()
        self.captured = 0
        # How a camera or stream is doing; None for a file and before the first word of it.
        self.source_status: SourceStatus | None = None
        # Pictures larger than they are painted are shrunk here, away from the UI thread.
        self.view_size = (3840, 2160)
        self.playback = Playback()
        self._video: VideoFile | None = None
        self._truth: FrameTruth | None = None
        # What was asked for last; the thread may still cut what was asked for before.
        self._kinds = setup.kinds
        self._buffers = ClipBuffers(self._kinds)
        self._changed: tuple[ClipSpec, ...] | None = None
        self._lock = threading.Lock()
        self._generation = 0
        # A jump may have made the list of frames, or another one.
        self._jumped = False
        self._segment: int | None = None

    # -- called from the UI thread -------------------------------------------------------------

    def look_at(self, kinds: tuple[ClipSpec, ...]) -> None:
        """From the next frame on fill clips of these kinds; the buffer of a new one begins empty.

        A file that rests fills it with the frames before the one that is shown.
        """
        before, self._kinds = self._kinds, kinds
        with self._lock:
            self._changed = kinds
        fresh = not set(kinds).issubset(before)
        resting = not self.playback.playing or self.playback.at_end
        if isinstance(self.setup.address, Path) and self.captured and resting and fresh:
            self.playback.step(0)

    def stop(self) -> None:
        """Ask the thread to end; wait() tells whether it did."""
        self.playback.stop()
        self.quit()

    @property
    def searched(self) -> float | None:
        """How much of the file was read for the frame that was asked for; see VideoFile."""
        return None if self._video is None else self._video.searched

    @property
    def generation(self) -> int:
        """That of the clip buffer now; a label of another one is out of date."""
        return self._generation

    # -- the thread ----------------------------------------------------------------------------

    def run(self) -> None:
        cv2.setNumThreads(1)
        try:
            if isinstance(self.setup.address, Path):
                self._run_file(self.setup.address)
            else:
                self._run_live(self.setup.address)
        except InCabError as error:
            self._fail(str(error))
        except Exception:
            # The edge of the thread: a picture that stands still has to be explained.
            title = title_of_source(self.setup.address)
            _log.exception("%s failed unexpectedly", title)
            self._fail(f"{title} stopped unexpectedly; open it again. The log holds the details.")

    def _fail(self, sentence: str) -> None:
        if not self.playback.stopping:
            self.failed.emit(self, sentence)

    def _run_file(self, path: Path) -> None:
        with self.setup.open_file(path) as video:
            self._video = video
            frames = list_frames(video, lambda: self.playback.stopping)
            self.opened.emit(self, self._describe(video, frames))
            FilePlayer(video, self.playback, self, lambda: self.ended.emit(self)).run()

    def _describe(self, video: VideoFile, frames: FrameIndex | None) -> SourceInfo:
        properties = video.properties
        problems = [why_short(video, frames)]
        try:
            truth = self.setup.truth or truth_of_video(
                self.setup.annotations, video.path, self.setup.labels, problems.append
            )
        except AnnotationError as error:
            # The video itself is fine and worth watching without its truth.
            truth = None
            problems.append(str(error))
        if truth is not None:
            self._truth = truth if isinstance(truth, FrameTruth) else FrameTruth(truth)
            self._place_truth()
        return SourceInfo(
            video.path,
            title_of_source(video.path),
            properties.width,
            properties.height,
            properties.fps,
            length_s(video, frames),
            self._truth,
            " ".join(problem for problem in problems if problem) or None,
            self.setup.annotations,
        )

    def _run_live(self, address: int | str) -> None:
        with ReconnectingSource(address, self.setup.open_live) as source:
            while not self.playback.stopping:
                pictures = source.poll(_LIVE_TIMEOUT_S)
                for picture in pictures:
                    # Every picture enters the clip; only the newest is worth a look.
                    newest = picture is pictures[-1]
                    self._deliver_live(picture, address, offered=newest and self.playback.playing)
                status = source.status
                # A gap ends what is known at once, not when the next picture comes.
                self._follow_segment(status.segment)
                self.source_status = status

    def _deliver_live(self, picture: LivePicture, address: int | str, *, offered: bool) -> None:
        self._follow_segment(picture.segment)
        if self.captured == 0:
            height, width = picture.frame.image.shape[:2]
            title = title_of_source(address)
            self.opened.emit(self, SourceInfo(address, title, width, height))
        self.deliver(picture.frame, picture.captured_s, offered=offered)

    def _follow_segment(self, segment: int) -> None:
        if segment != self._segment:
            self._segment = segment
            self.begin_generation()

    # -- frames, from a file or live -----------------------------------------------------------

    @property
    def spec(self) -> ClipSpec | None:
        """The clips that are filled; None when there is no model."""
        self._change_clips()
        return self._buffers.spec

    def begin_generation(self) -> None:
        """The next frame does not follow the one before: empty the clip buffer."""
        self._generation = self.setup.next_generation()
        self._buffers.clear()
        self._jumped = True

    def fill(self, frame: Frame) -> None:
        """Take a frame for the clip of a later one only; it is neither counted nor shown."""
        self._buffers.push(frame)

    def deliver(self, frame: Frame, captured_s: float, *, offered: bool) -> None:
        """Take the next frame; `offered` ones are shown and recognised, if a clip is full."""
        self._change_clips()
        if self._jumped:
            self._jumped = False
            self._place_truth()
        self.fill(frame)
        if offered:
            self._offer(frame, captured_s)
        self.captured += 1

    def _place_truth(self) -> None:
        if self._truth is not None and self._video is not None:
            frames = listed_frames(self._video)
            if frames is not None:
                self._truth.times_s = frames.times_s

    def _change_clips(self) -> None:
        with self._lock:
            specs, self._changed = self._changed, None
        if specs is not None and self._buffers.change(specs):
            self.begin_generation()

    def _offer(self, frame: Frame, captured_s: float) -> None:
        filled, needed = self._buffers.filled
        display = shrink_to(frame.image, self.view_size)
        self.pictures.put(Picture(frame, display, self._generation, captured_s, filled, needed))
        for spec, clip in self._buffers.clips():
            self.setup.offer(ClipOffer(clip, self._generation, captured_s, spec))
