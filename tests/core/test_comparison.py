from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.clip import Clip
from core.comparison import (
    Accuracy,
    Agreement,
    Latency,
    Prediction,
    RateMeter,
    compare,
    kl_divergence,
    predict,
    softmax,
    truth_of_clip,
)
from core.errors import EngineError

logits_of_any_size = hnp.arrays(
    np.float32, st.integers(1, 40), elements=st.floats(-(2.0**100), 2.0**100, width=32)
)
usual_logits = hnp.arrays(np.float32, 6, elements=st.floats(-20, 20, width=32))


def prediction(*values: float, frame: int = 0) -> Prediction:
    return Prediction(frame, 0.0, np.array(values, np.float32), 1.0)


# Probabilities


@given(logits_of_any_size)
def test_softmax_gives_probabilities_for_any_logits(logits: np.ndarray) -> None:
    p = softmax(logits)
    assert p.dtype == np.float32
    assert (p >= 0).all()
    assert float(p.astype(np.float64).sum()) == pytest.approx(1, abs=1e-5)
    # Logits nearer than float32 can tell apart as probabilities share the first place.
    assert p[logits.argmax()] == p.max()


@given(usual_logits, st.floats(-50, 50))
def test_softmax_does_not_change_with_a_common_offset(logits: np.ndarray, offset: float) -> None:
    shifted = (logits.astype(np.float64) + offset).astype(np.float32)
    np.testing.assert_allclose(softmax(shifted), softmax(logits), atol=1e-4)


def test_softmax_by_hand() -> None:
    expected = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    np.testing.assert_allclose(softmax(np.array([1, 2, 3], np.float32)), expected, rtol=1e-6)


def test_the_best_and_the_top() -> None:
    p = prediction(0.1, 0.4, 0.05, 0.4, 0.05)
    assert p.best == 1
    assert [index for index, _ in p.top(4)] == [1, 3, 0, 2]
    assert p.top(1) == [(1, pytest.approx(0.4))]
    assert len(p.top(99)) == 5


# Predicting


class Fixed:
    name = "fixed"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        if isinstance(self.answer, Exception):
            raise self.answer
        assert isinstance(self.answer, np.ndarray)
        return self.answer


CLIP = Clip(np.zeros((2, 4, 4, 3), np.uint8), (3, 8), 0.27)


def test_a_prediction_names_its_clip_and_takes_its_time() -> None:
    p = predict(Fixed(np.array([0, 2], np.float32)), "fp32", CLIP)
    assert (p.frame_index, p.time_s, p.best) == (8, 0.27, 1)
    assert p.latency_ms > 0
    np.testing.assert_allclose(p.probabilities, softmax(np.array([0, 2], np.float32)))


def test_a_temperature_changes_how_sure_and_not_what() -> None:
    engine = Fixed(np.array([0, 3, 1], np.float32))
    plain, calm = (predict(engine, "fp32", CLIP, temperature) for temperature in (1.0, 2.0))
    expected = softmax(np.array([0, 1.5, 0.5], np.float32))
    np.testing.assert_allclose(calm.probabilities, expected, rtol=1e-6)
    assert calm.best == plain.best
    assert calm.probabilities.max() < plain.probabilities.max()


@pytest.mark.parametrize("error", [RuntimeError("boom"), ValueError("boom"), MemoryError("boom")])
def test_an_engine_that_fails_is_named(error: Exception) -> None:
    with pytest.raises(EngineError, match="int8 model failed in engine fixed: boom"):
        predict(Fixed(error), "int8", CLIP)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(EngineError, match="int8 model gave NaN or infinity in engine fixed"):
        predict(Fixed(np.array([0, value], np.float32)), "int8", CLIP)


# Divergence and agreement


@given(usual_logits, usual_logits)
def test_divergence_is_that_of_the_definition(p: np.ndarray, q: np.ndarray) -> None:
    p, q = softmax(p), softmax(q)
    exact = sum(
        float(a) * (np.log(float(a)) - np.log(float(b))) for a, b in zip(p, q, strict=True) if a > 0
    )
    assert kl_divergence(p, q) == pytest.approx(exact, abs=1e-6)
    assert kl_divergence(p, q) > -1e-6
    assert kl_divergence(p, p) == 0


def test_divergence_with_zeros_is_finite() -> None:
    one, other = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    assert kl_divergence(one, one) == 0
    assert 50 < kl_divergence(one, other) < 100
    half = np.array([0.5, 0.5], np.float32)
    assert kl_divergence(one, half) == pytest.approx(np.log(2))


