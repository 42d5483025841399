"""How the teacher keeps up, and how often each student agrees with it. No Qt, no threads.

The teacher's answer to a clip comes long after the students', and most clips it never sees; only
answers to the same clip are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from app.messages import STUDENTS, Answer, Slot, TeacherNumbers

# The students' answers wait so many clips for the teacher's: half a minute at 30 clips a second.
_REMEMBERED = 900


class TeacherTally:
    """Counts from the teacher's first answer on."""

    def __init__(self) -> None:
        # When the newest frame was captured that it answered, on `perf_counter`'s clock.
        self.captured_s: float | None = None
        self._answered = 0
        self._missed_from: int | None = None
        self._students_answered = 0
        self._both: Counter[Slot] = Counter()
        self._same: Counter[Slot] = Counter()
        # By generation and frame: what was named in it so far.
        self._named: dict[tuple[int, int], dict[Slot, int]] = {}

    def add(self, answer: Answer) -> None:
        """Take the answers of students, of the teacher, or of all."""
        if not answer.predictions.keys().isdisjoint(STUDENTS):
            self._students_answered += 1
        if "teacher" in answer.predictions:
            self._answered += 1
            self.captured_s = answer.offer.captured_s
            if self._missed_from is None:
                self._missed_from = self._students_answered - 1
        clip = (answer.offer.generation, answer.offer.clip.frame_index)
        before = self._named.setdefault(clip, {})
        fresh = {slot: prediction.best for slot, prediction in answer.predictions.items()}
        self._compare(before, fresh)
        before.update(fresh)
        while len(self._named) > _REMEMBERED:
            del self._named[next(iter(self._named))]

    def _compare(self, before: Mapping[Slot, int], fresh: Mapping[Slot, int]) -> None:
        named = {**before, **fresh}
        for slot in STUDENTS:
            # Each pair once: when the later of the two answers comes.
            if {slot, "teacher"} <= named.keys() and not {slot, "teacher"} <= before.keys():
                self._both[slot] += 1
                self._same[slot] += named[slot] == named["teacher"]

    def numbers(self, now_s: float | None) -> TeacherNumbers | None:
        """The figures now; None before the first answer. `now_s` is None while nothing plays."""
        if self._missed_from is None:
            return None
        age_s = None if now_s is None or self.captured_s is None else now_s - self.captured_s
        offered = self._students_answered - max(self._missed_from, 0)
        return TeacherNumbers(
            None if age_s is None else age_s * 1000,
            max(0, offered - self._answered),
            {slot: self._same[slot] / both for slot, both in self._both.items()},
        )
