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

from app.capture import Capture, CaptureSetup, LiveReader
from app.clip_buffers import kinds
from app.deck import Deck
from app.inference import Inference
from app.intake import Intake
from app.labelling import Labelling
from app.lineup import Lineup
from app.messages import (
    SLOTS,
    STUDENTS,
    Answer,
    EngineReport,
    ModelPair,
    Picture,
    Slot,
    SourceInfo,
)
from app.model_choice import Fault, ModelChoice, Stall
from app.navigator import Navigator
from app.recording.recorded_models import RecordedModels
from app.sources import Address
from app.state import NEXT_STATES, State
from app.tally import Tally
from core.camera import LiveSource
from core.clip import ClipSpec
from core.decisions import DecisionSettings
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
    models_described = Signal(object)  # ModelPair; again when other models have taken over
    engine_tried = Signal(str)  # an engine runs in a child process for the first time here
    teacher_changed = Signal(object)  # ModelPair with another teacher, or without one
    model_ready = Signal(str, object)  # slot, EngineReport
    model_failed = Signal(str, str)  # slot, sentence
    model_faulted = Signal(str, object)  # slot, Fault: its engine failed, and something is done
    model_stalled = Signal(object)  # Stall; once a second while clips wait in vain
    models_idle = Signal()  # loading is over, for better or worse
    models_changing = Signal(object)  # ModelChoice being made ready; None when that is over
    models_refused = Signal(str)  # why it cannot be used; the present models go on
    picture = Signal(object)  # Picture
    restarted = Signal(object)  # slots whose labels begin anew: another source, a jump, a gap
    answered = Signal(object)  # Shown
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
        self.models: ModelPair | None = None
        self.loading_models = True
        self._kinds: tuple[ClipSpec, ...] = ()
        self.tally = Tally()
        self._open_live = open_live
        # A recording knows its truth, and may have no pictures of its own.
        self.open_file: Callable[[Path], VideoFile] = VideoFile
        self.known_truth: tuple[str | None, ...] | None = None
        self._wanted: tuple[Address, Path | None] | None = None
        self._before_opening = State.IDLE
        self._generations = itertools.count(1)

        # Moves through the file on the screen.
        self.navigator = Navigator(self)
        self.navigator.move_asked.connect(self._on_move_asked)
        self.navigator.speed_changed.connect(self._on_speed)
        self._intake = Intake(self)
        self._intake.interrupted.connect(self.forget_labels)
        self._intake.picture.connect(self._on_picture)
        self._intake.signal_changed.connect(self.signal_changed)
        self._deck = Deck(self)
        self._deck.opened.connect(self._on_opened)
        self._deck.refused.connect(self._on_refused)
        self._deck.failed.connect(self._on_failed)
        self._deck.ended.connect(self._on_ended)

        self._labelling = Labelling()
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
    def engines(self) -> dict[Slot, EngineReport]:
        """Those of the models that run."""
        return self._labelling.engines

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
            capture.play()
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
        self._labelling.decide_with(settings)

    def picture_painted(self) -> None:
        """The view has put a new picture on the screen."""
        self.tally.shown.tick()

    def stop(self) -> None:
        """Ask all threads to end; late() tells which have not."""
        self._tick_timer.stop()
        self._numbers_timer.stop()
        self._lively_timer.stop()
        self._deck.close()
        self._inference.stop()

    def late(self, deadline_s: float) -> list[str]:
        """Names of the threads that have not ended by then, in time.monotonic(); after stop()."""
        return [
            worker.objectName()
            for worker in (self._inference, *self._deck.workers)
            if not worker.wait(max(0, round((deadline_s - time.monotonic()) * 1000)))
        ]

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
                teacher_spec=self.models.teacher_spec if self.models else None,
            )
        )

    def _on_opened(self, info: SourceInfo) -> None:
        assert self._deck.current is not None
        self.source = info
        self.tally = Tally(skipped_before=self._inference.skipped)
        self._intake.begin()
        self.navigator.begin()
        self.forget_labels()
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
            self._deck.current.pause()
        if not self._deck.current.playback.playing:
            self._enter(State.PAUSED)

    def _on_speed(self, speed: float) -> None:
        self._deck.set_speed(speed)
        self.tally.restart_rates()

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

    def _on_described(self, models: ModelPair) -> None:
        first = self.models is None
        self.models = models
        if models.only_teacher:
            self._begin_with_other_teacher()
            return
        self._labelling.forget(
            slot for slot in SLOTS if slot in STUDENTS or slot not in models.models
        )
        if not first:
            self._begin_with_other_models()
        self.models_described.emit(models)
        self._look_at_kinds()
        if first and self._wanted is not None:
            self._open_wanted()

    def _begin_with_other_models(self) -> None:
        """What was counted and shown was said by other models."""
        self.tally = Tally(skipped_before=self._inference.skipped)
        self.forget_labels()
        position_s = self.navigator.position_s
        if self._look_at_kinds() and position_s is not None:
            # A file fills the new clips from its own frames before this one.
            self.navigator.seek(position_s)

    def _begin_with_other_teacher(self) -> None:
        assert self.models is not None
        self._labelling.forget(("teacher",))
        self._labelling.begin_anew(("teacher",))
        self.tally.forget_teacher()
        self._look_at_kinds()
        self.teacher_changed.emit(self.models)

    def _look_at_kinds(self) -> bool:
        """Have the clips cut that the models want; returns whether the students' are others."""
        spec, teacher_spec = self._inference.spec, self.models.teacher_spec if self.models else None
        before, self._kinds = self._kinds, kinds(spec, teacher_spec)
        if spec is None or self._kinds == before:
            return False
        self._deck.look_at(spec, teacher_spec)
        return self._kinds[:1] != before[:1]

    def _on_model_ready(self, slot: Slot, report: EngineReport) -> None:
        self._labelling.run(slot, report)
        self.model_ready.emit(slot, report)

    def _on_model_failed(self, slot: Slot, sentence: str) -> None:
        _log.warning("%s: %s", slot, sentence)
        self._labelling.fail(slot)
        if self._labelling.all_failed:
            self.tally.forget_newest(STUDENTS)
        self.model_failed.emit(slot, sentence)

    def _on_model_faulted(self, slot: Slot, fault: Fault) -> None:
        _log.warning("%s: %s", slot, fault.sentence)
        self._labelling.fault(slot)
        if slot in STUDENTS and self._labelling.nobody_runs:
            # Neither speaks any more, so what they said is not of now.
            self.forget_labels(STUDENTS)
        self.model_faulted.emit(slot, fault)

    def _on_model_stalled(self, stall: Stall) -> None:
        # One thread runs both students: while one keeps it, no label is of now. Told every second.
        if stall.slot in STUDENTS and self.tally.has_label:
            self.forget_labels(STUDENTS)
        self.model_stalled.emit(stall)

    def _on_models_refused(self, text: str) -> None:
        _log.warning("%s", text)
        self.models_refused.emit(text)

    def _on_models_idle(self) -> None:
        self.loading_models = False
        self.models_idle.emit()

    # -- sixty times a second ------------------------------------------------------------------

    def _tick(self) -> None:
        capture = self._deck.current
        if capture is not None:
            arrived = not capture.playback.moving
            self.tally.captured.tick(self._intake.take(capture))
            if arrived:
                self.navigator.arrive()
        for answer in self._inference.take_answers():
            self._show(answer)

    def _on_picture(self, picture: Picture) -> None:
        self.navigator.position_s = picture.frame.time_s
        self.picture.emit(picture)

    def forget_labels(self, slots: tuple[Slot, ...] = SLOTS) -> None:
        """No label of these models is of now, and none may stay on the screen."""
        self._labelling.begin_anew(slots)
        self.tally.forget_newest(slots)
        self.restarted.emit(slots)

    def _show(self, answer: Answer) -> None:
        # A clip from before a restart, or from before the source failed, may be answered after it.
        outdated = answer.offer.generation != self._intake.generation
        if outdated or self.source is None or self.state is State.FAILED:
            return
        shown = self._labelling.label(answer, self.source.truth)
        if shown is not None:
            self.tally.add(answer, shown.truth, self._inference.labels)
            self.answered.emit(shown)

    def refresh_numbers(self) -> None:
        """Tell the figures as they are now; also happens twice a second by itself."""
        playing = self.state is State.PLAYING
        status = self._deck.current.source_status if self._deck.current is not None else None
        gaps = None if status is None else status.gaps
        skipped = self._inference.skipped
        self.numbers.emit(self.tally.numbers(self.models, skipped, playing, gaps))
