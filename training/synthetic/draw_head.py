"""Head, hair and face; glasses and sunglasses wherever they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from training.synthetic.body import Body
from training.synthetic.people import Person
from training.synthetic.scene import Scene
from training.synthetic.vectors import Basis, Vec, dot, place, scale, sub, unit

HEAD_BIAS = -0.06
# Face coordinates (across, out, up) to a cabin point and how squarely it faces the camera.
FacePoint = Callable[[float, float, float], tuple[Vec, float]]
# Half axes of the skull, metres: across, front to back, up.
_RX, _RY, _RZ = 0.076, 0.096, 0.122

# Directions over the skull from which the hair is built, (azimuth from the front, elevation).
_SCALP = tuple(
    (math.radians(az), math.radians(el))
    for el in (-30, -8, 12, 30, 48, 66, 84)
    for az in range(-180, 180, 30)
)


def draw_head(scene: Scene, body: Body, person: Person, channels: Mapping[str, float]) -> None:
    """Neck, skull, hair and features; `jaw` 0-1 opens the mouth, `blink` 0-1 shuts the eyes."""
    m = person.head_size
    head, axes = body.head, body.head_axes
    centre = scene.camera.depth(head) + HEAD_BIAS
    nape = place(head, axes, 0.0, -0.025, -0.06 * m)
    scene.capsule(body.neck, nape, 0.056, 0.05, person.skin * 0.82, depth=centre + 0.03)
    right, forward, up = axes
    toward = unit(sub(scene.camera.position, head))
    jaw = 0.012 * channels.get("jaw", 0.0)
    skull = (
        (0.0, 0.0, 0.040, 0.078),
        (0.0, -0.022, 0.030, 0.077),
        (0.0, 0.018, 0.005, 0.074),
        (0.0, 0.022, -0.030, 0.066),
        (0.0, 0.045, -0.074 - jaw, 0.040),
    )
    balls = [(place(head, axes, x * m, y * m, z * m), r * m) for x, y, z, r in skull]
    scene.hull(balls, person.skin, depth=centre)

    def spot(x: float, y: float, z: float) -> tuple[Vec, float]:
        """A point on the face and how squarely it faces the camera."""
        point = place(head, axes, x * m, y * m, z * m)
        normal = unit(place((0.0, 0.0, 0.0), axes, x / _RX**2, y / _RY**2, z / _RZ**2))
        return point, dot(normal, toward)

    for sign in (-1.0, 1.0):
        ear, _ = spot(sign * 0.077, -0.005, -0.01)
        ear_axes = (scale(right, 0.009), scale(forward, 0.015), scale(up, 0.027 * m))
        near = dot(right, toward) * sign
        scene.oval(
            ear, ear_axes, person.skin * 0.9, depth=centre + (0.004 if near < 0.1 else -0.004)
        )
    _hair(scene, head, axes, person, toward, centre)
    _features(scene, person, channels, spot, axes, centre)
    if person.glasses:
        _frame(scene, head, axes, m, 0.12, False, centre - 0.009)
    if channels.get("shades", 0.0) > 0.5:
        _frame(scene, head, axes, m, person.shades, True, centre - 0.012)


def _features(
    scene: Scene,
    person: Person,
    channels: Mapping[str, float],
    spot: FacePoint,
    axes: Basis,
    centre: float,
) -> None:
    right, forward, up = axes
    m = person.head_size
    skin = person.skin
    jaw = channels.get("jaw", 0.0)
    if person.beard:
        ring = [
            spot(x, y, z)
            for x, y, z in (
                (-0.062, 0.045, -0.035),
                (-0.035, 0.088, -0.045),
                (0.035, 0.088, -0.045),
                (0.062, 0.045, -0.035),
                (0.045, 0.06, -0.095),
                (0.0, 0.085, -0.118),
                (-0.045, 0.06, -0.095),
            )
        ]
        seen = [p for p, square in ring if square > -0.15]
        if len(seen) >= 3:
            scene.hull(
                [(p, 0.008) for p in seen], person.hair * 0.6 + skin * 0.25, depth=centre - 0.003
            )
    for sign in (-1.0, 1.0):
        eye, square = spot(sign * 0.031, 0.084, 0.018)
        if square > 0.12:
            open_m = 0.0095 * (1 - 0.8 * channels.get("blink", 0.0))
            socket = (scale(right, 0.019), scale(forward, 0.006), scale(up, 0.013))
            scene.oval(eye, socket, skin * 0.72, depth=centre - 0.004, rounded=False)
            white = (scale(right, 0.014), scale(forward, 0.004), scale(up, open_m))
            scene.oval(eye, white, skin * 1.1, depth=centre - 0.005, rounded=False)
            iris = (scale(right, 0.0075), scale(forward, 0.003), scale(up, open_m))
            scene.oval(eye, iris, 0.06, depth=centre - 0.006, rounded=False)
            a, _ = spot(sign * 0.014, 0.092, 0.040)
            b, _ = spot(sign * 0.050, 0.076, 0.042)
            scene.line([a, b], min(0.3, person.hair * 0.8), depth=centre - 0.006, width_m=0.007)
    tip, square = spot(0.0, 0.118, -0.018)
    bridge, _ = spot(0.0, 0.096, 0.022)
    if square > -0.2:
        scene.capsule(bridge, tip, 0.009 * m, 0.0145 * m, skin * 1.12, depth=centre - 0.0065)
        shadow, _ = spot(0.0, 0.108, -0.034)
        scene.oval(
            shadow,
            (scale(right, 0.014), scale(forward, 0.004), scale(up, 0.005)),
            skin * 0.55,
            depth=centre - 0.006,
            rounded=False,
        )
    mouth, square = spot(0.0, 0.094, -0.062 - 0.006 * jaw)
    if square > 0.0:
        lips = (scale(right, 0.026), scale(forward, 0.005), scale(up, 0.0065 + 0.012 * jaw))
        scene.oval(mouth, lips, skin * 0.62, depth=centre - 0.007, rounded=False)
        if jaw > 0.15:
            hole = (scale(right, 0.017), scale(forward, 0.003), scale(up, 0.013 * jaw))
            scene.oval(mouth, hole, 0.05, depth=centre - 0.008, rounded=False)


def _hair(scene: Scene, head: Vec, axes: Basis, person: Person, toward: Vec, centre: float) -> None:
    m = person.head_size
    style = person.hair_style
    if style == "bald" and not person.cap:
        return
    top: list[tuple[Vec, float]] = []
    back: list[tuple[Vec, float]] = []
    for az, el in _SCALP:
        ce = math.cos(el)
        x, y, z = math.sin(az) * ce, math.cos(az) * ce, math.sin(el)
        normal = place((0.0, 0.0, 0.0), axes, x / _RX, y / _RY, z / _RZ)
        if dot(unit(normal), toward) < -0.25:
            continue
        point = place(head, axes, x * _RX * 1.04 * m, y * _RY * 1.04 * m, z * _RZ * 1.04 * m)
        if z > 0.50 - 0.12 * abs(x) + (0.12 if style == "parted" else 0.0):
            top.append((point, 0.010))
        elif y < -0.05 - 0.25 * z and style != "bald":
            back.append((point, 0.010))
    hair = person.hair
    if len(back) >= 2:
        scene.hull(back, hair * 0.9, depth=centre - 0.002)
    if style == "long":
        for sign in (-1.0, 1.0):
            a = place(head, axes, sign * 0.074 * m, -0.015, 0.05)
            b = place(head, axes, sign * 0.088, -0.03, -0.16)
            scene.capsule(a, b, 0.022, 0.03, hair * 0.95, depth=centre + 0.002)
        scene.oval(
            place(head, axes, 0.0, -0.05, -0.05),
            (scale(axes[0], 0.095), scale(axes[1], 0.05), scale(axes[2], 0.13)),
            hair * 0.8,
            depth=centre + 0.02,
        )
    if style == "bun":
        bun = place(head, axes, 0.0, -0.10, 0.09)
        axes3 = (scale(axes[0], 0.042), scale(axes[1], 0.042), scale(axes[2], 0.042))
        scene.oval(bun, axes3, hair, depth=centre + 0.02)
    if len(top) >= 2:
        scene.hull(top, person.shirt * 0.7 + 0.05 if person.cap else hair, depth=centre - 0.0035)
    if person.cap:
        brim = [
            place(head, axes, x, y, z)
            for x, y, z in (
                (-0.062, 0.075, 0.068),
                (0.062, 0.075, 0.068),
                (0.05, 0.165, 0.055),
                (-0.05, 0.165, 0.055),
            )
        ]
        scene.polygon(brim, person.shirt * 0.6 + 0.04, depth=centre - 0.010, rim=12)


def _frame(
    scene: Scene, head: Vec, axes: Basis, m: float, albedo: float, filled: bool, depth: float
) -> None:
    """Spectacles on the nose: rims (or dark lenses), bridge and side pieces."""
    rx, rz = (0.031, 0.024) if filled else (0.025, 0.018)
    for sign in (-1.0, 1.0):
        ring = [
            place(
                head,
                axes,
                sign * 0.034 * m + rx * math.cos(a),
                0.100 * m - 0.006,
                0.016 * m + rz * math.sin(a),
            )
            for a in (k * math.pi / 5 for k in range(10))
        ]
        if filled:
            scene.polygon(ring, albedo, depth=depth)
        else:
            scene.line([*ring, ring[0]], albedo, depth=depth)
        toward = unit(sub(scene.camera.position, head))
        if dot(axes[0], toward) * sign > (-0.1 if filled else 0.0):
            a = place(head, axes, sign * 0.062 * m, 0.092 * m, 0.022)
            b = place(head, axes, sign * 0.080 * m, 0.0, 0.012)
            scene.line([a, b], albedo, depth=depth, width_m=0.006 if filled else 0.0)
    scene.line(
        [place(head, axes, -0.010, 0.102 * m, 0.022), place(head, axes, 0.010, 0.102 * m, 0.022)],
        albedo,
        depth=depth,
        width_m=0.006,
    )


def draw_loose_shades(
    scene: Scene, origin: Vec, axes: Basis, albedo: float, unfolded: float, bias: float
) -> None:
    """Sunglasses in the hand: dark lenses with side pieces unfolded 0-1."""
    depth = scene.camera.depth(origin) + bias
    for sign in (-1.0, 1.0):
        ring = [
            place(origin, axes, sign * 0.034 + 0.032 * math.cos(a), 0.0, 0.025 * math.sin(a))
            for a in (k * math.pi / 5 for k in range(10))
        ]
        scene.polygon(ring, albedo, depth=depth)
        a = place(origin, axes, sign * 0.066, 0.0, 0.008)
        b = place(
            origin, axes, sign * (0.066 - 0.05 * (1 - unfolded)), -0.11 * unfolded - 0.02, 0.0
        )
        scene.line([a, b], albedo, depth=depth - 0.001, width_m=0.007)
    scene.line(
        [place(origin, axes, -0.012, 0.0, 0.006), place(origin, axes, 0.012, 0.0, 0.006)],
        albedo,
        depth=depth - 0.001,
        width_m=0.006,
    )
    glint = place(origin, axes, 0.045, 0.002, 0.010)
    scene.line([glint, place(origin, axes, 0.030, 0.002, 0.012)], 0.8, depth=depth - 0.002)
