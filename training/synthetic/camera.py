"""The five near-infrared cameras of Drive&Act as pinhole poses in the cabin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.errors import DataError
from training.synthetic.vectors import UP, Vec, cross, dot, sub, unit

NEAR_M = 0.06


@dataclass(frozen=True, slots=True)
class View:
    """Where a camera hangs, what it looks at, and its field of view."""

    name: str
    position: Vec
    target: Vec
    field_deg: float


VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        View("inner_mirror", (0.33, 0.58, 0.86), (0.0, 0.03, 0.45), 82.0),
        View("a_column_co_driver", (1.02, 0.62, 0.66), (0.02, 0.05, 0.38), 74.0),
        View("ceiling", (0.20, 0.30, 1.02), (-0.02, 0.16, 0.20), 92.0),
        View("steering_wheel", (0.02, 0.47, 0.50), (-0.02, -0.15, 0.56), 88.0),
        View("a_column_driver", (-0.44, 0.62, 0.70), (0.06, 0.02, 0.40), 84.0),
    )
}


def view_named(name: str) -> View:
    """The view of that name; a DataError lists the known ones otherwise."""
    if name not in VIEWS:
        raise DataError(f"There is no synthetic view '{name}'; choose from {', '.join(VIEWS)}.")
    return VIEWS[name]


class Camera:
    """A pinhole camera on a square picture."""

    __slots__ = ("axis", "centre_px", "focal_px", "position", "right", "rotation", "size", "up")

    def __init__(self, position: Vec, target: Vec, field_deg: float, size: int) -> None:
        self.position = position
        self.size = size
        self.axis = unit(sub(target, position))
        self.right = unit(cross(self.axis, UP))
        self.up = cross(self.right, self.axis)
        self.focal_px = size / 2 / math.tan(math.radians(field_deg) / 2)
        self.centre_px = size / 2
        down = (-self.up[0], -self.up[1], -self.up[2])
        self.rotation = np.array([self.right, down, self.axis])

    def depth(self, point: Vec) -> float:
        """Distance along the optical axis, metres."""
        return dot(sub(point, self.position), self.axis)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[N, 3] metres to pixels [N, 2] and depths [N]; depths are kept in front of the lens."""
        local = (points - np.array(self.position)) @ self.rotation.T
        depth = np.maximum(local[:, 2], NEAR_M)
        pixels = local[:, :2] * (self.focal_px / depth)[:, None] + self.centre_px
        return pixels, depth
