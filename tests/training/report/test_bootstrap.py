from __future__ import annotations

import numpy as np
import pytest

from training.report.bootstrap import Bootstrap, Counts, mean_per_class

CLIPS = 1000


def person_shares(shares: list[float], people: list[int] | None = None) -> Counts:
    """One class; each person has CLIPS clips, this share of them right."""
    seen = np.full((len(shares), 1), float(CLIPS))
    numbers = people or list(range(len(shares)))
    return Counts(tuple(numbers), seen * np.array(shares)[:, None], seen)


def test_mean_per_class_weighs_classes_alike_however_many_clips_they_have() -> None:
    people = np.array([1, 1, 1, 2, 2])
    targets = np.array([0, 0, 0, 0, 1])
    right = np.array([True, True, False, False, True])
    counts = Counts.of(people, targets, right, k=3)
    assert counts.people == (1, 2)
    assert counts.seen.tolist() == [[3, 0, 0], [1, 1, 0]]
    # Class 0: 2 of 4; class 1: 1 of 1; class 2 never occurs.
    assert mean_per_class(counts)[0] == pytest.approx(0.75)
    # Person 2 counted twice: class 0 2 of 5, class 1 2 of 2. Person 1 alone: class 0 alone.
    weights = np.array([[1.0, 2.0], [1.0, 0.0]])
    assert mean_per_class(counts, weights).tolist() == pytest.approx([0.7, 2 / 3])
    assert mean_per_class(counts.pooled())[0] == pytest.approx(3 / 5)


def test_over_people_the_spread_is_that_of_a_mean_of_people() -> None:
    """Known answer: Student's interval of n numbers; t for 39 degrees of freedom is 2.023."""
    shares = list(np.random.default_rng(3).normal(0.6, 0.05, 40))
    bootstrap = Bootstrap({(0, 0): range(40)})
    interval = bootstrap.interval({(0, 0): person_shares(shares)})
    expected = 2.023 * np.std(shares, ddof=1) / 40**0.5
    assert interval.estimate == pytest.approx(np.mean(shares))
    assert interval.high - interval.estimate == pytest.approx(expected, rel=0.05)
    assert interval.estimate - interval.low == pytest.approx(expected, rel=0.05)
    assert (interval.runs, interval.people) == (1, 40)


def test_few_people_are_not_taken_for_many() -> None:
    """Student's t for seven degrees of freedom is 2.365; drawing n of n loses 7 % more."""
    shares = list(np.linspace(0.3, 0.7, 8))
    interval = Bootstrap({(0, 0): range(8)}).interval({(0, 0): person_shares(shares)})
    expected = 2 * 2.365 * np.std(shares, ddof=1) / 8**0.5
    assert interval.high - interval.low == pytest.approx(expected, rel=0.04)


def test_over_seeds_too_the_variances_add_up() -> None:
    """Known answer: seeds and people that act independently give s²/n of both, added."""
    random = np.random.default_rng(4)
    people, seeds = random.normal(0, 0.05, 40), random.normal(0, 0.03, 30)
    runs = {(0, seed): person_shares(list(0.6 + effect + people)) for seed, effect in
            enumerate(seeds)}  # fmt: skip
    interval = Bootstrap({key: range(40) for key in runs}).interval(runs)
    variance = np.var(people, ddof=1) / 40 + np.var(seeds, ddof=1) / 30
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * variance**0.5, rel=0.05)


def test_two_seeds_are_as_little_evidence_as_two_numbers() -> None:
    """Known answer: Student's t for one degree of freedom is 12.706."""
    runs = {(0, 0): person_shares([0.54] * 5), (0, 1): person_shares([0.56] * 5)}
    interval = Bootstrap({key: range(5) for key in runs}).interval(runs)
    assert interval.high - 0.55 == pytest.approx(12.706 * 0.01, rel=1e-3)
    assert 0.55 - interval.low == pytest.approx(12.706 * 0.01, rel=1e-3)


