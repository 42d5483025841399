"""What is recorded while a recording runs: models, answers, counters, in the form of the file."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject

from app.messages import STUDENTS, EngineReport, Models, Numbers, Shown, Slot
from app.model_choice import Fault
from app.recording.from_models import record_of_answer, record_of_model
from app.recording.records import ClipRecord, CountersRecord, ModelRecord, Record, TruthRecord
from app.session import Session


class RecordingFeed(QObject):
    """Puts records of what the session tells, between `begin` and `end`.

    Args:
        session: what is recorded.
        put: takes each record; never waits.
        parent: lives as long as this.
        capture_clock_s: what frames are captured by, as in `captured_s`.
        unix_s: the wall clock.
    """

    def __init__(
        self,
        session: Session,
        put: Callable[[Record], None],
        parent: QObject,
        capture_clock_s: Callable[[], float] = time.perf_counter,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._put = put
        self._capture_clock_s = capture_clock_s
        self._unix_s = unix_s
        self._running = False
        self._models: dict[Slot, ModelRecord] = {}
        self._counters: dict[str, int] = {}
        self._seen_skipped = self._seen_gaps = 0
        session.answers.models_described.connect(self._on_models)
        session.answers.model_ready.connect(self._on_ready)
        session.answers.model_faulted.connect(self._on_fault)
        session.answers.answered.connect(self._on_answer)
        session.numbers.connect(self._on_numbers)

    def begin(self) -> None:
        """Say what is there already, and from now on what happens."""
        self._running = True
        self._counters = {"skipped": 0, "gaps": 0, "engine_faults": 0}
        self._seen_skipped = self._seen_gaps = -1
        source = self._session.source
        if source is not None and source.truth is not None:
            self._put(TruthRecord(source.truth))
        self._models.clear()
        for slot, report in self._session.answers.engines.items():
            self._on_ready(slot, report)

    def end(self) -> None:
        """Say how often what was counted, and nothing more."""
        if self._running:
            self._put(CountersRecord(dict(self._counters)))
        self._running = False

    def _on_models(self, models: Models) -> None:
        # Students that are others will be ready; a teacher beside them goes on.
        self._models = {
            slot: record
            for slot, record in self._models.items()
            if slot not in STUDENTS and slot in models.models
        }

    def _on_ready(self, slot: Slot, report: EngineReport) -> None:
        models = self._session.answers.models
        if not self._running or models is None or slot not in models.models:
            return
        record = record_of_model(models.models[slot], report.probed.engine, models.twins)
        self._models[slot] = record
        self._put(record)

    def _on_fault(self, slot: Slot, fault: Fault) -> None:
        if self._running:
            self._counters["engine_faults"] += 1

    def _on_answer(self, shown: Shown) -> None:
        if not self._running:
            return
        answer = shown.answer
        offer, clip = answer.offer, answer.offer.clip
        answers = {
            slot: record_of_answer(prediction, shown.decisions[slot])
            for slot, prediction in answer.predictions.items()
            if slot in self._models
        }
        if not answers:
            return
        # By its age, anew for each: the session's clock stands still while the machine sleeps.
        captured_unix_s = self._unix_s() - (self._capture_clock_s() - offer.captured_s)
        self._put(
            ClipRecord(
                offer.generation,
                clip.frame_index,
                clip.time_s,
                captured_unix_s,
                shown.truth,
                answers,
            )
        )

    def _on_numbers(self, numbers: Numbers) -> None:
        if not self._running:
            return
        # They begin anew with other models; what counts is by how much they grew.
        skipped, gaps = numbers.skipped, numbers.gaps or 0
        if self._seen_skipped >= 0:
            self._counters["skipped"] += max(0, skipped - self._seen_skipped)
            self._counters["gaps"] += max(0, gaps - self._seen_gaps)
        self._seen_skipped, self._seen_gaps = skipped, gaps
        self._put(CountersRecord(dict(self._counters)))
