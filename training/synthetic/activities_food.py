"""Choreographies: bottle and food."""

from __future__ import annotations

from training.synthetic.take import Take, other


def opening_bottle(t: Take) -> None:
    """Held before the belly: the cap is turned grip by grip, pulled off, and goes aside."""
    a, b = t.side, other(t.side)
    sign = 1.0 if a == "r" else -1.0
    low = t.amount(-0.02, 0.10)
    off = t.amount(0.52, 0.70)
    top = (0.0, -0.062, 0.142)
    away = (sign * t.amount(0.12, 0.2), t.amount(-0.03, 0.06), t.amount(-0.03, 0.07))
    t.hand(b, (0.0, "belly", (0.02, 0.17, low)))
    start = away if t.chance(0.5) else top
    t.hand(
        a,
        (0.0, f"hand_{b}_base", start),
        (0.18, f"hand_{b}_base", top),
        (off, f"hand_{b}_base", top),
        (off + 0.08, f"hand_{b}_base", (sign * 0.05, -0.07, 0.21)),
        (off + 0.24, f"hand_{b}_base", away),
    )
    # Turned slowly with a tight grip, and quickly back for the next.
    t.wobble(a, (0.026, 0.016, 0.006), 1.9, 0.16, off - 0.02, skew=-0.8)
    t.wobble(b, (0.010, 0.007, 0.004), 1.9, 0.16, off - 0.02, skew=-0.8)
    t.look((0.0, 3, -22), (0.2, 2, -32), (0.8, 2, -32), (1.0, 0, -20))
    t.key(f"grip_{a}", (0.0, 0.9))
    t.key(f"grip_{b}", (0.0, 0.95))
    t.key("lean", (0.0, 2.0), (0.3, 5.0), (0.8, 5.0), (1.0, 2.0))
    t.prop("bottle", (0.0, f"hand_{b}"), cap=((0.0, 1.0), (off, 1.0), (off + 0.001, 0.0)))
    t.prop("cap", (0.0, f"hand_{a}"), shown=(off, 1.0))


def closing_bottle(t: Take) -> None:
    """The cap comes back, is set on, and is turned tight: opening it backwards."""
    opening_bottle(t)
    t.backwards = True


def drinking(t: Take) -> None:
    """Bottle to the mouth, head tilts back, one or two gulps."""
    a = t.side
    up, down = t.amount(0.22, 0.34), t.amount(0.72, 0.84)
    sign = 1.0 if a == "r" else -1.0
    at_mouth = (sign * 0.075, 0.115, 0.03)
    start = ("belly", (sign * 0.08, 0.12, 0.06))
    tilt = t.amount(14, 24)
    t.hand(
        a,
        (0.0, *start),
        (0.04, *start),
        (up, "mouth", at_mouth),
        (down, "mouth", at_mouth),
        (1.0, *start),
    )
    t.key(f"flare_{a}", (0.0, 0.0), (up, t.amount(0.1, 0.4)), (down, 0.3), (1.0, 0.0))
    t.look((0.0, 0, -14), (up, 0, 4), (up + 0.12, 0, tilt), (down - 0.06, 0, tilt), (1.0, 0, -8))
    t.key(f"grip_{a}", (0.0, 0.95))
    t.wobble("head_pitch", 2.0, 1.2, up + 0.1, down)
    t.prop(
        "bottle",
        (0.0, f"hand_{a}"),
        cap=((0.0, 0.0),),
        aim=((0.0, 0.0), (up - 0.1, 0.15), (up, 0.92), (down, 0.95), (down + 0.12, 0.0)),
    )
    t.key("jaw", (up - 0.05, 0.0), (up, 0.3), (down, 0.3), (down + 0.05, 0.0))


def eating(t: Take) -> None:
    """Bites: food to the mouth and back down again, chewing in between."""
    a, b = t.side, other(t.side)
    sign = 1.0 if a == "r" else -1.0
    bites = max(1, min(3, round(t.span_s / 2.1)))
    low = ("chest", (sign * 0.06, 0.14, -0.06))
    up = ("mouth", (sign * 0.015, 0.045, -0.045))
    keys, looks, jaw, left = [(0.0, *low)], [(0.0, 0, -14)], [(0.0, 0.0)], [(0.0, 1.0)]
    for n in range(bites):
        u0, w = n / bites, 1 / bites
        keys += [
            (u0 + 0.08 * w, *low),
            (u0 + 0.36 * w, *up),
            (u0 + 0.52 * w, *up),
            (u0 + 0.80 * w, *low),
        ]
        looks += [(u0 + 0.36 * w, 0, -8), (u0 + 0.52 * w, 0, -6), (u0 + 0.8 * w, 2, -14)]
        jaw += [(u0 + 0.26 * w, 0.0), (u0 + 0.36 * w, 0.9), (u0 + 0.5 * w, 0.1)]
        left += [(u0 + 0.45 * w, 1 - n / bites), (u0 + 0.5 * w, 1 - (n + 1) / bites)]
        t.wobble("jaw", 0.35, 1.7, u0 + 0.52 * w, min(1.0, u0 + 1.0 * w))
    t.hand(a, *keys)
    if t.chance(0.4):
        t.hand(b, (0.0, "belly", (-sign * 0.06, 0.13, 0.03)))
    t.look(*looks)
    t.key("jaw", *jaw)
    t.key(f"grip_{a}", (0.0, 0.85))
    t.prop("food", (0.0, f"hand_{a}"), left=tuple(left))


def preparing_food(t: Take) -> None:
    """Both hands work over the open lunch box on the lap: unwrapping, cutting, folding."""
    a, b = t.side, other(t.side)
    sign = 1.0 if a == "r" else -1.0
    box = ("lap", (0.0, -0.02, 0.055))
    in_box = ("lap", (sign * 0.045, -0.03, 0.12))
    above = ("lap", (sign * 0.07, -0.06, 0.20))
    t.hand(a, (0.0, *in_box), (0.2, *above), (0.4, *in_box), (0.62, *above), (0.8, *in_box))
    t.hand(
        b,
        (0.0, "lap", (-sign * 0.085, -0.04, 0.12)),
        (0.5, "lap", (-sign * 0.05, -0.06, 0.15)),
        (0.8, "lap", (-sign * 0.085, -0.04, 0.12)),
    )
    t.wobble(a, (0.028, 0.02, 0.018), 1.6)
    t.wobble(b, (0.018, 0.016, 0.014), 1.4)
    t.look((0.0, 3, -36), (0.5, -2, -40), (1.0, 3, -34))
    t.key("lean", (0.0, 5.0), (0.5, 9.0))
    for side in (a, b):
        t.key(f"grip_{side}", (0.0, 0.6))
        t.wobble(f"grip_{side}", 0.3, 1.3)
    t.prop("box", (0.0, *box), open=((0.0, t.amount(0.75, 1.0)),))
    t.prop("food", (0.0, f"hand_{a}"), left=((0.0, 1.0),), shown=(0.12, 0.86))


ACTIVITIES = {
    "opening_bottle": opening_bottle,
    "closing_bottle": closing_bottle,
    "drinking": drinking,
    "eating": eating,
    "preparing_food": preparing_food,
}
