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


def _lid(t: Take, start: float, end: float, opening: bool) -> None:
    """One hand (or both) at the far edge of the lid while it turns."""
    a, b = t.side, other(t.side)
    sign = 1.0 if a == "r" else -1.0
    closed = ("lap", (sign * 0.07, -0.15, 0.055))
    middle = ("lap", (sign * 0.08, 0.04, 0.27))
    opened = ("lap", (sign * 0.08, 0.16, 0.255))
    home = ("lap", (sign * 0.08, -0.05, 0.08))
    half = (start + end) / 2
    if opening:
        t.hand(
            a,
            (0.0, *home) if t.chance(0.3) else (0.0, *closed),
            (start, *closed),
            (half, *middle),
            (end, *opened),
            (end + 0.18, *home),
        )
        lid = ((start, 0.0), (half, 0.55), (end, 1.0))
    else:
        t.hand(a, (0.0, *home), (start, *opened), (half, *middle), (end, *closed), (1.0, *closed))
        lid = ((start, 1.0), (half, 0.55), (end, 0.0))
    t.hand(b, (0.0, "lap", (-sign * 0.15, -0.08, 0.05)))
    t.key(f"grip_{a}", (0.0, 0.4), (start, 0.6))
    t.key("lean", (0.0, 3.0), (half, 9.0), (1.0, 2.0))
    t.look((0.0, 0, -32), (half, 0, -26), (1.0, 0, -28 if opening else -34))
    t.prop("laptop", (0.0, *_LAP), lid=lid)


def opening_laptop(t: Take) -> None:
    """The lid is lifted from the near edge and tipped away."""
    _lid(t, t.amount(0.15, 0.28), t.amount(0.66, 0.8), True)


def closing_laptop(t: Take) -> None:
    """The lid is taken at its top and folded down."""
    _lid(t, t.amount(0.2, 0.32), t.amount(0.7, 0.82), False)


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
        zip=((u, 0.0), (v, 1.0)),
    )


def _bag_and_laptop(t: Take, into: bool) -> None:
    """The laptop travels between the lap side and the open bag standing on the lap."""
    bag_x = t.amount(0.09, 0.15)
    bag = ("lap", (bag_x, 0.06, 0.0))
    inside = ("lap", (bag_x, 0.05, 0.17))
    above = ("lap", (bag_x - 0.03, 0.02, 0.47))
    held = ("lap", (-0.10, -0.12, 0.14)) if into else ("lap", (-0.07, -0.08, 0.06))
    if into:
        u, v, w = t.amount(0.12, 0.2), t.amount(0.42, 0.52), t.amount(0.72, 0.84)
        place = ((0.0, *held), (u, *held), (v, *above), (w, *inside))
        upright = ((u, 0.0), (v, 1.0))
        behind = ((v, 0.0), (v + 0.02, 0.14))
        shown = (0.0, w + 0.02)
    else:
        u, v, w = t.amount(0.16, 0.28), t.amount(0.5, 0.58), t.amount(0.8, 0.9)
        place = ((0.0, *inside), (u, *inside), (v, *above), (w, *held))
        upright = ((v, 1.0), (w, 0.0))
        behind = ((v - 0.02, 0.14), (v, 0.0))
        shown = (u - 0.02, 1.0)

    def grip(
        spot: tuple[str, tuple[float, float, float]], dx: float, dz: float
    ) -> tuple[str, tuple[float, float, float]]:
        x, y, z = spot[1]
        return (spot[0], (x + dx, y - 0.02, z + dz))

    path = {
        "into": ((0.0, held), (u, held), (v, above), (w, inside)),
        "out": ((0.0, inside), (u, inside), (v, above), (w, held)),
    }
    keys = path["into" if into else "out"]
    rise = 0.13
    steady = ("lap", (bag_x + 0.14, 0.04, 0.30))
    both = t.chance(0.45)
    t.hand(
        "l",
        *(
            (q, *grip(s, -0.12 if s is held else -0.06, 0.03 if s is held else rise))
            for q, s in keys
        ),
    )
    if both:
        t.hand(
            "r",
            *(
                (q, *grip(s, 0.12 if s is held else 0.07, 0.03 if s is held else rise))
                for q, s in keys
            ),
        )
    else:
        t.hand("r", (0.0, *steady))
    if into:
        t.wobble("l", (0.006, 0.004, 0.02), 2.2, w - 0.08, min(1.0, w + 0.15))
    t.look((0.0, -4 if into else 10, -34), (v, 8, -26), (w, 10 if into else -6, -36))
    t.key("lean", (0.0, 3.0), (v, -1.0), (w, 6.0))
    t.key("grip_l", (0.0, 0.8))
    t.prop("backpack", (0.0, *bag), open=((0.0, t.amount(0.75, 1.0)),))
    t.prop("laptop", *place, shown=shown, lid=((0.0, 0.0),), upright=upright, behind=behind)


def putting_laptop_into_backpack(t: Take) -> None:
    """The closed laptop is raised on edge and slid down into the bag."""
    _bag_and_laptop(t, True)


def taking_laptop_from_backpack(t: Take) -> None:
    """A hand dives into the bag, draws the laptop up and lays it on the lap."""
    _bag_and_laptop(t, False)


ACTIVITIES = {
    "working_on_laptop": working_on_laptop,
    "opening_laptop": opening_laptop,
    "closing_laptop": closing_laptop,
    "opening_backpack": opening_backpack,
    "putting_laptop_into_backpack": putting_laptop_into_backpack,
    "taking_laptop_from_backpack": taking_laptop_from_backpack,
}
