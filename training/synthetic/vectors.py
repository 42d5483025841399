"""Three-vectors as plain tuples: for a few hundred per frame, tuples beat small numpy arrays.

Cabin coordinates: x to the driver's right, y forward, z up, metres, origin on the driver's seat.
"""

from __future__ import annotations

import math

Vec = tuple[float, float, float]
Basis = tuple[Vec, Vec, Vec]  # right, forward, up

UP: Vec = (0.0, 0.0, 1.0)


def add(a: Vec, b: Vec) -> Vec:
    """a + b."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def sub(a: Vec, b: Vec) -> Vec:
    """a - b."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def scale(a: Vec, s: float) -> Vec:
    """a * s."""
    return (a[0] * s, a[1] * s, a[2] * s)


def along(a: Vec, direction: Vec, s: float) -> Vec:
    """a + s * direction."""
    return (a[0] + direction[0] * s, a[1] + direction[1] * s, a[2] + direction[2] * s)


def mix(a: Vec, b: Vec, t: float) -> Vec:
    """Linear blend: a at t = 0, b at t = 1."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def dot(a: Vec, b: Vec) -> float:
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vec, b: Vec) -> Vec:
    """Vector product (right-handed)."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def length(a: Vec) -> float:
    """Euclidean length."""
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


def unit(a: Vec) -> Vec:
    """a at length one; the zero vector becomes up."""
    n = length(a)
    return (a[0] / n, a[1] / n, a[2] / n) if n > 1e-9 else UP


def basis(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> Basis:
    """Axes after yaw (+ to the right), pitch (+ up) and roll (+ right side down)."""
    cy, sy = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    cp, sp = math.cos(math.radians(pitch_deg)), math.sin(math.radians(pitch_deg))
    cr, sr = math.cos(math.radians(roll_deg)), math.sin(math.radians(roll_deg))
    right = (cy, -sy, 0.0)
    forward = (sy * cp, cy * cp, sp)
    up = (-sy * sp, -cy * sp, cp)
    return (
        (
            right[0] * cr - up[0] * sr,
            right[1] * cr - up[1] * sr,
            right[2] * cr - up[2] * sr,
        ),
        forward,
        (
            up[0] * cr + right[0] * sr,
            up[1] * cr + right[1] * sr,
            up[2] * cr + right[2] * sr,
        ),
    )


def facing(normal: Vec, upward: Vec = UP) -> Basis:
    """Axes whose forward is `normal` and whose up is as near `upward` as possible."""
    forward = unit(normal)
    right = cross(forward, upward)
    right = unit(right) if length(right) > 1e-6 else (1.0, 0.0, 0.0)
    return (right, forward, cross(right, forward))


def place(origin: Vec, axes: Basis, x: float, y: float, z: float) -> Vec:
    """The point at local (x right, y forward, z up) of a frame."""
    r, f, u = axes
    return (
        origin[0] + r[0] * x + f[0] * y + u[0] * z,
        origin[1] + r[1] * x + f[1] * y + u[1] * z,
        origin[2] + r[2] * x + f[2] * y + u[2] * z,
    )
