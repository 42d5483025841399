"""A list of shapes in the cabin, painted far to near (painter's algorithm)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import cv2
import numpy as np

from training.synthetic.camera import NEAR_M, Camera
from training.synthetic.vectors import Vec, dot, mix, scale

SHIFT = 4
_FIXED = 1 << SHIFT
_LIMIT_PX = 4000.0
# Nested strokes from the dark rim to the lit core: (width, brightness, shift towards the light).
_NEST = ((1.0, 0.68, 0.0), (0.84, 0.84, 0.07), (0.62, 0.95, 0.15), (0.36, 1.05, 0.24))
_BULGE_WIDTH = np.array([1.0, 0.9, 0.76, 0.56, 0.34])[:, None]
_BULGE_GAIN = (0.70, 0.82, 0.92, 1.0, 1.06)
_HALF = np.linspace(-math.pi / 2, math.pi / 2, 7)
_CIRCLE = np.linspace(0, 2 * math.pi, 10, endpoint=False)
_CIRCLE_XY = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], 1)
_OVAL = np.linspace(0, 2 * math.pi, 20, endpoint=False)
_OVAL_XY = np.stack([np.cos(_OVAL), np.sin(_OVAL)], 1)


class _Kind(Enum):
    CAPSULE = auto()
    POLYGON = auto()
    HULL = auto()
    OVAL = auto()
    LINE = auto()


@dataclass(frozen=True, slots=True)
class Light:
    """Lamp beside the camera with fall-off, a base level, and the picture side the sun is on."""

    lamp: float
    ambient: float
    side: tuple[float, float]  # picture direction (right, down) of the brighter flank

    def level(self, albedo: float, depth_m: float) -> float:
        """Grey value 0-255 of a surface of that albedo at that depth."""
        falloff = min(1.35, (0.80 / max(depth_m, 0.2)) ** 1.25)
        # A soft shoulder, as a sensor's tone curve has it, keeps near skin from burning out.
        return 240.0 * (1.0 - math.exp(-1.95 * albedo * (self.ambient + self.lamp * falloff)))


@dataclass(slots=True)
class _Item:
    depth: float
    kind: _Kind
    start: int
    count: int
    level: float
    radii: tuple[float, ...]
    flag: int


class Scene:
    """Collects shapes of one frame, then paints them."""

    __slots__ = ("camera", "items", "light", "points")

    def __init__(self, camera: Camera, light: Light) -> None:
        self.camera = camera
        self.light = light
        self.points: list[Vec] = []
        self.items: list[_Item] = []

    def _put(
        self,
        kind: _Kind,
        points: Sequence[Vec],
        albedo: float,
        depth: float,
        radii: tuple[float, ...] = (),
        flag: int = 0,
        lit_at: float | None = None,
    ) -> None:
        level = self.light.level(albedo, depth if lit_at is None else lit_at)
        self.items.append(_Item(depth, kind, len(self.points), len(points), level, radii, flag))
        self.points.extend(points)

    def capsule(
        self,
        a: Vec,
        b: Vec,
        ra: float,
        rb: float,
        albedo: float,
        bias: float = 0.0,
        depth: float | None = None,
        chain: int = 0,
    ) -> None:
        """A tapered limb from a to b; `bias` metres move it in the painting order.

        Neighbours in painting order with the same non-zero `chain` are shaded as one tube.
        """
        real = self.camera.depth(mix(a, b, 0.5))
        if real < NEAR_M:
            return
        order = (real if depth is None else depth) + bias
        self._put(_Kind.CAPSULE, (a, b), albedo, order, (ra, rb), chain, lit_at=real)

    def polygon(
        self,
        points: Sequence[Vec],
        albedo: float,
        bias: float = 0.0,
        depth: float | None = None,
        rim: int = 0,
    ) -> None:
        """A flat convex face; `rim` is the grey step of its outline (0: none)."""
        n = len(points)
        centre = scale(
            (sum(p[0] for p in points), sum(p[1] for p in points), sum(p[2] for p in points)), 1 / n
        )
        real = self.camera.depth(centre)
        if real < NEAR_M:
            return
        order = (real if depth is None else depth) + bias
        self._put(_Kind.POLYGON, points, albedo, order, (), rim, lit_at=real)

    def hull(
        self,
        balls: Sequence[tuple[Vec, float]],
        albedo: float,
        bias: float = 0.0,
        depth: float | None = None,
        rounded: bool = True,
    ) -> float:
        """The convex hull of spheres, shaded like a bulge; returns its depth in metres."""
        centres = [ball[0] for ball in balls]
        real = sum(self.camera.depth(c) for c in centres) / len(centres)
        order = (real if depth is None else depth) + bias
        radii = tuple(ball[1] for ball in balls)
        self._put(_Kind.HULL, centres, albedo, order, radii, int(rounded), lit_at=real)
        return order

    def oval(
        self,
        centre: Vec,
        axes: tuple[Vec, Vec, Vec],
        albedo: float,
        bias: float = 0.0,
        depth: float | None = None,
        rounded: bool = True,
    ) -> None:
        """An ellipsoid given by its three half axes, metres."""
        real = self.camera.depth(centre)
        if real < NEAR_M:
            return
        right, up = self.camera.right, self.camera.up
        xs = [dot(a, right) for a in axes]
        ys = [-dot(a, up) for a in axes]
        xx = sum(x * x for x in xs)
        yy = sum(y * y for y in ys)
        xy = sum(x * y for x, y in zip(xs, ys, strict=True))
        # Cholesky factor of the outline's 2x2 matrix maps the unit circle onto the outline.
        l11 = math.sqrt(xx)
        l21 = xy / max(l11, 1e-9)
        l22 = math.sqrt(max(yy - l21 * l21, 1e-12))
        order = (real if depth is None else depth) + bias
        self._put(_Kind.OVAL, (centre,), albedo, order, (l11, l21, l22), int(rounded), lit_at=real)

    def line(
        self,
        points: Sequence[Vec],
        albedo: float,
        bias: float = 0.0,
        depth: float | None = None,
        width_m: float = 0.0,
    ) -> None:
        """An open polyline, one pixel wide or `width_m`."""
        real = self.camera.depth(points[len(points) // 2])
        if real < NEAR_M:
            return
        order = (real if depth is None else depth) + bias
        self._put(_Kind.LINE, points, albedo, order, (width_m,), lit_at=real)

    def paint(self, canvas: np.ndarray) -> None:
        """Paint everything onto a uint8 [H, W] canvas, farthest first."""
        if not self.items:
            return
        pixels, depths = self.camera.project(np.array(self.points))
        pixels = np.clip(pixels, -_LIMIT_PX, _LIMIT_PX)
        metres_to_px = self.camera.focal_px / depths
        capsules = [item for item in self.items if item.kind is _Kind.CAPSULE]
        outlines = self._outline(capsules, pixels, metres_to_px)
        slot = {id(item): n for n, item in enumerate(capsules)}
        corners = _fixed(pixels)
        light_xy = np.array(self.light.side)
        ordered = sorted(self.items, key=lambda i: -i.depth)
        links: list[_Item] = []
        for item, following in zip(ordered, [*ordered[1:], None], strict=True):
            span = slice(item.start, item.start + item.count)
            level = item.level
            if item.kind is _Kind.CAPSULE:
                links.append(item)
                if (
                    item.flag
                    and following
                    and following.kind is _Kind.CAPSULE
                    and (following.flag == item.flag)
                ):
                    continue
                for stroke, (_, gain, _) in enumerate(_NEST):
                    for link in links:
                        shape = outlines[slot[id(link)], stroke]
                        cv2.fillConvexPoly(canvas, shape, link.level * gain, cv2.LINE_AA, SHIFT)
                links.clear()
            elif item.kind is _Kind.POLYGON:
                shape = corners[span]
                cv2.fillConvexPoly(canvas, shape, level, cv2.LINE_AA, SHIFT)
                if item.flag:
                    edge = max(0.0, level - item.flag)
                    cv2.polylines(canvas, [shape], True, edge, 1, cv2.LINE_AA, SHIFT)
            elif item.kind is _Kind.LINE:
                width = max(1, round(item.radii[0] * float(metres_to_px[item.start])))
                shape = corners[span]
                cv2.polylines(canvas, [shape], False, level, width, cv2.LINE_AA, SHIFT)
            else:
                if item.kind is _Kind.HULL:
                    radii = np.array(item.radii) * metres_to_px[span]
                    cloud = pixels[span][:, None] + radii[:, None, None] * _CIRCLE_XY
                    outline = cv2.convexHull(cloud.reshape(-1, 2).astype(np.float32))[:, 0]
                else:
                    l11, l21, l22 = item.radii
                    factor = np.array([[l11, l21], [0.0, l22]]) * metres_to_px[item.start]
                    outline = pixels[item.start] + _OVAL_XY @ factor
                _bulge(canvas, outline, level, light_xy, bool(item.flag))

    @staticmethod
    def _outline(items: list[_Item], pixels: np.ndarray, metres_to_px: np.ndarray) -> np.ndarray:
        """Fixed-point outlines [N, strokes, 14, 2] of all capsules at once."""
        if not items:
            return np.zeros((0, len(_NEST), 14, 2), np.int32)
        first = np.array([item.start for item in items])
        radii = np.array([item.radii for item in items])
        a, b = pixels[first], pixels[first + 1]
        ra = radii[:, 0] * metres_to_px[first]
        rb = radii[:, 1] * metres_to_px[first + 1]
        delta = b - a
        heading = np.arctan2(delta[:, 1], delta[:, 0])
        turn_b = heading[:, None] + _HALF
        turn_a = turn_b + math.pi
        arc_b = np.stack([np.cos(turn_b), np.sin(turn_b)], -1)
        arc_a = np.stack([np.cos(turn_a), np.sin(turn_a)], -1)
        shapes = []
        for width, _, shift in _NEST:
            lift = np.array([0.35, -0.94]) * shift
            end_b = b[:, None] + rb[:, None, None] * (arc_b * width + lift)
            end_a = a[:, None] + ra[:, None, None] * (arc_a * width + lift)
            shapes.append(np.concatenate([end_b, end_a], 1))
        return _fixed(np.stack(shapes, 1))


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * _FIXED).astype(np.int32)


def _bulge(
    canvas: np.ndarray, outline: np.ndarray, level: float, light_xy: np.ndarray, rounded: bool
) -> None:
    if not rounded:
        cv2.fillConvexPoly(canvas, _fixed(outline), level, cv2.LINE_AA, SHIFT)
        return
    centre = outline.mean(0)
    reach = float(np.abs(outline - centre).max())
    middles = centre + light_xy * (reach * 0.35 * (1 - _BULGE_WIDTH))
    rings = _fixed((outline - centre) * _BULGE_WIDTH[:, None] + middles[:, None])
    for ring, gain in zip(rings, _BULGE_GAIN, strict=True):
        cv2.fillConvexPoly(canvas, ring, level * gain, cv2.LINE_AA, SHIFT)
