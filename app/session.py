"""One session: owns the threads, is in exactly one state, and tells the window what to show.

Knows no widgets. What runs here runs in the UI thread and takes microseconds; frames are decoded
and models run elsewhere.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QObject, Qt, QTimer, Signal

from app.answers import Answers
from app.capture import Capture, CaptureSetup
from app.deck import Deck
from app.inference import Inference
from app.intake import Intake
from app.lineup import Lineup
from app.messages import Answer, Picture, SourceInfo
from app.navigator import Navigator
from app.recording.recorded_models import RecordedModels
from app.sources import Address
from app.state import NEXT_STATES, State
from core.camera import LiveSource
from core.clip import ClipSpec
from core.live import LiveReader
from core.video import VideoFile

_log = logging.getLogger(__name__)

_TICK_MS = 16
_IDLE_TICK_MS = 100
_NUMBERS_MS = 500
# So long after a step or jump pictures and answers are looked for often, though nothing plays.
_LIVELY_MS = 2000


class Session(QObject):
    """Plays one source at a time and shows it to both models."""

    state_changed = Signal(object)  # State
    source_changed = Signal(object)  # SourceInfo
    picture = Signal(object)  # Picture
    numbers = Signal(object)  # Numbers
    signal_changed = Signal(object, int)  # SourceStatus, seconds since its last good picture
    problem = Signal(str)  # one sentence for the person

    def __init__(
        self,
        inference: Inference | Lineup | RecordedModels,
        open_live: Callable[[int | str], LiveReader] = LiveSource,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = State.IDLE
        self.source: SourceInfo | None = None
        self._open_live = open_live
        # A recording knows its truth, and may have no pictures of its own.
        self.open_file: Callable[[Path], VideoFile] = VideoFile
        self.known_truth: tuple[str | None, ...] | None = None
        self._wanted: tuple[Address, Path | None] | None = None
        self._before_opening = State.IDLE
        self._generations = itertools.count(1)

        # Which models speak, and what they say.
        self.answers = Answers(inference, self)
        self.answers.clips_changed.connect(self._on_clips_changed)
        # Before the models are known, no clips can be cut for them.
        self.answers.models_described.connect(
            self._on_first_models, Qt.ConnectionType.SingleShotConnection
        )
        self._inference = inference
        # Moves through the file on the screen.
        self.navigator = Navigator(self)
        self.navigator.move_asked.connect(self._on_move_asked)
        self.navigator.speed_changed.connect(self._on_speed)
        self._intake = Intake(self)
        self._intake.interrupted.connect(self.answers.forget_labels)
        self._intake.picture.connect(self._on_picture)
        self._intake.signal_changed.connect(self.signal_changed)
        self._deck = Deck(self)
        self._deck.opened.connect(self._on_opened)
        self._deck.refused.connect(self._on_refused)
        self._deck.failed.connect(self._on_failed)
        self._deck.ended.connect(self._on_ended)

        self._tick_timer = QTimer(self, interval=_IDLE_TICK_MS)
        self._tick_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._tick_timer.timeout.connect(self._tick)
        self._lively_timer = QTimer(self, interval=_LIVELY_MS, singleShot=True)
        self._lively_timer.timeout.connect(self._set_pace)
        self._numbers_timer = QTimer(self, interval=_NUMBERS_MS)
        self._numbers_timer.timeout.connect(self.refresh_numbers)

    @property
    def wants_live(self) -> bool:
        """Whether the source asked for last is a camera or stream."""
        return self._wanted is not None and not isinstance(self._wanted[0], Path)

    # -- what a person can do ------------------------------------------------------------------

    def start(self) -> None:
        """Begin to load the models."""
        self._inference.start()
        self._tick_timer.start()
        self._numbers_timer.start()

    def open(self, address: Address, annotations: Path | None = None) -> None:
        """Play another source; the present one goes on until the other delivers."""
        self._wanted = (address, annotations)
        if self.state is not State.OPENING:
            self._before_opening = self.state
            self._enter(State.OPENING)
        if self.answers.models is not None:
            self._open_wanted()

    def toggle_play(self) -> None:
        """Pause, go on, play again from the start, or retry: whatever makes sense now."""
        capture = self._deck.current
        if self.state is State.FAILED and self._wanted is not None:
            self.open(*self._wanted)
        elif self.state is State.ENDED:
            self.restart()
        elif self.state is State.PLAYING and capture is not None:
            capture.playback.pause()
            self._enter(State.PAUSED)
        elif self.state is State.PAUSED and capture is not None:
            self.answers.tally.restart_rates()
            if self.source is not None and self.source.live:
                # Nobody looked meanwhile: what is seen now has not lasted since before.
                self.answers.forget_labels()
            capture.playback.play()
            self._enter(State.PLAYING)

    def restart(self) -> None:
        """Go back to the first frame of a file."""
        capture = self._deck.current
        if capture is None or self.source is None or self.source.live:
            return
        if self.state in (State.PLAYING, State.PAUSED, State.ENDED):
            capture.playback.seek(0.0)
        if self.state is State.ENDED:
            capture.playback.play()
            self.answers.tally.restart_rates()
            self._enter(State.PLAYING)

    def set_loop(self, loop: bool) -> None:
        """Whether a file starts again when it ends; one that has ended does so at once."""
        self._deck.set_loop(loop)
        if loop and self.state is State.ENDED:
            self.restart()

    def set_view_size(self, width: int, height: int) -> None:
        """In how many device pixels pictures are painted."""
        self._deck.set_view_size((max(1, width), max(1, height)))

    def picture_painted(self) -> None:
        """The view has put a new picture on the screen."""
        self.answers.tally.shown.tick()

    def stop(self) -> None:
        """Ask all threads to end; late() tells which have not."""
        self._tick_timer.stop()
        self._numbers_timer.stop()
        self._lively_timer.stop()
        self._deck.close()
        self._inference.stop()

    def late(self, deadline: QDeadlineTimer) -> list[str]:
        """Names of the threads that have not ended by then; after stop()."""
        return [
            worker.objectName()
            for worker in (self._inference, *self._deck.workers)
            if not worker.wait(deadline)
        ]

    # -- sources -------------------------------------------------------------------------------

    def _open_wanted(self) -> None:
        assert self._wanted is not None
        address, annotations = self._wanted
        self._deck.open(
            CaptureSetup(
                address=address,
                annotations=annotations,
                kinds=self.answers.kinds,
                labels=self._inference.labels,
                next_generation=self._generations.__next__,
                offer=self._inference.offer,
                open_live=self._open_live,
                open_file=self.open_file,
                truth=self.known_truth,
            )
        )

    def _on_opened(self, info: SourceInfo) -> None:
        assert self._deck.current is not None
        self.source = info
        self._intake.begin()
        self.navigator.begin()
        self.answers.begin()
        self.source_changed.emit(info)
        self._deck.current.playback.play()
        self._enter(State.PLAYING)
        if info.problem:
            self.problem.emit(info.problem)

    def _on_refused(self, text: str) -> None:
        capture = self._deck.current
        kept = capture is not None and self._before_opening is not State.FAILED
        if kept and self.source is not None:
            # A retry later means what is on the screen, not what was refused.
            self._wanted = (self.source.address, capture.setup.annotations)
        self._enter(self._before_opening if kept else State.FAILED)
        self._report(text)

    def _on_failed(self, text: str) -> None:
        self.navigator.arrive()
        if self.state is State.OPENING:
            self._before_opening = State.FAILED
        else:
            self._enter(State.FAILED)
        self._report(text)

    def _on_ended(self) -> None:
        if self.state is State.OPENING:
            self._before_opening = State.ENDED
        elif self.state in (State.PLAYING, State.PAUSED):
            # A pause may be pressed between the last frame and this word.
            self._enter(State.ENDED)

    def _on_move_asked(self) -> None:
        assert self._deck.current is not None
        self._lively_timer.start()
        self._set_pace()
        if self.state is State.ENDED:
            # It rests where the move leads.
            self._deck.current.playback.pause()
        if not self._deck.current.playback.playing:
            self._enter(State.PAUSED)

    def _on_speed(self, speed: float) -> None:
        self._deck.set_speed(speed)
        self.answers.tally.restart_rates()

    def _report(self, text: str) -> None:
        _log.warning("%s", text)
        self.problem.emit(text)

    def _enter(self, state: State) -> None:
        if state is self.state:
            return
        if state not in NEXT_STATES[self.state]:
            raise AssertionError(f"a session cannot go from {self.state.value} to {state.value}")
        self.state = state
        self.navigator.move_in(self._movable)
        self._set_pace()
        self.state_changed.emit(state)

    @property
    def _movable(self) -> Capture | None:
        """The file on the screen, if there is one to move in."""
        if self.source is None or self.source.live:
            return None
        shown = self.state in (State.PLAYING, State.PAUSED, State.ENDED)
        return self._deck.current if shown else None

    def _set_pace(self) -> None:
        busy = self.state in (State.OPENING, State.PLAYING) or self._lively_timer.isActive()
        self._tick_timer.setInterval(_TICK_MS if busy else _IDLE_TICK_MS)

    # -- models --------------------------------------------------------------------------------

    def _on_first_models(self) -> None:
        if self._wanted is not None:
            self._open_wanted()

    def _on_clips_changed(self, kinds: tuple[ClipSpec, ...], of_students: bool) -> None:
        position_s = self.navigator.position_s
        self._deck.look_at(kinds)
        if of_students and position_s is not None:
            # A file fills the new clips from its own frames before this one.
            self.navigator.seek(position_s)

    # -- sixty times a second ------------------------------------------------------------------

    def _tick(self) -> None:
        capture = self._deck.current
        if capture is not None:
            arrived = not capture.playback.moving
            self.answers.tally.captured.tick(self._intake.take(capture))
            if arrived:
                self.navigator.arrive()
        for answer in self._inference.take_answers():
            self._show(answer)

    def _on_picture(self, picture: Picture) -> None:
        self.navigator.position_s = picture.frame.time_s
        self.picture.emit(picture)

    def _show(self, answer: Answer) -> None:
        # A clip from before a restart, or from before the source failed, may be answered after it.
        outdated = answer.offer.generation != self._intake.generation
        if not outdated and self.source is not None and self.state is not State.FAILED:
            self.answers.show(answer, self.source.truth)

    def refresh_numbers(self) -> None:
        """Tell the figures as they are now; also happens twice a second by itself."""
        playing = self.state is State.PLAYING
        status = self._deck.current.source_status if self._deck.current is not None else None
        gaps = None if status is None else status.gaps
        skipped = self._inference.skipped
        self.numbers.emit(self.answers.tally.numbers(self.answers.models, skipped, playing, gaps))
