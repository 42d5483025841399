"""The parts of the picture that do not move in a session: the cabin's shell and the scenery."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.synthetic.cabin import DOOR_TOP_M
from training.synthetic.camera import NEAR_M, Camera
from training.synthetic.people import Setting, generator
from training.synthetic.scene import SHIFT, Light, Scene
from training.synthetic.vectors import Vec, mix

_SCENERY_WIDTHS = 4


@dataclass(frozen=True, slots=True)
class Backdrop:
    """`shell` uint8 [H, W] covers the scenery where `mask` uint8 [H, W] is 255.

    `scenery` uint8 [H, 5W] repeats every 4W columns.
    """

    shell: np.ndarray
    mask: np.ndarray
    scenery: np.ndarray

    def outside(self, offset_px: float) -> np.ndarray:
        """A fresh canvas [H, W] showing the world outside, scrolled sideways."""
        size = self.shell.shape[0]
        start = int(offset_px) % (_SCENERY_WIDTHS * size)
        return self.scenery[:, start : start + size].copy()


def _box(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> list[list[Vec]]:
    """The six faces of an axis-aligned box."""
    (x0, x1), (y0, y1), (z0, z1) = x, y, z
    return [
        [(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)],
        [(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)],
        [(x0, y0, z0), (x0, y1, z0), (x0, y1, z1), (x0, y0, z1)],
        [(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)],
        [(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)],
        [(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)],
    ]


def _quad(*points: Vec) -> list[list[Vec]]:
    return [list(points)]


def _faces(setting: Setting) -> list[tuple[list[Vec], float]]:
    """Every face of the shell with its albedo, about far to near."""
    t = setting.trim
    roof = t * 1.5
    top, side = 1.02, DOOR_TOP_M
    groups: list[tuple[list[list[Vec]], float]] = [
        # Rear: parcel shelf, roof above and below the rear window, wheel arches.
        (_quad((-0.6, -1.75, 0.55), (1.3, -1.75, 0.55), (1.3, -1.5, 0.5), (-0.6, -1.5, 0.5)), t),
        (_box((-0.6, 1.3), (-1.5, -1.3), (-0.3, 0.52)), t * 0.9),
        (
            _quad((-0.55, -1.75, 0.92), (1.3, -1.75, 0.92), (1.3, -1.4, top), (-0.55, -1.4, top)),
            roof,
        ),
        (_quad((-0.6, -1.75, 0.5), (-0.42, -1.7, 0.5), (-0.42, -1.6, top), (-0.6, -1.5, top)), t),
        # Rear doors and the C pillars, both sides.
        (
            _quad(
                (-0.55, -1.6, -0.3), (-0.55, -0.5, -0.3), (-0.55, -0.5, 0.44), (-0.55, -1.6, 0.44)
            ),
            t,
        ),
        (_quad((1.3, -1.6, -0.3), (1.3, 0.9, -0.3), (1.3, 0.9, 0.44), (1.3, -1.6, 0.44)), t),
        (_quad((-0.55, -1.6, 0.4), (-0.55, -1.15, 0.4), (-0.53, -1.3, top), (-0.55, -1.6, top)), t),
        (_quad((1.3, -1.6, 0.4), (1.3, -1.15, 0.4), (1.28, -1.3, top), (1.3, -1.6, top)), t),
        (_quad((1.3, -0.62, 0.4), (1.3, -0.42, 0.4), (1.26, -0.42, top), (1.26, -0.62, top)), t),
        # Roof, floor, roof rails, sill.
        (_quad((-0.5, -1.5, top), (1.28, -1.5, top), (1.28, 0.9, top), (-0.5, 0.9, top)), roof),
        (
            _quad((-0.55, -1.5, -0.35), (1.3, -1.5, -0.35), (1.3, 1.0, -0.35), (-0.55, 1.0, -0.35)),
            t * 0.5,
        ),
        (
            _quad(
                (-0.54, -1.5, side),
                (-0.54, 0.9, side),
                (-0.48, 0.9, top + 0.01),
                (-0.48, -1.5, top + 0.01),
            ),
            roof * 1.2,
        ),
        (
            _quad(
                (1.3, -1.5, side),
                (1.3, 0.9, side),
                (1.24, 0.9, top + 0.01),
                (1.24, -1.5, top + 0.01),
            ),
            roof * 1.2,
        ),
        (_box((-0.56, -0.46), (-0.5, 0.9), (-0.36, -0.24)), t * 1.1),
        # B pillar.
        (
            _quad(
                (-0.55, -0.58, -0.3), (-0.53, -0.42, -0.3), (-0.51, -0.40, top), (-0.52, -0.58, top)
            ),
            t * 1.5,
        ),
        # Rear bench cushions.
        (_box((-0.45, 0.33), (-1.3, -1.15), (-0.05, 0.58)), setting.seat * 0.8),
        (_box((0.4, 1.2), (-1.3, -1.15), (-0.05, 0.58)), setting.seat * 0.8),
    ]
    return [(face, albedo) for faces, albedo in groups for face in faces]


def _clip_near(points: list[Vec], camera: Camera) -> list[Vec]:
    """The part of a face in front of the lens (Sutherland-Hodgman, one plane)."""
    out: list[Vec] = []
    for n, a in enumerate(points):
        b = points[(n + 1) % len(points)]
        da, db = camera.depth(a) - NEAR_M, camera.depth(b) - NEAR_M
        if da >= 0:
            out.append(a)
        if (da >= 0) != (db >= 0):
            out.append(mix(a, b, da / (da - db)))
    return out


def _seats(scene: Scene, setting: Setting) -> None:
    for centre in (0.76, 0.0):
        seat = setting.seat
        scene.hull(
            [
                ((centre + dx, dy, dz), r)
                for dx in (-0.2, 0.2)
                for dy, dz, r in ((-0.05, 0.0, 0.07), (-0.30, 0.50, 0.06))
            ],
            seat,
            depth=1.6,
        )
        for sign in (-1, 1):
            scene.capsule(
                (centre + sign * 0.22, -0.03, 0.05),
                (centre + sign * 0.21, -0.26, 0.46),
                0.06,
                0.045,
                seat * 1.25,
                depth=1.5,
            )
        for x in (-0.05, 0.05):
            scene.capsule(
                (centre + x, -0.33, 0.52), (centre + x, -0.35, 0.62), 0.008, 0.008, 0.5, depth=1.58
            )
        scene.hull(
            [((centre + dx, -0.35, dz), 0.05) for dx in (-0.09, 0.09) for dz in (0.66, 0.78)],
            seat * 1.1,
            depth=1.45,
        )
        scene.hull(
            [((centre + dx, dy, 0.0), 0.07) for dx in (-0.19, 0.19) for dy in (-0.02, 0.42)],
            seat * 0.9,
            depth=1.4,
        )


def make_backdrop(
    camera: Camera, light: Light, setting: Setting, words: tuple[int, int, int]
) -> Backdrop:
    """Paint the shell and the scenery of one session."""
    size = camera.size
    rng = generator(*words, 13)
    # Never seen, but smoothed into the edges: about as bright as the trim.
    shell = np.full((size, size), light.level(setting.trim * 1.3, 1.2), np.uint8)
    mask = np.zeros((size, size), np.uint8)
    faces = []
    for points, albedo in _faces(setting):
        visible = _clip_near(points, camera)
        if len(visible) >= 3:
            depth = sum(camera.depth(p) for p in visible) / len(visible)
            faces.append((depth, visible, albedo))
    for depth, points, albedo in sorted(faces, key=lambda face: -face[0]):
        pixels, _ = camera.project(np.array(points))
        shape = np.round(np.clip(pixels, -1500, 1500) * (1 << SHIFT)).astype(np.int32)
        level = light.level(albedo, depth)
        cv2.fillConvexPoly(shell, shape, level, cv2.LINE_AA, SHIFT)
        cv2.polylines(shell, [shape], True, level * 0.6, 1, cv2.LINE_AA, SHIFT)
        cv2.fillConvexPoly(mask, shape, 255, cv2.LINE_8, SHIFT)
    scene = Scene(camera, light)
    _seats(scene, setting)
    scene.paint(shell)
    stencil = Scene(camera, Light(9.0, 9.0, (0.0, 0.0)))
    _seats(stencil, setting)
    cover = np.zeros_like(mask)
    stencil.paint(cover)
    mask[cover > 127] = 255
    shell = cv2.GaussianBlur(shell, (0, 0), size / 230)
    fabric = rng.normal(0, 2.5, (size // 2, size // 2)).astype(np.float32)
    shell = np.clip(shell + cv2.resize(fabric, (size, size)), 0, 255).astype(np.uint8)
    return Backdrop(shell, mask, _scenery(size, setting, rng))


def _scenery(size: int, setting: Setting, rng: np.random.Generator) -> np.ndarray:
    """A bright sky over blurred buildings and trees, seamless after four widths."""
    width = _SCENERY_WIDTHS * size
    sky = np.linspace(1.05, 0.85, size)[:, None] * np.ones((1, width))
    picture = (setting.daylight * sky).astype(np.float32)
    for _ in range(26):
        x = int(rng.integers(0, width))
        w = int(rng.integers(size // 16, size // 2))
        h = int(rng.uniform(0.25, 0.75) * size)
        level = setting.daylight * float(rng.uniform(0.35, 1.0))
        cv2.rectangle(picture, (x, size - h), (min(width - 1, x + w), size), level, -1)
    picture[int(size * 0.8) :] *= 0.7
    picture = cv2.GaussianBlur(picture, (0, 0), size / 40, borderType=cv2.BORDER_REPLICATE)
    looped = np.concatenate([picture, picture[:, :size]], 1)
    return np.clip(looped, 0, 255).astype(np.uint8)
