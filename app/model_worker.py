"""The model thread: loads the models of one choice and runs them in turn on each clip.

It does not watch itself. `step` tells what it is inside of, and for how long that may take; whoever
watches abandons a worker that takes longer, because a thread inside native code cannot be ended.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QThread, Signal

from app import resources
from app.clip_box import ClipBox
from app.machine import give_way
from app.messages import Answer, Models, Slot, engine_title
from app.model_choice import Beside, Failed, ModelChoice, ModelEvent
from app.model_runner import ModelRunner, Phase
from app.models import describe, why_not_beside, why_not_comparable
from core.clip import ClipSpec
from core.comparison import Prediction
from core.engine_choice import EngineChoice, choose_engine, try_first_choices
from core.errors import EngineError, ModelFileError
from core.modelfile import Model, load_model
from core.probe import ProbeMode
from core.prober import Prober

_log = logging.getLogger(__name__)

# A hundred times as long as a student needs on a slow CPU, golden answers included.
LOADING_LIMIT_S = 120.0
# Far longer than any answer that is of use beside a live picture, even on a busy machine; and so
# many times as long as the engine took before.
ANSWER_LIMIT_S = 30.0
_TIMES_SLOWER = 10.0
# A teacher gives way to everything else on the machine.
_TEACHER_TIMES_LONGER = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a worker is inside of; each step is an object of its own.

    `slowest_ms` is what the engine took for a clip at most so far. There is no engine yet while a
    file is read.
    """

    slot: Slot
    engine: str
    doing: Literal["reading", "trying", "loading", "answering"]
    slowest_ms: float = 0.0

    @property
    def waiting_for(self) -> str:
        """What everybody waits for meanwhile."""
        engine = engine_title(self.engine)
        return {
            "reading": f"the file of the {self.slot} model to be read",
            "trying": f"{engine} to be tried with the {self.slot} model",
            "loading": f"{engine} to be loaded for the {self.slot} model",
            "answering": f"{engine} to answer one clip with the {self.slot} model",
        }[self.doing]

    @property
    def limit_s(self) -> float:
        """How long it may take before the engine counts as hanging."""
        if self.doing == "loading":
            return LOADING_LIMIT_S
        if self.doing != "answering":
            # A trial is a child process with a time limit of its own, and a file is no engine.
            return math.inf
        longer = _TEACHER_TIMES_LONGER if self.slot == "teacher" else 1.0
        return longer * max(ANSWER_LIMIT_S, _TIMES_SLOWER * self.slowest_ms / 1000)


