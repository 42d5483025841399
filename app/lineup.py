"""Students and teacher as the session sees them: one Inference for the pair, one for the teacher.

A teacher takes twenty times as long as a student. On a thread of its own, with one engine thread
that gives way to others, it answers the newest clip whenever it is done with the one before, and
the students answer every clip as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer

from app.answering import Answering
from app.inference import Inference
from app.messages import STUDENTS, Answer, ClipOffer, EngineReport, Models, Slot
from app.model_choice import Beside, ModelChoice
from app.models import why_not_beside
from app.options import WindowOptions
from core.clip import ClipSpec
from core.probe import ProbeMode

_NOBODY = ModelChoice({}, {})
# A teacher in the middle of a clip takes seconds; nothing is lost that waits for it.
_TEACHER_ENDS_MS = 300
# Teachers that did not end in time. A QThread that is destroyed while it runs takes the process
# down; this one ends when its clip is answered, or with the process.
_left: list[Inference] = []


class Lineup(Answering):
    """What app.inference.Inference is to the session, with a third place that may be empty."""

    def __init__(
        self,
        choice: ModelChoice,
        threads: int | None = None,
        probe: ProbeMode = "once",
    ) -> None:
        super().__init__()
        self.setObjectName("incab-models")
        self._students = Inference(_part(choice, STUDENTS), threads, probe, self)
        self._teacher = Inference(_NOBODY, 1, probe, self)
        # The teacher that was asked for, whether it runs, loads or waits.
        self._wanted_teacher = _part(choice, ("teacher",))
        # One that waits until the students it has to fit are there.
        self._next_teacher: ModelChoice | None = self._wanted_teacher
        # Students that are made ready, and whether a teacher is.
        self._next_students: ModelChoice | None = None
        self._teacher_changing = False
        self._students_loaded = False
        self._told: ModelChoice | None = None
        self._pair: Models | None = None
        self._guest: Models | None = None
        self._failed: set[Slot] = set()
        for inference in (self._students, self._teacher):
            inference.ready.connect(self._on_ready)
            inference.faulted.connect(self.faulted)
            inference.stalled.connect(self.stalled)
            inference.failed.connect(self._on_failed)
            inference.refused.connect(self.refused)
        # A trial is shown on the students' panels.
        self._students.trying.connect(self.trying)
        self._students.described.connect(self._on_students)
        self._students.idle.connect(self._on_students_idle)
        self._students.changing.connect(self._on_students_changing)
        self._teacher.described.connect(self._on_teacher)
        self._teacher.changing.connect(self._on_teacher_changing)

    # -- called from the UI thread -------------------------------------------------------------

    @property
    def choice(self) -> ModelChoice:
        """The students that run, or are loaded for the first time, and the teacher asked for."""
        return _both(self._students.choice, self._wanted_teacher)

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
        students, teacher = _part(choice, STUDENTS), _part(choice, ("teacher",))
        other_students = students != _part(self._students.choice, STUDENTS)
        other_teacher = teacher != self._wanted_teacher
        if not other_students and not other_teacher:
            # The same once more, because of one that failed or a file that was replaced.
            other_students = self._failed != {"teacher"}
            other_teacher = bool(teacher.paths) and (not self._failed or "teacher" in self._failed)
        if other_teacher:
            self._wanted_teacher = self._next_teacher = teacher
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

    def wait(self, deadline: QDeadlineTimer) -> bool:
        """Whether the students' threads end in time; a teacher is waited for only briefly."""
        ended = self._students.wait(deadline)
        if not self._teacher.wait(min(deadline, QDeadlineTimer(_TEACHER_ENDS_MS))):
            _left.append(self._teacher)
        return ended

    # -- called from the source's thread -------------------------------------------------------

    def offer(self, offer: ClipOffer) -> None:
        """Leave the newest clip for those who want its kind; returns at once."""
        for inference in (self._students, self._teacher):
            if inference.spec in (None, offer.spec):
                inference.offer(offer)

    # -- what the two say ----------------------------------------------------------------------

    def _on_students(self, pair: Models) -> None:
        self._pair = pair
        self._failed.difference_update(STUDENTS)
        self._send_unfit_away()
        self._describe(only_teacher=False)

    def _send_unfit_away(self) -> None:
        """Take the teacher's place away where it does not fit the students that are there now."""
        guest, spec = self._teacher.spec, self._students.spec
        if self._guest is None or guest is None or spec is None:
            return
        name = next(iter(self._teacher.choice.paths.values())).name
        unfit = why_not_beside(name, (guest, self._teacher.labels), (spec, self.labels))
        if unfit is not None:
            self._guest = None
            if self._wanted_teacher == self._teacher.choice:
                self._wanted_teacher = self._next_teacher = _NOBODY
            self.refused.emit(unfit)

    def _on_students_idle(self) -> None:
        self._students_loaded = True
        self._change_teacher()
        self.idle.emit()

    def _change_teacher(self) -> None:
        """Begin with the teacher that waits, if one does and the students are not changing."""
        if not self._students_loaded or self._next_students is not None:
            return
        wanted, self._next_teacher = self._next_teacher, None
        if wanted is None or (not wanted.paths and self._teacher.beside is None):
            return
        spec = self._students.spec
        if spec is not None:
            if self._teacher.beside is None:
                self._teacher.start()
            self._teacher.beside = Beside(spec, self.labels)
            self._teacher.change(wanted)
        elif wanted.paths:
            self._wanted_teacher = self._teacher.choice
            self.refused.emit("A teacher answers beside students; choose students that can run.")

    def _on_teacher(self, guest: Models) -> None:
        before, self._guest = self._guest, guest if self._teacher.choice.paths else None
        self._failed.discard("teacher")
        self._send_unfit_away()
        if self._pair is not None and (before is not None or self._guest is not None):
            self._describe(only_teacher=True)

    def _describe(self, *, only_teacher: bool) -> None:
        assert self._pair is not None
        guest = self._guest
        self.described.emit(
            Models(
                {**self._pair.models, **(guest.models if guest is not None else {})},
                self._pair.span_s,
                self._pair.twins,
                self._teacher.spec if guest is not None else None,
                only_teacher,
            )
        )

    def _on_ready(self, slot: Slot, report: EngineReport) -> None:
        if slot == "teacher" and self._guest is None:
            # It does not fit, and goes again.
            return
        self._failed.discard(slot)
        self.ready.emit(slot, report)

    def _on_failed(self, slot: Slot, sentence: str) -> None:
        self._failed.add(slot)
        self.failed.emit(slot, sentence)

    def _on_students_changing(self, choice: ModelChoice | None) -> None:
        self._next_students = choice
        self._say_changing()

    def _on_teacher_changing(self, choice: ModelChoice | None) -> None:
        self._teacher_changing = choice is not None
        if choice is None and self._next_teacher is None:
            # It has taken over or was refused.
            self._wanted_teacher = self._teacher.choice
        self._say_changing()

    def _say_changing(self) -> None:
        """Tell what is made ready, if anything still is; the teacher's turn may have come."""
        self._change_teacher()
        busy = self._next_students is not None or self._teacher_changing
        students = self._next_students or self._students.choice
        told, self._told = self._told, _both(students, self._wanted_teacher) if busy else None
        if self._told != told:
            self.changing.emit(self._told)


def choice_of(options: WindowOptions) -> ModelChoice:
    """The models that the window begins with."""
    files: dict[Slot, Path] = {"int8": options.int8, "fp32": options.fp32}
    if options.teacher is not None:
        files["teacher"] = options.teacher
    return ModelChoice.of(files, options.engine)


def _both(students: ModelChoice, teacher: ModelChoice) -> ModelChoice:
    """All places together."""
    return ModelChoice({**students.paths, **teacher.paths}, {**students.engines, **teacher.engines})


def _part(choice: ModelChoice, slots: Iterable[Slot]) -> ModelChoice:
    """What is chosen for some of the places."""
    chosen = [slot for slot in slots if slot in choice.paths]
    return ModelChoice(
        {slot: choice.paths[slot] for slot in chosen},
        {slot: choice.engine_of(slot) for slot in chosen},
    )
