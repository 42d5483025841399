"""Students and teacher as the session sees them: one Inference for the pair, one for the teacher.

A teacher takes twenty times as long as a student. On a thread of its own, with one engine thread
that gives way to others, it answers the newest clip whenever it is done with the one before, and
the students answer every clip as if it were not there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.inference import Inference
from app.messages import STUDENTS, Answer, ClipOffer, EngineReport, ModelPair, Slot
from app.model_choice import Beside, ModelChoice
from app.models import why_not_beside
from app.options import WindowOptions
from core.clip import ClipSpec
from core.probe import ProbeMode

_NOBODY = ModelChoice({}, {})


class Lineup(QObject):
    """What app.inference.Inference is to the session, with a third place that may be empty."""

    described = Signal(object)
    trying = Signal(str)
    ready = Signal(str, object)
    faulted = Signal(str, object)
    stalled = Signal(object)
    failed = Signal(str, str)
    idle = Signal()
    changing = Signal(object)
    refused = Signal(str)

    def __init__(
        self,
        choice: ModelChoice,
        threads: int | None = None,
        probe: ProbeMode = "once",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("incab-models")
        self._students = Inference(_part(choice, STUDENTS), threads, probe, self)
        self._teacher = Inference(_NOBODY, 1, probe, self)
        self._asked = choice
        # A teacher that waits until the students it has to fit are there.
        self._next_teacher: ModelChoice | None = _part(choice, ("teacher",))
        self._pair: ModelPair | None = None
        self._guest: ModelPair | None = None
        self._failed: set[Slot] = set()
        for inference in (self._students, self._teacher):
            inference.trying.connect(self.trying)
            inference.ready.connect(self._on_ready)
            inference.faulted.connect(self.faulted)
            inference.stalled.connect(self.stalled)
            inference.failed.connect(self._on_failed)
            inference.refused.connect(self.refused)
        self._students.described.connect(self._on_students)
        self._students.idle.connect(self._on_students_idle)
        self._students.changing.connect(self._on_students_changing)
        self._teacher.described.connect(self._on_teacher)
        self._teacher.changing.connect(self._on_teacher_changing)

    # -- called from the UI thread -------------------------------------------------------------

    @property
    def choice(self) -> ModelChoice:
        """The models that run, or are loaded for the first time."""
        students, teacher = self._students.choice, self._teacher.choice
        return ModelChoice(
            {**students.paths, **teacher.paths}, {**students.engines, **teacher.engines}
        )

    @property
    def spec(self) -> ClipSpec | None:
        """The clips that the students want."""
        return self._students.spec

    @property
    def labels(self) -> tuple[str, ...]:
        """The activities, which all know."""
        return self._students.labels

    @property
    def skipped(self) -> int:
        """Clips that the students had no time for, since the start."""
        return self._students.skipped

    def start(self) -> None:
        """Begin to load the students; the teacher follows."""
        self._students.start()

    def change(self, choice: ModelChoice) -> None:
        """Make other models ready; those that stay the same go on undisturbed."""
        self._asked = choice
        students, teacher = _part(choice, STUDENTS), _part(choice, ("teacher",))
        other_students = students != _part(self._students.choice, STUDENTS)
        other_teacher = teacher != _part(self._teacher.choice, ("teacher",))
        if not other_students and not other_teacher:
            # The same once more, because of one that failed or a file that was replaced.
            other_students = self._failed != {"teacher"}
            other_teacher = bool(teacher.paths) and (not self._failed or "teacher" in self._failed)
        self._next_teacher = teacher if other_teacher else None
        if other_students:
            self._students.change(students)
        else:
            self._change_teacher()

    def take_answers(self) -> list[Answer]:
        """All answers since the last call; the teacher's are of earlier clips than the others."""
        late = self._teacher.take_answers()
        return [*self._students.take_answers(), *(late if self._guest is not None else ())]

    def stop(self) -> None:
        """Ask every thread to end; wait() tells whether they did."""
        self._students.stop()
        self._teacher.stop()

    def wait(self, milliseconds: int) -> bool:
        """Whether all threads end in time."""
        deadline_s = time.monotonic() + milliseconds / 1000
        ended = self._students.wait(milliseconds)
        left_ms = max(0, round((deadline_s - time.monotonic()) * 1000))
        return self._teacher.wait(left_ms) and ended

    # -- called from the source's thread -------------------------------------------------------

    def offer(self, offer: ClipOffer) -> None:
        """Leave the newest clip for those who want its kind; returns at once."""
        for inference in (self._students, self._teacher):
            if inference.spec in (None, offer.spec):
                inference.offer(offer)

    # -- what the two say ----------------------------------------------------------------------

    def _on_students(self, pair: ModelPair) -> None:
        self._pair = pair
        self._failed.difference_update(STUDENTS)
        guest, spec = self._teacher.spec, self._students.spec
        unfit = None
        if self._guest is not None and guest is not None and spec is not None:
            name = next(iter(self._teacher.choice.paths.values())).name
            unfit = why_not_beside(name, (guest, self._teacher.labels), (spec, self.labels))
        if unfit is not None:
            self._guest = None
            if self._next_teacher is None:
                self._next_teacher = _NOBODY
            self.refused.emit(unfit)
        self._describe(only_teacher=False)

    def _on_students_idle(self) -> None:
        self._change_teacher()
        self.idle.emit()

    def _change_teacher(self) -> None:
        """Begin with the teacher that waits, if one does."""
        wanted, self._next_teacher = self._next_teacher, None
        if wanted is None or wanted == self._teacher.choice == _NOBODY:
            return
        spec = self._students.spec
        if spec is not None:
            if self._teacher.beside is None:
                self._teacher.start()
            self._teacher.beside = Beside(spec, self.labels)
            self._teacher.change(wanted)
        elif wanted.paths:
            self.refused.emit("A teacher answers beside students; choose students that can run.")

    def _on_teacher(self, guest: ModelPair) -> None:
        before, self._guest = self._guest, guest if self._teacher.choice.paths else None
        self._failed.discard("teacher")
        if self._pair is not None and (before is not None or self._guest is not None):
            self._describe(only_teacher=True)

    def _describe(self, *, only_teacher: bool) -> None:
        assert self._pair is not None
        guest = self._guest
        self.described.emit(
            ModelPair(
                {**self._pair.models, **(guest.models if guest is not None else {})},
                self._pair.span_s,
                self._pair.twins,
                self._teacher.spec if guest is not None else None,
                only_teacher,
            )
        )

    def _on_ready(self, slot: Slot, report: EngineReport) -> None:
        self._failed.discard(slot)
        self.ready.emit(slot, report)

    def _on_failed(self, slot: Slot, sentence: str) -> None:
        self._failed.add(slot)
        self.failed.emit(slot, sentence)

    def _on_students_changing(self, choice: ModelChoice | None) -> None:
        self.changing.emit(None if choice is None else self._asked)
        if choice is None:
            self._change_teacher()

    def _on_teacher_changing(self, choice: ModelChoice | None) -> None:
        self.changing.emit(None if choice is None else self._asked)


def choice_of(options: WindowOptions) -> ModelChoice:
    """The models that the window begins with."""
    files: dict[Slot, Path] = {"int8": options.int8, "fp32": options.fp32}
    if options.teacher is not None:
        files["teacher"] = options.teacher
    return ModelChoice.of(files, options.engine)


def _part(choice: ModelChoice, slots: Iterable[Slot]) -> ModelChoice:
    """What is chosen for some of the places."""
    chosen = [slot for slot in slots if slot in choice.paths]
    return ModelChoice(
        {slot: choice.paths[slot] for slot in chosen},
        {slot: choice.engine_of(slot) for slot in chosen},
    )
