"""Records the session on request: one button, one key, and the time it has been running."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QObject, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QWidget

from app.messages import SourceInfo
from app.presenters.recording_events import EventLog
from app.presenters.recording_feed import RecordingFeed
from app.recording.from_models import record_of_file
from app.recording.places import SESSION_ENDING, default_recordings_folder, free_name
from app.recording.recorder import Recorder
from app.recording.records import Record, SourceRecord
from app.session import Session
from app.settings import Settings
from app.sources import title_of_source
from app.state import State
from app.widgets.banner import Banner
from app.widgets.folder_dialog import ask_for_folder
from app.widgets.icons import icon
from app.widgets.timeline_paint import clock_time

KEYS = (("Ctrl+R", "Record, stop recording"),)

_WATCH_MS = 50
_PRIVACY = "What was recognised is recorded; no picture is stored, and nothing leaves this machine."
_TOOLTIP = f"Record what is recognised into a file (Ctrl+R). {_PRIVACY}"


class RecordingPresenter(QObject):
    """Feeds a Recorder from the session's signals while recording."""

    started = Signal(object)  # Path of the session file
    saved = Signal(object, int)  # Path of the last session file, closed, and how many there are
    _broken = Signal(str)  # from the recorder's thread: it has ended by itself

    def __init__(
        self,
        session: Session,
        banner: Banner,
        settings: Settings,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._session = session
        self._banner = banner
        self._settings = settings
        self._window = window
        self._recorder: Recorder | None = None
        self._ending: list[Recorder] = []
        self._started_s = 0.0

        self.record = QAction(icon("record", "bad"), "Record", self)
        self.record.setShortcut("Ctrl+R")
        self.record.setAutoRepeat(False)
        self.record.setCheckable(True)
        self.record.setToolTip(_TOOLTIP)
        self.record.setEnabled(False)
        self.record.triggered.connect(self.toggle)
        self.choose_folder = QAction("Recordings folder…", self)
        self.choose_folder.triggered.connect(self.ask_for_folder)
        self._watch = QTimer(self, interval=_WATCH_MS)
        self._watch.timeout.connect(self._look)
        self._broken.connect(self._on_broken)
        self.events = EventLog(session, self._put, self)
        self.feed = RecordingFeed(session, self._put, self)

        session.source_changed.connect(self._on_source)
        session.state_changed.connect(self._on_state)
        session.numbers.connect(self._show)

    @property
    def recording(self) -> bool:
        """Whether a recording runs."""
        return self._recorder is not None

    @property
    def folder(self) -> Path:
        """Where recordings go."""
        return self._settings.recordings_folder or default_recordings_folder()

    # -- starting and stopping -----------------------------------------------------------------

    def toggle(self) -> None:
        """Start to record, or stop."""
        if self._recorder is not None:
            self.stop("stopped by the person")
        else:
            self._start()
        self._show()

    def _start(self) -> None:
        source = self._session.source
        if source is None:
            return
        folder = self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._banner.show_problem(
                f"{folder} cannot be made ({error.strerror}); choose another recordings folder."
            )
            return
        path = free_name(folder, source.title, SESSION_ENDING)
        recorder = Recorder(path, partial(_record_of, source), self._broken.emit)
        self._recorder = recorder
        self._started_s = time.monotonic()
        recorder.start()
        self.feed.begin()
        self.events.begin()
        self._session.refresh_numbers()
        self.started.emit(path)

    def stop(self, reason: str) -> None:
        """Stop recording, if there is one; it is closed on its own thread."""
        self.feed.end()
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop(reason)
            self._ending.append(recorder)
            self._watch.start()
        self._show()

    def late(self, deadline: QDeadlineTimer) -> list[str]:
        """The recordings that are not closed by then; after stop()."""
        for recorder in self._ending:
            recorder.join(deadline.remainingTime() / 1000)
        return [f"{one.name} of {one.path}" for one in self._ending if one.is_alive()]

    def _look(self) -> None:
        """Tell of recordings that are closed by now."""
        for recorder in [one for one in self._ending if not one.is_alive()]:
            self._ending.remove(recorder)
            if recorder.failure is None:
                lost = f" {recorder.lost} found no room in time." if recorder.lost else ""
                more = len(recorder.files) - 1
                others = f" and {more} more up to {recorder.path.name}" if more else ""
                self._banner.show_notice(
                    f"Recorded {recorder.clips:,} clips into {recorder.files[0]}{others}.{lost} "
                    "No picture was stored.",
                    sign="record",
                )
                self.saved.emit(recorder.path, len(recorder.files))
        if not self._ending:
            self._watch.stop()

    def _on_broken(self, sentence: str) -> None:
        broken = self._recorder
        if broken is not None and broken.failure is not None:
            self._recorder = None
            self.feed.end()
        self._banner.show_problem(sentence)
        self._show()

    def ask_for_folder(self) -> QFileDialog:
        """Let the person choose where recordings go."""
        return ask_for_folder(self._window, "Recordings folder", self.folder, self.choose)

    def choose(self, folder: str) -> None:
        """From the next one on recordings go there."""
        self._settings.recordings_folder = Path(folder)
        self._banner.show_notice(f"Recordings go to {folder}.", sign="record")

    # -- what is recorded ----------------------------------------------------------------------

    def _put(self, record: Record) -> None:
        if self._recorder is not None:
            self._recorder.record(record)

    def _on_source(self, info: SourceInfo) -> None:
        # A session file is of one source.
        self.stop("another source was opened")

    def _on_state(self, state: State) -> None:
        if state in (State.ENDED, State.FAILED):
            self.stop("the source ended" if state is State.ENDED else "the source failed")
        self._show()

    def _show(self) -> None:
        recording = self._recorder is not None
        self.record.setChecked(recording)
        self.record.setEnabled(recording or self._session.source is not None)
        text = "Record"
        if recording:
            text = clock_time(time.monotonic() - self._started_s)
        self.record.setText(text)
        self.record.setToolTip(
            f"Recording into {self._recorder.path}; Ctrl+R stops it."
            if self._recorder is not None
            else _TOOLTIP
        )


def _record_of(info: SourceInfo) -> SourceRecord:
    """The source as it is stored; reads both ends of a file, so it is called on another thread."""
    address = info.address
    size = (info.width, info.height)
    if isinstance(address, Path):
        return record_of_file(address, size, info.fps, info.duration_s, info.annotations)
    kind = "camera" if isinstance(address, int) else "stream"
    # The title has no credentials; the address itself is not stored at all.
    return SourceRecord(kind=kind, name=title_of_source(address), width=size[0], height=size[1])
