"""Choreographies: phone, display, button, reading, writing."""

from __future__ import annotations

from training.synthetic.take import Take, other
from training.synthetic.vectors import Vec


def talking_on_phone(t: Take) -> None:
    """Phone at the ear, mouth moving, small nods."""
    a = t.side
    at_ear = (0.025 if a == "r" else -0.025, 0.0, -0.03)
    if t.chance(0.35) and t.span_s > 3.5:
        t.hand(a, (0.0, "front", (0.0, -0.02, 0.0)), (0.25, f"ear_{a}", at_ear))
        ear = ((0.0, 0.0), (0.22, 1.0))
    else:
        t.hand(a, (0.0, f"ear_{a}", at_ear))
        ear = ((0.0, 1.0),)
    t.key(f"flare_{a}", (0.0, t.amount(0.0, 0.35)))
    t.key(f"grip_{a}", (0.0, 0.75))
    t.key("head_roll", (0.0, (6 if a == "r" else -6) * t.amount(0.4, 1.4)))
    yaw = t.amount(-14, 14)
    t.look((0.0, 0, -4), (0.3, yaw, -6), (0.6, -yaw * 0.6, -2), (1.0, yaw * 0.4, -6))
    t.key("jaw", (0.0, 0.35))
    t.wobble("jaw", 0.45, 2.7, 0.1, t.amount(0.55, 0.95))
    t.wobble("head_pitch", 2.2, 0.7)
    t.prop("phone", (0.0, f"hand_{a}", (0.0, 0.0, 0.0)), ear=ear)


def interacting_with_phone(t: Take) -> None:
    """Phone in front, head down, thumbs tapping and swiping."""
    a, b = t.side, other(t.side)
    sign = 1.0 if a == "r" else -1.0
    height = t.amount(-0.14, 0.02)
    hold = ("front", (sign * 0.05, -0.05, height))
    t.hand(a, (0.0, *hold), (1.0, *hold))
    two = t.chance(0.6)
    if two:
        tap = ("front", (-sign * 0.015, -0.02, height - 0.01))
        t.hand(b, (0.0, *tap))
        t.wobble(b, (0.018, 0.008, 0.024), 2.4, 0.05, 0.95)
    else:
        t.wobble(a, (0.004, 0.004, 0.005), 2.6)
    t.wobble(f"grip_{a}", 0.22, 2.2)
    t.key(f"grip_{a}", (0.0, 0.65))
    t.look((0.0, 2, -27), (0.5, -2, -30), (1.0, 2, -26))
    t.prop("phone", (0.0, f"hand_{a}", (-sign * 0.025, 0.02, 0.055)))


def using_multimedia_display(t: Take) -> None:
    """The right hand stays at the central display, tapping and swiping; eyes on it."""
    t.key("lean", (0.0, 8.0), (0.12, 12.0))
    t.key("twist", (0.0, 4.0), (0.15, 12.0))
    t.key("side", (0.0, 3.0))
    where = [("display", (t.amount(-0.07, 0.07), -0.03, t.amount(-0.05, 0.06))) for _ in range(4)]
    back = ("display", (-0.06, -0.12, 0.0))
    start = (0.0, *where[0]) if t.chance(0.6) else (0.0, "lap_r")
    t.hand(
        "r",
        start,
        (0.16, *where[0]),
        (0.3, *back),
        (0.4, *where[1]),
        (0.52, *where[1]),
        (0.6, *back),
        (0.7, *where[2]),
        (0.84, *where[3]),
        (1.0, *where[3]),
    )
    t.wobble("r", (0.012, 0.016, 0.014), 1.8, 0.16, 1.0)
    t.key("grip_r", (0.0, 0.35))
    t.look((0.0, 22, -14), (0.14, 34, -20), (0.9, 34, -20), (1.0, 30, -18))


