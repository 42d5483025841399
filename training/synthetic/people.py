"""Who drives, and under which light: everything that differs between people and sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

HAIR_STYLES = ("short", "long", "bald", "bun", "parted")
PATTERNS = ("plain", "stripes", "print", "buttons", "plain")


def generator(*words: int) -> np.random.Generator:
    """A generator that depends on these numbers only."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(words))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Lengths are factors of an average body or metres; albedos 0-1 as seen in near-infrared.

    `hands_on_wheel`, `wears_jacket` and `wears_shades` are habits: how often, 0-1.
    """

    number: int
    size: float
    girth: float
    shoulder_half_m: float
    head_size: float
    skin: float
    hair: float
    hair_style: str
    beard: bool
    glasses: bool
    cap: bool
    shirt: float
    pattern: str
    pattern_albedo: float
    long_sleeves: bool
    trousers: float
    jacket: float
    jacket_collar: bool
    hand: str
    tempo: float
    recline_deg: float
    seat_y_m: float
    seat_z_m: float
    head_pitch_deg: float
    fidget: float
    hands_on_wheel: float
    wears_jacket: float
    wears_shades: float
    bottle: float
    phone: float
    paper: float
    magazine: float
    laptop: float
    backpack: float
    food: float
    food_kind: int
    box: float
    shades: float


def sample_person(seed: int, number: int) -> Person:
    """The person of that number; people differ widely, and the same numbers give the same one."""
    rng = generator(seed, number, 11)
    build = float(rng.normal())
    female = rng.random() < 0.4
    skin = float(rng.uniform(0.42, 0.72))
    size = float(np.clip(1.0 + 0.045 * build - (0.03 if female else 0), 0.9, 1.1))
    return Person(
        number=number,
        size=size,
        girth=float(rng.uniform(0.86, 1.2)),
        shoulder_half_m=float(rng.uniform(0.165, 0.19) if female else rng.uniform(0.18, 0.215)),
        head_size=float(rng.uniform(0.95, 1.08)),
        skin=skin,
        hair=float(rng.uniform(0.08, 0.45)),
        hair_style=str(rng.choice(["long", "bun", "long"] if female else HAIR_STYLES)),
        beard=bool(not female and rng.random() < 0.35),
        glasses=bool(rng.random() < 0.3),
        cap=bool(rng.random() < 0.14),
        shirt=float(rng.uniform(0.14, 0.75)),
        pattern=str(rng.choice(PATTERNS)),
        pattern_albedo=float(rng.uniform(0.1, 0.8)),
        long_sleeves=bool(rng.random() < 0.5),
        trousers=float(rng.uniform(0.1, 0.45)),
        jacket=float(rng.uniform(0.1, 0.7)),
        jacket_collar=bool(rng.random() < 0.6),
        hand="r" if rng.random() < 0.85 else "l",
        tempo=float(rng.uniform(0.82, 1.25)),
        recline_deg=float(rng.uniform(11, 22)),
        seat_y_m=float(rng.uniform(-0.05, 0.05)),
        # Tall people lower the seat, short ones raise it.
        seat_z_m=float(rng.uniform(-0.02, 0.025)) - 0.45 * (size - 1.0),
        head_pitch_deg=float(rng.uniform(-9, 3)),
        fidget=float(rng.uniform(0.5, 1.6)),
        hands_on_wheel=float(rng.uniform(0.1, 0.7)),
        wears_jacket=float(rng.choice([0.1, 0.4, 0.85])),
        wears_shades=float(rng.choice([0.03, 0.2])),
        bottle=float(rng.uniform(0.35, 0.85)),
        phone=float(rng.uniform(0.06, 0.4)),
        paper=float(rng.uniform(0.6, 0.8)),
        magazine=float(rng.uniform(0.4, 0.75)),
        laptop=float(rng.uniform(0.12, 0.65)),
        backpack=float(rng.uniform(0.1, 0.55)),
        food=float(rng.uniform(0.5, 0.8)),
        food_kind=int(rng.integers(0, 3)),
        box=float(rng.uniform(0.45, 0.85)),
        shades=float(rng.uniform(0.03, 0.12)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear:
    """What the driver has on at a moment."""

    belted: bool = False
    jacketed: bool = False
    shaded: bool = False

    def after(self, activity: str) -> Wear:
        """The same driver when the activity is over."""
        change = _WEAR_AFTER.get(activity)
        return self if change is None else replace(self, **change)


_WEAR_AFTER: dict[str, dict[str, bool]] = {
    "entering_car": {"belted": False},
    "fastening_seat_belt": {"belted": True},
    "unfastening_seat_belt": {"belted": False},
    "putting_on_jacket": {"jacketed": True},
    "taking_off_jacket": {"jacketed": False},
    "putting_on_sunglasses": {"shaded": True},
    "taking_off_sunglasses": {"shaded": False},
}


def sample_wear(seed: int, person: Person, run: int) -> Wear:
    """What the driver has on when the session begins."""
    rng = generator(seed, person.number, run, 20)
    return Wear(
        jacketed=bool(rng.random() < person.wears_jacket),
        shaded=bool(rng.random() < person.wears_shades),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Light, camera tolerance and cabin of one session.

    `drift` scales how far the exposure wanders; `flicker` is how much of the sun trees cut out
    while the car moves.
    """

    lamp: float
    ambient: float
    sun: float
    drift: float
    flicker: float
    sun_side: tuple[float, float]
    daylight: float
    scenery_speed: float
    seat: float
    trim: float
    camera_shift_m: tuple[float, float, float]
    target_shift_m: tuple[float, float, float]
    field_shift_deg: float
    noise: float
    blur_px: float
    belt_height_m: float


def sample_setting(seed: int, person: int, run: int, difficulty: float = 1.0) -> Setting:
    """The session's setting; cameras are remounted with a small tolerance each time.

    `difficulty` scales the tolerance, the noise, the sun and the wandering exposure.
    """
    rng = generator(seed, person, run, 12)
    shift = rng.normal(0, 0.016, 3) * difficulty
    target = rng.normal(0, 0.024, 3) * difficulty
    return Setting(
        lamp=float(rng.uniform(0.75, 1.1)),
        ambient=float(rng.uniform(0.15, 0.35)),
        sun=float(rng.uniform(0.0, 0.7)) * difficulty,
        drift=float(rng.uniform(0.5, 1.5)) * difficulty,
        flicker=float(rng.uniform(0.0, 0.6)) * min(1.0, difficulty),
        sun_side=(float(rng.uniform(-0.5, 1.0)), float(rng.uniform(-1.0, -0.3))),
        daylight=float(rng.uniform(90, 225)),
        scenery_speed=float(rng.uniform(-60, 60)),
        seat=float(rng.uniform(0.1, 0.34)),
        trim=float(rng.uniform(0.1, 0.28)),
        camera_shift_m=(float(shift[0]), float(shift[1]), float(shift[2])),
        target_shift_m=(float(target[0]), float(target[1]), float(target[2])),
        field_shift_deg=float(rng.normal(0, 1.5)) * difficulty,
        noise=float(rng.uniform(2.0, 8.0)) * difficulty,
        blur_px=0.35 + float(rng.uniform(0.0, 0.7)) * difficulty,
        belt_height_m=float(rng.uniform(-0.05, 0.05)),
    )
