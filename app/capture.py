"""The source worker: reads frames, keeps the clip buffer, and hands over only the newest.

A file is paced by its own frame times against the monotonic clock; a camera or stream paces
itself. Every frame goes into the clip buffer, whether it is painted and inferred or not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
from PySide6.QtCore import QObject, QThread, Signal

from app.messages import ClipOffer, Picture, SourceInfo
from app.picture_slot import PictureSlot, shrink_to
from app.schedule import Schedule
from app.sources import Address, title_of_source
from app.truth import truth_of_video
from core.camera import LiveSource
from core.clip import ClipSpec, RollingClip
from core.errors import AnnotationError, InCabError
from core.live import LivePicture, LiveReader, ReconnectingSource
from core.source_state import SourceStatus
from core.video import Frame, VideoFile

# How long a stop waits for a live source at most.
_LIVE_TIMEOUT_S = 0.1

# Taken for the length of a file that does not tell it: nine hours at 30 frames a second.
_MOST_FRAMES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSetup:
    """What a source worker needs to know before it starts.

    Attributes:
        address: the file, camera or stream.
        annotations: the truth for a file.
        spec: the clips the models want; None when there is no model.
        labels: the class names that annotations may use.
        next_generation: gives a larger number at each call, over all sources of a session.
        offer: takes each full clip; must return at once.
        open_live: makes the reader of a camera or stream.
    """

    address: Address
    annotations: Path | None
    spec: ClipSpec | None
    labels: tuple[str, ...]
    next_generation: Callable[[], int]
    offer: Callable[[ClipOffer], None]
    open_live: Callable[[int | str], LiveReader] = LiveSource


class Capture(QThread):
    """Reads one source until it is told to stop; it begins paused."""

    # Each names its sender first: signals cross threads and may arrive after the source changed.
    opened = Signal(object, object)  # Capture, SourceInfo
    ended = Signal(object)  # Capture
    failed = Signal(object, str)  # Capture, sentence

    def __init__(self, setup: CaptureSetup, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("incab-capture")
        self.setup = setup
        self.pictures = PictureSlot()
        self.captured = 0
        # How a camera or stream is doing; None for a file and before the first word of it.
        self.source_status: SourceStatus | None = None
        # Pictures larger than they are painted are shrunk here, away from the UI thread.
        self.view_size = (3840, 2160)
        self.loop = False
        self._wakeup = threading.Condition()
        self._stopping = False
        self._playing = False
        self._restarting = False
        self._at_end = False
        self._single = False
        self._rolling = RollingClip(setup.spec) if setup.spec else None
        self._generation = 0
        self._segment: int | None = None

    # -- called from the UI thread -------------------------------------------------------------

    def play(self) -> None:
        """Deliver frames."""
        with self._wakeup:
            self._playing = True
            self._wakeup.notify_all()

    def pause(self) -> None:
        """Deliver no more frames; a camera goes on filling the clip buffer."""
        with self._wakeup:
            self._playing = False
            self._wakeup.notify_all()

    def restart(self) -> None:
        """Go back to a file's first frame, which is shown even when paused."""
        with self._wakeup:
            self._restarting = self._single = True
            self._at_end = False
            self._wakeup.notify_all()

    def stop(self) -> None:
        """Ask the thread to end; wait() tells whether it did."""
        with self._wakeup:
            self._stopping = True
            self._wakeup.notify_all()
        self.quit()

    @property
    def at_end(self) -> bool:
        """Whether the last frame was delivered and no restart was asked for since."""
        with self._wakeup:
            return self._at_end

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
            if not self._stopping:
                self.failed.emit(self, str(error))

    def _run_file(self, path: Path) -> None:
        with VideoFile(path) as video:
            self.opened.emit(self, self._describe(video))
            while self._play_through(video):
                video.rewind()

    def _describe(self, video: VideoFile) -> SourceInfo:
        properties = video.properties
        frames = properties.frame_count or _MOST_FRAMES
        truth, problem = None, None
        try:
            labels = self.setup.labels
            truth = truth_of_video(self.setup.annotations, video.path, labels, frames)
        except AnnotationError as error:
            # The video itself is fine and worth watching without its truth.
            problem = str(error)
        return SourceInfo(
            video.path,
            title_of_source(video.path),
            properties.width,
            properties.height,
            properties.fps,
            (properties.frame_count or 0) / properties.fps,
            tuple(truth) if truth is not None else None,
            problem,
        )

    def _play_through(self, video: VideoFile) -> bool:
        """Deliver the file from its first frame; whether to do so again."""
        self._begin_generation()
        with self._wakeup:
            self._restarting = False
        schedule = Schedule()
        for frame in video:
            if not self._wait_until_due(frame.time_s, schedule):
                return not self._stopping
            self._deliver(frame, time.monotonic(), offered=True)
        return self._wait_at_end()

    def _wait_until_due(self, time_s: float, schedule: Schedule) -> bool:
        """Sleep until a frame's turn; False when there was a stop or a restart instead."""
        with self._wakeup:
            while not (self._stopping or self._restarting):
                if not self._playing:
                    schedule.interrupt()
                    if self._single:
                        break
                    self._wakeup.wait()
                    continue
                remaining_s = schedule.remaining_s(time_s, time.monotonic())
                if remaining_s <= 0:
                    break
                self._wakeup.wait(remaining_s)
            else:
                return False
            self._single = False
            return True

    def _wait_at_end(self) -> bool:
        with self._wakeup:
            if self._stopping:
                return False
            if self._restarting or self.loop:
                return True
            self._at_end = True
        self.ended.emit(self)
        with self._wakeup:
            self._wakeup.wait_for(lambda: self._stopping or self._restarting)
            return not self._stopping

    def _run_live(self, address: int | str) -> None:
        with ReconnectingSource(address, self.setup.open_live) as source:
            while not self._stopping:
                pictures = source.poll(_LIVE_TIMEOUT_S)
                for picture in pictures:
                    # Every picture enters the clip; only the newest is worth a look.
                    newest = picture is pictures[-1]
                    self._deliver_live(picture, address, offered=newest and self._playing)
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
        self._deliver(picture.frame, picture.captured_s, offered=offered)

    def _follow_segment(self, segment: int) -> None:
        if segment != self._segment:
            self._segment = segment
            self._begin_generation()

    def _begin_generation(self) -> None:
        self._generation = self.setup.next_generation()
        if self._rolling is not None:
            self._rolling.clear()

    def _deliver(self, frame: Frame, captured_s: float, *, offered: bool) -> None:
        if self._rolling is not None:
            self._rolling.push(frame)
        if offered:
            self._offer(frame, captured_s)
        self.captured += 1

    def _offer(self, frame: Frame, captured_s: float) -> None:
        filled = needed = 0
        clip = None
        if self._rolling is not None:
            filled, needed = self._rolling.filled, self._rolling.spec.frames
            clip = self._rolling.clip()
        display = shrink_to(frame.image, self.view_size)
        self.pictures.put(Picture(frame, display, self._generation, captured_s, filled, needed))
        if clip is not None:
            self.setup.offer(ClipOffer(clip, self._generation, captured_s))
