"""Choreographies: laptop and backpack."""

from __future__ import annotations

from training.synthetic.take import Take, other

_LAP = ("lap", (0.0, -0.02, 0.03))
_BAG = ("lap", (0.0, 0.0, 0.0))


def _typing(t: Take, start: float, end: float) -> None:
    for side in ("l", "r"):
        t.wobble(side, (0.012, 0.006, 0.010), 2.8, start, end)
        t.wobble(f"grip_{side}", 0.18, 3.1, start, end)
        t.key(f"grip_{side}", (0.0, 0.45))


def working_on_laptop(t: Take) -> None:
    """Open laptop on the lap, both hands typing, sometimes the pad."""
    for side, sign in (("l", -1.0), ("r", 1.0)):
        home = ("lap", (sign * 0.075, -0.05, 0.075))
        pad = ("lap", (sign * 0.02, -0.12, 0.06))
        if side == t.side and t.chance(0.5):
            u = t.amount(0.25, 0.6)
            t.hand(
                side,
                (0.0, *home),
                (u, *home),
                (u + 0.08, *pad),
                (u + 0.26, *pad),
                (u + 0.34, *home),
            )
        else:
            t.hand(side, (0.0, *home))
    _typing(t, 0.0, 1.0)
    t.look((0.0, 0, -24), (0.4, 3, -27), (0.7, -3, -22), (1.0, 0, -25))
    t.prop("laptop", (0.0, *_LAP), lid=((0.0, t.amount(0.92, 1.05)),))


def opening_laptop(t: Take) -> None:
    """The lid is lifted from the near edge by one hand or both and tipped away."""
    a, b = t.side, other(t.side)
    start, end = t.amount(0.18, 0.30), t.amount(0.68, 0.80)
    half = (start + end) / 2
    both = t.chance(0.35)
    for side in (a, b) if both else (a,):
        sign = 1.0 if side == "r" else -1.0
        closed = ("lap", (sign * 0.07, -0.15, 0.055))
        middle = ("lap", (sign * 0.08, 0.04, 0.27))
        opened = ("lap", (sign * 0.08, 0.16, 0.255))
        home = ("lap", (sign * 0.08, -0.05, 0.08))
        aside = (f"lap_{side}", (sign * 0.04, -0.02, 0.0))
        t.hand(
            side,
            (0.0, *(aside if t.chance(0.5) else closed)),
            (start, *closed),
            (half, *middle),
            (end, *opened),
            (1.0, *(home if t.chance(0.6) else aside)),
        )
        t.key(f"grip_{side}", (0.0, 0.4), (start, 0.6))
    if not both:
        t.hand(b, (0.0, "lap", ((0.15 if b == "r" else -0.15), -0.08, 0.05)))
    t.key("lean", (0.0, 3.0), (half, 9.0), (1.0, 3.0))
    t.look((0.0, 0, -31), (half, 0, -26), (1.0, 0, -30))
    t.prop("laptop", (0.0, *_LAP), lid=((start, 0.0), (half, 0.55), (end, 1.0)))


def closing_laptop(t: Take) -> None:
    """The lid is taken at its top and folded down: opening it backwards."""
    opening_laptop(t)
    t.backwards = True