def pressing_automation_button(t: Take) -> None:
    """From rest a brief reach to the button beside the wheel, a push, and back."""
    a = "r" if t.chance(0.85) else "l"
    start = t.amount(0.12, 0.25)
    on, off = start + 0.24, start + 0.36
    inward = 0.0 if a == "r" else -0.19
    button: tuple[str, Vec] = ("button_wheel", (inward, -0.035, 0.03))
    # Mostly from the lap: the car is driving itself.
    t.idle = "lap" if t.chance(0.85) else "wheel"
    home = f"{t.idle}_{a}"
    pushed: tuple[str, Vec] = ("button_wheel", (inward, 0.0, 0.005))
    t.hand(
        a,
        (0.0, home),
        (start, home),
        (on, *button),
        ((on + off) / 2, *pushed),
        (off, *button),
        (min(0.97, off + 0.26), home),
    )
    t.key("lean", (start, 0.0), (on, 9.0), (off, 9.0), (off + 0.26, 0.0))
    t.look((0.0, 0, -3), (on - 0.08, 9, -20), (off, 9, -20), (off + 0.2, 0, -2))
    t.key(f"grip_{a}", (start, 0.5), (on, 0.55), (off + 0.2, 0.5))


def _read(t: Take, kind: str, half: float, low: float, turns: int, pitch: float) -> None:
    for side, sign in (("l", -1.0), ("r", 1.0)):
        t.key(f"grip_{side}", (0.0, 0.85))
        if side == "l" or turns == 0:
            t.hand(side, (0.0, "front", (sign * half, 0.0, low)))
    hold = ("front", (half, 0.0, low))
    if turns:
        u = t.amount(0.25, 0.6)
        turn = ((0.0, 0.0), (u, 0.0), (u + 0.28, 1.0))
        t.hand(
            "r",
            (0.0, *hold),
            (u - 0.06, *hold),
            (u + 0.10, "front", (half * 0.2, -0.10, low + 0.05)),
            (u + 0.20, "front", (-half * 0.55, -0.08, low + 0.03)),
            (u + 0.36, *hold),
        )
    else:
        turn = ((0.0, 0.0),)
    for side in ("l", "r"):
        t.wobble(side, (0.006, 0.008, 0.008), 0.35)
    t.look(
        (0.0, -10, pitch),
        (0.28, 9, pitch),
        (0.34, -9, pitch - 3),
        (0.64, 9, pitch - 2),
        (0.7, -9, pitch - 5),
        (1.0, 7, pitch - 4),
    )
    t.prop(kind, (0.0, "hands"), turn=turn)


def reading_newspaper(t: Take) -> None:
    """Two wide pages held up in front of the chest, eyes along the lines, a page turned."""
    _read(t, "newspaper", t.amount(0.25, 0.31), t.amount(-0.06, 0.02), int(t.chance(0.5)), -16.0)
    t.key("flare_l", (0.0, 0.25))
    t.key("flare_r", (0.0, 0.25))


def reading_magazine(t: Take) -> None:
    """A small glossy held low over the lap, head down, a page turned."""
    _read(t, "magazine", t.amount(0.14, 0.17), t.amount(-0.11, -0.04), int(t.chance(0.6)), -33.0)


def writing(t: Take) -> None:
    """Notepad on the lap, held by one hand, the pen hand running along the lines."""
    a = t.person.hand
    b = other(a)
    sign = 1.0 if a == "r" else -1.0
    pad = ("lap", (0.0, -0.03, 0.06))
    t.hand(b, (0.0, "lap", (-sign * 0.105, -0.06, 0.075)))
    lines = max(2, round(t.span_s / 1.8))
    keys = []
    for n in range(lines):
        y = 0.05 - 0.028 * (n % 5)
        keys += [
            ((n + 0.03) / lines, "lap", (-0.05 + sign * 0.02, y - 0.07, 0.115)),
            ((n + 0.86) / lines, "lap", (0.07 + sign * 0.02, y - 0.07, 0.115)),
        ]
    t.hand(a, *keys, sigma=0.005)
    t.wobble(a, (0.004, 0.008, 0.008), 4.2)
    t.key(f"grip_{a}", (0.0, 0.9))
    t.key("lean", (0.0, 6.0))
    t.look((0.0, 0, -38), (0.5, 3, -40), (1.0, -2, -38))
    start = t.amount(0.0, 0.5)
    t.prop("notepad", (0.0, *pad), written=((0.0, start), (1.0, min(1.0, start + 0.5))))
    t.prop("pen", (0.0, f"hand_{a}"))


ACTIVITIES = {
    "talking_on_phone": talking_on_phone,
    "interacting_with_phone": interacting_with_phone,
    "using_multimedia_display": using_multimedia_display,
    "pressing_automation_button": pressing_automation_button,
    "reading_newspaper": reading_newspaper,
    "reading_magazine": reading_magazine,
    "writing": writing,
}
