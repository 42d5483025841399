"""Shows a recorded session: its timeline at once, its labels as its video plays."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QObject, QThread, QTimer, Signal

from app.messages import EngineReport, Picture, Slot, SourceInfo, engine_title
from app.presenter import Widgets
from app.presenters.timeline import TimelinePresenter
from app.recording.blank_video import BlankVideo, shown_times_s
from app.recording.review import Review, load_review
from app.recording.tables import NONE
from app.session import Session
from app.timeline_record import TOP, TimelineRecord
from app.timeline_truth import FrameTruth
from core.errors import InCabError, SessionFileError

_log = logging.getLogger(__name__)

# A short turn at a time, so that the window stays at hand while an hour is filled in.
_CLIPS_AT_ONCE = 100
_NOT_RECORDED = "not recorded"
# What was true at a clip is not known to be true for longer, where the next one is far.
_LONGEST_TRUTH_S = 1.0


class ReviewLoader(QThread):
    """Reads a session away from the UI thread."""

    loaded = Signal(object)  # Review
    refused = Signal(str)

    def __init__(self, path: Path, video: Path | None, parent: QObject) -> None:
        super().__init__(parent)
        self.setObjectName("incab-review")
        self._path, self._video = path, video

    def run(self) -> None:
        try:
            self.loaded.emit(load_review(self._path, self._video))
        except InCabError as error:
            self.refused.emit(str(error))
        except Exception:
            # The edge of the thread: whoever waits for the window has to hear that none comes.
            _log.exception("reading %s failed", self._path)
            self.refused.emit(f"{self._path} could not be opened; the log holds the details.")


class ReviewPresenter(QObject):
    """Fills the timeline from the file, and says where nothing was recorded."""

    def __init__(
        self,
        review: Review,
        session: Session,
        timeline: TimelinePresenter,
        widgets: Widgets,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._review = review
        self._session = session
        self._timeline = timeline
        self._panels = widgets.panels
        self._banner = widgets.banner
        self._labelled = False
        self._rows: Iterator[None] = iter(())
        self._turn = QTimer(self, interval=0)
        self._turn.timeout.connect(self._fill_some)
        session.known_truth = review.session.truth
        self._times_s = review.session.clips.time_s[review.lookup.positions]
        if review.video is None:
            session.open_file = lambda path: BlankVideo(review.lookup)
            session.known_truth = _truth_of_clips(review)
            self._times_s = shown_times_s(review.lookup)
        session.answers.model_ready.connect(self._on_ready)
        session.source_changed.connect(self._on_source)
        session.picture.connect(self._on_picture)
        session.answers.answered.connect(self._on_answer)

    def start(self) -> None:
        """Play the video, or the labels alone where there is none."""
        self._session.open(self._review.video or self._review.session.path)

    def stop(self) -> None:
        """Fill in nothing more; the window closes."""
        self._turn.stop()
        self._rows = iter(())

    def _on_ready(self, slot: Slot, report: EngineReport) -> None:
        panel = self._panels[slot]
        panel.engine.setText(f"{engine_title(report.probed.engine)} · as recorded")
        panel.live_fps.show_number(panel.live_fps.text, "FPS played")
        panel.engine.setToolTip("No model runs here; labels and times are those of the recording.")

    def _on_source(self, info: SourceInfo) -> None:
        recorded = self._review.session
        self._labelled = False
        record = self._timeline.record
        if record is not None:
            self._rows = self._fill(record)
            self._turn.start()
        name = recorded.path.name
        told = self._review.remark or f"This is a recording: {name}. No model runs in this window."
        self._banner.show_notice(told, sign="record", lasting=bool(self._review.remark))

    def _on_answer(self) -> None:
        self._labelled = True

    def _on_picture(self, picture: Picture) -> None:
        if self._review.lookup.at_or_before(picture.frame.index) is not None:
            return
        if self._labelled:
            self._labelled = False
            self._session.answers.forget_labels()
        for panel in self._panels.values():
            panel.show_waiting(_NOT_RECORDED)

    # -- the timeline --------------------------------------------------------------------------

    def _fill_some(self) -> None:
        if next(self._rows, _DONE) is _DONE:
            self._turn.stop()
        self._timeline.refresh()

    def _fill(self, record: TimelineRecord) -> Iterator[None]:
        """Add all clips, some at a time; before and after each turn others may add theirs."""
        lookup = self._review.lookup
        session = lookup.session
        numbers = {
            number: slot
            for number, model in session.models.items()
            for slot in self._panels
            if slot == model.slot
        }
        try:
            positions, segments = lookup.positions, session.clips.segment
            for place in range(len(positions)):
                if place % _CLIPS_AT_ONCE == 0:
                    record.interrupt()
                    yield
                    record.interrupt()
                    if place > 0:
                        # Once more, so that the next one continues it.
                        self._add(record, place - 1, numbers)
                if place > 0 and segments[positions[place]] != segments[positions[place - 1]]:
                    record.interrupt()
                self._add(record, place, numbers)
        except SessionFileError as error:
            # The file was taken away.
            _log.warning("%s", error)
        record.interrupt()

    def _add(self, record: TimelineRecord, place: int, numbers: dict[int, Slot]) -> None:
        session = self._review.session
        position = int(self._review.lookup.positions[place])
        classes: dict[Slot, int] = {}
        top: dict[Slot, list[tuple[int, float]]] = {}
        for number, slot in numbers.items():
            best = int(session.answers[number].best[position])
            known = session.probabilities(position, number) if best != NONE else None
            if known is None:
                continue
            places = session.places(number)
            classes[slot] = int(places[best])
            order = known.argsort()[::-1][:TOP].tolist()
            top[slot] = [(int(places[index]), float(known[index])) for index in order]
        record.add(float(self._times_s[place]), classes, top)


def _truth_of_clips(review: Review) -> FrameTruth | None:
    """The truth at each clip's newest frame; None for a session without annotations."""
    truth = review.session.truth
    if truth is None:
        return None
    frames = review.session.clips.frame[review.lookup.positions].tolist()
    known = (truth[frame] if frame < len(truth) else None for frame in frames)
    return FrameTruth(known, _LONGEST_TRUTH_S)


_DONE = object()
