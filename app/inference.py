"""The model worker: both models, one after the other, on the newest clip.

One clip is in flight and one is pending; a newer one replaces the pending one, which is counted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from app.machine import default_threads
from app.messages import (
    SLOTS,
    Answer,
    ClipOffer,
    EngineReport,
    ModelDescription,
    ModelPair,
    Slot,
)
from app.models import why_not_comparable
from core.clip import ClipSpec
from core.comparison import Prediction, predict
from core.engine_choice import AUTOMATIC, choose_engine, try_first_choices
from core.engines import Engine
from core.errors import EngineError, ModelFileError
from core.modelfile import Model, load_model
from core.probe import ProbeMode
from core.prober import Prober

# When the window does not fetch answers, the models rest instead of piling them up.
_MOST_UNFETCHED = 64


class Inference(QThread):
    """Loads two models and answers clips until it is told to stop."""

    described = Signal(object)  # ModelPair; always comes, and before anything else
    trying = Signal(str)  # an engine runs in a child process for the first time on this CPU
    ready = Signal(str, object)  # slot whose engine has proved itself, EngineReport
    failed = Signal(str, str)  # slot, sentence
    idle = Signal()  # every engine is ready or has failed

    def __init__(
        self,
        paths: Mapping[Slot, Path],
        engine: str = AUTOMATIC,
        threads: int | None = None,
        probe: ProbeMode = "once",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("incab-models")
        self.skipped = 0
        self.spec: ClipSpec | None = None
        self.labels: tuple[str, ...] = ()
        self._paths = dict(paths)
        self._engine_name = engine
        self._threads = threads or default_threads()
        self._probe = probe
        self._wakeup = threading.Condition()
        self._stopping = False
        self._answering = False
        self._pending: ClipOffer | None = None
        self._answers: deque[Answer] = deque()

    # -- called from other threads -------------------------------------------------------------

    def offer(self, offer: ClipOffer) -> None:
        """Leave the newest clip; one that was still waiting is skipped and counted.

        While the models load nothing is counted: the window says that they load.
        """
        with self._wakeup:
            if self._pending is not None and self._answering:
                self.skipped += 1
            self._pending = offer
            self._wakeup.notify_all()

    def take_answers(self) -> list[Answer]:
        """All answers since the last call, oldest first."""
        with self._wakeup:
            answers = list(self._answers)
            self._answers.clear()
            self._wakeup.notify_all()
            return answers

    def stop(self) -> None:
        """Ask the thread to end; wait() tells whether it did."""
        with self._wakeup:
            self._stopping = True
            self._wakeup.notify_all()
        self.quit()

    # -- the thread ----------------------------------------------------------------------------

    def run(self) -> None:
        models = self._load_files()
        engines = self._start_engines(models)
        self.idle.emit()
        while engines and (offer := self._next_clip()) is not None:
            predictions: dict[Slot, Prediction] = {}
            for slot in tuple(engines):
                try:
                    temperature = models[slot].temperature
                    predictions[slot] = predict(engines[slot], slot, offer.clip, temperature)
                except EngineError as error:
                    del engines[slot]
                    self.failed.emit(slot, str(error))
            with self._wakeup:
                self._answers.append(Answer(offer, predictions))

    def _load_files(self) -> dict[Slot, Model]:
        models: dict[Slot, Model] = {}
        problems: dict[Slot, str] = {}
        for slot in SLOTS:
            try:
                models[slot] = load_model(self._paths[slot])
            except ModelFileError as error:
                problems[slot] = str(error)
        if len(models) == 2 and (problem := why_not_comparable(models["int8"], models["fp32"])):
            problems["fp32"] = problem
            del models["fp32"]
        for model in models.values():
            self.spec, self.labels = model.clip, model.labels
        self.described.emit(self._describe(models))
        for slot, problem in problems.items():
            self.failed.emit(slot, problem)
        return models

    def _describe(self, models: Mapping[Slot, Model]) -> ModelPair:
        return ModelPair(
            {
                slot: ModelDescription(
                    slot,
                    model.kind,
                    model.labels,
                    self._paths[slot].name,
                    model.file_mb,
                )
                for slot, model in models.items()
            },
            self.spec.span_s if self.spec else None,
            len(models) == 2 and models["int8"].is_twin_of(models["fp32"]),
        )

    def _start_engines(self, models: Mapping[Slot, Model]) -> dict[Slot, Engine]:
        engines: dict[Slot, Engine] = {}
        # No engine runs in this process before it has survived in a child.
        prober = Prober(
            self._threads,
            self._probe,
            trying=self.trying.emit,
            stopped=lambda: self._stopping,
        )
        try:
            try_first_choices(models.values(), self._engine_name, prober)
        except EngineError as error:
            for slot in () if self._stopping else models:
                self.failed.emit(slot, str(error))
            return {}
        for slot, model in models.items():
            if self._stopping:
                break
            try:
                choice = choose_engine(model, self._engine_name, prober)
            except EngineError as error:
                if not self._stopping:
                    self.failed.emit(slot, str(error))
            else:
                engines[slot] = choice.engine
                self.ready.emit(slot, EngineReport(choice.probed, choice.left_out))
        return engines

    def _next_clip(self) -> ClipOffer | None:
        """The newest clip once there is one and its answer has room; None to stop."""
        with self._wakeup:
            self._answering = True
            self._wakeup.wait_for(
                lambda: (
                    self._stopping
                    or (self._pending is not None and len(self._answers) < _MOST_UNFETCHED)
                )
            )
            offer, self._pending = self._pending, None
            return None if self._stopping else offer