def test_where_nothing_varies_no_certainty_is_claimed() -> None:
    runs = {(0, seed): person_shares([1.0] * 5) for seed in range(2)}
    interval = Bootstrap({key: range(5) for key in runs}).interval(runs)
    assert (interval.estimate, interval.low, interval.high) == (1.0, None, None)


def test_no_accuracy_is_above_one_or_below_zero() -> None:
    runs = {(0, 0): person_shares([0.3] * 5), (0, 1): person_shares([0.9] * 5)}
    bootstrap = Bootstrap({key: range(5) for key in runs})
    interval = bootstrap.interval(runs)
    assert (interval.low, interval.high) == (0.0, 1.0)
    other = {(0, 0): person_shares([0.9] * 5), (0, 1): person_shares([0.3] * 5)}
    difference = bootstrap.interval(runs, other)
    assert (difference.low, difference.high) == (-1.0, 1.0)


def test_a_difference_is_paired_by_person_and_seed() -> None:
    """People differ by far more than the methods do; each person's gain is nearly the same."""
    shares = list(np.linspace(0.2, 0.8, 9))
    bootstrap = Bootstrap({(0, 0): range(9), (0, 1): range(9)})
    before = {(0, seed): person_shares([s - 0.1 * seed for s in shares]) for seed in (0, 1)}
    gains = np.linspace(0.039, 0.041, 9)
    after = {(0, seed): person_shares(list(shares + gains - 0.1 * seed)) for seed in (0, 1)}
    difference = bootstrap.interval(after, before)
    assert difference.estimate == pytest.approx(0.04)
    assert (difference.low, difference.high) == pytest.approx((0.04, 0.04), abs=0.002)
    assert difference.high > difference.low
    alone = bootstrap.interval(after)
    assert alone.high - alone.low > 0.2


@pytest.mark.parametrize(
    ("people", "seeds", "spread"),
    [
        pytest.param(9, 3, 0.015, id="much evidence"),
        pytest.param(3, 2, 0.015, id="few people"),
        pytest.param(6, 2, 0.08, id="two seeds that differ much"),
    ],
)
def test_the_95_percent_interval_covers_the_truth_in_about_95_of_100_experiments(
    people: int, seeds: int, spread: float
) -> None:
    """People, seeds and their interaction at random."""
    random, covered, trials = np.random.default_rng(5), 0, 200
    for _ in range(trials):
        person = random.normal(0.5, 0.05, people)
        runs = {
            (0, seed): person_shares(
                list(person + random.normal(0, spread) + random.normal(0, 0.02, people))
            )
            for seed in range(seeds)
        }
        interval = Bootstrap({key: range(people) for key in runs}, 400).interval(runs)
        covered += interval.low <= 0.5 <= interval.high
    assert 0.89 <= covered / trials <= 0.99


def test_the_same_data_give_the_same_interval_and_another_split_changes_nothing() -> None:
    runs = {(0, 0): person_shares([0.1, 0.5, 0.9, 0.4])}
    people = {(0, 0): range(4)}
    once = Bootstrap(people, 500).interval(runs)
    assert Bootstrap(people, 500).interval(runs) == once
    assert Bootstrap({**people, (1, 0): range(9)}, 500).interval(runs) == once


def test_one_person_and_one_run_tell_nothing_of_others() -> None:
    interval = Bootstrap({(0, 0): [7]}).interval({(0, 0): person_shares([0.5], [7])})
    assert (interval.estimate, interval.low, interval.high) == (0.5, None, None)


def test_runs_that_do_not_match_are_refused() -> None:
    one = {(0, 0): person_shares([0.5, 0.6])}
    bootstrap = Bootstrap({(0, 0): range(2), (0, 1): range(2)})
    with pytest.raises(ValueError, match="same runs on both sides"):
        bootstrap.interval(one, {(0, 1): person_shares([0.5, 0.6])})
    with pytest.raises(ValueError, match="different people"):
        Bootstrap({(0, 0): [1, 2], (0, 1): [1, 3]})