def test_agreement_counts_the_same_best_class() -> None:
    agreement = Agreement()
    assert (agreement.share, agreement.mean_kl_divergence, agreement.clips) == (None, None, 0)
    a, b, c = prediction(0.7, 0.3), prediction(0.6, 0.4), prediction(0.2, 0.8)
    for int8, fp32, same in ((a, b, True), (a, c, False), (c, c, True)):
        compared = compare(int8, fp32)
        assert compared[0] is same
        agreement.count(*compared)
    assert agreement.clips == 3
    assert agreement.share == pytest.approx(2 / 3)
    expected = [
        kl_divergence(b.probabilities, a.probabilities),
        kl_divergence(c.probabilities, a.probabilities),
        0,
    ]
    assert agreement.mean_kl_divergence == pytest.approx(np.mean(expected))
    assert expected[1] != pytest.approx(kl_divergence(a.probabilities, c.probabilities))


def test_answers_to_different_clips_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same clip"):
        compare(prediction(1, 0, frame=1), prediction(1, 0, frame=2))


# Latency


def test_percentiles() -> None:
    latency = Latency.of(np.arange(1, 101, dtype=np.float64))
    assert latency == Latency(100, 50.5, 50.5, pytest.approx(95.05), pytest.approx(99.01))
    assert Latency.of([3.0]) == Latency(1, 3, 3, 3, 3)
    assert Latency.of([]) is None


# Rates


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize("fps", [1, 7.5, 30, 240])
def test_a_steady_stream_shows_its_rate(fps: float) -> None:
    clock = Clock()
    meter = RateMeter(clock)
    assert meter.per_second() == 0
    for _ in range(int(10 * fps)):
        meter.tick()
        clock.now_s += 1 / fps
    assert meter.per_second() == pytest.approx(fps, abs=0.51)


def test_several_events_at_once_count_as_many() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    meter.tick(0)
    clock.now_s += 5
    for _ in range(20):
        meter.tick(3)
        clock.now_s += 0.1
    assert meter.per_second() == pytest.approx(30, abs=1.6)


def test_a_young_meter_divides_by_its_age() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    for _ in range(15):
        meter.tick()
        clock.now_s += 1 / 30
    assert meter.per_second() == pytest.approx(30, rel=0.01)


def test_a_single_event_is_no_high_rate() -> None:
    meter = RateMeter(Clock())
    meter.tick()
    assert meter.per_second() <= 4


def test_the_rate_falls_to_zero_when_the_stream_stalls() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    for _ in range(90):
        meter.tick()
        clock.now_s += 1 / 30
    rates = []
    for _ in range(25):
        clock.now_s += 0.1
        rates.append(meter.per_second())
    assert rates == sorted(rates, reverse=True)
    assert rates[9] == pytest.approx(15, abs=2)
    assert rates[-1] == 0


def test_reset_begins_anew() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    for _ in range(100):
        meter.tick()
    meter.reset()
    assert meter.per_second() == 0
    clock.now_s += 100
    meter.tick()
    clock.now_s += 1
    assert meter.per_second() == pytest.approx(1)


# Accuracy


def test_accuracy_by_hand() -> None:
    accuracy = Accuracy()
    assert (accuracy.clips, accuracy.top1, accuracy.mean_per_class) == (0, None, None)
    for truth, answer in [("a", "a"), ("a", "b"), ("a", "a"), ("b", "a"), ("c", "c")]:
        accuracy.add(truth, answer)
    assert accuracy.clips == 5
    assert accuracy.top1 == pytest.approx(3 / 5)
    assert accuracy.mean_per_class == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert accuracy.per_class() == {"a": pytest.approx(2 / 3), "b": 0, "c": 1}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1))
def test_mean_per_class_accuracy_weighs_every_class_alike(pairs: list[tuple[str, str]]) -> None:
    accuracy = Accuracy()
    for truth, answer in pairs:
        accuracy.add(truth, answer)
    classes = {truth for truth, _ in pairs}
    shares = []
    for name in classes:
        answers = [answer for truth, answer in pairs if truth == name]
        shares.append(Fraction(answers.count(name), len(answers)))
    assert accuracy.mean_per_class == pytest.approx(float(sum(shares) / len(classes)))


# The truth of a clip


@pytest.mark.parametrize(
    ("labels", "truth"),
    [
        ("aaaa", "a"),
        ("aaab", "a"),
        ("abbb", "b"),
        ("aabb", "a"),
        ("bbaa", "b"),
        ("..aa", "a"),
        ("aa..", "a"),
        ("a...", None),
        ("...a", None),
        ("aab.", "a"),
        ("abc.", None),
        ("abcd", None),
        ("....", None),
        ("ab..", None),
    ],
)
def test_the_activity_that_fills_half_a_clip_is_its_truth(labels: str, truth: str | None) -> None:
    """Whatever order it comes in: an unlabelled half does not outweigh a labelled one."""
    frame_labels = [None if label == "." else label for label in labels]
    assert truth_of_clip(frame_labels, range(4)) == truth


def test_frames_repeat_and_may_lie_beyond_the_annotations() -> None:
    assert truth_of_clip(["a", "b"], [0, 0, 0, 1]) == "a"
    assert truth_of_clip(["a"], [0, 0, 5, 6]) == "a"
    assert truth_of_clip(["a"], [0, 5, 6, 7]) is None
    assert truth_of_clip([], [0, 1]) is None
