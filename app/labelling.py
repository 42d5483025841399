"""Which models speak, and the steady labels made of what they say. No Qt."""

from __future__ import annotations

from collections.abc import Iterable

from app.messages import SLOTS, STUDENTS, Answer, EngineReport, Shown, Slot
from core.comparison import truth_of_clip
from core.decisions import DecisionSettings, LabelDecider


class Labelling:
    """Keeps for each model its engine, its failures, and how sure it has been lately."""

    def __init__(self) -> None:
        # Of the models that run.
        self.engines: dict[Slot, EngineReport] = {}
        self._failed: set[Slot] = set()
        # Those whose engine is tried again or replaced.
        self._faulted: set[Slot] = set()
        self._deciders: dict[Slot, LabelDecider] = {slot: LabelDecider() for slot in SLOTS}

    @property
    def nobody_runs(self) -> bool:
        """Whether neither student runs now."""
        return self.engines.keys().isdisjoint(STUDENTS)

    @property
    def all_failed(self) -> bool:
        """Whether no student will run again by itself."""
        return self._failed.issuperset(STUDENTS)

    def run(self, slot: Slot, report: EngineReport) -> None:
        """A model runs, for the first time or again."""
        self.engines[slot] = report
        self._failed.discard(slot)
        self._faulted.discard(slot)

    def fail(self, slot: Slot) -> None:
        """A model has no engine any more."""
        self._failed.add(slot)

    def fault(self, slot: Slot) -> None:
        """A model's engine failed. Its label was of before; until it runs again it is silent."""
        self.engines.pop(slot, None)
        self._faulted.add(slot)
        self._deciders[slot].reset()

    def forget(self, slots: Iterable[Slot]) -> None:
        """What ran or failed in these places is there no more."""
        for slot in slots:
            self.engines.pop(slot, None)
            self._failed.discard(slot)
            self._faulted.discard(slot)

    def decide_with(self, settings: DecisionSettings) -> None:
        """From the next answer on, labels are as steady as these settings make them."""
        for decider in self._deciders.values():
            decider.settings = settings

    def begin_anew(self, slots: Iterable[Slot] = SLOTS) -> None:
        """What comes does not follow what came before."""
        for slot in slots:
            self._deciders[slot].reset()

    def label(self, answer: Answer, truth: tuple[str | None, ...] | None) -> Shown | None:
        """The labels of one clip; None when all who answered have failed since.

        Args:
            answer: what the models said, each clip after the one before it.
            truth: the activity at each frame of the file; None where it is not known.
        """
        silent = self._failed | self._faulted
        if silent.issuperset(answer.predictions):
            return None
        if answer.recorded is not None:
            return Shown(answer, answer.recorded.decisions, answer.recorded.truth)
        clip = answer.offer.clip
        decisions = {
            slot: self._deciders[slot].update(clip.time_s, prediction.probabilities)
            for slot, prediction in answer.predictions.items()
        }
        return Shown(answer, decisions, truth_of_clip(truth, clip.frame_indices) if truth else None)
