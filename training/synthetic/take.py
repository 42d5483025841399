"""A small language for choreographies: an activity is written as keys on a 0-1 time axis."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.synthetic.people import Person, Wear
from training.synthetic.tracks import (
    Clock,
    PropTrack,
    ScalarTrack,
    Script,
    Spot,
    SpotTrack,
    Wobble,
)
from training.synthetic.vectors import Vec

Key = tuple[float, str] | tuple[float, str, Vec]
_JITTER_M = 0.012
_IDLE_HANDS = ("lap", "wheel")


def other(side: str) -> str:
    """The other side: "l" or "r"."""
    return "r" if side == "l" else "l"


@dataclass(slots=True)
class Take:
    """One instance of an activity while it is being written.

    Attributes:
        side: the hand that acts; mostly the person's preferred one.
        idle: where an unused hand rests in this take ("lap" or "wheel").
        wear: what the driver has on at the time.
        belted: whether the belt is worn throughout; a choreography may say otherwise.
        difficulty: scales how much one take differs from the next, see `synthesize`.
        backwards: the choreography is played from its end.
    """

    rng: np.random.Generator
    person: Person
    span_s: float
    wear: Wear
    difficulty: float = 1.0
    backwards: bool = False
    side: str = field(init=False)
    idle: str = field(init=False)
    belted: bool = field(init=False)
    _clock: Clock = field(init=False)
    _scalars: dict[str, ScalarTrack] = field(init=False, default_factory=dict)
    _hands: dict[str, SpotTrack] = field(init=False, default_factory=dict)
    _props: list[PropTrack] = field(init=False, default_factory=list)
    _wobbles: list[Wobble] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        rng = self.rng
        preferred = self.person.hand
        unusual = min(0.5, 0.2 * self.difficulty)
        self.side = preferred if rng.random() >= unusual else other(preferred)
        wheel = self.person.hands_on_wheel
        self.idle = str(rng.choice(_IDLE_HANDS, p=(1 - wheel, wheel)))
        self.belted = self.wear.belted
        # One take in four hesitates: somewhere its movement nearly stops.
        depth = 0.92 if rng.random() < 0.25 * self.difficulty else rng.uniform(0, 0.4)
        self._clock = Clock(
            self.span_s,
            float(min(0.95, depth * self.difficulty)),
            int(rng.integers(1, 3)),
            float(rng.uniform(0, 2 * np.pi)),
        )

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return bool(self.rng.random() < probability)

    def amount(self, low: float, high: float) -> float:
        """A number between low and high."""
        return float(self.rng.uniform(low, high))

    def pick(self, *options: str) -> str:
        """One of the options."""
        return str(options[int(self.rng.integers(len(options)))])

    def seconds(self, u: float) -> float:
        """The 0-1 time axis in seconds."""
        return u * self.span_s

    def _offset(self, offset: Vec, sigma: float) -> Vec:
        n = self.rng.normal(0.0, sigma * self.difficulty, 3)
        return (offset[0] + float(n[0]), offset[1] + float(n[1]), offset[2] + float(n[2]))

    def _track(self, keys: tuple[Key, ...], sigma: float) -> SpotTrack:
        times, spots = [], []
        known: dict[tuple[str, Vec], Spot] = {}
        for key in keys:
            offset: Vec = key[2] if len(key) == 3 else (0.0, 0.0, 0.0)
            # A place named twice is the same place: a resting hand does not wander.
            name = (key[1], offset)
            if name not in known:
                known[name] = Spot(key[1], self._offset(offset, sigma))
            times.append(self.seconds(key[0]))
            spots.append(known[name])
        return SpotTrack(tuple(times), tuple(spots))

    def hand(self, side: str, *keys: Key, sigma: float = _JITTER_M) -> None:
        """Where a hand is: (when, anchor) or (when, anchor, offset in metres)."""
        self._hands[side] = self._track(keys, sigma)

    def rest(self, side: str) -> None:
        """The hand has nothing to do; now and then it wanders to the face, the knee or the rim."""
        home = (f"{self.idle}_{side}", (0.0, 0.0, 0.0))
        if not self.chance(min(0.8, 0.3 * self.difficulty)):
            self.hand(side, (0.0, *home))
            return
        out = 1.0 if side == "r" else -1.0
        spots: dict[str, Vec] = {
            "mouth": (out * 0.03, 0.03, -0.05),
            f"temple_{side}": (out * 0.03, 0.02, 0.0),
            f"lap_{side}": (0.0, 0.12, 0.03),
            f"wheel_{side}": (0.0, 0.0, 0.0),
            "chest": (out * 0.08, 0.06, -0.05),
        }
        where = self.pick(*spots)
        u = self.amount(0.0, 0.6)
        stay = self.amount(0.05, 0.25)
        there = (where, spots[where])
        self.hand(
            side,
            (u, *home),
            (u + 0.15, *there),
            (u + 0.15 + stay, *there),
            (u + 0.3 + stay, *home),
        )

    def key(self, channel: str, *keys: tuple[float, float]) -> None:
        """A body channel (degrees, or 0-1) over time."""
        self._scalars[channel] = ScalarTrack(
            tuple(self.seconds(u) for u, _ in keys), tuple(float(v) for _, v in keys)
        )

    def wobble(
        self,
        channel: str,
        amplitude: Vec | float,
        frequency_hz: float,
        start: float = 0.0,
        end: float = 1.0,
        skew: float = 0.0,
    ) -> None:
        """A repeated movement on a channel or hand between two moments of the 0-1 axis."""
        if isinstance(amplitude, float | int):
            amplitude = (float(amplitude), 0.0, 0.0)
        gain = self.amount(0.75, 1.3)
        self._wobbles.append(
            Wobble(
                channel,
                (amplitude[0] * gain, amplitude[1] * gain, amplitude[2] * gain),
                frequency_hz * self.person.tempo * self.amount(0.85, 1.2),
                self.amount(0.0, 6.28),
                self.seconds(start),
                self.seconds(end),
                skew,
            )
        )

    def prop(
        self,
        kind: str,
        *keys: Key,
        shown: tuple[float, float] = (0.0, 1.0),
        **numbers: tuple[tuple[float, float], ...],
    ) -> None:
        """An object: places over time, when it is seen, and its numbers over time."""
        tracks = {
            name: ScalarTrack(
                tuple(self.seconds(u) for u, _ in track), tuple(float(v) for _, v in track)
            )
            for name, track in numbers.items()
        }
        # Inclusive ends: an object seen until the last moment is still there in the gap after it.
        start = -1.0 if shown[0] <= 0 else self.seconds(shown[0])
        end = self.span_s + 1.0 if shown[1] >= 1 else self.seconds(shown[1])
        self._props.append(PropTrack(kind, self._track(keys, 0.004), tracks, start, end))

    def look(self, *keys: tuple[float, float, float]) -> None:
        """The head: (when, yaw to the right, pitch up), degrees, with this take's own manner."""
        gain, shift = self.amount(0.85, 1.15), self.rng.normal(0, 2.5 * self.difficulty, 2)
        self.key("head_yaw", *((u, yaw * gain + float(shift[0])) for u, yaw, _ in keys))
        self.key("head_pitch", *((u, pitch * gain + float(shift[1])) for u, _, pitch in keys))

    def _glance(self) -> None:
        """A look aside that has nothing to do with the activity."""
        if not self.chance(min(0.9, 0.3 * self.difficulty)):
            return
        u = self.amount(0.0, 0.7)
        yaw = self.amount(18, 45) * (1 if self.chance(0.5) else -1)
        pitch = self.amount(-8, 18)
        for channel, angle in (("glance_yaw", yaw), ("glance_pitch", pitch)):
            self.key(channel, (u, 0.0), (u + 0.1, angle), (u + 0.2, angle), (u + 0.3, 0.0))

    def finish(self) -> Script:
        """The script, with idle hands, wear and what has nothing to do with the activity."""
        for side in ("l", "r"):
            if side not in self._hands:
                self.rest(side)
        if "tongue" not in self._hands:
            self.hand("tongue", (0.0, "buckle" if self.belted else "stow"), sigma=0.004)
        self._glance()
        worn = 1.0 if self.wear.jacketed else 0.0
        for channel, value in (
            ("jacket_l", worn),
            ("jacket_r", worn),
            ("shades", float(self.wear.shaded)),
            ("head_yaw", self.amount(-4, 4)),
            ("head_pitch", self.amount(-4, 2)),
            ("lean", self.amount(-2, 3)),
            ("side", self.amount(-2, 2)),
            ("twist", self.amount(-2, 2)),
        ):
            if channel not in self._scalars:
                self.key(channel, (0.0, value))
        return Script(
            self.span_s,
            self._scalars,
            self._hands,
            tuple(self._props),
            tuple(self._wobbles),
            self._clock,
            self.backwards,
        )
