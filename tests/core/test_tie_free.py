from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.tie_free import tie_free, tie_free_pool

HALF = Fraction(1, 2)


def fraction_of(value: float, largest: int = 200_000) -> Fraction:
    """The fraction a float stands for."""
    return Fraction(value).limit_denominator(largest)


@given(st.lists(st.floats(1e-5, 0.5), min_size=1, max_size=20))
def test_a_scale_grows_by_half_a_percent_at_most(ratios: list[float]) -> None:
    wanted = torch.tensor(ratios, dtype=torch.float64)
    got = tie_free(wanted)
    assert (got >= wanted * (1 - 1e-8)).all()
    assert (got <= wanted * 1.005 + 1e-12).all()


@pytest.mark.parametrize("ratio", [float("nan"), float("inf"), 0.0])
def test_a_range_that_is_no_number_is_left_for_the_loss_to_show(ratio: float) -> None:
    assert tie_free_pool(ratio) == pytest.approx(ratio, nan_ok=True)


@given(st.floats(1e-4, 0.5))
def test_no_sum_comes_near_the_middle_of_two_bytes(ratio: float) -> None:
    """As exact fractions: nearest to a middle are the sums around it."""
    fraction = fraction_of(float(tie_free(torch.tensor([ratio], dtype=torch.float64))[0]))
    assert fraction.denominator % 2 == 1
    for byte in range(255):
        middle = (byte + HALF) / fraction
        for total in (int(middle), int(middle) + 1):
            distance = abs(total * fraction - byte - HALF)
            assert distance >= Fraction(1, 2 * fraction.denominator)


def test_usual_layers_keep_their_distance_from_float32s_error() -> None:
    """A layer's ratio lies between 1/3000 and 1/10; float32 is off by 6e-5 at most."""
    ratios = torch.logspace(-3.5, -1, 400, dtype=torch.float64)
    denominators = [fraction_of(value).denominator for value in tie_free(ratios).tolist()]
    assert 1 / (2 * max(denominators)) > 6.1e-5


@pytest.mark.parametrize("ratio", [1.3, 20.0, 500.0])
def test_a_ratio_with_no_near_fraction_stays(ratio: float) -> None:
    got = float(tie_free(torch.tensor([ratio], dtype=torch.float64))[0])
    assert ratio <= got <= 1.005 * ratio


@given(st.floats(0.05, 30), st.sampled_from([98, 32, 64, 2, 49, 1, 160]), st.integers(0, 10_000))
def test_no_mean_comes_near_the_middle_of_two_bytes(
    ratio: float, positions: int, total: int
) -> None:
    fraction = fraction_of(tie_free_pool(ratio))
    value = total * fraction / positions
    middle = int(value) + HALF
    assert abs(value - middle) > 0
    assert abs(fraction / Fraction(ratio) - 1) < 0.55


def test_usual_pools_change_little() -> None:
    for ratio in (1.0, 2.0, 2.7, 4.0):
        assert tie_free_pool(ratio) == pytest.approx(ratio, rel=0.07)
