"""Torso, arms, hands and legs as shaded volumes, with shirt and jacket."""

from __future__ import annotations

from collections.abc import Mapping

from training.synthetic.body import Arm, Body
from training.synthetic.people import Person
from training.synthetic.scene import Scene
from training.synthetic.vectors import Vec, along, cross, mix, place, sub, unit

# Painting order against real depth: sleeves over the chest, fingers over what they hold.
TORSO_BIAS, ARM_BIAS, FOREARM_BIAS, HAND_BIAS = 0.06, -0.06, -0.08, -0.14


def draw_legs(scene: Scene, body: Body, person: Person) -> None:
    """Thighs and shins, from the hips to the ankles."""
    s = body.size * (0.6 + 0.4 * person.girth)
    for side in ("l", "r"):
        hip, knee, foot = body.hips[side], body.knees[side], body.feet[side]
        scene.capsule(knee, foot, 0.058 * s, 0.042 * s, person.trousers * 0.85, 0.05)
        middle = mix(hip, knee, 0.55)
        scene.capsule(hip, middle, 0.088 * s, 0.078 * s, person.trousers, 0.06)
        scene.capsule(middle, knee, 0.078 * s, 0.062 * s, person.trousers, 0.02)
        scene.capsule(foot, along(foot, (0.0, 1.0, 0.0), 0.12), 0.04, 0.035, 0.1, 0.05)


def _front(body: Body, x: float, y: float, z: float) -> Vec:
    """A point of the chest's frame: x right, y out of the chest, z up from the neck."""
    return place(body.neck, body.torso, x, y, z)


def draw_torso(scene: Scene, body: Body, person: Person, channels: Mapping[str, float]) -> float:
    """Shirt, collar and worn jacket; returns the torso's painting depth."""
    g, half, s = person.girth, person.shoulder_half_m, body.size
    balls = [
        (_front(body, -half * 0.82, -0.01, -0.055), 0.062),
        (_front(body, half * 0.82, -0.01, -0.055), 0.062),
        (_front(body, -half * 0.58, 0.03, -0.18 * s), 0.098 * g),
        (_front(body, half * 0.58, 0.03, -0.18 * s), 0.098 * g),
        (_front(body, -0.06 * g, 0.03, -0.34 * s), 0.105 * g),
        (_front(body, 0.06 * g, 0.03, -0.34 * s), 0.105 * g),
        (place(body.pelvis, body.torso, -0.075, 0.02, 0.03), 0.105 * g),
        (place(body.pelvis, body.torso, 0.075, 0.02, 0.03), 0.105 * g),
        (_front(body, 0.0, 0.0, 0.0), 0.055),
    ]
    shirt = person.shirt
    depth = scene.hull(balls, shirt, TORSO_BIAS)
    on = depth - 0.002
    out = 0.125 * g
    if person.pattern == "stripes":
        for z in (-0.13, -0.19, -0.25, -0.31, -0.37):
            row = [_front(body, x, out - 1.6 * x * x, z) for x in (-0.14, -0.07, 0.0, 0.07, 0.14)]
            scene.line(row, person.pattern_albedo, depth=on, width_m=0.018)
    elif person.pattern == "print":
        face = [
            _front(body, x, out, z)
            for x, z in ((-0.07, -0.14), (0.07, -0.14), (0.06, -0.26), (-0.06, -0.26))
        ]
        scene.polygon(face, person.pattern_albedo, depth=on)
    elif person.pattern == "buttons":
        scene.line([_front(body, 0.0, out, z) for z in (-0.06, -0.2, -0.4)], shirt * 0.6, depth=on)
        for z in (-0.12, -0.19, -0.26, -0.33):
            scene.oval(_front(body, 0.012, out, z), _ball(0.007), shirt * 1.6, depth=on - 0.001)
    neckline = [
        _front(body, x, y, z)
        for x, y, z in (
            (-0.062, 0.055, 0.005),
            (0.062, 0.055, 0.005),
            (0.03, 0.09, -0.055),
            (-0.03, 0.09, -0.055),
        )
    ]
    scene.polygon(neckline, person.skin * 0.92, depth=on - 0.001)
    scene.line(
        [neckline[0], neckline[3], neckline[2], neckline[1]],
        shirt * 0.7,
        depth=on - 0.002,
        width_m=0.01,
    )
    for side, sign in (("l", -1.0), ("r", 1.0)):
        worn = channels.get(f"jacket_{side}", 0.0)
        if worn > 0.55:
            _jacket_half(scene, body, person, sign, min(1.0, (worn - 0.55) / 0.4), depth - 0.012)
    return depth


