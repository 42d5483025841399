"""Stands in for the models where a recorded session is shown: it answers from the file."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QDeadlineTimer

from app.answering import Answering
from app.messages import (
    SLOTS,
    STUDENTS,
    Answer,
    ClipOffer,
    EngineReport,
    ModelDescription,
    Models,
    Recorded,
    Slot,
)
from app.model_choice import ModelChoice
from app.recording.lookup import Lookup
from app.recording.tables import NONE
from core.clip import ClipSpec
from core.comparison import Prediction
from core.decisions import Decision
from core.errors import SessionFileError
from core.probe import ProbeResult

# A recorded answer belongs to a frame, so that each frame is a clip: nothing has to warm up.
_ONE_FRAME = ClipSpec(frames=1, span_s=None, resize=8, crop=8)
_MOST_UNFETCHED = 64
_REFUSAL = "This window shows a recorded session; open its video in a window of its own instead."


class RecordedModels(Answering):
    """What app.inference.Inference is to the session, without any model."""

    def __init__(self, lookup: Lookup) -> None:
        super().__init__()
        self.setObjectName("incab-recorded-models")
        session = lookup.session
        self._lookup = lookup
        self.spec: ClipSpec | None = _ONE_FRAME
        self.labels = session.labels
        # Of models that took over from each other the last one is named.
        self._models = {
            slot: model for model in session.models.values() for slot in SLOTS if slot == model.slot
        }
        self.choice = ModelChoice(
            {slot: Path(model.file_name) for slot, model in self._models.items()},
            {slot: model.engine for slot, model in self._models.items()},
        )
        self.skipped = 0
        self._lock = threading.Lock()
        self._generation: int | None = None
        self._answers: deque[Answer] = deque(maxlen=_MOST_UNFETCHED)

    def start(self) -> None:
        """Say what the models were."""
        models = {
            slot: ModelDescription(
                slot,
                model.kind,
                self.labels,
                model.file_name,
                model.file_bytes,
                model.sha256,
            )
            for slot, model in self._models.items()
        }
        twins = models.keys() >= set(STUDENTS) and all(
            self._models[slot].twins for slot in STUDENTS
        )
        self.described.emit(Models(models, None, twins))
        for slot, model in self._models.items():
            self.ready.emit(slot, EngineReport(ProbeResult(engine=model.engine)))
        for slot in STUDENTS:
            if slot not in models:
                self.failed.emit(slot, "No model of this kind was recorded.")
        self.idle.emit()

    def change(self, choice: ModelChoice) -> None:
        """Refuse: a recording is what it is."""
        self.refused.emit(_REFUSAL)

    def offer(self, offer: ClipOffer) -> None:
        """Answer with what was recorded for this frame, if anything was.

        After a jump between two recorded clips the label of the one before still holds.
        """
        jumped, self._generation = offer.generation != self._generation, offer.generation
        find = self._lookup.at_or_before if jumped else self._lookup.at
        position = find(offer.clip.frame_index)
        if position is None:
            return
        try:
            answer = self.answer(offer, position)
        except SessionFileError:
            # It was closed, or taken away while it was open: there is nothing to say any more.
            return
        with self._lock:
            self._answers.append(answer)

    def answer(self, offer: ClipOffer, position: int) -> Answer:
        """What was recorded of one clip.

        Raises:
            SessionFileError: the file cannot be read any more.
        """
        session = self._lookup.session
        predictions: dict[Slot, Prediction] = {}
        decisions: dict[Slot, Decision] = {}
        for number, answers in session.answers.items():
            slot = next((slot for slot in SLOTS if slot == answers.model.slot), None)
            best, label = int(answers.best[position]), int(answers.label[position])
            if slot is None or best == NONE:
                continue
            known = session.probabilities(position, number)
            if known is None:
                continue
            places = session.places(number)
            clip = offer.clip
            predictions[slot] = Prediction(
                clip.frame_index,
                clip.time_s,
                _spread(known, best, places, len(self.labels)),
                float(answers.latency_ms[position]),
            )
            decisions[slot] = Decision(
                None if label == NONE else int(places[label]), float(answers.confidence[position])
            )
        truth = session.clips.truth_of(position)
        return Answer(offer, predictions, Recorded(decisions, truth))

    def take_answers(self) -> list[Answer]:
        """All answers since the last call, oldest first."""
        with self._lock:
            answers = list(self._answers)
            self._answers.clear()
            return answers

    def stop(self) -> None:
        """Answer nothing more."""
        self._lookup.session.retire()

    def wait(self, deadline: QDeadlineTimer) -> bool:
        """There is no thread to wait for."""
        return True


def _spread(
    known: NDArray[np.float32], best: int, places: NDArray[np.intp], count: int
) -> NDArray[np.float32]:
    """A model's K probabilities at their places among all activities of the session."""
    # Two that were different may be the same in float16; the recorded one was ahead.
    known[best] = np.nextafter(known.max(), np.float32(2), dtype=np.float32)
    whole = np.zeros(count, np.float32)
    whole[places] = known
    return whole