def opening_backpack(t: Take) -> None:
    """One hand steadies the bag, the other runs the zip round and spreads the mouth."""
    a, b = t.side, other(t.side)
    sign = 1.0 if a == "r" else -1.0
    u, v = t.amount(0.14, 0.24), t.amount(0.58, 0.7)

    def top(x: float, y: float, z: float) -> tuple[str, tuple[float, float, float]]:
        return ("lap", (x, y, z))

    t.hand(
        b,
        (0.0, *top(-sign * 0.15, 0.02, 0.26)),
        (v, *top(-sign * 0.15, 0.02, 0.28)),
        (v + 0.16, *top(-sign * 0.09, -0.02, 0.36)),
    )
    t.hand(
        a,
        (0.0, *top(-sign * 0.11, 0.08, 0.25)),
        (u, *top(-sign * 0.11, 0.08, 0.25)),
        ((u + v) / 2, *top(0.0, 0.09, 0.37)),
        (v, *top(sign * 0.15, 0.08, 0.25)),
        (v + 0.16, *top(sign * 0.07, 0.03, 0.36)),
        (1.0, *top(sign * 0.10, 0.08, 0.34)),
    )
    t.wobble(a, (0.006, 0.004, 0.006), 3.0, u, v)
    t.key(f"grip_{a}", (0.0, 0.9), (v, 0.8), (1.0, 0.5))
    t.look((0.0, 0, -34), (0.5, sign * 4, -36), (1.0, 0, -40))
    t.key("lean", (0.0, 1.0), (v, 4.0), (1.0, 9.0))
    t.prop(
        "backpack",
        (0.0, *_BAG),
        open=((0.0, 0.0), (v - 0.1, 0.15), (v + 0.2, 1.0)),
    )


def putting_laptop_into_backpack(t: Take) -> None:
    """The closed laptop is raised from the lap on edge and slid down into the open bag."""
    bag_x = t.amount(-0.24, -0.17)
    bag = ("lap", (bag_x, 0.04, -0.03))
    held = ("lap", (t.amount(0.06, 0.12), -0.06, t.amount(0.04, 0.09)))
    above = ("lap", (bag_x + 0.03, 0.02, 0.44))
    inside = ("lap", (bag_x, 0.04, 0.14))
    u, v, w = t.amount(0.14, 0.26), t.amount(0.46, 0.56), t.amount(0.76, 0.86)
    path = ((0.0, held), (u, held), (v, above), (w, inside))
    both = t.chance(0.45)

    def grip(
        spot: tuple[str, tuple[float, float, float]], dx: float, dz: float
    ) -> tuple[str, tuple[float, float, float]]:
        x, y, z = spot[1]
        return (spot[0], (x + dx, y - 0.02, z + dz))

    for side, sign in (("l", -1.0), ("r", 1.0)):
        if side == "l" and not both:
            t.hand(side, (0.0, "lap", (bag_x - 0.14, 0.02, 0.24)))
            continue
        t.hand(
            side,
            *(
                (q, *grip(s, sign * (0.12 if s is held else 0.07), 0.03 if s is held else 0.13))
                for q, s in path
            ),
        )
        t.wobble(side, (0.006, 0.004, 0.02), 2.2, w - 0.08, min(1.0, w + 0.15))
        t.key(f"grip_{side}", (0.0, 0.8))
    t.look((0.0, 6, -34), (v, -6, -26), (w, -14, -36), (1.0, -12, -34))
    t.key("lean", (0.0, 4.0), (v, -1.0), (w, 6.0))
    t.key("side", (0.0, 0.0), (v, -3.0), (1.0, -4.0))
    t.prop("backpack", (0.0, *bag), open=((0.0, t.amount(0.75, 1.0)),))
    t.prop(
        "laptop",
        *((q, *s) for q, s in path),
        shown=(0.0, w + 0.02),
        lid=((0.0, 0.0),),
        upright=((u, 0.0), (v, 1.0)),
        behind=((v, 0.0), (v + 0.02, 0.14)),
    )


def taking_laptop_from_backpack(t: Take) -> None:
    """A hand dives into the bag, draws the laptop up and lays it on the lap."""
    putting_laptop_into_backpack(t)
    t.backwards = True


ACTIVITIES = {
    "working_on_laptop": working_on_laptop,
    "opening_laptop": opening_laptop,
    "closing_laptop": closing_laptop,
    "opening_backpack": opening_backpack,
    "putting_laptop_into_backpack": putting_laptop_into_backpack,
    "taking_laptop_from_backpack": taking_laptop_from_backpack,
}
