"""Phone, newspaper, magazine, notepad and pen."""

from __future__ import annotations

from training.synthetic.body import Body
from training.synthetic.people import Person
from training.synthetic.scene import Scene
from training.synthetic.vectors import (
    UP,
    Vec,
    add,
    along,
    basis,
    facing,
    length,
    mix,
    place,
    scale,
    sub,
    unit,
)

BIAS = -0.08  # objects are painted over the lap they lie on
Points = dict[str, Vec]
Numbers = dict[str, float]


def draw_phone(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """`ear` 0-1 turns it from facing the eyes to lying along the cheek."""
    ear = n.get("ear", 0.0)
    # Held flatter than square to the eyes, as people do.
    face = unit(mix(unit(sub(body.head, at)), UP, 0.45 * (1 - ear)))
    up = unit(
        mix((0.0, 1.0, 0.6), unit(mix(body.head_axes[2], scale(body.head_axes[1], -0.5), 0.4)), ear)
    )
    axes = facing(face, up)
    depth = scene.camera.depth(at) + BIAS - 0.02
    corners = [
        place(at, axes, x, 0.0, z)
        for x, z in ((-0.04, -0.082), (0.04, -0.082), (0.04, 0.082), (-0.04, 0.082))
    ]
    front = (
        (scene.camera.position[0] - at[0]) * face[0]
        + (scene.camera.position[1] - at[1]) * face[1]
        + (scene.camera.position[2] - at[2]) * face[2]
    )
    # A slab, not a sheet: it is to be seen edge-on as well.
    scene.hull([(c, 0.009) for c in corners], person.phone + 0.1, depth=depth, rounded=False)
    if front > 0:
        inner = [
            place(at, axes, x, 0.0, z)
            for x, z in ((-0.034, -0.07), (0.034, -0.07), (0.034, 0.072), (-0.034, 0.072))
        ]
        scene.polygon(inner, 0.05, depth=depth - 0.001)
    else:
        lens = place(at, axes, 0.022, 0.0, 0.062)
        scene.oval(lens, ((0.011, 0, 0), (0, 0.011, 0), (0, 0, 0.011)), 0.03, depth=depth - 0.001)


def _page(
    scene: Scene,
    corners: list[Vec],
    albedo: float,
    depth: float,
    rows: int,
    dark: float,
) -> None:
    """A printed sheet; corners clockwise from the upper left."""
    scene.polygon(corners, albedo, depth=depth, rim=35)
    a, b, c, d = corners

    def uv(u: float, v: float) -> Vec:
        return mix(mix(a, b, u), mix(d, c, u), v)

    scene.polygon(
        [uv(0.08, 0.06), uv(0.92, 0.06), uv(0.92, 0.13), uv(0.08, 0.13)], dark, depth=depth - 0.001
    )
    scene.polygon(
        [uv(0.52, 0.2), uv(0.92, 0.2), uv(0.92, 0.48), uv(0.52, 0.48)],
        dark * 1.3,
        depth=depth - 0.001,
    )
    for row in range(rows):
        v = 0.22 + 0.72 * row / rows
        scene.line([uv(0.08, v), uv(0.46, v)], albedo * 0.62, depth=depth - 0.001)
        if v > 0.5:
            scene.line([uv(0.54, v), uv(0.92, v)], albedo * 0.62, depth=depth - 0.001)


def _spread(
    scene: Scene,
    n: Numbers,
    points: Points,
    body: Body,
    height: float,
    width: float,
    albedo: float,
    dark: float,
    rows: int,
    tilt: float,
) -> None:
    """Two pages held at their outer edges by both hands; `turn` 0-1 leafs from right to left."""
    left, right = points["hand_l"], points["hand_r"]
    centre = mix(left, right, 0.5)
    across = unit(sub(right, left)) if length(sub(right, left)) > 0.05 else (1.0, 0.0, 0.0)
    normal = facing(sub(body.head, centre), across)
    down = unit(sub(scale(normal[1], tilt), (0.0, 0.0, 1.0)))
    up = scale(down, -1.0)
    away = scale(normal[1], -0.05)
    half = min(width, 0.5 * length(sub(right, left)) + 0.03)
    spine = add(centre, away)
    top, bottom = height * 0.55, height * 0.45
    depth = scene.camera.depth(centre) + BIAS

    def sheet(side: float, lift: Vec) -> list[Vec]:
        outer = add(along(centre, across, side * half), lift)
        pages = [
            along(outer, up, top),
            along(spine, up, top),
            along(spine, up, -bottom),
            along(outer, up, -bottom),
        ]
        return pages if side < 0 else [pages[1], pages[0], pages[3], pages[2]]

    _page(scene, sheet(-1.0, (0, 0, 0)), albedo, depth, rows, dark)
    _page(scene, sheet(1.0, (0, 0, 0)), albedo * 0.88, depth, rows, dark)
    turn = n.get("turn", 0.0) % 1.0
    if 0.03 < turn < 0.97:
        side = 1 - 2 * turn
        lift = scale(normal[1], 0.20 * (1 - side * side) + 0.02)
        _page(
            scene,
            sheet(side if abs(side) > 0.05 else 0.05, lift),
            albedo * 1.08,
            depth - 0.02,
            rows,
            dark,
        )


def draw_newspaper(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """Two wide pages, upright: the camera sees what is printed on the outside."""
    _spread(scene, n, points, body, 0.46, 0.33, person.paper, person.paper * 0.35, 9, 0.15)


def draw_magazine(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """Small, with large pictures, held flat enough to be read from above."""
    _spread(scene, n, points, body, 0.28, 0.20, person.magazine, 0.15, 4, 1.5)


def draw_notepad(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """Lies tilted on the lap; written lines grow with `written` 0-1."""
    axes = basis(0.0, 28.0, 0.0)

    def p(x: float, y: float) -> Vec:
        return place(at, axes, x, y, 0.02)

    depth = scene.camera.depth(at) + BIAS
    scene.polygon(
        [p(-0.095, 0.13), p(0.095, 0.13), p(0.095, -0.13), p(-0.095, -0.13)],
        0.72,
        depth=depth,
        rim=40,
    )
    scene.polygon(
        [p(-0.095, 0.13), p(0.095, 0.13), p(0.095, 0.105), p(-0.095, 0.105)],
        0.2,
        depth=depth - 0.001,
    )
    rows = 7
    for row in range(rows):
        part = min(1.0, max(0.0, n.get("written", 0.5) * rows - row))
        if part > 0.05:
            y = 0.085 - 0.028 * row
            scene.line([p(-0.08, y), p(-0.08 + 0.16 * part, y)], 0.25, depth=depth - 0.001)


def draw_pen(scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person) -> None:
    """Follows the writing hand."""
    side = "hand_r" if person.hand == "r" else "hand_l"
    grip = points[side]
    tip, end = add(grip, (0.0, 0.03, -0.045)), add(grip, (0.02, -0.04, 0.085))
    scene.capsule(tip, end, 0.004, 0.006, 0.08, -0.20)
    scene.oval(tip, ((0.004, 0, 0), (0, 0.004, 0), (0, 0, 0.004)), 0.9, -0.21)
