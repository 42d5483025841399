"""One session: owns the threads, is in exactly one state, and tells the window what to show.

Knows no widgets. What runs here runs in the UI thread and takes microseconds; frames are decoded
and models run elsewhere.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.capture import CaptureSetup, LiveReader
from app.deck import Deck
from app.inference import Inference
from app.messages import SLOTS, Answer, EngineReport, ModelPair, Shown, Slot, SourceInfo
from app.sources import Address
from app.state import NEXT_STATES, State
from app.tally import Tally
from core.camera import LiveSource
from core.comparison import truth_of_clip
from core.decisions import Decision, LabelDecider
from core.source_state import SourceState, SourceStatus

_log = logging.getLogger(__name__)

_TICK_MS = 16
_IDLE_TICK_MS = 100
_NUMBERS_MS = 500
_SHUTDOWN_S = 0.9


class Session(QObject):
    """Plays one source at a time and shows it to both models."""

    state_changed = Signal(object)  # State
    source_changed = Signal(object)  # SourceInfo
    models_described = Signal(object)  # ModelPair
    engine_tried = Signal(str)  # an engine runs in a child process for the first time here
    model_ready = Signal(str, object)  # slot, EngineReport
    model_failed = Signal(str, str)  # slot, sentence
    models_idle = Signal()  # loading is over, for better or worse
    picture = Signal(object)  # Picture
    restarted = Signal()  # labels begin anew: another source, a restart, a gap
    answered = Signal(object)  # Shown
    numbers = Signal(object)  # Numbers
    signal_changed = Signal(object, int)  # SourceStatus, seconds since its last good picture
    problem = Signal(str)  # one sentence for the person

    def __init__(
        self,
        inference: Inference,
        open_live: Callable[[int | str], LiveReader] = LiveSource,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = State.IDLE
        self.source: SourceInfo | None = None
        self.models: ModelPair | None = None
        self.loading_models = True
        self.engines: dict[Slot, EngineReport] = {}
        self.tally = Tally()
        self._open_live = open_live
        self._wanted: tuple[Address, Path | None] | None = None
        self._before_opening = State.IDLE
        self._generations = itertools.count(1)
        self._generation = 0
        self._captured = 0
        self._signal: tuple[SourceState, bool, int] | None = None
        self._deciders: dict[Slot, LabelDecider] = {slot: LabelDecider() for slot in SLOTS}

        self._deck = Deck(self)
        self._deck.opened.connect(self._on_opened)
        self._deck.refused.connect(self._on_refused)
        self._deck.failed.connect(self._on_failed)
        self._deck.ended.connect(self._on_ended)

        self._failed_models: set[Slot] = set()
        self._shutting_down = False
        self._inference = inference
        inference.described.connect(self._on_described)
        inference.trying.connect(self.engine_tried)
        inference.ready.connect(self._on_model_ready)
        inference.failed.connect(self._on_model_failed)
        inference.idle.connect(self._on_models_idle)
        inference.finished.connect(self._on_inference_finished)

        self._tick_timer = QTimer(self, interval=_IDLE_TICK_MS)
        self._tick_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._tick_timer.timeout.connect(self._tick)
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
        if self.models is not None:
            self._open_wanted()

    def toggle_play(self) -> None:
        """Pause, go on, play again from the start, or retry: whatever makes sense now."""
        capture = self._deck.current
        if self.state is State.FAILED and self._wanted is not None:
            self.open(*self._wanted)
        elif self.state is State.ENDED:
            self.restart()
        elif self.state is State.PLAYING and capture is not None:
            capture.pause()
            self._enter(State.PAUSED)
        elif self.state is State.PAUSED and capture is not None:
            self.tally.restart_rates()
            capture.play()
            self._enter(State.PLAYING)

    def restart(self) -> None:
        """Go back to the first frame of a file."""
        capture = self._deck.current
        if capture is None or self.source is None or self.source.live:
            return
        if self.state in (State.PLAYING, State.PAUSED, State.ENDED):
            capture.restart()
        if self.state is State.ENDED:
            self.tally.restart_rates()
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
        self.tally.shown.tick()

    def shutdown(self) -> bool:
        """End all threads; False when one did not end in time."""
        self._shutting_down = True
        self._tick_timer.stop()
        self._numbers_timer.stop()
        self._deck.close()
        self._inference.stop()
        workers = [self._inference, *self._deck.workers]
        deadline_s = time.monotonic() + _SHUTDOWN_S
        late = [
            worker.objectName()
            for worker in workers
            if not worker.wait(max(0, round((deadline_s - time.monotonic()) * 1000)))
        ]
        for name in late:
            _log.error("thread %s did not end within %.1f s", name, _SHUTDOWN_S)
        return not late

    # -- sources -------------------------------------------------------------------------------

    def _open_wanted(self) -> None:
        assert self._wanted is not None
        address, annotations = self._wanted
        self._deck.open(
            CaptureSetup(
                address=address,
                annotations=annotations,
                spec=self._inference.spec,
                labels=self._inference.labels,
                next_generation=self._generations.__next__,
                offer=self._inference.offer,
                open_live=self._open_live,
            )
        )

    def _on_opened(self, info: SourceInfo) -> None:
        assert self._deck.current is not None
        self.source = info
        self.tally = Tally(skipped_before=self._inference.skipped)
        self._captured = 0
        self._signal = None
        # Until a picture of it is taken, what is answered is about the source before.
        self._generation = 0
        self._restart_labels()
        self.source_changed.emit(info)
        self._deck.current.play()
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
        if self.state is State.OPENING:
            self._before_opening = State.FAILED
        else:
            self._enter(State.FAILED)
        self._report(text)

    def _on_ended(self) -> None:
        if self.state is State.OPENING:
            self._before_opening = State.ENDED
        elif self.state is State.PLAYING:
            self._enter(State.ENDED)

    def _report(self, text: str) -> None:
        _log.warning("%s", text)
        self.problem.emit(text)

    def _enter(self, state: State) -> None:
        if state is self.state:
            return
        if state not in NEXT_STATES[self.state]:
            raise AssertionError(f"a session cannot go from {self.state.value} to {state.value}")
        self.state = state
        busy = state in (State.OPENING, State.PLAYING)
        self._tick_timer.setInterval(_TICK_MS if busy else _IDLE_TICK_MS)
        self.state_changed.emit(state)

    # -- models --------------------------------------------------------------------------------

    def _on_described(self, models: ModelPair) -> None:
        self.models = models
        self.models_described.emit(models)
        if self._wanted is not None:
            self._open_wanted()

    def _on_model_ready(self, slot: Slot, report: EngineReport) -> None:
        self.engines[slot] = report
        self.model_ready.emit(slot, report)

    def _on_model_failed(self, slot: Slot, sentence: str) -> None:
        self._failed_models.add(slot)
        _log.warning("%s: %s", slot, sentence)
        if self._failed_models.issuperset(SLOTS):
            self.tally.forget_newest()
        self.model_failed.emit(slot, sentence)

    def _on_inference_finished(self) -> None:
        if self._shutting_down:
            return
        for slot in SLOTS:
            if slot not in self._failed_models:
                self._on_model_failed(
                    slot, "The model stopped unexpectedly; the log holds the details."
                )
        self._on_models_idle()

    def _on_models_idle(self) -> None:
        self.loading_models = False
        self.models_idle.emit()

    # -- sixty times a second ------------------------------------------------------------------

    def _tick(self) -> None:
        self._take_picture()
        for answer in self._inference.take_answers():
            self._show(answer)

    def _take_picture(self) -> None:
        capture = self._deck.current
        if capture is None:
            return
        captured = capture.captured
        self.tally.captured.tick(captured - self._captured)
        self._captured = captured
        picture = capture.pictures.take()
        if picture is not None:
            if picture.generation != self._generation:
                self._generation = picture.generation
                self._restart_labels()
            self.picture.emit(picture)
        status = capture.source_status
        if status is not None and self.source is not None and self.source.live:
            if capture.generation != self._generation:
                # After a gap no label of before it may stay, though there is no picture yet.
                self._generation = capture.generation
                self._restart_labels()
            self._tell_signal(status)

    def _tell_signal(self, status: SourceStatus) -> None:
        live = status.state is SourceState.LIVE
        # Whole seconds are what is shown; more often nobody needs to be told.
        waited_s = 0 if live else max(0, int(time.monotonic() - status.fresh_s))
        signal = (status.state, status.frozen, waited_s)
        if signal != self._signal:
            self._signal = signal
            self.signal_changed.emit(status, waited_s)

    def _restart_labels(self) -> None:
        for decider in self._deciders.values():
            decider.reset()
        self.tally.forget_newest()
        self.restarted.emit()

    def _show(self, answer: Answer) -> None:
        # A clip from before a restart may be answered after it.
        if answer.offer.generation != self._generation or self.source is None:
            return
        # What was answered just before the source or the last model failed comes after the failure.
        if self.state is State.FAILED or self._failed_models.issuperset(answer.predictions):
            return
        clip = answer.offer.clip
        truth = None
        if self.source.truth is not None:
            truth = truth_of_clip(self.source.truth, clip.frame_indices)
        decisions: dict[Slot, Decision] = {
            slot: self._deciders[slot].update(clip.time_s, prediction.probabilities)
            for slot, prediction in answer.predictions.items()
        }
        self.tally.add(answer, truth, self._inference.labels)
        self.answered.emit(Shown(answer, decisions, truth))

    def refresh_numbers(self) -> None:
        """Tell the figures as they are now; also happens twice a second by itself."""
        playing = self.state is State.PLAYING
        status = self._deck.current.source_status if self._deck.current is not None else None
        gaps = None if status is None else status.gaps
        skipped = self._inference.skipped
        self.numbers.emit(self.tally.numbers(self.models, skipped, playing, gaps))
