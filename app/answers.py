"""Which models speak, what they say of each clip, and what has been counted of it.

One part of a session; knows no source and no widgets. What runs here runs in the UI thread.
"""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, Signal

from app.inference import Inference
from app.labelling import Labelling
from app.lineup import Lineup
from app.messages import SLOTS, STUDENTS, Answer, EngineReport, Models, Slot
from app.model_choice import Fault, ModelChoice, Stall
from app.recording.recorded_models import RecordedModels
from app.tally import Tally
from core.clip import ClipSpec
from core.decisions import DecisionSettings

_log = logging.getLogger(__name__)


class Answers(QObject):
    """The models that run, or a recording of them, and their newest labels."""

    models_described = Signal(object)  # Models; again when other models have taken over
    teacher_changed = Signal(object)  # Models with another teacher, or without one
    clips_changed = Signal(object, bool)  # `kinds` now; whether the students' changed
    engine_tried = Signal(str)  # an engine runs in a child process for the first time here
    model_ready = Signal(str, object)  # slot, EngineReport
    model_failed = Signal(str, str)  # slot, sentence
    model_faulted = Signal(str, object)  # slot, Fault: its engine failed, and something is done
    model_stalled = Signal(object)  # Stall; once a second while clips wait in vain
    models_idle = Signal()  # loading is over, for better or worse
    models_changing = Signal(object)  # ModelChoice being made ready; None when that is over
    models_refused = Signal(str)  # why it cannot be used; the present models go on
    restarted = Signal(object)  # slots whose labels begin anew: another source, a jump, a gap
    answered = Signal(object)  # Shown

    def __init__(self, inference: Inference | Lineup | RecordedModels, parent: QObject) -> None:
        super().__init__(parent)
        self.models: Models | None = None
        self.loading_models = True
        self.tally = Tally()
        self._labelling = Labelling()
        # Which clips the models want, the students' first.
        self.kinds: tuple[ClipSpec, ...] = ()
        self._inference = inference
        inference.described.connect(self._on_described)
        inference.trying.connect(self.engine_tried)
        inference.ready.connect(self._on_ready)
        inference.failed.connect(self._on_failed)
        inference.faulted.connect(self._on_faulted)
        inference.stalled.connect(self._on_stalled)
        inference.idle.connect(self._on_idle)
        inference.changing.connect(self.models_changing)
        inference.refused.connect(self._on_refused)

    # -- what a person can do ------------------------------------------------------------------

    @property
    def engines(self) -> dict[Slot, EngineReport]:
        """Those of the models that run."""
        return self._labelling.engines

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

    # -- what the session says -----------------------------------------------------------------

    def begin(self) -> None:
        """Another source plays, or other models speak: count from here."""
        self.tally = Tally(skipped_before=self._inference.skipped)
        self.forget_labels()

    def forget_labels(self, slots: tuple[Slot, ...] = SLOTS) -> None:
        """No label of these models is of now, and none may stay on the screen."""
        self._labelling.begin_anew(slots)
        self.tally.forget_newest(slots)
        self.restarted.emit(slots)

    def show(self, answer: Answer, truth: tuple[str | None, ...] | None) -> None:
        """Label and count what was said of a clip of the present source."""
        shown = self._labelling.label(answer, truth)
        if shown is not None:
            self.tally.add(answer, shown.truth, self._inference.labels)
            self.answered.emit(shown)

    # -- what the models say -------------------------------------------------------------------

    def _on_described(self, models: Models) -> None:
        first = self.models is None
        self.models = models
        if models.only_teacher:
            self._begin_with_other_teacher()
            self.teacher_changed.emit(models)
            return
        self._labelling.forget(
            slot for slot in SLOTS if slot in STUDENTS or slot not in models.models
        )
        if not first:
            # What was counted and shown was said by other models.
            self.begin()
        self._look_at_kinds()
        self.models_described.emit(models)

    def _begin_with_other_teacher(self) -> None:
        self._labelling.forget(("teacher",))
        self._labelling.begin_anew(("teacher",))
        self.tally.forget_teacher()
        self._look_at_kinds()

    def _look_at_kinds(self) -> None:
        """Tell which clips the models want, if these are others than before."""
        spec, teacher_spec = self._inference.spec, self.models.teacher_spec if self.models else None
        wanted = dict.fromkeys(one for one in (spec, teacher_spec) if one is not None)
        before, self.kinds = self.kinds, tuple(wanted)
        if spec is not None and self.kinds != before:
            self.clips_changed.emit(self.kinds, self.kinds[:1] != before[:1])

    def _on_ready(self, slot: Slot, report: EngineReport) -> None:
        self._labelling.run(slot, report)
        self.model_ready.emit(slot, report)

    def _on_failed(self, slot: Slot, sentence: str) -> None:
        _log.warning("%s: %s", slot, sentence)
        self._labelling.fail(slot)
        if self._labelling.all_failed:
            self.tally.forget_newest(STUDENTS)
        self.model_failed.emit(slot, sentence)

    def _on_faulted(self, slot: Slot, fault: Fault) -> None:
        _log.warning("%s: %s", slot, fault.sentence)
        self._labelling.fault(slot)
        if slot in STUDENTS and self._labelling.nobody_runs:
            # Neither speaks any more, so what they said is not of now.
            self.forget_labels(STUDENTS)
        self.model_faulted.emit(slot, fault)

    def _on_stalled(self, stall: Stall) -> None:
        # One thread runs both students: while one keeps it, no label is of now. Told every second.
        if stall.slot in STUDENTS and self.tally.has_label:
            self.forget_labels(STUDENTS)
        self.model_stalled.emit(stall)

    def _on_refused(self, text: str) -> None:
        _log.warning("%s", text)
        self.models_refused.emit(text)

    def _on_idle(self) -> None:
        self.loading_models = False
        self.models_idle.emit()
