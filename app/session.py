"""One session: owns the threads, is in exactly one state, and tells the window what to show.

Knows no widgets. What runs here runs in the UI thread and takes microseconds; frames are decoded
and models run elsewhere.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.capture import CaptureSetup, LiveReader
from app.deck import Deck
from app.inference import Inference
from app.messages import SLOTS, Answer, EngineReport, ModelPair, Shown, Slot, SourceInfo
from app.model_choice import Fault, ModelChoice
from app.playback import Playback
from app.recording.recorded_models import RecordedModels
from app.sources import Address
from app.state import NEXT_STATES, State
from app.tally import Tally
from core.camera import LiveSource
from core.clip import ClipSpec
from core.comparison import truth_of_clip
from core.decisions import Decision, DecisionSettings, LabelDecider
from core.source_state import SourceState, SourceStatus
from core.video import VideoFile

_log = logging.getLogger(__name__)

_TICK_MS = 16
_IDLE_TICK_MS = 100
_NUMBERS_MS = 500
# So long after a step or jump pictures and answers are looked for often, though nothing plays.
_LIVELY_MS = 2000
_SHUTDOWN_S = 0.9


class Session(QObject):
    """Plays one source at a time and shows it to both models."""

    state_changed = Signal(object)  # State
    source_changed = Signal(object)  # SourceInfo
    models_described = Signal(object)  # ModelPair; again when other models have taken over
    engine_tried = Signal(str)  # an engine runs in a child process for the first time here
    model_ready = Signal(str, object)  # slot, EngineReport
    model_failed = Signal(str, str)  # slot, sentence
    model_faulted = Signal(str, object)  # slot, Fault: its engine failed, and something is done
    model_stalled = Signal(str, int)  # slot that keeps all waiting, seconds
    models_idle = Signal()  # loading is over, for better or worse
    models_changing = Signal(object)  # ModelChoice being made ready; None when that is over
    models_refused = Signal(str)  # why it cannot be used; the present models go on
    picture = Signal(object)  # Picture
    sought = Signal(object)  # seconds into the file whose picture is on its way; None: it came
    speed_changed = Signal(float)
    restarted = Signal()  # labels begin anew: another source, a jump, a gap
    answered = Signal(object)  # Shown
    numbers = Signal(object)  # Numbers
    signal_changed = Signal(object, int)  # SourceStatus, seconds since its last good picture
    problem = Signal(str)  # one sentence for the person

    def __init__(
        self,
        inference: Inference | RecordedModels,
        open_live: Callable[[int | str], LiveReader] = LiveSource,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = State.IDLE
        self.source: SourceInfo | None = None
        self.models: ModelPair | None = None
        self.loading_models = True
        self.engines: dict[Slot, EngineReport] = {}
        self._spec: ClipSpec | None = None
        self.tally = Tally()
        self._open_live = open_live
        # A recording knows its truth, and may have no pictures of its own.
        self.open_file: Callable[[Path], VideoFile] = VideoFile
        self.known_truth: tuple[str | None, ...] | None = None
        self._wanted: tuple[Address, Path | None] | None = None
        self._before_opening = State.IDLE
        self._generations = itertools.count(1)
        self._generation = 0
        self._captured = 0
        self.speed = 1.0
        self.position_s: float | None = None
        self._sought_s: float | None = None
        self._signal: tuple[SourceState, bool, int] | None = None
        self._deciders: dict[Slot, LabelDecider] = {slot: LabelDecider() for slot in SLOTS}

        self._deck = Deck(self)
        self._deck.opened.connect(self._on_opened)
        self._deck.refused.connect(self._on_refused)
        self._deck.failed.connect(self._on_failed)
        self._deck.ended.connect(self._on_ended)

        self._failed_models: set[Slot] = set()
        # Those whose engine is tried again or replaced.
        self._faulted_models: set[Slot] = set()
        self._inference = inference
        inference.described.connect(self._on_described)
        inference.trying.connect(self.engine_tried)
        inference.ready.connect(self._on_model_ready)
        inference.failed.connect(self._on_model_failed)
        inference.faulted.connect(self._on_model_faulted)
        inference.stalled.connect(self._on_model_stalled)
        inference.idle.connect(self._on_models_idle)
        inference.changing.connect(self.models_changing)
        inference.refused.connect(self._on_models_refused)

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

    def seek(self, time_s: float) -> None:
        """Show the frame of a file that is up at a time; at the end that is a pause.

        Of many calls in a row the newest counts.
        """
        playback = self._movable()
        if playback is None:
            return
        time_s = max(0.0, time_s)
        self._sought_s = time_s
        playback.seek(time_s)
        self._rest_at_end()
        self.sought.emit(time_s)

    def jump(self, seconds: float) -> None:
        """Seek so far from the picture shown, or from the one that was sought last."""
        position_s = self.position_s if self._sought_s is None else self._sought_s
        if position_s is not None:
            self.seek(position_s + seconds)

    def step(self, frames: int) -> None:
        """Pause, and go so many frames on or back."""
        playback = self._movable()
        if playback is None:
            return
        if self.state is State.PLAYING:
            self.toggle_play()
        playback.step(frames)
        self._rest_at_end()

    def set_speed(self, speed: float) -> None:
        """Play files so many times as fast as recorded; infinity is as fast as they decode."""
        if speed != self.speed:
            self.speed = speed
            self._deck.set_speed(speed)
            self.tally.restart_rates()
            self.speed_changed.emit(speed)

    def _end_search(self) -> None:
        if self._sought_s is not None:
            self._sought_s = None
            self.sought.emit(None)

    def _movable(self) -> Playback | None:
        """The playback of the file on the screen, if there is one to move in."""
        capture, source = self._deck.current, self.source
        if capture is None or source is None or source.live:
            return None
        if self.state not in (State.PLAYING, State.PAUSED, State.ENDED):
            return None
        self._lively_timer.start()
        self._tick_timer.setInterval(_TICK_MS)
        return capture.playback

    def _rest_at_end(self) -> None:
        if self.state is State.ENDED and self._deck.current is not None:
            self._deck.current.pause()
            self._enter(State.PAUSED)

    def set_loop(self, loop: bool) -> None:
        """Whether a file starts again when it ends; one that has ended does so at once."""
        self._deck.set_loop(loop)
        if loop and self.state is State.ENDED:
            self.restart()

    def set_view_size(self, width: int, height: int) -> None:
        """In how many device pixels pictures are painted."""
        self._deck.set_view_size((max(1, width), max(1, height)))

    @property
    def choice(self) -> ModelChoice:
        """The models that run, or are loaded for the first time."""
        return self._inference.choice

    def set_models(self, choice: ModelChoice) -> None:
        """Show every clip to other models; the present ones go on until those are ready."""
        self._inference.change(choice)

    def retry_models(self) -> None:
        """Make the same choice once more, with every engine allowed again."""
        self._inference.change(self.choice)

    def decide_with(self, settings: DecisionSettings) -> None:
        """From the next answer on, labels are as steady as these settings make them."""
        for decider in self._deciders.values():
            decider.settings = settings

    def picture_painted(self) -> None:
        """The view has put a new picture on the screen."""
        self.tally.shown.tick()

    def shutdown(self) -> bool:
        """End all threads; False when one did not end in time."""
        self._tick_timer.stop()
        self._numbers_timer.stop()
        self._lively_timer.stop()
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
                open_file=self.open_file,
                truth=self.known_truth,
            )
        )

    def _on_opened(self, info: SourceInfo) -> None:
        assert self._deck.current is not None
        self.source = info
        self.tally = Tally(skipped_before=self._inference.skipped)
        self._captured = 0
        self._signal = None
        self.position_s = None
        self._end_search()
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
        self._end_search()
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
        self._set_pace()
        self.state_changed.emit(state)

    def _set_pace(self) -> None:
        busy = self.state in (State.OPENING, State.PLAYING) or self._lively_timer.isActive()
        self._tick_timer.setInterval(_TICK_MS if busy else _IDLE_TICK_MS)

    # -- models --------------------------------------------------------------------------------

    def _on_described(self, models: ModelPair) -> None:
        first = self.models is None
        self.models = models
        self.engines.clear()
        self._failed_models.clear()
        self._faulted_models.clear()
        if not first:
            self._begin_with_other_models()
        self.models_described.emit(models)
        self._spec = self._inference.spec
        if first and self._wanted is not None:
            self._open_wanted()

    def _begin_with_other_models(self) -> None:
        """What was counted and shown was said by other models."""
        self.tally = Tally(skipped_before=self._inference.skipped)
        self._restart_labels()
        spec, before = self._inference.spec, self._spec
        if spec is not None and spec != before:
            self._deck.look_at(spec)
            if self.position_s is not None:
                # A file fills the new clips from its own frames before this one.
                self.seek(self.position_s)

    def _on_model_ready(self, slot: Slot, report: EngineReport) -> None:
        self.engines[slot] = report
        self._failed_models.discard(slot)
        self._faulted_models.discard(slot)
        self.model_ready.emit(slot, report)

    def _on_model_failed(self, slot: Slot, sentence: str) -> None:
        self._failed_models.add(slot)
        _log.warning("%s: %s", slot, sentence)
        if self._failed_models.issuperset(SLOTS):
            self.tally.forget_newest()
        self.model_failed.emit(slot, sentence)

    def _on_model_faulted(self, slot: Slot, fault: Fault) -> None:
        _log.warning("%s: %s", slot, fault.sentence)
        # Its label was of before; until it runs again it has nothing to say.
        self.engines.pop(slot, None)
        self._faulted_models.add(slot)
        self._deciders[slot].reset()
        if not self.engines:
            # Nobody speaks any more, so nothing on the screen is of now.
            self._restart_labels()
        self.model_faulted.emit(slot, fault)

    def _on_model_stalled(self, slot: Slot, stalled_s: int) -> None:
        # One thread runs all models: while one keeps it, no label is of now. Told every second.
        if self.tally.has_label:
            self._restart_labels()
        self.model_stalled.emit(slot, stalled_s)

    def _on_models_refused(self, text: str) -> None:
        _log.warning("%s", text)
        self.models_refused.emit(text)

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
        arrived = not capture.playback.moving
        picture = capture.pictures.take()
        if picture is not None:
            if picture.generation != self._generation:
                self._generation = picture.generation
                self._restart_labels()
            self.position_s = picture.frame.time_s
            self.picture.emit(picture)
        if arrived:
            self._end_search()
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

    def forget_labels(self) -> None:
        """No label is of now, and none may stay on the screen."""
        self._restart_labels()

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
        silent = self._failed_models | self._faulted_models
        if self.state is State.FAILED or silent.issuperset(answer.predictions):
            return
        clip = answer.offer.clip
        truth = None
        decisions: Mapping[Slot, Decision]
        if answer.recorded is not None:
            truth, decisions = answer.recorded.truth, answer.recorded.decisions
        else:
            if self.source.truth is not None:
                truth = truth_of_clip(self.source.truth, clip.frame_indices)
            decisions = {
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