class ModelWorker(QThread):
    """Loads the models of one choice and answers clips until it is told to stop."""

    # Each names its sender first: signals cross threads and may arrive after the worker changed.
    described = Signal(object, object)  # ModelWorker, Models; always comes, and first
    trying = Signal(object, str)  # an engine runs in a child process for the first time here
    told = Signal(object, str, object)  # ModelWorker, slot, ModelEvent
    idle = Signal(object)  # every model runs or has failed
    ended = Signal(object)

    def __init__(
        self,
        choice: ModelChoice,
        threads: int,
        probe: ProbeMode,
        barred: Mapping[Slot, Mapping[str, str]] | None = None,
        beside: Beside | None = None,
    ) -> None:
        super().__init__()
        self.setObjectName("incab-models" if beside is None else "incab-teacher")
        self.choice = choice
        self.box = ClipBox()
        self.spec: ClipSpec | None = None
        self.labels: tuple[str, ...] = ()
        self.step: Step | None = None
        self._threads = threads
        self._probe: ProbeMode = probe
        self._beside = beside
        self._barred = {slot: dict(engines) for slot, engines in (barred or {}).items()}
        self._runners: dict[Slot, ModelRunner] = {}
        # Whose engine is being chosen.
        self._choosing_for: Slot = next(iter(choice.paths), "int8")
        self.finished.connect(self._on_finished)

    # -- called from the UI thread -------------------------------------------------------------

    def stop(self) -> None:
        """Ask the thread to end; wait() tells whether it did."""
        self.box.close()
        self.quit()

    def barred(self) -> dict[Slot, dict[str, str]]:
        """Engines that were found to fail, by slot, each with the sentence that says why."""
        found = {slot: dict(engines) for slot, engines in self._barred.items()}
        for slot, runner in tuple(self._runners.items()):
            found.setdefault(slot, {}).update(runner.barred)
        return found

    def _on_finished(self) -> None:
        self.ended.emit(self)

    # -- the thread ----------------------------------------------------------------------------

    def run(self) -> None:
        try:
            self._work()
        except Exception:
            # The edge of the thread. That it has ended is told by the one who watches it; a source
            # that waits for the models' description is opened without them.
            _log.exception("the models stopped unexpectedly")
            if self.spec is None:
                self.described.emit(self, self._describe({}))
        finally:
            self.step = None

    def _work(self) -> None:
        models = self._load_files()
        self._start_engines(models)
        if self._beside is not None:
            # Not before: the threads that OpenVINO shares between models begin with this priority.
            give_way()
        self._say_idle()
        runners = self._runners.values()
        while not self.box.closed and any(runner.phase is not Phase.FAILED for runner in runners):
            assert self.spec is not None
            offer = self.box.next_clip(self.spec, _earliest(runners))
            for runner in runners:
                if not self.box.closed:
                    runner.retry_if_due()
            if offer is None or self.box.closed:
                continue
            predictions: dict[Slot, Prediction] = {}
            for slot, runner in self._runners.items():
                self.step = Step(slot, runner.engine_name, "answering", runner.slowest_ms)
                prediction = runner.answer(offer.clip)
                self.step = None
                if prediction is not None:
                    predictions[slot] = prediction
            if predictions:
                self.box.answer(Answer(offer, predictions))

    def _load_files(self) -> dict[Slot, Model]:
        models: dict[Slot, Model] = {}
        problems: dict[Slot, str] = {}
        # A file that somebody chose goes before a bundled one, which then steps aside.
        for slot, path in sorted(self.choice.paths.items(), key=_is_bundled):
            self.step = Step(slot, "", "reading")
            try:
                model = load_model(path)
            except ModelFileError as error:
                problems[slot] = str(error)
                continue
            finally:
                self.step = None
            # The first one that can be used says what clips there are; the others follow it.
            first = next(iter(models.values()), None)
            problem = why_not_comparable(first, model) if first is not None else None
            if problem is None and self._beside is not None:
                beside = (self._beside.spec, self._beside.labels)
                problem = why_not_beside(path.name, (model.clip, model.labels), beside)
            if problem is not None:
                problems[slot] = problem
            else:
                models[slot] = model
        for model in models.values():
            self.spec, self.labels = model.clip, model.labels
        self.described.emit(self, self._describe(models))
        for slot, problem in problems.items():
            self._tell(slot, Failed(problem))
        return {slot: models[slot] for slot in self.choice.paths if slot in models}

    def _describe(self, models: Mapping[Slot, Model]) -> Models:
        int8, fp32 = models.get("int8"), models.get("fp32")
        return Models(
            {slot: describe(slot, model) for slot, model in models.items()},
            self.spec.span_s if self.spec else None,
            int8 is not None and fp32 is not None and int8.is_twin_of(fp32),
        )

    def _start_engines(self, models: Mapping[Slot, Model]) -> None:
        # No engine runs in this process before it has survived in a child.
        prober = Prober(
            self._threads,
            self._probe,
            trying=self._on_trying,
            stopped=lambda: self.box.closed,
        )
        for slot, model in models.items():
            self._runners[slot] = self._make_runner(slot, model, prober)
        try:
            self._try_together(models, prober)
        except EngineError as error:
            for runner in self._runners.values():
                runner.give_up(str(error))
            return
        for runner in self._runners.values():
            if self.box.closed:
                return
            runner.start()

    def _try_together(self, models: Mapping[Slot, Model], prober: Prober) -> None:
        wanted = {slot: self.choice.engine_of(slot) for slot in models}
        for engine in dict.fromkeys(wanted.values()):
            group = {slot: model for slot, model in models.items() if wanted[slot] == engine}
            self._choosing_for = next(iter(group))
            try:
                try_first_choices(group.values(), engine, prober)
            finally:
                self.step = None

    def _make_runner(self, slot: Slot, model: Model, prober: Prober) -> ModelRunner:
        def load(barred: Mapping[str, str], again: str | None) -> EngineChoice:
            self._choosing_for = slot
            try:
                return choose_engine(
                    model,
                    again or self.choice.engine_of(slot),
                    prober,
                    barred=barred,
                    loading=lambda engine: self._enter(Step(slot, engine, "loading")),
                )
            except EngineError:
                raise
            except Exception as error:
                # An engine is other people's code and may raise anything.
                raise EngineError(
                    f"No engine could be made ready for the {slot} model "
                    f"({type(error).__name__}: {error})."
                ) from error
            finally:
                self.step = None

        return ModelRunner(
            slot, model, load, lambda event: self._tell(slot, event), self._barred.get(slot)
        )

    def _enter(self, step: Step) -> None:
        self.step = step

    def _on_trying(self, engine: str) -> None:
        self.step = Step(self._choosing_for, engine, "trying")
        self.trying.emit(self, engine)

    def _tell(self, slot: Slot, event: ModelEvent) -> None:
        # What fails because of the stop is no news.
        if not self.box.closed:
            self.told.emit(self, slot, event)

    def _say_idle(self) -> None:
        if not self.box.closed:
            self.idle.emit(self)


def _earliest(runners: Iterable[ModelRunner]) -> float | None:
    """When the first of them wants to be retried, on the monotonic clock."""
    times_s = [runner.retry_at_s for runner in runners]
    return min((time_s for time_s in times_s if time_s is not None), default=None)


def _is_bundled(choice: tuple[Slot, Path]) -> bool:
    return choice[1] in (resources.INT8_MODEL, resources.FP32_MODEL)
