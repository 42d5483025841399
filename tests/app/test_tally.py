from __future__ import annotations

import numpy as np
import pytest

from app.messages import Answer, ClipOffer, ModelDescription, ModelPair, Slot
from app.tally import Tally
from core.clip import Clip
from core.comparison import Prediction
from tests.app.doubles import LABELS, SPEC


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def answer(index: int, captured_s: float, **latencies_ms: float) -> Answer:
    clip = Clip(np.zeros(SPEC.clip_shape, np.uint8), (index,), index / 30)
    probabilities = np.full(len(LABELS), 1 / len(LABELS), np.float32)
    predictions: dict[Slot, Prediction] = {
        slot: Prediction(slot, index, index / 30, probabilities, latency)
        for slot, latency in latencies_ms.items()
    }
    return Answer(ClipOffer(clip, 1, captured_s), predictions)


def pair() -> ModelPair:
    described = {
        slot: ModelDescription(slot, slot, LABELS, f"{slot}.safetensors", size)
        for slot, size in (("int8", 0.9), ("fp32", 3.6))
    }
    return ModelPair(described, 3.0, True)


def test_ratios_ages_and_skips() -> None:
    clock = Clock()
    tally = Tally(skipped_before=5, clock=clock)
    for index in range(10):
        tally.add(answer(index, clock.now_s, int8=2.0, fp32=8.0), None, LABELS)
        clock.now_s += 0.1
    numbers = tally.numbers(pair(), skipped=8, playing=True)
    assert numbers.speed_ratio == pytest.approx(4)
    assert numbers.size_ratio == pytest.approx(4)
    assert numbers.skipped == 3
    assert numbers.label_age_ms == pytest.approx(100)
    assert numbers.models["int8"].could_do_fps == pytest.approx(500)
    assert numbers.inferred_fps == pytest.approx(10)
    assert numbers.agreement == 1


def test_nothing_is_invented_before_anything_was_measured() -> None:
    numbers = Tally().numbers(None, 0, True)
    assert numbers.agreement is None
    assert numbers.speed_ratio is None
    assert numbers.size_ratio is None
    assert numbers.label_age_ms is None
    assert numbers.models["fp32"].latency is None
    assert numbers.models["fp32"].could_do_fps is None


def test_a_model_that_failed_is_not_compared() -> None:
    tally = Tally()
    tally.add(answer(0, 0.0, fp32=8.0), None, LABELS)
    numbers = tally.numbers(pair(), 0, True)
    assert numbers.clips == 0
    assert numbers.speed_ratio is None
    assert numbers.models["fp32"].latency is not None


def test_rates_stall_with_their_streams() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    for _ in range(60):
        tally.captured.tick()
        clock.now_s += 1 / 30
    assert tally.captured.per_second() == pytest.approx(30, rel=0.05)
    clock.now_s += 2
    assert tally.captured.per_second() == 0


def test_several_events_may_be_told_at_once() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    for _ in range(20):
        tally.captured.tick(3)
        clock.now_s += 0.1
    assert tally.captured.per_second() == pytest.approx(30, rel=0.06)


def test_a_forgotten_label_has_no_age() -> None:
    tally = Tally()
    tally.add(answer(0, 0.0, int8=1.0, fp32=1.0), None, LABELS)
    tally.forget_newest()
    assert tally.numbers(None, 0, True).label_age_ms is None


def test_the_processor_share_is_not_measured_over_an_instant() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    clock.now_s += 1
    sum(range(2_000_000))
    first = tally.numbers(None, 0, True).cpu_percent
    assert first > 0
    assert tally.numbers(None, 0, True).cpu_percent == first
