from __future__ import annotations

import numpy as np
import pytest

from app.messages import Answer, ClipOffer, ModelDescription, Models, Slot
from app.tally import Tally
from core.clip import Clip, ClipSpec
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
        slot: Prediction(index, index / 30, probabilities, latency)
        for slot, latency in latencies_ms.items()
    }
    return Answer(ClipOffer(clip, 1, captured_s, ClipSpec()), predictions)


def pair() -> Models:
    described = {
        slot: ModelDescription(slot, slot, LABELS, f"{slot}.safetensors", size)
        for slot, size in (("int8", 900_000), ("fp32", 3_600_000))
    }
    return Models(described, 3.0, True)


def test_ratios_ages_and_skips() -> None:
    clock = Clock()
    tally = Tally(skipped_before=5, clock=clock)
    for index in range(10):
        tally.add(answer(index, clock.now_s, int8=2.0, fp32=8.0), None, LABELS)
        clock.now_s += 0.1
    numbers = tally.numbers(pair(), skipped=8, playing=True)
    assert numbers.session.speed_ratio == pytest.approx(4, rel=0.02)
    assert numbers.size_ratio == pytest.approx(4)
    assert numbers.skipped == 3
    assert numbers.label_age_ms == pytest.approx(100)
    assert numbers.models["int8"].could_do_fps == pytest.approx(500)
    assert numbers.inferred_fps == pytest.approx(10)
    assert numbers.session.agreement == 1


def test_nothing_is_invented_before_anything_was_measured() -> None:
    numbers = Tally().numbers(None, 0, True)
    assert numbers.session.agreement is None
    assert numbers.session.speed_ratio is None
    assert numbers.size_ratio is None
    assert numbers.label_age_ms is None
    assert numbers.models["fp32"].latency is None
    assert numbers.models["fp32"].could_do_fps is None


def test_a_model_that_failed_is_not_compared() -> None:
    tally = Tally()
    tally.add(answer(0, 0.0, fp32=8.0), None, LABELS)
    numbers = tally.numbers(pair(), 0, True)
    assert numbers.session.clips == 0
    assert numbers.session.speed_ratio is None
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


def test_the_last_minute_forgets_and_the_session_does_not() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    for index in range(4):
        tally.add(answer(index, clock.now_s, int8=2.0, fp32=8.0), None, LABELS)
    clock.now_s += 50
    for index in range(4, 6):
        tally.add(answer(index, clock.now_s, int8=4.0, fp32=8.0), None, LABELS)
    clock.now_s += 20
    numbers = tally.numbers(pair(), 0, True)
    assert (numbers.session.clips, numbers.last_minute.clips) == (6, 2)
    assert numbers.session.speed_ratio == pytest.approx(4, rel=0.02)
    assert numbers.last_minute.speed_ratio == pytest.approx(2)
    assert numbers.models["int8"].recent_ms == (4.0, 4.0)
    clock.now_s += 60
    numbers = tally.numbers(pair(), 0, True)
    # Nothing was answered for a minute: nothing is said of it, and no old figure stays.
    assert numbers.last_minute.agreement is None
    assert numbers.last_minute.speed_ratio is None
    assert numbers.models["int8"].latency is None
    assert numbers.session.clips == 6


def test_every_rate_falls_to_zero_with_its_own_stream() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    for index in range(60):
        tally.captured.tick()
        tally.shown.tick()
        latencies = {"fp32": 8.0} if index >= 30 else {"int8": 2.0, "fp32": 8.0}
        tally.add(answer(index, clock.now_s, **latencies), None, LABELS)
        clock.now_s += 0.1
    numbers = tally.numbers(pair(), 0, True)
    assert numbers.models["int8"].fps == 0
    assert numbers.models["fp32"].fps == pytest.approx(10, rel=0.1)
    clock.now_s += 2
    numbers = tally.numbers(pair(), 0, True)
    assert numbers.capture_fps == numbers.shown_fps == numbers.inferred_fps == 0
    assert numbers.models["fp32"].fps == 0
    # The label on the screen is as old as its frame, however long nothing comes.
    assert numbers.label_age_ms == pytest.approx(2100)


def test_accuracy_is_told_for_each_activity() -> None:
    tally = Tally()
    for index, truth in enumerate([LABELS[0]] * 3 + [LABELS[2]]):
        tally.add(answer(index, 0.0, int8=1.0, fp32=1.0), truth, LABELS)
    tally.add(answer(9, 0.0, fp32=1.0), LABELS[2], LABELS)
    # All probabilities are equal here, so that the first class is named.
    first, second = sorted(tally.per_class(), key=lambda shown: shown.name == LABELS[2])
    assert (first.name, first.clips, first.accuracy) == (
        LABELS[0],
        {"int8": 3, "fp32": 3},
        {"int8": 1.0, "fp32": 1.0},
    )
    assert second.clips == {"int8": 1, "fp32": 2}
    assert second.accuracy == {"int8": 0.0, "fp32": 0.0}
