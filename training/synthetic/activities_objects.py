"""Choreographies: reaching for things, looking around, sitting still."""

from __future__ import annotations

from training.synthetic.take import Take

# Where things are kept: anchor, reaching hand, lean, side lean, twist, head yaw, head pitch.
_PLACES = (
    ("passenger", "r", 6.0, 20.0, 22.0, 42.0, -30.0),
    ("rear", "r", -2.0, 16.0, 52.0, 55.0, -12.0),
    ("footwell", "r", 26.0, 20.0, 18.0, 32.0, -38.0),
    ("dash", "r", 18.0, 2.0, 4.0, 8.0, -18.0),
    ("door_pocket", "l", 16.0, -14.0, -14.0, -34.0, -42.0),
)
_THINGS = ("bottle", "phone", "box", "bundle", "backpack", "food", "laptop", "shades")


def placing_an_object(t: Take) -> None:
    """A thing is carried from the lap to its place, and the hand comes back empty."""
    place, a, lean, side, twist, yaw, pitch = _PLACES[
        int(t.rng.choice(5, p=(0.4, 0.22, 0.14, 0.1, 0.14)))
    ]
    sign = 1.0 if a == "r" else -1.0
    big = place in ("passenger", "rear")
    thing = t.pick(*_THINGS) if big else t.pick("bottle", "phone", "food", "shades", "box")
    home = ("lap", (sign * 0.05, -0.05, 0.12))
    rest = (f"{t.idle}_{a}", (0.0, 0.0, 0.0))
    u = t.amount(0.42, 0.54)
    gone = u + 0.10
    far = (place, (0.0, 0.0, 0.06))
    hang = (0.0, 0.0, -0.16) if thing in ("backpack", "bundle") else (0.0, 0.0, -0.03)
    t.hand(a, (0.0, *home), (0.08, *home), (u, *far), (gone, *far), (0.94, *rest))
    t.prop(
        thing,
        (0.0, f"hand_{a}", hang),
        shown=(0.0, gone - 0.03),
        left=((0.0, 1.0),),
        cap=((0.0, 1.0),),
    )
    t.look((0.0, 2, -28), (u * 0.7, yaw, pitch), (gone, yaw, pitch), (0.96, 0, -5))
    body = ((0.05, 0.0), (u, 1.0), (gone, 1.0), (0.94, 0.0))
    for name, value in (("lean", lean), ("side", side), ("twist", twist)):
        t.key(name, *((q, value * w) for q, w in body))
    t.key(f"grip_{a}", (0.0, 0.85), (gone, 0.35))


def fetching_an_object(t: Take) -> None:
    """An empty hand reaches out and comes back with something."""
    placing_an_object(t)
    t.backwards = True


def looking_around(t: Take) -> None:
    """Head and torso turn from side to side and lean, hands idle or groping; no object."""
    turns = max(3, round(t.span_s / 1.1))
    side = 1.0 if t.chance(0.5) else -1.0
    yaws, pitches, twists, leans, sides = [], [], [], [], []
    for n in range(turns + 1):
        u = n / turns
        yaw = side * t.amount(32, 68)
        yaws.append((u, yaw))
        pitches.append((u, t.amount(-32, 12)))
        twists.append((u, yaw * t.amount(0.2, 0.55)))
        leans.append((u, t.amount(-2, 16)))
        sides.append((u, side * t.amount(0, 12)))
        side = -side if t.chance(0.85) else side
    t.key("head_yaw", *yaws)
    t.key("head_pitch", *pitches)
    t.key("twist", *twists)
    t.key("lean", *leans)
    t.key("side", *sides)
    if t.chance(0.4):
        a = t.side
        t.hand(
            a,
            (0.0, f"lap_{a}"),
            (0.4, f"side_{a}", (0.0, 0.1, -0.08)),
            (0.7, f"lap_{a}", (0.0, 0.08, 0.06)),
            (1.0, f"lap_{a}"),
        )


def sitting_still(t: Take) -> None:
    """Hands on the lap or the wheel, eyes ahead or resting a while to a side."""
    t.idle = "wheel" if t.chance(0.35) else "lap"
    if t.idle == "lap" and t.chance(0.4):
        t.hand("l", (0.0, "lap", (-0.03, -0.10, 0.05)))
        t.hand("r", (0.0, "lap", (0.03, -0.10, 0.065)))
    glance = t.amount(-16, 16)
    t.look((0.0, 0, -2), (0.4, 0, -2), (0.55, glance, -3), (0.85, glance, -3), (1.0, 0, -2))


ACTIVITIES = {
    "fetching_an_object": fetching_an_object,
    "placing_an_object": placing_an_object,
    "looking_or_moving_around (e.g. searching)": looking_around,
    "sitting_still": sitting_still,
}
