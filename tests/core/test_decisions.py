from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decisions import (
    Decision,
    DecisionSettings,
    LabelDecider,
    Sample,
    decide_again,
)

STEP_S = 0.1
RAW = DecisionSettings(smoothing_s=0.0, enter_threshold=0.5, leave_threshold=0.3, dwell_s=0.0)


def probabilities(*values: float) -> np.ndarray:
    """Given probabilities; what is missing to 1 goes to a last class of its own."""
    return np.array([*values, max(0.0, 1 - sum(values))], np.float32)


def labels(decider: LabelDecider, script: Iterable[np.ndarray], start_s: float = 0.0) -> list:
    """The class shown at each step of STEP_S, None for "uncertain"."""
    shown = []
    for step, values in enumerate(script):
        decision = decider.update(start_s + step * STEP_S, values)
        shown.append(decision.class_index)
    return shown


A, B = probabilities(0.9, 0.1, 0.0), probabilities(0.1, 0.9, 0.0)
DOUBT = probabilities(0.34, 0.33, 0.33)


# Thresholds


def test_a_label_enters_high_and_leaves_low() -> None:
    script = [0.40, 0.49, 0.50, 0.49, 0.35, 0.31, 0.29, 0.35, 0.49, 0.51]
    rows = [np.array([p, *[(1 - p) / 4] * 4], np.float32) for p in script]
    assert labels(LabelDecider(RAW), rows) == [None, None, 0, 0, 0, 0, None, None, None, 0]


def test_the_label_stays_while_another_is_ahead_but_not_enough() -> None:
    script = [probabilities(0.6, 0.2), probabilities(0.4, 0.45), probabilities(0.4, 0.55)]
    assert labels(LabelDecider(RAW), script) == [0, 0, 1]


def test_uncertain_is_never_a_guess() -> None:
    decision = LabelDecider(RAW).update(0.0, DOUBT)
    assert decision == Decision(None, pytest.approx(0.34))


def test_confidence_is_that_of_the_label_shown() -> None:
    decider = LabelDecider(RAW)
    decider.update(0.0, probabilities(0.6, 0.2))
    decision = decider.update(0.1, probabilities(0.4, 0.45))
    assert decision == Decision(0, pytest.approx(0.4))


# Smoothing


def test_without_smoothing_the_newest_counts_alone() -> None:
    assert labels(LabelDecider(RAW), [A, B, A, B]) == [0, 1, 0, 1]


def test_one_odd_clip_does_not_flicker() -> None:
    decider = LabelDecider()
    assert labels(decider, [A] * 10 + [B] + [A] * 10) == [0] * 21


def test_smoothing_follows_the_time_constant_whatever_the_rate() -> None:
    """After one time constant 1/e of what was is left, in one update or in fifty."""
    settings = DecisionSettings(smoothing_s=0.5, enter_threshold=1.0, leave_threshold=0.0)
    one, other = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    for updates in (1, 2, 50):
        decider = LabelDecider(settings)
        decision = decider.update(0.0, one)
        for step in range(1, updates + 1):
            decision = decider.update(0.5 * step / updates, other)
        assert decision == Decision(0, pytest.approx(np.exp(-1), rel=1e-6))


def test_the_first_clip_is_believed_as_it_is() -> None:
    assert LabelDecider().update(7.0, A) == Decision(0, pytest.approx(0.9))


def test_a_change_is_shown_soon() -> None:
    """Within a second, or the label would describe the past."""
    shown = labels(LabelDecider(), [A] * 20 + [B] * 20)
    assert shown[:20] == [0] * 20
    assert shown[30:] == [1] * 10
    assert [label for label in shown if label is not None] == sorted(
        label for label in shown if label is not None
    )


# Dwell


def test_a_label_stays_for_its_dwell() -> None:
    settings = DecisionSettings(
        smoothing_s=0.0, enter_threshold=0.5, leave_threshold=0.0, dwell_s=0.45
    )
    shown = labels(LabelDecider(settings), [A, B, B, B, B, B, A, A, A, A, A])
    assert shown == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0]


def test_a_flash_of_doubt_does_not_get_round_the_dwell() -> None:
    """A is given up after one clip; B must still wait until A's time is over."""
    settings = DecisionSettings(
        smoothing_s=0.0, enter_threshold=0.5, leave_threshold=0.3, dwell_s=0.45
    )
    shown = labels(LabelDecider(settings), [A, B, B, B, B, B, B])
    assert shown == [0, None, None, None, None, 1, 1]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0.26, 1.0)), min_size=1, max_size=60),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_whatever_comes_labels_keep_the_rules(
    script: list[tuple[int, float]], smoothing_s: float, dwell_s: float
) -> None:
    settings = DecisionSettings(smoothing_s=smoothing_s, dwell_s=dwell_s)
    decider = LabelDecider(settings)
    shown, since_s, previous = None, None, None
    for step, (best, p) in enumerate(script):
        row = np.full(4, (1 - p) / 3, np.float32)
        row[best] = p
        time_s = step * STEP_S
        decision = decider.update(time_s, row)
        if decision.class_index is not None:
            assert decision.confidence >= settings.leave_threshold
            if decision.class_index != previous:
                assert decision.confidence >= settings.enter_threshold
            if decision.class_index != shown:
                assert since_s is None or time_s - since_s >= dwell_s
                shown, since_s = decision.class_index, time_s
        previous = decision.class_index


# Beginning anew


def test_reset_forgets_label_mean_and_dwell() -> None:
    settings = DecisionSettings(dwell_s=100.0)
    decider = LabelDecider(settings)
    labels(decider, [A] * 5)
    decider.reset()
    assert decider.update(0.5, B) == Decision(1, pytest.approx(0.9))


def test_a_clip_from_the_past_does_no_harm() -> None:
    decider = LabelDecider()
    decider.update(5.0, A)
    assert decider.update(1.0, B) == Decision(0, pytest.approx(0.9))


@pytest.mark.parametrize(
    "wrong",
    [
        {"smoothing_s": -0.1},
        {"dwell_s": -0.1},
        {"smoothing_s": float("nan")},
        {"dwell_s": float("nan")},
        {"smoothing_s": float("inf")},
        {"enter_threshold": 1.1},
        {"leave_threshold": -0.1},
        {"enter_threshold": 0.2, "leave_threshold": 0.3},
        {"enter_threshold": float("nan")},
    ],
    ids=str,
)
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"thresholds must be|must be finite and not negative"):
        DecisionSettings(**wrong)


def test_the_same_settings_decide_again_what_was_decided() -> None:
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.full(5, 0.3), 90).astype(np.float32)
    samples = [Sample(i / 30, p, begins=i in (0, 45)) for i, p in enumerate(probabilities)]
    decider = LabelDecider()
    live = []
    for sample in samples:
        if sample.begins:
            decider.reset()
        live.append(decider.update(sample.time_s, sample.probabilities).class_index)
    assert decide_again(DecisionSettings(), samples) == live
    strict = DecisionSettings(enter_threshold=1.0, leave_threshold=1.0)
    assert set(decide_again(strict, samples)) == {None}
