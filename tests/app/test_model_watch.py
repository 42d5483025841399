"""How long a step lasts, when neither sleep nor a stopped process may count."""

from __future__ import annotations

import pytest

from app.model_watch import MOST_BETWEEN_LOOKS_S, StepWatch


def test_the_same_step_grows_older_and_a_new_one_is_young() -> None:
    watch, first, second = StepWatch(), object(), object()
    assert watch.look(first, 10.0) == 0
    assert watch.look(first, 10.25) == pytest.approx(0.25)
    assert watch.look(first, 10.5) == pytest.approx(0.5)
    assert watch.look(second, 10.75) == 0
    assert watch.look(None, 11.0) == 0
    assert watch.look(second, 11.25) == 0


def test_time_in_which_nobody_looked_hardly_counts() -> None:
    watch, step = StepWatch(), object()
    watch.look(step, 0.0)
    assert watch.look(step, 3600.0) == MOST_BETWEEN_LOOKS_S
