"""Choreographies: door, belt, getting in and out."""

from __future__ import annotations

from training.synthetic.take import Take

_OPEN_DEG = 56.0
_OUTSIDE = (-0.90, -0.30, 0.26)  # where the pelvis is when the driver stands beside the open door


def _standing(t: Take) -> None:
    dx, dy = t.amount(-0.08, 0.05), t.amount(-0.12, 0.1)
    t.key("root_x", (0.0, _OUTSIDE[0] + dx))
    t.key("root_y", (0.0, _OUTSIDE[1] + dy))
    t.key("root_z", (0.0, _OUTSIDE[2]))
    t.key("stand", (0.0, 1.0))
    t.belted = False
    t.key("twist", (0.0, t.amount(50, 75)))


def opening_door_outside(t: Take) -> None:
    """The driver stands outside, takes the handle and swings the door towards the front."""
    _standing(t)
    a, b = t.amount(0.18, 0.3), t.amount(0.75, 0.9)
    t.key("door", (0.0, 0.0), (a, 0.0), (b, _OPEN_DEG))
    t.hand("r", (0.0, "stand_r"), (a, "handle_out"), (b, "door_edge"), (1.0, "door_edge"))
    t.hand("l", (0.0, "stand_l"))
    t.key("lean", (0.0, 6.0), (a, 22.0), (b, 14.0), (1.0, 10.0))
    t.key("root_y", (0.0, -0.22), (a, -0.20), (b, -0.42))
    t.look((0.0, 0, -15), (a, 10, -30), (b, 20, -20), (1.0, 25, -15))


def closing_door_outside(t: Take) -> None:
    """The driver stands outside and pushes the open door shut."""
    _standing(t)
    a, b = t.amount(0.18, 0.3), t.amount(0.7, 0.85)
    t.key("door", (0.0, _OPEN_DEG), (a, _OPEN_DEG), (b, 0.0))
    t.hand("r", (0.0, "stand_r"), (a * 0.8, "door_edge"), (b, "handle_out"), (1.0, "stand_r"))
    t.hand("l", (0.0, "stand_l"))
    t.key("lean", (0.0, 8.0), (a, 18.0), (b, 16.0), (1.0, 4.0))
    t.key("root_y", (0.0, -0.42), (a, -0.40), (b, -0.22))
    t.look((0.0, 10, -20), (a, 25, -25), (b, 5, -25), (1.0, -20, -5))


def opening_door_inside(t: Take) -> None:
    """Left hand to the handle, then the door is pushed away with the arm stretching after it."""
    a, b = t.amount(0.22, 0.34), t.amount(0.76, 0.9)
    t.key("door", (0.0, 0.0), (a + 0.04, 0.0), (b, _OPEN_DEG - 4))
    t.hand("l", (0.0, f"{t.idle}_l"), (a, "handle_in"), (1.0, "handle_in"))
    t.key("side", (0.0, 0.0), (a, -6.0), (b, -24.0), (1.0, -16.0))
    t.key("twist", (0.0, 0.0), (a, -10.0), (b, -26.0))
    t.look((0.0, 0, -5), (a, -38, -18), (b, -48, -14), (1.0, -45, -10))
    t.key("grip_l", (0.0, 0.3), (a, 0.9), (b, 0.5))


def closing_door_inside(t: Take) -> None:
    """Reach out for the open door's handle and pull it shut."""
    a, b = t.amount(0.2, 0.32), t.amount(0.62, 0.78)
    t.key("door", (0.0, _OPEN_DEG - 4), (a, _OPEN_DEG - 4), (b, 0.0))
    t.hand(
        "l",
        (0.0, "lap_l"),
        (a, "handle_in"),
        (b, "handle_in"),
        (b + 0.06, "handle_in"),
        (1.0, f"{t.idle}_l"),
    )
    t.key("side", (0.0, -3.0), (a, -25.0), (b, 4.0), (1.0, 0.0))
    t.key("twist", (0.0, -4.0), (a, -26.0), (b, 2.0), (1.0, 0.0))
    t.look((0.0, -20, -8), (a, -48, -14), (b, -25, -14), (1.0, 0, -4))
    t.key("grip_l", (0.0, 0.3), (a, 0.9), (b, 0.95), (1.0, 0.4))


def _passage(t: Take, order: tuple[float, ...]) -> None:
    """The way between outside and the seat; `order` is when each way point is passed."""
    points = (
        # root_x, root_y, root_z, stand, lean, side, twist, legs_yaw
        (-0.92, -0.26, 0.26, 1.0, 10.0, 4.0, 40.0, 0.0),
        (-0.68, -0.14, 0.16, 0.75, 34.0, 16.0, 10.0, -50.0),
        (-0.30, -0.02, 0.06, 0.25, 26.0, 14.0, -34.0, -60.0),
        (0.0, 0.0, 0.0, 0.0, 8.0, 0.0, -14.0, -22.0),
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    )
    ordered = sorted(zip(order, points, strict=True))
    for column, name in enumerate(
        ("root_x", "root_y", "root_z", "stand", "lean", "side", "twist", "legs_yaw")
    ):
        t.key(name, *((u, point[column]) for u, point in ordered))
    t.key("door", (0.0, _OPEN_DEG + t.amount(-3, 4)))
    t.belted = False


