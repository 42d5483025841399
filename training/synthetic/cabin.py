"""Where things are in the cabin, and every named anchor hands and objects can go to.

Left-hand drive: the driver's door is at negative x, the passenger at positive x.
"""

from __future__ import annotations

import math

from training.synthetic.body import Body
from training.synthetic.people import Person, Setting
from training.synthetic.vectors import Vec, add, along, basis, mix, place

WHEEL_CENTRE: Vec = (0.0, 0.45, 0.36)
WHEEL_RADIUS_M = 0.185
WHEEL_AXES = basis(0.0, 62.0)  # local x right, z towards the driver-facing normal's up side
DOOR_HINGE: Vec = (-0.52, 0.62, 0.0)
DOOR_LENGTH_M = 1.04
DOOR_BOTTOM_M, DOOR_SILL_M, DOOR_TOP_M = -0.25, 0.42, 0.90
BELT_STOW: Vec = (-0.43, -0.20, 0.30)
BUCKLE: Vec = (0.20, 0.0, 0.13)
DISPLAY: Vec = (0.34, 0.50, 0.36)

ZERO: Vec = (0.0, 0.0, 0.0)


def wheel_point(angle_deg: float, radius_m: float = WHEEL_RADIUS_M) -> Vec:
    """A point of the rim; 0 degrees is the top, positive to the driver's right."""
    a = math.radians(angle_deg)
    return place(WHEEL_CENTRE, WHEEL_AXES, radius_m * math.sin(a), radius_m * math.cos(a), 0.0)


def door_point(open_deg: float, s_m: float, z_m: float, inward_m: float = 0.0) -> Vec:
    """A point of the driver's door, s metres behind its hinge, swung open by that angle."""
    a = math.radians(open_deg)
    return (
        DOOR_HINGE[0] - math.sin(a) * s_m + math.cos(a) * inward_m,
        DOOR_HINGE[1] - math.cos(a) * s_m - math.sin(a) * inward_m,
        z_m,
    )


def anchors(body: Body, person: Person, setting: Setting, door_deg: float) -> dict[str, Vec]:
    """Positions of all anchors that do not depend on the arms."""
    s = body.size
    lap = add(mix(body.knees["l"], body.knees["r"], 0.5), (0.0, 0.0, 0.065))
    hip = add(mix(body.hips["l"], body.hips["r"], 0.5), (0.0, 0.0, 0.065))
    head, axes = body.head, body.head_axes
    m = person.head_size
    chest = place(body.neck, body.torso, 0.0, 0.13 * person.girth, -0.17)
    middle = mix(hip, lap, 0.60)
    return {
        "origin": ZERO,
        "stash": (1.05, 0.0, -0.25),
        "lap": middle,
        "lap_l": add(mix(body.hips["l"], body.knees["l"], 0.62), (0.0, 0.0, 0.10)),
        "lap_r": add(mix(body.hips["r"], body.knees["r"], 0.62), (0.0, 0.0, 0.10)),
        "wheel_l": wheel_point(-72, WHEEL_RADIUS_M + 0.01),
        "wheel_r": wheel_point(72, WHEEL_RADIUS_M + 0.01),
        "button_wheel": wheel_point(75, 0.10),
        "display": DISPLAY,
        "mouth": place(head, axes, 0.0, 0.105 * m, -0.062 * m),
        "eyes": place(head, axes, 0.0, 0.098 * m, 0.02),
        "ear_l": place(head, axes, -0.095 * m, 0.02, -0.03),
        "ear_r": place(head, axes, 0.095 * m, 0.02, -0.03),
        "temple_l": place(head, axes, -0.085 * m, 0.075, 0.02),
        "temple_r": place(head, axes, 0.085 * m, 0.075, 0.02),
        "front": add(chest, (0.0, 0.24, 0.03)),
        "chest": chest,
        "belly": place(body.pelvis, body.torso, 0.0, 0.15 * person.girth, 0.16 * s),
        "shoulder_l": along(body.shoulders["l"], body.torso[1], 0.09),
        "shoulder_r": along(body.shoulders["r"], body.torso[1], 0.09),
        "back_l": place(body.shoulders["l"], body.torso, -0.16, -0.14, -0.16),
        "back_r": place(body.shoulders["r"], body.torso, 0.16, -0.14, -0.16),
        "side_l": place(body.pelvis, body.torso, -0.30, 0.10, 0.24),
        "side_r": place(body.pelvis, body.torso, 0.30, 0.10, 0.24),
        "buckle": add(BUCKLE, (0.0, person.seat_y_m, 0.0)),
        "stow": BELT_STOW,
        "belt_top": (-0.45, -0.34, 0.66 + setting.belt_height_m),
        "belt_low": (-0.30, -0.12, 0.02),
        "handle_in": door_point(door_deg, 0.42, 0.36, 0.05),
        "handle_out": door_point(door_deg, 0.98, 0.46, -0.03),
        "door_edge": door_point(door_deg, 1.02, 0.58, 0.0),
        "door_pocket": door_point(door_deg, 0.45, 0.02, 0.07),
        "roof": (-0.46, 0.15, 0.90),
        "pillar": (-0.50, 0.58, 0.62),
        "passenger": (0.58, 0.06, 0.17),
        "rear": (0.36, -0.55, 0.40),
        "footwell": (0.48, 0.38, -0.02),
        "dash": (0.10, 0.60, 0.44),
        "stand_l": add(body.pelvis, (-0.10, 0.22, 0.02)),
        "stand_r": add(body.pelvis, (0.16, 0.20, 0.05)),
    }


def add_hands(base: dict[str, Vec], body: Body) -> None:
    """Add the anchors that follow the hands."""
    left, right = body.arms["l"], body.arms["r"]
    base["hand_l"] = along(left.palm, left.fingers, 0.035)
    base["hand_r"] = along(right.palm, right.fingers, 0.035)
    base["hands"] = mix(base["hand_l"], base["hand_r"], 0.5)
