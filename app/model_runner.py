"""One model with its engine: answers clips, and outlives an engine that fails. No Qt, no threads.

    loading ──▶ running ──fault──▶ waiting ──retry──▶ running …
                   ▲                  │ too many in a row: the engine is barred
                   └── next engine ◀──┘           none is left ──▶ failed

Whatever engine is loaded, first or anew, has to give the model's golden answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import Enum

from app.messages import EngineReport, Slot
from app.model_choice import Failed, Fault, ModelEvent, Ready
from core.clip import Clip
from core.comparison import Prediction, predict
from core.engine_choice import EngineChoice
from core.engines import Engine
from core.errors import EngineError
from core.modelfile import Model
from core.probe import ProbeResult

# One try after each; with the time that loading takes a bad engine is replaced within 4 to 6 s.
RETRY_AFTER_S = (0.5, 1.0, 2.0)
# So many good answers in a row (10 s at 30 clips/s) and its earlier faults no longer count.
FORGIVEN_AFTER_CLIPS = 300

# Loads the best engine but those barred, or exactly the one that is named.
Load = Callable[[Mapping[str, str], str | None], EngineChoice]


class Phase(Enum):
    """What a model is doing."""

    LOADING = "loading"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"


class ModelRunner:
    """Runs one model on one engine after the other; all calls come from one thread."""

    def __init__(
        self,
        slot: Slot,
        model: Model,
        load: Load,
        tell: Callable[[ModelEvent], None],
        barred: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            slot: its place, for messages.
            model: what runs.
            load: makes an engine ready, or raises EngineError.
            tell: is given every event as it happens.
            barred: engines not to be used, each with the sentence that says why.
            clock: seconds, monotonic.
        """
        self.slot: Slot = slot
        self.model = model
        self.phase = Phase.LOADING
        self.barred = dict(barred or {})
        # What its present engine took for a clip at most.
        self.slowest_ms = 0.0
        self._load = load
        self._tell = tell
        self._clock = clock
        self._engine: Engine | None = None
        self._engine_name = ""
        self._left_out: tuple[ProbeResult, ...] = ()
        self._faults = 0
        self._good_in_a_row = 0
        self._due_s = 0.0

    @property
    def engine_name(self) -> str:
        """The engine that runs it, or ran it last."""
        return self._engine_name

    @property
    def retry_at_s(self) -> float | None:
        """When it wants to be retried, on the clock; None when it does not."""
        return self._due_s if self.phase is Phase.WAITING else None

    def start(self) -> None:
        """Load the best engine that is not barred."""
        self.phase = Phase.LOADING
        self._faults = 0
        try:
            choice = self._load(dict(self.barred), None)
        except EngineError as error:
            self._fail(str(error))
            return
        # Kept for the retries, which load one named engine and leave nothing out.
        self._left_out = choice.left_out
        self._take(choice)

    def retry_if_due(self) -> None:
        """Load the engine that failed anew, once its time has come."""
        if self.phase is not Phase.WAITING or self._clock() < self._due_s:
            return
        try:
            self._take(self._load(dict(self.barred), self._engine_name))
        except EngineError as error:
            self._on_fault(str(error))

    def answer(self, clip: Clip) -> Prediction | None:
        """The answer to one clip; None when there is none, which was or will be told."""
        if self.phase is not Phase.RUNNING:
            return None
        try:
            prediction = self._ask(clip)
        except EngineError as error:
            self._on_fault(str(error))
            return None
        self._good_in_a_row += 1
        self.slowest_ms = max(self.slowest_ms, prediction.latency_ms)
        if self._good_in_a_row == FORGIVEN_AFTER_CLIPS:
            self._faults = 0
        return prediction

    def give_up(self, sentence: str) -> None:
        """Be silent for good."""
        self._engine = None
        self._fail(sentence)

    def _ask(self, clip: Clip) -> Prediction:
        assert self._engine is not None
        try:
            prediction = predict(self._engine, self.slot, clip, self.model.temperature)
        except EngineError:
            raise
        except Exception as error:
            # An engine is other people's code and may raise anything.
            raise EngineError(
                f"The {self.slot} model failed in engine {self._engine_name} "
                f"({type(error).__name__}: {error})."
            ) from error
        expected = (len(self.model.labels),)
        if prediction.probabilities.shape != expected:
            raise EngineError(
                f"The {self.slot} model gave an answer of shape {prediction.probabilities.shape} "
                f"instead of {expected} in engine {self._engine_name}."
            )
        return prediction

    def _take(self, choice: EngineChoice) -> None:
        self._engine, self._engine_name = choice.engine, choice.probed.engine
        self._good_in_a_row = 0
        self.slowest_ms = 0.0
        self.phase = Phase.RUNNING
        self._tell(Ready(EngineReport(choice.probed, self._left_out)))

    def _on_fault(self, sentence: str) -> None:
        # Freed before another is loaded.
        self._engine = None
        self._faults += 1
        if self._faults <= len(RETRY_AFTER_S):
            delay_s = RETRY_AFTER_S[self._faults - 1]
            self._due_s = self._clock() + delay_s
            self.phase = Phase.WAITING
            self._tell(Fault(sentence, delay_s))
        else:
            self.barred[self._engine_name] = sentence
            self._tell(Fault(sentence, None))
            self.start()

    def _fail(self, sentence: str) -> None:
        self.phase = Phase.FAILED
        self._tell(Failed(sentence))
