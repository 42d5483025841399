"""What is counted while a source plays: rates, latencies, agreement. No Qt, no threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.machine_use import MachineUse
from app.messages import (
    SLOTS,
    STUDENTS,
    Answer,
    ClassAccuracy,
    Compared,
    ModelNumbers,
    Models,
    Numbers,
    Slot,
)
from app.teacher_tally import TeacherTally
from core.comparison import Accuracy, Agreement, Latency, RateMeter, compare
from core.recent import LatencyHistogram, RecentAgreement, RecentLatency


@dataclass(slots=True)
class _ModelTally:
    rate: RateMeter
    # Percentiles of the last minute follow the machine's present state.
    recent: RecentLatency
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    accuracy: Accuracy = field(default_factory=Accuracy)


class Tally:
    """All counters of one source; a new source gets a new tally."""

    def __init__(
        self, skipped_before: int = 0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._clock = clock
        self._skipped_before = skipped_before
        self.captured = RateMeter(clock)
        self.shown = RateMeter(clock)
        self.inferred = RateMeter(clock)
        self.agreement = Agreement()
        self._recent = RecentAgreement(clock)
        self._models: dict[Slot, _ModelTally] = {slot: self._new_model() for slot in SLOTS}
        self._newest_captured_s: float | None = None
        self._teacher = TeacherTally()
        self._machine_use = MachineUse(clock)

    def _new_model(self) -> _ModelTally:
        return _ModelTally(RateMeter(self._clock), RecentLatency(self._clock))

    def restart_rates(self) -> None:
        """Let the rates begin anew, after a pause or a jump; the other figures go on."""
        for rate in (self.captured, self.shown, self.inferred):
            rate.reset()
        for model in self._models.values():
            model.rate.reset()

    @property
    def has_label(self) -> bool:
        """Whether an answer is on the screen."""
        return self._newest_captured_s is not None

    def forget_newest(self, slots: tuple[Slot, ...] = SLOTS) -> None:
        """There is no label of these models on the screen any more."""
        if not set(slots).isdisjoint(STUDENTS):
            self._newest_captured_s = None
        if "teacher" in slots:
            self._teacher.captured_s = None

    def forget_teacher(self) -> None:
        """There is no teacher, or another one."""
        self._models["teacher"] = self._new_model()
        self._teacher = TeacherTally()

    def add(self, answer: Answer, truth: str | None, labels: tuple[str, ...]) -> None:
        """Count one answer, against the truth where there is one."""
        self._teacher.add(answer)
        if answer.predictions.keys() != {"teacher"}:
            self._newest_captured_s = answer.offer.captured_s
            self.inferred.tick()
        for slot, prediction in answer.predictions.items():
            model = self._models[slot]
            model.rate.tick()
            model.latency.add(prediction.latency_ms)
            model.recent.add(prediction.latency_ms)
            if truth is not None:
                model.accuracy.add(truth, labels[prediction.best])
        if answer.predictions.keys() >= set(STUDENTS):
            same, divergence = compare(answer.predictions["int8"], answer.predictions["fp32"])
            self.agreement.count(same, divergence)
            self._recent.count(same, divergence)

    def per_class(self) -> list[ClassAccuracy]:
        """How each activity of the truth that was met so far is recognised, by name."""
        shares = {slot: model.accuracy.per_class() for slot, model in self._models.items()}
        return [
            ClassAccuracy(
                name,
                {s: self._models[s].accuracy.clips_of(name) for s in SLOTS if name in shares[s]},
                {s: shares[s][name] for s in SLOTS if name in shares[s]},
            )
            for name in sorted({name for share in shares.values() for name in share})
        ]

    def numbers(
        self, models: Models | None, skipped: int, playing: bool, gaps: int | None = None
    ) -> Numbers:
        """All figures now; `skipped` is the model worker's count since it began.

        `gaps` is how often a camera or stream was interrupted; None for a file.
        """
        age_s = None
        if playing and self._newest_captured_s is not None:
            age_s = self._clock() - self._newest_captured_s
        per_model = {slot: self._model_numbers(self._models[slot]) for slot in SLOTS}
        whole = {slot: model.latency.summary() for slot, model in self._models.items()}
        recent = {slot: model.latency for slot, model in per_model.items()}
        described = models.models if models else {}
        return Numbers(
            capture_fps=self.captured.per_second(),
            shown_fps=self.shown.per_second(),
            inferred_fps=self.inferred.per_second(),
            skipped=skipped - self._skipped_before,
            label_age_ms=None if age_s is None else age_s * 1000,
            cpu_percent=self._machine_use.cpu_percent(),
            memory_mb=self._machine_use.memory_mb(),
            models=per_model,
            session=Compared(
                self.agreement.clips,
                self.agreement.share,
                self.agreement.mean_kl_divergence,
                _speed_ratio(whole),
            ),
            last_minute=Compared(*self._recent.summary(), _speed_ratio(recent)),
            size_ratio=(
                described["fp32"].file_mb / described["int8"].file_mb
                if described.keys() >= set(STUDENTS)
                else None
            ),
            gaps=gaps,
            teacher=self._teacher.numbers(self._clock() if playing else None),
        )

    @staticmethod
    def _model_numbers(model: _ModelTally) -> ModelNumbers:
        return ModelNumbers(
            model.rate.per_second(),
            model.recent.summary(),
            model.accuracy.mean_per_class,
            model.accuracy.clips,
            tuple(model.recent.samples_ms()),
        )


def _speed_ratio(latencies: Mapping[Slot, Latency | None]) -> float | None:
    """Median time of fp32 over that of int8."""
    int8, fp32 = latencies["int8"], latencies["fp32"]
    return fp32.p50 / int8.p50 if int8 and fp32 and int8.p50 > 0 else None
