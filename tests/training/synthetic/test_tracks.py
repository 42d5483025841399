"""Interpolation, arms and blending."""

from __future__ import annotations

import math

import pytest

from training.synthetic.body import FOREARM_M, PALM_M, UPPER_ARM_M, solve_arm, solve_trunk
from training.synthetic.people import sample_person
from training.synthetic.tracks import (
    PropState,
    ScalarTrack,
    Snapshot,
    Spot,
    SpotTrack,
    blend,
    minimum_jerk,
)
from training.synthetic.vectors import basis, cross, dot, length, sub


def test_minimum_jerk_starts_and_ends_at_rest() -> None:
    assert minimum_jerk(-1) == 0
    assert minimum_jerk(2) == 1
    assert minimum_jerk(0.5) == pytest.approx(0.5)
    assert minimum_jerk(0.01) < 1e-4


def test_tracks_pass_through_their_keys_and_hold_outside() -> None:
    track = ScalarTrack((1.0, 2.0, 3.0), (5.0, 7.0, -1.0))
    assert [track.at(t) for t in (0, 1, 2, 3, 9)] == [5, 5, 7, -1, -1]
    places = SpotTrack((0.0, 1.0), (Spot("lap"), Spot("mouth")))
    assert places.at(5.0) == (("mouth", (0.0, 0.0, 0.0), 1.0),)
    assert sum(weight for _, _, weight in places.at(0.3)) == pytest.approx(1)


def test_blend_keeps_weights_and_swaps_objects_half_way() -> None:
    def moment(kind: str, value: float) -> Snapshot:
        lap = (("lap", (0.0, 0.0, 0.0), 1.0),)
        return Snapshot({"lean": value}, {"l": lap}, (PropState(kind, lap, {}),))

    a, b = moment("bottle", 0.0), moment("phone", 10.0)
    early, late = blend(a, b, 0.25), blend(a, b, 0.75)
    assert [p.kind for p in early.props + late.props] == ["bottle", "phone"]
    assert sum(w for _, _, w in early.props[0].place) == pytest.approx(1)
    assert early.scalars["lean"] < 5 < late.scalars["lean"]
    # The ends are the neighbouring activities themselves: nothing jumps there.
    assert blend(a, b, 0.0).scalars == a.scalars
    assert blend(a, b, 1.0).scalars == b.scalars
    assert blend(a, b, 0.0).props[0].place[0] == a.props[0].place[0]
    assert blend(a, b, 1.0).props[0].place[0] == b.props[0].place[0]


@pytest.mark.parametrize("angles", [(0, 0, 0), (40, -20, 15), (-120, 60, -30)])
def test_bases_are_right_handed(angles: tuple[float, float, float]) -> None:
    right, forward, up = basis(*angles)
    assert length(sub(cross(right, forward), up)) == pytest.approx(0, abs=1e-9)
    assert dot(right, forward) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("side", ["l", "r"])
@pytest.mark.parametrize("target", [(0.1, 0.3, 0.4), (-0.1, 0.1, 0.3), (0.9, 2.0, 0.0)])
def test_arms_keep_their_lengths_and_reach(side: str, target: tuple[float, float, float]) -> None:
    person = sample_person(0, 1)
    body = solve_trunk(person, {})
    arm = solve_arm(body, side, target)
    s = person.size
    assert math.dist(arm.shoulder, arm.elbow) == pytest.approx(UPPER_ARM_M * s, rel=1e-3)
    assert math.dist(arm.elbow, arm.palm) == pytest.approx((FOREARM_M + PALM_M) * s, rel=1e-3)
    if math.dist(arm.shoulder, target) < 0.6 * s:
        assert math.dist(arm.palm, target) < 1e-6
