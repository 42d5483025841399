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
    a, b = t.amount(0.18, 0.3), t.amount(0.72, 0.88)
    t.key("door", (0.0, 0.0), (a, 0.0), (b, _OPEN_DEG))
    t.hand(
        "r",
        (0.0, "stand_r"),
        (a, "handle_out"),
        (b, "door_edge"),
        (1.0, "stand_r" if t.chance(0.3) else "door_edge"),
    )
    t.hand("l", (0.0, "stand_l"))
    t.key("lean", (0.0, 6.0), (a, 22.0), (b, 20.0), (1.0, 12.0))
    t.key("root_y", (0.0, -0.28), (a, -0.24), (b, -0.20))
    t.look((0.0, -4, -12), (a, 10, -28), (b, 22, -23), (1.0, 18, -16))


def closing_door_outside(t: Take) -> None:
    """The driver stands outside and pushes the open door shut."""
    opening_door_outside(t)
    t.backwards = True


def opening_door_inside(t: Take) -> None:
    """Left hand to the handle, then the door is pushed away with the arm stretching after it."""
    a, b = t.amount(0.2, 0.34), t.amount(0.68, 0.84)
    t.key("door", (0.0, 0.0), (a + 0.04, 0.0), (b, _OPEN_DEG - 4))
    t.hand(
        "l",
        (0.0, f"{t.idle}_l"),
        (a, "handle_in"),
        (b, "handle_in"),
        (1.0, "lap_l" if t.chance(0.5) else "handle_in"),
    )
    t.key("side", (0.0, 0.0), (a, -6.0), (b, -24.0), (1.0, -8.0))
    t.key("twist", (0.0, 0.0), (a, -10.0), (b, -26.0), (1.0, -10.0))
    t.look((0.0, 0, -5), (a, -38, -18), (b, -48, -14), (1.0, -35, -9))
    t.key("grip_l", (0.0, 0.3), (a, 0.9), (b, 0.6), (1.0, 0.4))


def closing_door_inside(t: Take) -> None:
    """Reach out for the open door's handle and pull it shut."""
    opening_door_inside(t)
    t.backwards = True


# The way between outside and the seat, as the driver gets in.
_PASSAGE = (
    # root_x, root_y, root_z, stand, lean, side, twist, legs_yaw
    (-0.92, -0.26, 0.26, 1.0, 10.0, 4.0, 40.0, 0.0),
    (-0.68, -0.14, 0.16, 0.75, 34.0, 16.0, 10.0, -50.0),
    (-0.30, -0.02, 0.06, 0.25, 26.0, 14.0, -34.0, -60.0),
    (0.0, 0.0, 0.0, 0.0, 8.0, 0.0, -14.0, -22.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)
_PASSAGE_CHANNELS = ("root_x", "root_y", "root_z", "stand", "lean", "side", "twist", "legs_yaw")


def entering_car(t: Take) -> None:
    """Duck, slide through the opening onto the seat, legs follow."""
    times = (0.05, t.amount(0.26, 0.34), t.amount(0.5, 0.58), t.amount(0.76, 0.82), 0.97)
    for column, name in enumerate(_PASSAGE_CHANNELS):
        t.key(name, *((u, point[column]) for u, point in zip(times, _PASSAGE, strict=True)))
    t.key("door", (0.0, _OPEN_DEG + t.amount(-3, 4)))
    t.belted = False
    if t.chance(0.5):
        t.hand("r", (0.0, "stand_r"), (0.35, "wheel_l"), (0.6, "wheel_r"), (1.0, "lap_r"))
        t.hand("l", (0.0, "door_edge"), (0.3, "pillar"), (0.6, "roof"), (0.85, "lap_l"))
    else:
        t.hand("r", (0.1, "stand_r"), (0.4, "roof"), (0.7, "wheel_l"), (1.0, "wheel_r"))
        t.hand("l", (0.1, "door_edge"), (0.5, "pillar"), (0.8, "handle_in"), (1.0, "lap_l"))
    gaze = -45.0 if t.chance(0.5) else 30.0
    t.look((0.0, 10, -15), (0.4, gaze, -27), (0.7, gaze * 0.5, -18), (1.0, -5, -5))


def exiting_car(t: Take) -> None:
    """Turn to the door, legs out, rise and slide away through the opening."""
    entering_car(t)
    t.backwards = True


def fastening_seat_belt(t: Take) -> None:
    """Reach over the left shoulder, pull the tongue across the body, push it into the buckle."""
    a, b, c = t.amount(0.2, 0.3), t.amount(0.58, 0.66), t.amount(0.74, 0.82)
    hand = "l" if t.chance(0.65) else "r"
    dx = 0.0 if hand == "l" else 0.02
    t.hand(
        hand,
        (0.0, f"{t.idle}_{hand}"),
        (a, "stow", (0.03, 0.02 + dx, 0.0)),
        (a + 0.06, "stow", (0.03, 0.02 + dx, 0.0)),
        (b - 0.1, "belly", (-0.06, 0.10, t.amount(0.04, 0.14))),
        (b, "buckle", (-0.02, 0.02, 0.05)),
        (c, "buckle", (-0.02, 0.02, 0.05)),
        (1.0, f"lap_{hand}" if t.chance(0.5) else f"{t.idle}_{hand}"),
    )
    if hand == "l":
        t.hand(
            "r",
            (0.0, f"{t.idle}_r"),
            (b - 0.1, "lap_r"),
            (b + 0.02, "buckle", (0.03, 0.03, 0.03)),
            (c, "buckle", (0.03, 0.03, 0.03)),
            (1.0, f"{t.idle}_r"),
        )
    t.wobble(hand, (0.004, 0.004, 0.012), 2.5, b, c)
    t.hand(
        "tongue",
        (0.0, "stow"),
        (a + 0.02, "stow"),
        (a + 0.06, f"hand_{hand}"),
        (b, f"hand_{hand}"),
        (c, "buckle"),
        sigma=0.004,
    )
    t.key("twist", (0.0, 0.0), (a, -22.0), (b, 7.0), (1.0, 0.0))
    t.key("side", (0.0, 0.0), (a, -5.0), (b, 4.0), (1.0, 0.0))
    t.look((0.0, 0, -5), (a, t.amount(-55, -35), -16), (b, 22, -42), (c, 23, -43), (1.0, 0, -6))
    t.key("grip_" + hand, (0.0, 0.3), (a, 0.9), (c, 0.9), (1.0, 0.4))


def unfastening_seat_belt(t: Take) -> None:
    """Press the buckle, and lead the belt back over the body to the pillar."""
    fastening_seat_belt(t)
    t.backwards = True


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
