"""The claims of the paper as hypotheses: what was expected, what was found, and whether it holds.

A claim holds when the estimate reaches its bound. Its 95 % interval says how sure that is: where
it reaches across the bound, or there is none, another draw of people and seeds could have said
otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from training.report.bootstrap import Interval
from training.report.results import Results
from training.reproduce.plan import POST_TRAINING

Verdict = Literal["holds", "does not hold", "not measured", "reported"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim and its finding.

    Attributes:
        text: the claim.
        short: the same in a few words.
        expected: what was expected before anything was measured, for people.
        bound: the least value at which it holds, as a share (0.03 is three points); None for what
            is only reported.
        strict: whether the value has to lie above `bound`, not at it.
        found: the measured value, None where runs are missing.
        is_difference: a difference of accuracies in points; otherwise a share of clips.
    """

    text: str
    short: str
    expected: str
    bound: float | None
    found: Interval | None
    strict: bool = False
    is_difference: bool = True

    @property
    def verdict(self) -> Verdict:
        """Whether the estimate reaches the bound."""
        if self.found is None:
            return "not measured"
        if self.bound is None:
            return "reported"
        return "holds" if self._reaches(self.found.estimate) else "does not hold"

    @property
    def is_clear(self) -> bool:
        """Whether the whole interval lies on the estimate's side of the bound."""
        found = self.found
        if found is None or self.bound is None or found.low is None or found.high is None:
            return False
        end = found.low if self.verdict == "holds" else found.high
        return self._reaches(end) == (self.verdict == "holds")

    def _reaches(self, value: float) -> bool:
        assert self.bound is not None
        return value > self.bound if self.strict else value >= self.bound


def claims(results: Results) -> list[Claim]:
    """All claims of the table "The science, measured"."""
    return [
        Claim(
            "Teacher above the baseline student",
            "Teacher − baseline",
            "yes",
            0.0,
            _difference(results, "i3d", "mobilenet3d"),
            strict=True,
        ),
        Claim(
            "KD over the baseline",
            "KD − baseline",
            "≥ 3 points",
            0.03,
            _difference(results, "kd", "mobilenet3d"),
        ),
        Claim(
            "QD over quantization without distillation",
            "QD − quantization",
            "≥ 3 points",
            0.03,
            _difference(results, "qd", "quantization"),
        ),
        Claim(
            "QD against KD: what int8 costs",
            "QD − KD",
            "at most 1 point lower",
            -0.01,
            _difference(results, "qd", "kd"),
        ),
        *(
            Claim(
                f"{title}: int8 network and its QAT network name the same activity",
                f"{title}: kept by conversion",
                "≥ 99.5 % of clips",
                0.995,
                _kept(results, name),
                is_difference=False,
            )
            for name, title in (("qd", "QD"), ("quantization", "Quantization"))
        ),
        Claim(
            "KD student quantized after training, against the KD student",
            "KD quantized after training − KD",
            "reported",
            None,
            _difference(results, POST_TRAINING, "kd"),
        ),
        Claim(
            "KD student quantized after training, against QD",
            "KD quantized after training − QD",
            "reported",
            None,
            _difference(results, POST_TRAINING, "qd"),
        ),
    ]


def _difference(results: Results, name: str, minus: str) -> Interval | None:
    """Over the splits and seeds at which both have been measured."""
    one, other = results.counts(name), results.counts(minus)
    if name == "i3d":
        one = results.for_every_seed(one)
    common = one.keys() & other.keys()
    if results.bootstrap is None or not common:
        return None
    return results.bootstrap.interval(
        {key: one[key] for key in common}, {key: other[key] for key in common}
    )


def _kept(results: Results, name: str) -> Interval | None:
    kept = {
        (run.task.split, run.task.seed): counts
        for run in results.of(name)
        if (counts := run.kept_by_conversion) is not None
    }
    return results.bootstrap.interval(kept) if results.bootstrap and kept else None
