"""How far a figure could be off, had other people been filmed and other seeds been drawn.

A figure is a mean over runs (a run is one split with one seed), and each run is measured on the
test people of its split. Every replicate draws both anew, with replacement: the runs; and, once
for each split, the people, who are then the same for all seeds and all methods, so that a
difference of two methods stays paired. A person brings all of their clips along, since clips of
one person are no independent evidence.

Of n runs or people n - 1 are drawn, not n: a resample of n from n varies as if n were infinite, too
little by n / (n - 1), half of it with two seeds (McCarthy and Snowden, "The bootstrap and finite
population sampling", 1985). Drawing runs and people independently is the pigeonhole bootstrap
(Owen, 2007), which errs towards wide intervals; where every split has one run it errs most, because
such runs differ by their people already.

The replicates give the variance, not the ends: of two seeds no replicate lies outside the two. The
interval is estimate ± t · sd, Student's t for as many degrees of freedom as the variances of runs,
of people and of both together leave (Satterthwaite, 1946). Two seeds that differ much are so little
evidence that it becomes very wide.

Legend: B replicates, R runs, P people, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Key = tuple[int, int]
"""A run: (split, seed)."""

REPLICATES = 10_000
_CONFIDENCE = 0.95
# From here Student's t is the normal distribution, to the third digit.
_LARGEST_FREEDOM = 1000
# Rounding alone makes no interval.
_NOTHING_VARIED = 1e-24


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Per person and class: how many clips there were, and how many count.

    Attributes:
        people: P numbers, ascending.
        right: P×K clips that were answered rightly.
        seen: P×K clips.
    """

    people: tuple[int, ...]
    right: F64
    seen: F64

    @staticmethod
    def of(
        people: NDArray[np.integer], targets: NDArray[np.integer], right: NDArray[np.bool], k: int
    ) -> Counts:
        """Count N clips with their person, class and whether they were right."""
        names, rows = np.unique(people, return_inverse=True)
        counts = np.zeros((2, len(names), k))
        np.add.at(counts[0], (rows, targets), right.astype(np.float64))
        np.add.at(counts[1], (rows, targets), 1.0)
        return Counts(tuple(int(name) for name in names), counts[0], counts[1])

    def pooled(self) -> Counts:
        """The same with all classes thrown together, for shares of clips instead of classes."""
        return Counts(
            self.people,
            self.right.sum(axis=1, keepdims=True),
            self.seen.sum(axis=1, keepdims=True),
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval, None where nothing can be resampled or nothing varied.

    Attributes:
        estimate: of the data as they are.
        low: lower end, or None.
        high: upper end, or None.
        runs: how many runs it is a mean of.
        people: how many different people were tested.
    """

    estimate: float
    low: float | None
    high: float | None
    runs: int
    people: int


def mean_per_class(counts: Counts, weights: F64 | None = None) -> F64:
    """Mean over the classes present of each class's share of right clips.

    Args:
        counts: of one run.
        weights: B×P, how often each person counts; all once if left out.

    Returns:
        B values.
    """
    weights = np.ones((1, len(counts.people))) if weights is None else weights
    right, seen = weights @ counts.right, weights @ counts.seen
    present = seen > 0
    shares = np.divide(right, seen, out=np.zeros_like(right), where=present)
    return shares.sum(axis=1) / np.maximum(present.sum(axis=1), 1)


class Bootstrap:
    """The same draws for every figure of a report, so that all of them can be compared.

    Args:
        people: for each run (split, seed) the people it was tested on.
        replicates: B.
    """

    def __init__(self, people: Mapping[Key, Sequence[int]], replicates: int = REPLICATES) -> None:
        self.replicates = replicates
        self._people: dict[int, tuple[int, ...]] = {}
        for (split, _), tested in people.items():
            known = self._people.setdefault(split, tuple(tested))
            if known != tuple(tested):
                raise ValueError(f"runs of split {split} were tested on different people")
        # A stream of its own for each split: a further split changes no other's draws.
        self._weights = {
            split: _resample(np.random.default_rng((0, 1, split)), len(tested), replicates)
            for split, tested in self._people.items()
        }

    def interval(
        self,
        runs: Mapping[Key, Counts],
        minus: Mapping[Key, Counts] | None = None,
    ) -> Interval:
        """Mean over runs of the mean per-class accuracy, or of its difference from `minus`.

        Raises:
            ValueError: `minus` has other runs, or there are none.
        """
        keys = sorted(runs)
        if not keys or (minus is not None and sorted(minus) != keys):
            raise ValueError("a figure needs runs, and a difference the same runs on both sides")
        estimates = np.empty(len(keys))
        replicates = np.empty((self.replicates, len(keys)))
        for column, key in enumerate(keys):
            weights = self._weights[key[0]]
            estimates[column] = mean_per_class(runs[key])[0]
            replicates[:, column] = mean_per_class(runs[key], weights)
            if minus is not None:
                estimates[column] -= mean_per_class(minus[key])[0]
                replicates[:, column] -= mean_per_class(minus[key], weights)
        estimate = float(estimates.mean())
        tested = {person for split, _ in keys for person in self._people[split]}
        if len(keys) == 1 and len(tested) == 1:
            return Interval(estimate, None, None, 1, 1)
        drawn = _resample(np.random.default_rng((0, 0)), len(keys), self.replicates)
        drawn /= drawn.sum(axis=1, keepdims=True)
        variance = float((replicates * drawn).sum(axis=1).var())
        if variance < _NOTHING_VARIED:
            # Every clip of every person alike: no reason to believe that the next one is, too.
            return Interval(estimate, None, None, len(keys), len(tested))
        of_runs, of_people = float((drawn @ estimates).var()), float(replicates.mean(axis=1).var())
        more_runs = len(keys) - 1
        more_people = sum(len(self._people[split]) - 1 for split in {split for split, _ in keys})
        freedom = _degrees_of_freedom(
            variance,
            (of_runs, more_runs),
            (of_people, more_people),
            (max(variance - of_runs - of_people, 0.0), more_runs * more_people),
        )
        reach = _student_t(freedom) * variance**0.5
        least = 0.0 if minus is None else -1.0
        low, high = max(estimate - reach, least), min(estimate + reach, 1.0)
        return Interval(estimate, low, high, len(keys), len(tested))


def _degrees_of_freedom(variance: float, *parts: tuple[float, int]) -> float:
    """Satterthwaite's, of a sum of variances that have so many degrees of freedom each."""
    uncertain = sum(part**2 / freedom for part, freedom in parts if freedom > 0)
    return float(np.clip(variance**2 / uncertain if uncertain > 0 else 1, 1, _LARGEST_FREEDOM))


def _student_t(freedom: float) -> float:
    """The t that lies at the upper end of Student's middle 95 %."""
    # With t = √ν tan θ the density becomes cos^(ν-1) θ.
    angle = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(angle) ** (freedom - 1)
    area = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(freedom**0.5 * np.tan(np.interp(_CONFIDENCE * area[-1], area, angle)))


def _resample(random: np.random.Generator, count: int, replicates: int) -> F64:
    """B×n: how often each of n comes in n - 1 draws; one alone always comes once."""
    draws = max(count - 1, 1)
    return random.multinomial(draws, np.full(count, 1 / count), size=replicates).astype(np.float64)
