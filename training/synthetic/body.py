"""The upper-body skeleton: torso and head from channels, arms by two-bone inverse kinematics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from training.synthetic.people import Person
from training.synthetic.vectors import (
    Basis,
    Vec,
    add,
    along,
    basis,
    dot,
    length,
    mix,
    place,
    scale,
    sub,
    unit,
)

UPPER_ARM_M = 0.295
FOREARM_M = 0.26
PALM_M = 0.075


@dataclass(slots=True)
class Arm:
    """Joints of one arm, cabin metres; `fingers` is the direction the fingers point."""

    shoulder: Vec
    elbow: Vec
    wrist: Vec
    palm: Vec
    fingers: Vec


@dataclass(slots=True)
class Body:
    """Joints of one frame, cabin metres."""

    size: float
    pelvis: Vec
    torso: Basis
    neck: Vec
    head: Vec
    head_axes: Basis
    hips: dict[str, Vec]
    knees: dict[str, Vec]
    feet: dict[str, Vec]
    shoulders: dict[str, Vec]
    arms: dict[str, Arm] = field(default_factory=dict)


def solve_trunk(person: Person, channels: Mapping[str, float]) -> Body:
    """Pelvis, spine, head and legs; arms follow once the hands' targets are known."""
    c = channels.get
    s = person.size
    stand = c("stand", 0.0)
    root = (c("root_x", 0.0), c("root_y", 0.0), c("root_z", 0.0))
    pelvis = add((0.0, person.seat_y_m, 0.10 + person.seat_z_m), root)
    yaw = c("twist", 0.0)
    pitch = person.recline_deg * (1 - stand) - c("lean", 0.0)
    torso = basis(yaw, pitch, c("side", 0.0))
    neck = along(pelvis, torso[2], 0.49 * s)
    half = person.shoulder_half_m
    shoulders = {
        "l": place(neck, torso, -half, 0.0, -0.045 + 0.03 * c("shrug_l", 0.0)),
        "r": place(neck, torso, half, 0.0, -0.045 + 0.03 * c("shrug_r", 0.0)),
    }
    upright = unit(mix(torso[2], (0.0, 0.0, 1.0), 0.45))
    nape = along(neck, along(upright, torso[1], 0.25), 0.085 * s)
    head_axes = basis(
        yaw * 0.6 + c("head_yaw", 0.0),
        person.head_pitch_deg + c("head_pitch", 0.0) - 0.25 * c("lean", 0.0),
        c("head_roll", 0.0) + 0.35 * c("side", 0.0),
    )
    head = place(nape, head_axes, 0.0, 0.022, 0.085 * person.head_size)
    hips, knees, feet = {}, {}, {}
    for side, sign in (("l", -1.0), ("r", 1.0)):
        hip = place(pelvis, basis(yaw * stand, 0.0), sign * 0.085 * s, 0.0, -0.01)
        legs_yaw = math.radians(c("legs_yaw", 0.0))
        kx, ky = sign * 0.12 * s, 0.42 * s
        seated = (
            pelvis[0] + kx * math.cos(legs_yaw) + ky * math.sin(legs_yaw),
            pelvis[1] + ky * math.cos(legs_yaw) - kx * math.sin(legs_yaw),
            pelvis[2] + 0.10,
        )
        fx, fy = sign * 0.11, 0.62
        seated_foot = (
            pelvis[0] + fx * math.cos(legs_yaw) + fy * math.sin(legs_yaw),
            pelvis[1] + fy * math.cos(legs_yaw) - fx * math.sin(legs_yaw),
            pelvis[2] - 0.34,
        )
        standing = along(hip, (0.0, 0.06, -1.0), 0.42 * s)
        hips[side] = hip
        knees[side] = mix(seated, standing, stand)
        feet[side] = mix(seated_foot, along(standing, (0.0, -0.05, -1.0), 0.4 * s), stand)
    return Body(s, pelvis, torso, neck, head, head_axes, hips, knees, feet, shoulders)


def solve_arm(body: Body, side: str, target: Vec, flare: float = 0.0) -> Arm:
    """Two-bone inverse kinematics with the palm at `target`, or as near as the arm reaches.

    `flare` 0-1 lifts the elbow outwards.
    """
    s = body.size
    sign = -1.0 if side == "l" else 1.0
    shoulder = body.shoulders[side]
    upper = UPPER_ARM_M * s
    lower = (FOREARM_M + PALM_M) * s
    reach = sub(target, shoulder)
    distance = length(reach)
    # The shoulder blade gives a little when the target is far.
    missing = distance - (upper + lower) * 0.97
    if missing > 0:
        shoulder = along(shoulder, unit(reach), min(missing, 0.09))
        body.shoulders[side] = shoulder
        reach = sub(target, shoulder)
        distance = length(reach)
    direction = unit(reach)
    distance = min(max(distance, abs(upper - lower) + 0.02, 0.09), (upper + lower) * 0.995)
    cosine = (upper * upper + distance * distance - lower * lower) / (2 * upper * distance)
    cosine = min(1.0, max(-1.0, cosine))
    # With the hand raised to the head the elbow is in front of the body, not behind it.
    raised = min(1.0, max(0.0, (target[2] - shoulder[2] + 0.05) / 0.2))
    hint = place(
        (0.0, 0.0, 0.0),
        body.torso,
        sign * (0.45 - 0.25 * raised + 0.9 * flare),
        -0.25 + 0.7 * raised * (1 - min(1.0, 1.3 * flare)),
        -1.0 + 0.9 * flare,
    )
    across = unit(sub(hint, scale(direction, dot(hint, direction))))
    elbow = along(
        along(shoulder, direction, upper * cosine),
        across,
        upper * math.sqrt(max(0.0, 1 - cosine * cosine)),
    )
    palm = along(shoulder, direction, distance)
    fore = unit(sub(palm, elbow))
    wrist = along(elbow, fore, FOREARM_M * s)
    return Arm(shoulder, elbow, wrist, palm, fore)
