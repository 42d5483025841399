"""The moving parts of the cabin: steering wheel, display, driver's door, seat belt."""

from __future__ import annotations

import math

from training.synthetic.body import Body
from training.synthetic.cabin import (
    DOOR_BOTTOM_M,
    DOOR_LENGTH_M,
    DOOR_SILL_M,
    DOOR_TOP_M,
    WHEEL_AXES,
    WHEEL_CENTRE,
    door_point,
    wheel_point,
)
from training.synthetic.people import Person, Setting
from training.synthetic.scene import Scene
from training.synthetic.vectors import Vec, add, mix, place


def draw_wheel(scene: Scene, trim: float) -> None:
    """Rim in short arcs (so that hands can be in front and legs behind), hub and spokes."""
    albedo = trim * 0.8 + 0.05
    steps = 20
    ring = [wheel_point(360.0 * n / steps) for n in range(steps)]
    for n in range(steps):
        scene.capsule(ring[n], ring[(n + 1) % steps], 0.014, 0.014, albedo, chain=9)
    for angle in (-90, 90, 180):
        scene.capsule(WHEEL_CENTRE, wheel_point(angle), 0.026, 0.016, albedo * 0.9, 0.01)
    scene.oval(
        WHEEL_CENTRE, ((0.062, 0.0, 0.0), (0.0, 0.026, 0.05), (0.0, 0.02, 0.01)), albedo * 1.3
    )
    for sign in (-1, 1):
        for x in (0.085, 0.105):
            scene.oval(
                place(WHEEL_CENTRE, WHEEL_AXES, sign * x, 0.0, 0.012),
                ((0.008, 0.0, 0.0), (0.0, 0.008, 0.0), (0.0, 0.0, 0.006)),
                0.6,
                -0.01,
            )


def draw_dashboard(scene: Scene, trim: float, glow: float) -> None:
    """Central display and the dashboard's edge, seen by the forward-lying views only."""
    face = [(0.24, 0.56, 0.26), (0.46, 0.50, 0.26), (0.46, 0.52, 0.41), (0.24, 0.58, 0.41)]
    scene.polygon(face, 0.10 + 0.25 * glow, 0.05, rim=20)
    edge = [(-0.5, 0.72, 0.46), (0.9, 0.72, 0.46), (0.9, 0.62, 0.40), (-0.5, 0.62, 0.40)]
    if scene.camera.depth(edge[0]) > 0.3 and scene.camera.depth(edge[1]) > 0.3:
        scene.polygon(edge, trim, 0.3)


def draw_door(scene: Scene, open_deg: float, trim: float) -> None:
    """Lower panel with armrest, handle and pocket, and the window's frame; the pane is clear."""

    def at(s: float, z: float, inward: float = 0.0) -> Vec:
        return door_point(open_deg, s, z, inward)

    end, low, sill, top = DOOR_LENGTH_M, DOOR_BOTTOM_M, DOOR_SILL_M, DOOR_TOP_M
    base = scene.camera.depth(at(end * 0.5, 0.3)) + 0.2
    for s0, s1 in ((0.0, end / 2), (end / 2, end)):
        panel = [at(s0, low), at(s1, low), at(s1, sill), at(s0, sill)]
        scene.polygon(panel, trim * 1.25, depth=base + 0.003)
    scene.polygon(
        [at(0.0, sill - 0.05), at(end, sill - 0.05), at(end, sill), at(0.0, sill)],
        trim * 2.1,
        depth=base + 0.002,
    )
    for a, b, radius in (
        (at(0.02, sill), at(0.30, top), 0.02),
        (at(0.30, top), at(end - 0.04, top + 0.02), 0.018),
        (at(end - 0.04, top + 0.02), at(end, sill), 0.028),
    ):
        scene.capsule(a, b, radius, radius, trim * 1.6, depth=base + 0.001)
    scene.capsule(at(0.30, 0.25, 0.035), at(0.85, 0.25, 0.035), 0.03, 0.035, trim * 1.9, depth=base)
    scene.capsule(at(0.36, 0.36, 0.03), at(0.50, 0.36, 0.03), 0.012, 0.012, 0.75, depth=base - 0.01)
    scene.line([at(0.2, -0.05, 0.02), at(0.8, -0.05, 0.02)], trim * 0.5, depth=base, width_m=0.015)


def _belt(scene: Scene, path: list[Vec], albedo: float, depths: list[float]) -> None:
    for n in range(len(path) - 1):
        a, b = path[n], path[n + 1]
        # Webbing 46 mm wide: a quad standing across its run in the picture plane.
        right, up = scene.camera.right, scene.camera.up
        d = (b[0] - a[0], b[1] - a[1], b[2] - a[2])
        x = d[0] * right[0] + d[1] * right[1] + d[2] * right[2]
        y = d[0] * up[0] + d[1] * up[1] + d[2] * up[2]
        n2 = math.hypot(x, y) or 1.0
        side = tuple((-y * r + x * u) / n2 * 0.022 for r, u in zip(right, up, strict=True))
        offset: Vec = (side[0], side[1], side[2])
        minus: Vec = (-side[0], -side[1], -side[2])
        scene.polygon(
            [add(a, offset), add(b, offset), add(b, minus), add(a, minus)],
            albedo,
            depth=depths[n],
            rim=16,
        )


def draw_belt(
    scene: Scene,
    body: Body,
    person: Person,
    setting: Setting,
    points: dict[str, Vec],
    tongue: Vec,
    torso_depth: float,
) -> None:
    """Belt from the pillar over shoulder and chest to the tongue, and back over the lap.

    With the tongue stowed at the pillar the belt hangs beside the seat; across the body it is
    wrapped over the shoulder.
    """
    top, low = points["belt_top"], points["belt_low"]
    across = min(1.0, max(0.0, (tongue[0] + 0.30) / 0.30))
    near = min(1.0, max(0.0, 1.2 - math.dist(tongue, points["buckle"]) / 0.4))
    shoulder = place(body.neck, body.torso, -person.shoulder_half_m * 0.62, 0.05, 0.012)
    chest = place(body.neck, body.torso, 0.02, 0.138 * person.girth, -0.22)
    albedo = 0.52 if setting.seat < 0.22 else 0.12
    over = torso_depth - 0.025
    behind = scene.camera.depth(top) - 0.12
    a = mix(mix(top, tongue, 0.33), shoulder, across)
    b = mix(mix(a, tongue, 0.5), chest, across * near)
    # Held away from the body the webbing is nearer to the camera than the chest.
    hand = scene.camera.depth(tongue)
    loose = min(over, hand + 0.04)
    mid = over if near > 0.5 else loose
    depths = [behind if across < 0.5 else over + 0.01, mid, mid]
    _belt(scene, [top, a, b, tongue], albedo, depths)
    lap = mix(mix(low, tongue, 0.5), add(points["belly"], (0.0, 0.0, -0.07)), across * near)
    level = mid if across > 0.5 else hand
    _belt(scene, [tongue, lap, low], albedo, [level, level])
    clasp = (tongue[0], tongue[1], tongue[2] - 0.03)
    scene.capsule(tongue, clasp, 0.016, 0.016, 0.85, depth=min(level, hand) - 0.05)
    if near < 0.9:
        scene.capsule(
            points["buckle"], add(points["buckle"], (0.02, -0.03, -0.06)), 0.02, 0.022, 0.12
        )
