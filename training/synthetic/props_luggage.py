"""Laptop, backpack, the jacket off the body, loose sunglasses."""

from __future__ import annotations

from training.synthetic.body import Body
from training.synthetic.draw_head import draw_loose_shades
from training.synthetic.people import Person
from training.synthetic.scene import Scene
from training.synthetic.vectors import Vec, add, along, basis, facing, length, mix, place, sub

BIAS = -0.08  # objects are painted over the lap they lie on
Points = dict[str, Vec]
Numbers = dict[str, float]


def draw_laptop(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """`lid` 0-1 opens it to 110 degrees; `upright` 0-1 turns the closed machine on its edge."""
    upright = n.get("upright", 0.0)
    axes = basis(0.0, 8.0 + 75.0 * upright)
    wx, dy = 0.165, 0.115

    def p(x: float, y: float, z: float) -> Vec:
        return place(at, axes, x * wx, y * dy, z)

    # Sliding into a bag it is painted before the bag.
    depth = scene.camera.depth(at) + BIAS + n.get("behind", 0.0)
    shell = person.laptop
    scene.polygon(
        [p(-1, -1, 0), p(1, -1, 0), p(1, 1, 0), p(-1, 1, 0)], shell * 0.85, depth=depth, rim=30
    )
    scene.polygon(
        [p(-1, 1, 0), p(1, 1, 0), p(1, 1, -0.02), p(-1, 1, -0.02)], shell * 0.6, depth=depth
    )
    angle = 112.0 * n.get("lid", 0.0)
    if angle > 6:
        scene.polygon(
            [
                p(-0.88, 0.05, 0.002),
                p(0.88, 0.05, 0.002),
                p(0.88, 0.8, 0.002),
                p(-0.88, 0.8, 0.002),
            ],
            0.06,
            depth=depth - 0.001,
        )
        for row in (0.25, 0.45, 0.65):
            scene.line([p(-0.8, row, 0.003), p(0.8, row, 0.003)], 0.3, depth=depth - 0.002)
        scene.polygon(
            [
                p(-0.3, -0.85, 0.002),
                p(0.3, -0.85, 0.002),
                p(0.3, -0.2, 0.002),
                p(-0.3, -0.2, 0.002),
            ],
            shell * 0.6,
            depth=depth - 0.001,
        )
    # The lid turns about the far edge; closed it lies back over the keys.
    lid = basis(0.0, 8.0 + 75.0 * upright + 180.0 - angle)
    hinge_l, hinge_r = p(-1, 1, 0.008), p(1, 1, 0.008)
    far_l, far_r = along(hinge_l, lid[1], 2 * dy), along(hinge_r, lid[1], 2 * dy)
    face = [hinge_l, hinge_r, far_r, far_l]
    over = depth - 0.004 if angle < 75 else depth - 0.05
    scene.polygon(face, shell * (1.0 if angle > 40 else 1.1), depth=over, rim=35)
    logo = [
        mix(mix(hinge_l, hinge_r, u), mix(far_l, far_r, u), v)
        for u, v in ((0.44, 0.42), (0.56, 0.42), (0.56, 0.6), (0.44, 0.6))
    ]
    scene.polygon(logo, 0.9 if shell < 0.5 else 0.15, depth=over - 0.001)


def draw_backpack(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """Stands on the lap; `open` 0-1 spreads its mouth."""
    opened = n.get("open", 0.0)
    depth = scene.camera.depth(at) + BIAS
    albedo = person.backpack

    def q(x: float, y: float, z: float) -> Vec:
        return (at[0] + x, at[1] + y, at[2] + z)

    gape = 0.03 * opened
    scene.hull(
        [
            (q(sx * 0.125, sy, z), r)
            for sx in (-1, 1)
            for sy, z, r in (
                (-0.04, 0.05, 0.06),
                (0.05, 0.05, 0.055),
                (-0.04 - gape, 0.28, 0.045),
                (0.04 + gape, 0.28, 0.045),
            )
        ],
        albedo,
        depth=depth,
    )
    pocket = [q(-0.1, 0.12, 0.17), q(0.1, 0.12, 0.17), q(0.11, 0.13, 0.03), q(-0.11, 0.13, 0.03)]
    scene.polygon(pocket, albedo * 1.35 + 0.03, depth=depth - 0.002, rim=30)
    for sign in (-1, 1):
        scene.line(
            [q(sign * 0.09, -0.09, 0.28), q(sign * 0.14, -0.13, 0.16), q(sign * 0.11, -0.1, 0.04)],
            albedo * 0.55,
            depth=depth + 0.004,
            width_m=0.03,
        )
    arc = [
        q(-0.135 + 0.27 * u, 0.075, 0.22 + 0.10 * (1 - (2 * u - 1) ** 4))
        for u in (k / 8 for k in range(9))
    ]
    scene.line(arc, 0.75 if albedo < 0.35 else 0.06, depth=depth - 0.003, width_m=0.006)
    if opened > 0.05:
        hole = (
            (0.105 * (0.4 + 0.6 * opened), 0, 0),
            (0, 0.02 + 0.05 * opened, 0),
            (0, 0, 0.018 + 0.012 * opened),
        )
        scene.oval(q(0.0, 0.0, 0.322), hole, 0.02, depth=depth - 0.004, rounded=False)
        flap = [
            q(-0.09, 0.07 + gape, 0.31),
            q(0.09, 0.07 + gape, 0.31),
            q(0.08, 0.12 + 0.04 * opened, 0.31 - 0.10 * opened),
            q(-0.08, 0.12 + 0.04 * opened, 0.31 - 0.10 * opened),
        ]
        scene.polygon(flap, albedo * 1.7 + 0.05, depth=depth - 0.005, rim=25)
    else:
        scene.line(
            [q(-0.03, 0, 0.325), q(0.0, 0, 0.36), q(0.03, 0, 0.325)],
            albedo * 0.6,
            depth=depth - 0.002,
            width_m=0.014,
        )


def draw_bundle(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """The jacket off the body: a heap of cloth of `spread` 0-1 that hangs between its ends."""
    spread = n.get("spread", 0.3)
    depth = scene.camera.depth(at) + BIAS + n.get("behind", 0.0)
    w, h = 0.10 + 0.12 * spread, 0.10 + 0.16 * spread
    balls = [
        (add(at, (-w, 0.0, 0.02)), 0.05),
        (add(at, (w, 0.0, 0.03)), 0.05),
        (add(at, (-w * 0.7, 0.03, -h)), 0.055),
        (add(at, (w * 0.8, 0.02, -h * 1.1)), 0.05),
    ]
    scene.hull(balls, person.jacket, depth=depth)
    for k, x in enumerate((-0.6, -0.1, 0.45)):
        scene.line(
            [
                add(at, (w * x, 0.05, 0.04)),
                add(at, (w * x * 1.2 + 0.01, 0.06, -h * 0.5)),
                add(at, (w * x * 0.8, 0.05, -h * (0.9 + 0.1 * k))),
            ],
            person.jacket * 0.6,
            depth=depth - 0.002,
            width_m=0.012,
        )
    for sign in (-1, 1):
        scene.capsule(
            add(at, (sign * w, 0.0, 0.0)),
            add(at, (sign * (w + 0.05), 0.03, -h * 1.3)),
            0.045,
            0.035,
            person.jacket * 0.9,
            depth=depth - 0.003,
        )


def draw_cloth(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """The jacket's back between the shoulders and the free sleeve at `at`, behind the body."""
    a, b = points["shoulder_l"], points["shoulder_r"]
    middle = mix(a, b, 0.5)
    balls = [
        (mix(middle, at, 0.25), 0.07),
        (at, 0.055),
        (add(mix(middle, at, 0.7), (0, -0.03, -0.2)), 0.06),
    ]
    scene.hull(balls, person.jacket * 0.85, depth=scene.camera.depth(middle) + 0.08)
    scene.capsule(at, add(at, (0.0, 0.02, -0.22)), 0.055, 0.04, person.jacket, 0.05)


def draw_shades(
    scene: Scene, at: Vec, n: Numbers, points: Points, body: Body, person: Person
) -> None:
    """Sunglasses on their way: square to the head near the eyes, else turned to the wearer."""
    near = max(0.0, 1.0 - length(sub(at, points["eyes"])) / 0.25)
    axes = body.head_axes if near > 0.05 else facing(sub(body.head, at))
    draw_loose_shades(scene, at, axes, person.shades, n.get("unfolded", 1.0), -0.175)
