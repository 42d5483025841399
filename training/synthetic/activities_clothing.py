"""Choreographies: jacket and sunglasses."""

from __future__ import annotations

from training.synthetic.take import Take, other


def putting_on_jacket(t: Take) -> None:
    """From a bundle in front into one sleeve, round the back, into the other, and pulled close."""
    a = t.side
    b = other(a)
    sign = 1.0 if a == "r" else -1.0
    t.hand(
        a,
        (0.0, "front", (sign * 0.13, 0.0, -0.04)),
        (0.10, "front", (sign * 0.13, 0.0, -0.02)),
        (0.24, f"side_{a}", (sign * 0.10, 0.24, 0.18)),
        (0.36, f"shoulder_{a}", (sign * 0.22, 0.22, 0.02)),
        (0.52, f"side_{a}", (0.0, 0.12, 0.0)),
        (0.70, f"lap_{a}"),
        (0.82, "chest", (sign * 0.10, 0.06, 0.02)),
        (0.92, "chest", (sign * 0.05, 0.10, -0.10)),
        (1.0, "chest", (sign * 0.05, 0.10, -0.12)),
    )
    t.hand(
        b,
        (0.0, "front", (-sign * 0.13, 0.0, -0.04)),
        (0.12, "front", (-sign * 0.13, 0.0, 0.0)),
        (0.26, f"shoulder_{a}", (0.0, 0.06, -0.06)),
        (0.38, f"shoulder_{a}", (-sign * 0.02, 0.04, 0.03)),
        (0.52, f"back_{b}"),
        (0.62, f"back_{b}", (-sign * 0.10, -0.02, -0.06)),
        (0.72, f"side_{b}", (-sign * 0.10, 0.20, 0.20)),
        (0.84, "chest", (-sign * 0.10, 0.06, 0.02)),
        (0.94, "chest", (-sign * 0.05, 0.10, -0.10)),
        (1.0, "chest", (-sign * 0.05, 0.10, -0.12)),
    )
    t.key(f"jacket_{a}", (0.12, 0.0), (0.36, 0.9), (0.44, 1.0))
    t.key(f"jacket_{b}", (0.56, 0.0), (0.76, 0.9), (0.82, 1.0))
    t.key("lean", (0.0, 2.0), (0.3, 12.0), (0.55, 20.0), (0.75, 14.0), (1.0, 0.0))
    t.key("twist", (0.0, 0.0), (0.28, sign * 16.0), (0.56, -sign * 20.0), (0.8, 0.0))
    t.key("side", (0.0, 0.0), (0.3, -sign * 6.0), (0.56, sign * 10.0), (0.8, 0.0))
    t.look(
        (0.0, 0, -22),
        (0.28, sign * 32, -22),
        (0.56, -sign * 40, -18),
        (0.84, 0, -32),
        (1.0, 0, -16),
    )
    t.prop(
        "bundle",
        (0.0, "hands", (0.0, 0.02, -0.04)),
        (0.15, "hands", (0.0, 0.02, -0.04)),
        (0.26, f"hand_{b}"),
        shown=(0.0, 0.30),
        spread=((0.0, 0.5), (0.12, 1.0)),
    )
    t.prop(
        "cloth",
        (0.28, f"hand_{b}", (0.0, -0.05, -0.03)),
        (0.45, f"back_{b}", (0.0, -0.06, 0.0)),
        (0.74, f"hand_{b}", (0.0, -0.03, 0.0)),
        shown=(0.28, 0.78),
    )


def taking_off_jacket(t: Take) -> None:
    """One arm drawn out behind the back, then the other, and the bundle brought to the front."""
    putting_on_jacket(t)
    t.backwards = True


def putting_on_sunglasses(t: Take) -> None:
    """Unfold in front of the chest, bring up with both hands or one, push home."""
    a, b = t.side, other(t.side)
    sign = 1.0 if a == "r" else -1.0
    both = t.chance(0.6)
    u, v = t.amount(0.2, 0.3), t.amount(0.6, 0.72)
    low = ("front", (sign * 0.05, -0.04, 0.05))
    at_face = ("eyes", (sign * 0.075, 0.03, -0.015))
    t.hand(a, (0.0, *low), (u, *low), (v, *at_face), (v + 0.08, *at_face), (1.0, f"lap_{a}"))
    if both:
        t.hand(
            b,
            (0.0, "front", (-sign * 0.05, -0.04, 0.05)),
            (u, "front", (-sign * 0.05, -0.04, 0.05)),
            (v, "eyes", (-sign * 0.075, 0.03, -0.015)),
            (v + 0.08, "eyes", (-sign * 0.075, 0.03, -0.015)),
            (1.0, f"lap_{b}"),
        )
    carried = "hands" if both else f"hand_{a}"
    t.prop(
        "shades",
        (0.0, carried),
        (v - 0.08, carried),
        (v, "eyes"),
        shown=(0.0, v),
        unfolded=((0.0, 0.0), (u + 0.05, 1.0)),
    )
    t.key("shades", (0.0, 0.0), (v - 0.001, 0.0), (v, 1.0))
    t.look((0.0, 0, -30), (u, 0, -30), (v, 0, -14), (1.0, 0, -2))
    t.key(f"grip_{a}", (0.0, 0.75), (v + 0.08, 0.6))
    t.key(f"flare_{a}", (0.0, 0.0), (v, 0.45), (1.0, 0.0))


def taking_off_sunglasses(t: Take) -> None:
    """Hand to the temple, the glasses drawn forward and down, and folded."""
    putting_on_sunglasses(t)
    t.backwards = True


ACTIVITIES = {
    "putting_on_jacket": putting_on_jacket,
    "taking_off_jacket": taking_off_jacket,
    "putting_on_sunglasses": putting_on_sunglasses,
    "taking_off_sunglasses": taking_off_sunglasses,
}