def entering_car(t: Take) -> None:
    """Duck, slide through the opening onto the seat, legs follow."""
    _passage(t, (0.06, 0.34, 0.58, 0.80, 0.98))
    t.hand(
        "r", (0.0, "stand_r"), (0.35, "wheel_l"), (0.6, "wheel_r"), (0.9, "wheel_r"), (1.0, "lap_r")
    )
    t.hand("l", (0.0, "door_edge"), (0.3, "pillar"), (0.6, "roof"), (0.85, "lap_l"))
    t.look((0.0, 40, -25), (0.4, 30, -30), (0.7, 0, -15), (1.0, 0, -3))


def exiting_car(t: Take) -> None:
    """Turn to the door, legs out, rise and slide away through the opening."""
    _passage(t, (0.96, 0.74, 0.50, 0.24, 0.02))
    t.hand("r", (0.0, "wheel_r"), (0.3, "wheel_l"), (0.6, "roof"), (0.9, "stand_r"))
    t.hand("l", (0.0, "lap_l"), (0.2, "handle_in"), (0.5, "pillar"), (0.9, "door_edge"))
    t.look((0.0, -15, -8), (0.2, -60, -20), (0.6, -40, -25), (1.0, -20, -5))


def fastening_seat_belt(t: Take) -> None:
    """Reach over the left shoulder, pull the tongue across the body, push it into the buckle."""
    a, b, c = t.amount(0.2, 0.3), t.amount(0.6, 0.7), t.amount(0.76, 0.86)
    first = "l" if t.chance(0.6) else "r"
    pulled = ("belly", (-0.06, 0.10, 0.06))
    if first == "l":
        t.hand(
            "l",
            (0.0, f"{t.idle}_l"),
            (a, "stow", (0.03, 0.02, 0.0)),
            (a + 0.06, "stow", (0.03, 0.02, 0.0)),
            (b - 0.08, *pulled),
            (b, "buckle", (-0.02, 0.02, 0.05)),
            (c, "buckle", (-0.02, 0.02, 0.05)),
            (1.0, "lap_l"),
        )
        t.hand(
            "r",
            (0.0, f"{t.idle}_r"),
            (b - 0.1, "lap_r"),
            (b + 0.02, "buckle", (0.03, 0.03, 0.03)),
            (c, "buckle", (0.03, 0.03, 0.03)),
            (1.0, "lap_r"),
        )
        hand = "hand_l"
    else:
        t.hand(
            "r",
            (0.0, f"{t.idle}_r"),
            (a, "stow", (0.03, 0.04, 0.0)),
            (a + 0.06, "stow", (0.03, 0.04, 0.0)),
            (b - 0.08, *pulled),
            (b, "buckle", (-0.01, 0.02, 0.05)),
            (c, "buckle", (-0.01, 0.02, 0.05)),
            (1.0, f"{t.idle}_r"),
        )
        hand = "hand_r"
    t.hand(
        "tongue",
        (0.0, "stow"),
        (a + 0.02, "stow"),
        (a + 0.06, hand),
        (b, hand),
        (c, "buckle"),
        sigma=0.004,
    )
    t.key("twist", (0.0, 0.0), (a, -24.0), (b, 8.0), (1.0, 0.0))
    t.key("side", (0.0, 0.0), (a, -5.0), (b, 5.0), (1.0, 0.0))
    t.look((0.0, 0, -5), (a, -55, -16), (b, 22, -42), (c, 24, -44), (1.0, 0, -8))
    t.key("grip_" + hand[-1], (0.0, 0.3), (a, 0.9), (c, 0.9), (1.0, 0.4))


def unfastening_seat_belt(t: Take) -> None:
    """Press the buckle, and the belt runs back over the body to the pillar, led by a hand."""
    a, b, c = t.amount(0.2, 0.3), t.amount(0.36, 0.44), t.amount(0.72, 0.85)
    led = t.chance(0.7)
    t.hand(
        "r",
        (0.0, f"{t.idle}_r"),
        (a, "buckle", (0.02, 0.03, 0.04)),
        (b, "buckle", (0.02, 0.03, 0.04)),
        (b + 0.25, f"{t.idle}_r"),
    )
    t.wobble("r", (0.004, 0.004, 0.01), 2.5, a, b)
    if led:
        t.hand(
            "l",
            (0.0, f"{t.idle}_l"),
            (a, "buckle", (-0.05, 0.04, 0.06)),
            (b, "buckle", (-0.05, 0.04, 0.06)),
            (c - 0.14, "shoulder_l", (-0.05, 0.06, -0.22)),
            (c, "stow", (0.05, 0.03, 0.0)),
            (1.0, f"{t.idle}_l"),
        )
        t.hand(
            "tongue",
            (0.0, "buckle"),
            (b, "buckle"),
            (b + 0.05, "hand_l"),
            (c, "hand_l"),
            (c + 0.05, "stow"),
            sigma=0.004,
        )
    else:
        t.hand("tongue", (0.0, "buckle"), (b, "buckle"), (c - 0.1, "stow"), sigma=0.004)
    t.key("twist", (0.0, 0.0), (a, 6.0), (b, 4.0), (c, -14.0 if led else 0.0), (1.0, 0.0))
    t.look((0.0, 0, -5), (a, 22, -42), (b, 22, -42), (c, -40 if led else -10, -18), (1.0, 0, -4))


ACTIVITIES = {
    "opening_door_outside": opening_door_outside,
    "closing_door_outside": closing_door_outside,
    "opening_door_inside": opening_door_inside,
    "closing_door_inside": closing_door_inside,
    "entering_car": entering_car,
    "exiting_car": exiting_car,
    "fastening_seat_belt": fastening_seat_belt,
    "unfastening_seat_belt": unfastening_seat_belt,
}
