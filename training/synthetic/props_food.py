"""Bottle and its cap, food, lunch box."""

from __future__ import annotations

from training.synthetic.body import Body
from training.synthetic.people import Person
from training.synthetic.scene import Scene
from training.synthetic.vectors import (
    Vec,
    add,
    along,
    basis,
    facing,
    mix,
    place,
    sub,
    unit,
)

BIAS = -0.08  # objects are painted over the lap they lie on
Points = dict[str, Vec]
Numbers = dict[str, float]


def draw_bottle(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """`aim` 0-1 tilts it towards the mouth, `cap` 0-1 tells whether the cap is on."""
    aim = n.get("aim", 0.0)
    axis = unit(mix((0.0, -0.40, 0.92), unit(sub(points["mouth"], at)), aim))
    # The hand holds it low, so that most of it is seen.
    base, shoulder = along(at, axis, -0.055), along(at, axis, 0.105)
    neck, top = along(at, axis, 0.135), along(at, axis, 0.165)
    # In front of the hands, or it would hardly be seen between two fists.
    depth = scene.camera.depth(at) - 0.165
    scene.capsule(base, shoulder, 0.034, 0.031, person.bottle, depth=depth)
    scene.capsule(
        along(at, axis, 0.035),
        along(at, axis, 0.08),
        0.0345,
        0.034,
        min(0.95, 1.15 - person.bottle),
        depth=depth - 0.001,
    )
    scene.capsule(shoulder, neck, 0.022, 0.014, person.bottle * 0.9, depth=depth - 0.0005)
    if n.get("cap", 0.0) > 0.5:
        scene.capsule(neck, top, 0.019, 0.019, 0.08, depth=depth - 0.002)
    else:
        scene.capsule(
            neck, along(at, axis, 0.152), 0.012, 0.012, person.bottle, depth=depth - 0.002
        )


def draw_cap(scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person) -> None:
    """The cap by itself, between two fingers."""
    scene.capsule(
        add(at, (0.0, 0.0, -0.006)), add(at, (0.0, 0.0, 0.012)), 0.020, 0.020, 0.08, -0.17
    )


def draw_food(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """Sandwich, bar or apple; `left` 1-0 is what has not been eaten."""
    left = 0.45 + 0.55 * n.get("left", 1.0)
    depth = scene.camera.depth(at) + BIAS - 0.03
    if person.food_kind == 0:
        axes = facing((0.3, 0.5, 0.6))
        for z, albedo in ((-0.016, person.food), (0.0, 0.25), (0.016, person.food * 1.1)):
            corners = ((-0.06, 0.0), (0.06 * left, -0.045), (0.06 * left, 0.045))
            face = [place(add(at, (0.0, 0.0, z)), axes, x, 0.0, y) for x, y in corners]
            scene.polygon(face, albedo, depth=depth - z, rim=20)
    elif person.food_kind == 1:
        a, b = add(at, (-0.02, -0.02, 0.07 * left)), add(at, (0.01, 0.01, -0.05))
        scene.capsule(a, b, 0.018, 0.02, person.food, depth=depth)
        scene.capsule(mix(a, b, 0.55), b, 0.021, 0.022, 0.9, depth=depth - 0.001)
    else:
        r = 0.040 * (0.75 + 0.25 * left)
        scene.oval(at, ((r, 0.0, 0.0), (0.0, r, 0.0), (0.0, 0.0, r)), person.food, depth=depth)


def draw_box(scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person) -> None:
    """A lunch box; `open` 0-1 lifts its lid."""
    x, y, z = 0.105, 0.075, 0.035

    def p(i: float, j: float, k: float) -> Vec:
        return (at[0] + i * x, at[1] + j * y, at[2] + k * z)

    depth = scene.camera.depth(at) + BIAS
    scene.polygon(
        [p(-1, 1, 1), p(1, 1, 1), p(1, 1, -1), p(-1, 1, -1)], person.box * 0.8, depth=depth, rim=25
    )
    scene.polygon(
        [p(1, -1, 1), p(1, 1, 1), p(1, 1, -1), p(1, -1, -1)], person.box * 0.65, depth=depth, rim=25
    )
    opened = n.get("open", 0.0)
    inside = mix((person.box, 0, 0), (0.22, 0, 0), opened)[0]
    scene.polygon(
        [p(-1, -1, 1), p(1, -1, 1), p(1, 1, 1), p(-1, 1, 1)], inside, depth=depth - 0.001, rim=30
    )
    if opened > 0.1:
        lid = basis(0.0, -100 * opened)
        a, b = p(-1, -1, 1), p(1, -1, 1)
        c, d = along(b, lid[1], 2 * y), along(a, lid[1], 2 * y)
        scene.polygon(
            [a, b, add(c, (0, 0, 0.02)), add(d, (0, 0, 0.02))],
            person.box,
            depth=depth + 0.002,
            rim=25,
        )
        for dx in (-0.05, 0.0, 0.05):
            r = 0.022
            scene.oval(
                add(at, (dx, 0.01 * dx, z)),
                ((r, 0, 0), (0, r, 0), (0, 0, r)),
                person.food,
                depth=depth - 0.003,
            )
