from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.calibration import (
    calibration_error,
    fit_temperature,
    limit_in_words,
    negative_log_likelihood,
    probabilities,
)


def logits_of(confidences: list[float]) -> np.ndarray:
    """N×2 logits; class 0 has the given probability."""
    p = np.array(confidences)
    return np.log(np.stack([p, 1 - p], axis=1)).astype(np.float32)


def test_a_model_as_right_as_it_is_sure_is_calibrated() -> None:
    targets = np.array([0] * 7 + [1] * 3)
    assert calibration_error(logits_of([0.7] * 10), targets) == pytest.approx(0, abs=1e-6)


def test_over_and_underconfidence_do_not_cancel() -> None:
    # 0.95 and always wrong; 0.55 and always right; five clips against fifteen.
    logits = logits_of([0.95] * 5 + [0.55] * 15)
    targets = np.array([1] * 5 + [0] * 15)
    expected = 0.25 * 0.95 + 0.75 * 0.45
    assert calibration_error(logits, targets) == pytest.approx(expected, rel=1e-5)


def test_within_a_bin_the_means_count() -> None:
    # Fifteen bins: 0.81 and 0.85 share one (12/15 to 13/15), 0.87 is in the next.
    together = calibration_error(logits_of([0.81, 0.85]), np.array([0, 1]))
    assert together == pytest.approx(0.83 - 0.5, rel=1e-5)
    apart = calibration_error(logits_of([0.85, 0.87]), np.array([1, 0]))
    assert apart == pytest.approx((0.85 + 0.13) / 2, rel=1e-5)


def test_certainty_falls_into_the_last_bin() -> None:
    logits = np.array([[100.0, 0.0], [100.0, 0.0]], np.float32)
    assert calibration_error(logits, np.array([0, 1])) == pytest.approx(0.5)


# Temperature


def sampled(temperature: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and targets drawn from softmax(logits / temperature)."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (count, 5)).astype(np.float32)
    shares = probabilities(logits, temperature)
    targets = (shares.cumsum(axis=1) > random.random((count, 1))).argmax(axis=1)
    return logits, targets


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_answers_is_found(temperature: float) -> None:
    logits, targets = sampled(temperature)
    fitted = fit_temperature(logits, targets)
    assert fitted == pytest.approx(temperature, rel=0.06)
    assert calibration_error(logits, targets, fitted) < 0.03


def test_a_temperature_changes_confidence_but_no_answer() -> None:
    logits, targets = sampled(3.0)
    before, after = probabilities(logits), probabilities(logits, 3.0)
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert after.max(axis=1).mean() < before.max(axis=1).mean()
    assert calibration_error(logits, targets, 3.0) < 0.5 * calibration_error(logits, targets)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 10), st.integers(0, 2**31))
def test_no_other_temperature_explains_the_answers_better(scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0, scale, (40, 4)).astype(np.float32)
    targets = random.integers(0, 4, 40)
    best = negative_log_likelihood(logits, targets, fit_temperature(logits, targets))
    for temperature in np.geomspace(0.05, 20, 40):
        assert best <= negative_log_likelihood(logits, targets, temperature) + 1e-4


def test_a_temperature_at_an_end_of_the_search_is_told() -> None:
    # No sharpness is enough where every answer is right, none is little enough where all are wrong.
    logits, targets = logits_of([0.6] * 4), np.zeros(4, int)
    lowest, highest = fit_temperature(logits, targets), fit_temperature(logits, 1 - targets)
    assert "temperature 0.05 is an end of the search" in (limit_in_words(lowest) or "")
    assert "temperature 20.00 is an end of the search" in (limit_in_words(highest) or "")
    assert limit_in_words(fit_temperature(*sampled(2.5))) is None


def test_huge_logits_stay_finite() -> None:
    logits = np.array([[3e38, -3e38], [-3e38, 3e38]], np.float32)
    assert np.isfinite(negative_log_likelihood(logits, np.array([0, 1])))
    assert np.isfinite(probabilities(logits)).all()
