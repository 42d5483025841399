"""A small language for choreographies: an activity is written as keys on a 0-1 time axis."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.synthetic.people import Person
from training.synthetic.tracks import PropTrack, ScalarTrack, Script, Spot, SpotTrack, Wobble
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
        belted, jacketed, shaded: what the driver happens to wear; drawn independently of the
            activity, so that it tells nothing about it.
    """

    rng: np.random.Generator
    person: Person
    span_s: float
    side: str = field(init=False)
    idle: str = field(init=False)
    belted: bool = field(init=False)
    jacketed: bool = field(init=False)
    shaded: bool = field(init=False)
    _warp: tuple[tuple[float, ...], tuple[float, ...]] = field(init=False)
    _scalars: dict[str, ScalarTrack] = field(init=False, default_factory=dict)
    _hands: dict[str, SpotTrack] = field(init=False, default_factory=dict)
    _props: list[PropTrack] = field(init=False, default_factory=list)
    _wobbles: list[Wobble] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        rng = self.rng
        preferred = self.person.hand
        self.side = preferred if rng.random() < 0.8 else other(preferred)
        self.idle = str(rng.choice(_IDLE_HANDS, p=(0.65, 0.35)))
        self.belted = bool(rng.random() < 0.6)
        self.jacketed = bool(rng.random() < 0.35)
        self.shaded = bool(rng.random() < 0.1)
        # Hesitation: the phases of one take are stretched against each other.
        inner = np.sort(np.array([0.33, 0.66]) + rng.normal(0, 0.045, 2))
        self._warp = ((0.0, 0.33, 0.66, 1.0), (0.0, float(inner[0]), float(inner[1]), 1.0))

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
        """The 0-1 time axis in seconds, with this take's hesitation."""
        return float(np.interp(u, *self._warp)) * self.span_s

    def _offset(self, offset: Vec, sigma: float = _JITTER_M) -> Vec:
        n = self.rng.normal(0.0, sigma, 3)
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
        """The hand has nothing to do."""
        self.hand(side, (0.0, f"{self.idle}_{side}"))

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
        gain, shift = self.amount(0.85, 1.15), self.rng.normal(0, 2.5, 2)
        self.key("head_yaw", *((u, yaw * gain + float(shift[0])) for u, yaw, _ in keys))
        self.key("head_pitch", *((u, pitch * gain + float(shift[1])) for u, _, pitch in keys))

    def finish(self) -> Script:
        """The script, with idle hands, wear and small idle movements filled in."""
        for side in ("l", "r"):
            if side not in self._hands:
                self.rest(side)
        if "tongue" not in self._hands:
            self.hand("tongue", (0.0, "buckle" if self.belted else "stow"), sigma=0.004)
        worn = 1.0 if self.jacketed else 0.0
        for channel, value in (
            ("jacket_l", worn),
            ("jacket_r", worn),
            ("shades", float(self.shaded)),
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
        )
