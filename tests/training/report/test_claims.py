from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from training.report.bootstrap import Interval
from training.report.claims import Claim, claims
from training.report.results import read_results


def verdicts(folder: Path) -> dict[str, Claim]:
    return {claim.short: claim for claim in claims(read_results(folder))}


def test_claims_are_differences_of_mean_per_class_accuracy(finished_folder: Path) -> None:
    found = verdicts(finished_folder)
    expected = {
        "Teacher − baseline": (0.30, "holds"),
        "KD − baseline": (0.10, "holds"),
        "QD − quantization": (0.10, "holds"),
        "QD − KD": (-0.05, "does not hold"),
        "KD quantized after training − KD": (-0.05, "reported"),
        "KD quantized after training − QD": (0.0, "reported"),
    }
    for short, (points, verdict) in expected.items():
        claim = found[short]
        assert claim.found is not None
        assert claim.found.estimate == pytest.approx(points)
        assert claim.verdict == verdict
        assert (claim.found.runs, claim.found.people) == (2, 4)


def test_what_conversion_keeps_is_a_share_of_clips(hand_made: Callable) -> None:
    made = hand_made(seeds=(0,), tables=(2,))
    made.begin()
    for task in made.tasks():
        made.train(task)
        # 400 clips in all: one in a hundred is lost by QD, none by quantization.
        made.ask(task, kept=396 if task.name == "qd" else 400)
    found = verdicts(made.folder)
    assert found["QD: kept by conversion"].found.estimate == pytest.approx(0.99)
    assert found["QD: kept by conversion"].verdict == "does not hold"
    assert found["Quantization: kept by conversion"].found.estimate == 1
    assert found["Quantization: kept by conversion"].verdict == "holds"


def test_nothing_trained_is_nothing_measured(hand_made: Callable) -> None:
    made = hand_made()
    made.begin()
    found = verdicts(made.folder)
    assert len(found) == 8
    assert {claim.verdict for claim in found.values()} == {"not measured"}
    assert {claim.found for claim in found.values()} == {None}


def test_only_runs_that_both_have_are_compared(hand_made: Callable) -> None:
    made = hand_made(splits=(0, 1))
    made.begin()
    for task in made.tasks():
        if task.name == "mobilenet3d" or (task.name, task.split, task.seed) == ("kd", 1, 0):
            made.train(task)
            made.ask(task)
    found = verdicts(made.folder)
    assert found["KD − baseline"].found.runs == 1
    assert found["QD − KD"].found is None


def test_a_teacher_stands_beside_the_students_of_every_seed(finished_folder: Path) -> None:
    assert verdicts(finished_folder)["Teacher − baseline"].found.runs == 2


@pytest.mark.parametrize(
    ("low", "estimate", "high", "verdict", "clear"),
    [
        (0.035, 0.05, 0.06, "holds", True),
        (0.02, 0.05, 0.06, "holds", False),
        (0.01, 0.02, 0.04, "does not hold", False),
        (-0.01, 0.02, 0.025, "does not hold", True),
        (0.03, 0.03, 0.03, "holds", True),
        (None, 0.05, None, "holds", False),
    ],
)
def test_a_verdict_is_clear_when_the_whole_interval_agrees(
    low: float | None, estimate: float, high: float | None, verdict: str, clear: bool
) -> None:
    claim = Claim("text", "short", "≥ 3", 0.03, Interval(estimate, low, high, 2, 9))
    assert (claim.verdict, claim.is_clear) == (verdict, clear)


def test_above_means_above() -> None:
    nothing = Interval(0.0, -0.1, 0.1, 2, 9)
    claim = Claim("text", "short", "yes", 0.0, nothing, strict=True)
    assert (claim.verdict, claim.is_clear) == ("does not hold", False)
    claim = Claim("text", "short", "yes", 0.0, Interval(0.0, 0.0, 0.0, 2, 9), strict=True)
    assert (claim.verdict, claim.is_clear) == ("does not hold", True)
