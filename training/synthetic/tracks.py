"""Keyframed movement: tracks over time, their evaluation, and blending between activities.

A place is a weighted sum of named anchors, resolved only when the body of the frame is known:
so a bottle meets the mouth wherever the head happens to be.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from training.synthetic.vectors import Vec

# anchor name, offset in metres, weight
Placement = tuple[tuple[str, Vec, float], ...]
STASH: Placement = (("stash", (0.0, 0.0, 0.0), 1.0),)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place relative to a named anchor."""

    anchor: str
    offset: Vec = (0.0, 0.0, 0.0)


def minimum_jerk(t: float) -> float:
    """The human reaching profile 10t^3 - 15t^4 + 6t^5 (Flash and Hogan 1985), clamped to 0-1."""
    t = min(1.0, max(0.0, t))
    return t * t * t * (10.0 + t * (6.0 * t - 15.0))


@dataclass(frozen=True, slots=True)
class ScalarTrack:
    """Numbers at times in seconds, minimum jerk in between, constant outside."""

    times: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, t: float) -> float:
        """The value at t seconds."""
        n = bisect_right(self.times, t)
        if n == 0:
            return self.values[0]
        if n == len(self.times):
            return self.values[-1]
        t0, t1 = self.times[n - 1], self.times[n]
        a, b = self.values[n - 1], self.values[n]
        return a + (b - a) * minimum_jerk((t - t0) / max(t1 - t0, 1e-6))


@dataclass(frozen=True, slots=True)
class SpotTrack:
    """Places at times in seconds, minimum jerk in between, constant outside."""

    times: tuple[float, ...]
    spots: tuple[Spot, ...]

    def at(self, t: float) -> Placement:
        """The weighted places at t seconds."""
        n = bisect_right(self.times, t)
        if n == 0 or n == len(self.times):
            spot = self.spots[min(n, len(self.spots) - 1)]
            return ((spot.anchor, spot.offset, 1.0),)
        t0, t1 = self.times[n - 1], self.times[n]
        w = minimum_jerk((t - t0) / max(t1 - t0, 1e-6))
        a, b = self.spots[n - 1], self.spots[n]
        return ((a.anchor, a.offset, 1.0 - w), (b.anchor, b.offset, w))


@dataclass(frozen=True, slots=True)
class Wobble:
    """A repeated small movement (typing, chewing, twisting) within a window of time.

    With `skew` -1 to 1 one way is quicker than the way back, as when a cap is turned grip by grip:
    such a movement tells which way time runs.
    """

    channel: str
    amplitude: Vec  # for scalar channels only the first number counts
    frequency_hz: float
    phase: float
    start_s: float
    end_s: float
    skew: float = 0.0

    def at(self, t: float) -> Vec | None:
        """The displacement at t seconds; None outside the window."""
        if not self.start_s <= t <= self.end_s:
            return None
        edge = min(1.0, (t - self.start_s) / 0.2, (self.end_s - t) / 0.2)
        angle = 2 * math.pi * self.frequency_hz * t + self.phase
        angle += self.skew * math.sin(angle)
        # Axes run at unlike rates, so that the path is not a plain line.
        return (
            self.amplitude[0] * edge * math.sin(angle),
            self.amplitude[1] * edge * math.sin(angle * 0.83 + 1.3),
            self.amplitude[2] * edge * math.sin(angle * 1.21 + 0.4),
        )


@dataclass(frozen=True, slots=True)
class PropTrack:
    """One object: its kind, where it is held, when it is seen, and its own numbers."""

    kind: str
    place: SpotTrack
    numbers: Mapping[str, ScalarTrack]
    shown_from_s: float
    shown_to_s: float


@dataclass(frozen=True, slots=True)
class Clock:
    """A tempo that swells and ebbs: its rate runs from 1 - depth to 1 + depth; 0 is a pause."""

    span_s: float
    depth: float = 0.0
    swells: int = 1
    phase: float = 0.0

    def at(self, t: float) -> float:
        """Seconds of movement after t seconds of the run; ends meet whatever the tempo."""
        turn = 2 * math.pi * self.swells / self.span_s
        wave = math.sin(turn * t + self.phase) - math.sin(self.phase)
        return min(max(t + self.depth / turn * wave, 0.0), self.span_s)


@dataclass(frozen=True, slots=True)
class Script:
    """The movement of one activity instance, in seconds from its start.

    `backwards` plays it from its end. Pairs that undo each other share one movement in this way, so
    that no single frame can tell them apart.
    """

    span_s: float
    scalars: Mapping[str, ScalarTrack]
    hands: Mapping[str, SpotTrack]  # "l", "r", and "tongue" of the seat belt
    props: tuple[PropTrack, ...]
    wobbles: tuple[Wobble, ...]
    clock: Clock
    backwards: bool = False

    def at(self, t: float) -> Snapshot:
        """Everything the body and the objects do at t seconds (held beyond both ends)."""
        t = min(max(t, 0.0), self.span_s)
        t = self.clock.at(self.span_s - t if self.backwards else t)
        scalars = {name: track.at(t) for name, track in self.scalars.items()}
        places = {name: track.at(t) for name, track in self.hands.items()}
        for wobble in self.wobbles:
            moved = wobble.at(t)
            if moved is None:
                continue
            if wobble.channel in places:
                places[wobble.channel] += (("origin", moved, 1.0),)
            else:
                scalars[wobble.channel] = scalars.get(wobble.channel, 0.0) + moved[0]
        props = tuple(
            PropState(p.kind, p.place.at(t), {k: v.at(t) for k, v in p.numbers.items()})
            for p in self.props
            if p.shown_from_s <= t <= p.shown_to_s
        )
        return Snapshot(scalars, places, props)


@dataclass(slots=True)
class PropState:
    """One visible object at one moment."""

    kind: str
    place: Placement
    numbers: dict[str, float]


@dataclass(slots=True)
class Snapshot:
    """One moment: body channels, hand places, visible objects."""

    scalars: dict[str, float]
    places: dict[str, Placement]
    props: tuple[PropState, ...] = field(default=())


def weighted(place: Placement, weight: float) -> Placement:
    """The placement with all its weights scaled."""
    return tuple((anchor, offset, w * weight) for anchor, offset, w in place)


def blend(a: Snapshot, b: Snapshot, t: float) -> Snapshot:
    """From the end of one activity (t = 0) to the start of the next (t = 1)."""
    w = minimum_jerk(t)
    names = a.scalars.keys() | b.scalars.keys()
    scalars = {
        name: a.scalars.get(name, 0.0) * (1 - w) + b.scalars.get(name, 0.0) * w
        for name in sorted(names)
    }
    places = {
        name: weighted(a.places[name], 1 - w) + weighted(b.places[name], w) for name in a.places
    }
    # The old object is put aside in the first half, the new one brought in the second.
    leaving, moved = (
        (a.props, minimum_jerk(2 * t)) if t < 0.5 else (b.props, minimum_jerk(2 - 2 * t))
    )
    props = tuple(
        PropState(p.kind, weighted(p.place, 1 - moved) + weighted(STASH, moved), p.numbers)
        for p in leaving
    )
    return Snapshot(scalars, places, props)
