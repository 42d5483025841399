"""One model and its engines: tried again, later each time, then replaced, in the end silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from app.model_choice import Failed, Fault, ModelEvent, Ready
from app.model_runner import FORGIVEN_AFTER_CLIPS, RETRY_AFTER_S, ModelRunner, Phase
from core.clip import Clip
from core.engine_choice import EngineChoice
from core.errors import EngineError
from core.modelfile import Model
from core.probe import ProbeResult
from tests.app.doubles import LABELS, SPEC, float_network, tiny_model

CLIP = Clip(np.zeros(SPEC.clip_shape, np.uint8), (0,), 0.0)
GOOD = np.zeros(len(LABELS), np.float32)

Answer = Callable[[], NDArray[np.float32]]


def raising(error: Exception) -> Answer:
    def answer() -> NDArray[np.float32]:
        raise error

    return answer


@dataclass
class Scripted:
    """An engine that answers as the test says."""

    name: str
    answer: Answer

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.answer()


@dataclass
class Bench:
    """Engines by name, a clock, and everything that was told."""

    now_s: float = 0.0
    answers: dict[str, Answer] = field(default_factory=lambda: {"a": lambda: GOOD})
    unloadable: dict[str, str] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    events: list[ModelEvent] = field(default_factory=list)

    def load(self, barred: Mapping[str, str], again: str | None) -> EngineChoice:
        left_out: list[ProbeResult] = []
        for name, answer in self.answers.items():
            if again is not None and name != again:
                continue
            self.loaded.append(name)
            problem = barred.get(name) or self.unloadable.get(name)
            if problem is None:
                probed = ProbeResult(engine=name)
                return EngineChoice(Scripted(name, answer), probed, tuple(left_out))
            left_out.append(ProbeResult(engine=name, problem=problem))
        raise EngineError(" ".join(result.problem or "" for result in left_out))


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model(float_network())


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def runner(bench: Bench, model: Model) -> ModelRunner:
    return ModelRunner("int8", model, bench.load, bench.events.append, clock=lambda: bench.now_s)


def fail_until_barred(bench: Bench, runner: ModelRunner) -> list[float]:
    """Let the present engine use up its retries; the times at which each was due."""
    due_s: list[float] = []
    for _ in RETRY_AFTER_S:
        assert runner.answer(CLIP) is None
        assert runner.phase is Phase.WAITING
        assert runner.retry_at_s is not None
        due_s.append(runner.retry_at_s - bench.now_s)
        bench.now_s = runner.retry_at_s
        runner.retry_if_due()
    assert runner.answer(CLIP) is None
    return due_s


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (raising(RuntimeError("it broke")), "it broke"),
        (raising(TypeError("odd")), "TypeError: odd"),
        (raising(MemoryError()), "no memory is left"),
        (lambda: np.full(len(LABELS), np.nan, np.float32), "NaN or infinity"),
        (lambda: np.full(len(LABELS), np.inf, np.float32), "NaN or infinity"),
        (lambda: np.zeros(3, np.float32), r"shape (3,) instead of (6,)"),
        (lambda: np.zeros((1, len(LABELS)), np.float32), "shape (1, 6)"),
        (lambda: np.zeros(0, np.float32), "ValueError"),
        (lambda: None, "TypeError"),
    ],
    ids=["raises", "odd", "memory", "nan", "infinity", "short", "rank", "empty", "none"],
)
def test_every_kind_of_fault_is_told_and_tried_again(
    answer: Answer, said: str, bench: Bench, runner: ModelRunner
) -> None:
    bench.answers["a"] = answer
    runner.start()
    assert runner.answer(CLIP) is None
    fault = bench.events[-1]
    assert isinstance(fault, Fault)
    assert said in fault.sentence
    assert fault.retry_in_s == RETRY_AFTER_S[0]
    # Not before its time.
    runner.retry_if_due()
    assert bench.loaded == ["a"]
    bench.answers["a"] = lambda: GOOD
    bench.now_s += RETRY_AFTER_S[0]
    runner.retry_if_due()
    prediction = runner.answer(CLIP)
    assert prediction is not None
    assert prediction.probabilities.sum() == pytest.approx(1)
    assert isinstance(bench.events[-1], Ready)


def test_an_engine_that_goes_on_failing_is_replaced_by_the_next(
    bench: Bench, runner: ModelRunner
) -> None:
    bench.answers = {"a": raising(RuntimeError("it broke")), "b": lambda: GOOD}
    runner.start()
    assert fail_until_barred(bench, runner) == list(RETRY_AFTER_S)
    assert runner.engine_name == "b"
    assert runner.answer(CLIP) is not None
    *_, fault, ready = bench.events
    assert isinstance(fault, Fault)
    assert fault.retry_in_s is None
    assert isinstance(ready, Ready)
    assert [result.engine for result in ready.report.left_out] == ["a"]
    assert "it broke" in (ready.report.left_out[0].problem or "")


def test_an_engine_that_cannot_be_loaded_again_is_replaced_too(
    bench: Bench, runner: ModelRunner
) -> None:
    bench.answers = {"a": raising(RuntimeError("it broke")), "b": lambda: GOOD}
    runner.start()
    runner.answer(CLIP)
    bench.unloadable["a"] = "Engine a answers wrongly."
    for _ in RETRY_AFTER_S:
        bench.now_s += RETRY_AFTER_S[-1]
        runner.retry_if_due()
    assert runner.engine_name == "b"
    assert runner.barred == {"a": "Engine a answers wrongly."}


def test_when_none_is_left_it_says_why_and_is_silent(bench: Bench, runner: ModelRunner) -> None:
    bench.answers = {
        "a": raising(RuntimeError("a broke")),
        "b": raising(RuntimeError("b broke")),
    }
    runner.start()
    fail_until_barred(bench, runner)
    fail_until_barred(bench, runner)
    failed = bench.events[-1]
    assert isinstance(failed, Failed)
    assert "a broke" in failed.sentence
    assert "b broke" in failed.sentence
    assert runner.phase is Phase.FAILED
    count = len(bench.events)
    bench.now_s += 1000
    runner.retry_if_due()
    assert runner.answer(CLIP) is None
    assert len(bench.events) == count


def test_old_faults_are_forgiven(bench: Bench, runner: ModelRunner) -> None:
    broken = raising(RuntimeError("now and then"))
    bench.answers["a"] = broken
    runner.start()
    for _ in range(3 * len(RETRY_AFTER_S)):
        bench.answers["a"] = broken
        runner._engine = Scripted("a", broken)
        runner.answer(CLIP)
        fault = bench.events[-1]
        assert isinstance(fault, Fault)
        assert fault.retry_in_s == RETRY_AFTER_S[0]
        bench.answers["a"] = lambda: GOOD
        bench.now_s += RETRY_AFTER_S[0]
        runner.retry_if_due()
        for _ in range(FORGIVEN_AFTER_CLIPS):
            assert runner.answer(CLIP) is not None


def test_what_was_barred_before_is_never_loaded(bench: Bench, model: Model) -> None:
    bench.answers = {"a": lambda: GOOD, "b": lambda: GOOD}
    barred = {"a": "Engine a hangs."}
    runner = ModelRunner("fp32", model, bench.load, bench.events.append, barred)
    runner.start()
    assert runner.engine_name == "b"
    assert isinstance(bench.events[0], Ready)
    assert bench.events[0].report.left_out[0].problem == "Engine a hangs."


def test_a_retry_still_tells_what_was_left_out(bench: Bench, runner: ModelRunner) -> None:
    bench.answers = {"a": lambda: GOOD, "b": raising(RuntimeError("it broke"))}
    bench.unloadable["a"] = "Engine a crashes."
    runner.start()
    runner.answer(CLIP)
    bench.now_s += RETRY_AFTER_S[0]
    runner.retry_if_due()
    ready = bench.events[-1]
    assert isinstance(ready, Ready)
    assert [result.engine for result in ready.report.left_out] == ["a"]


def test_the_slowest_answer_is_that_of_the_present_engine(
    bench: Bench, runner: ModelRunner
) -> None:
    def slow() -> NDArray[np.float32]:
        time.sleep(0.02)
        return GOOD

    bench.answers["a"] = slow
    runner.start()
    assert runner.slowest_ms == 0
    runner.answer(CLIP)
    assert runner.slowest_ms >= 20
    runner.start()
    assert runner.slowest_ms == 0