def _jacket_half(
    scene: Scene, body: Body, person: Person, sign: float, closed: float, depth: float
) -> None:
    """One front of the open jacket, pulled from the armpit towards the middle as it closes."""
    g, half = person.girth, person.shoulder_half_m
    inner = sign * (half * 0.95 - (half * 0.95 - 0.045) * closed)
    outer = sign * (half + 0.035)
    out = 0.125 * g
    points = [
        _front(body, sign * 0.055, 0.045, 0.03),
        _front(body, outer * 0.93, 0.0, 0.0),
        _front(body, outer, 0.03, -0.12),
        _front(body, sign * 0.17 * g, 0.06, -0.36),
        place(body.pelvis, body.torso, sign * 0.19 * g, 0.08, 0.02),
        place(body.pelvis, body.torso, inner, out + 0.02, 0.02),
        _front(body, inner, out + 0.01, -0.25),
    ]
    scene.polygon(points, person.jacket, depth=depth)
    scene.line(
        [points[0], points[6], points[5]], person.jacket * 0.45, depth=depth - 0.001, width_m=0.012
    )
    shade = [
        _front(body, outer * 0.8, 0.06, -0.1),
        _front(body, outer * 0.75, 0.09, -0.2),
        _front(body, outer * 0.8, 0.08, -0.33),
    ]
    scene.line(shade, person.jacket * 0.75, depth=depth - 0.001, width_m=0.016)
    if person.jacket_collar:
        flap = [
            points[0],
            _front(body, sign * 0.1, 0.06, 0.0),
            _front(body, sign * 0.06, 0.1, -0.11),
        ]
        scene.polygon(flap, person.jacket * 1.25, depth=depth - 0.002, rim=14)


def draw_arm(
    scene: Scene, body: Body, person: Person, side: str, channels: Mapping[str, float]
) -> None:
    """Upper arm, forearm and hand; a sleeve of the jacket covers `jacket_<side>` of the arm.

    A jacket is pulled on from the wrist, so that the sleeve of a half-worn jacket is at the hand.
    """
    arm = body.arms[side]
    g = 0.7 * person.girth + 0.3
    s = body.size
    worn = channels.get(f"jacket_{side}", 0.0)
    shirt = person.shirt * 0.96
    fore = shirt if person.long_sleeves else person.skin
    extra = 0.0
    chain = 1 if side == "l" else 2
    if worn > 0.95:
        shirt = fore = person.jacket
        extra = 0.012
    scene.capsule(
        arm.shoulder,
        arm.elbow,
        (0.056 + extra) * g,
        (0.044 + extra) * g,
        shirt,
        ARM_BIAS,
        chain=chain,
    )
    scene.capsule(
        arm.elbow,
        arm.wrist,
        (0.042 + extra) * g,
        (0.027 + extra * 0.8) * g,
        fore,
        FOREARM_BIAS,
        chain=chain,
    )
    if not person.long_sleeves and worn <= 0.95:
        cuff = mix(arm.shoulder, arm.elbow, 0.62)
        scene.capsule(cuff, arm.elbow, 0.046 * g, 0.042 * g, person.skin, ARM_BIAS - 0.004)
    if 0.02 < worn <= 0.95:
        _half_sleeve(scene, arm, person, worn, g)
    draw_hand(scene, arm, person, side, channels.get(f"grip_{side}", 0.5), s)


def _half_sleeve(scene: Scene, arm: Arm, person: Person, worn: float, g: float) -> None:
    covered = min(1.0, worn / 0.9)
    if covered < 0.5:
        end = mix(arm.wrist, arm.elbow, covered * 2)
        scene.capsule(arm.wrist, end, 0.042 * g, 0.062 * g, person.jacket, FOREARM_BIAS - 0.01)
    else:
        end = mix(arm.elbow, arm.shoulder, covered * 2 - 1)
        scene.capsule(arm.wrist, arm.elbow, 0.04 * g, 0.056 * g, person.jacket, FOREARM_BIAS - 0.01)
        scene.capsule(arm.elbow, end, 0.056 * g, 0.07 * g, person.jacket, ARM_BIAS - 0.01)


def draw_hand(scene: Scene, arm: Arm, person: Person, side: str, grip: float, size: float) -> None:
    """A palm, four fingers that curl with `grip` 0-1, and a thumb."""
    ahead = arm.fingers
    view = unit(sub(scene.camera.position, arm.palm))
    flat = unit(cross(ahead, (0.0, 0.0, 1.0)))
    down = cross(flat, ahead)
    # With the palm down the thumb points to the middle of the body.
    across = flat if side == "l" else (-flat[0], -flat[1], -flat[2])
    skin = person.skin * 1.06
    scene.capsule(arm.wrist, arm.palm, 0.026 * size, 0.034 * size, skin, HAND_BIAS)
    reach = 0.088 - 0.050 * grip
    bend = along(down, view, -0.2 * grip)
    for n, spread in enumerate((-0.028, -0.009, 0.010, 0.027)):
        knuckle = along(along(arm.palm, across, spread), ahead, 0.018)
        long = reach * (0.82, 1.0, 0.96, 0.78)[n] * size
        tip = along(along(knuckle, ahead, long), bend, -0.038 * grip)
        gain = (0.93, 1.0, 0.96, 0.9)[n]
        scene.capsule(knuckle, tip, 0.0125, 0.0095, skin * gain, HAND_BIAS - 0.006 - 0.001 * n)
    root = along(along(arm.wrist, ahead, 0.03), across, 0.03)
    tip = along(along(root, ahead, 0.045), across, 0.022 * (1 - grip))
    scene.capsule(root, tip, 0.014, 0.010, skin * 1.02, HAND_BIAS - 0.012)


def _ball(radius: float) -> tuple[Vec, Vec, Vec]:
    return ((radius, 0.0, 0.0), (0.0, radius, 0.0), (0.0, 0.0, radius))
