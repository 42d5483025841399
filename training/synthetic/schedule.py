"""What happens when in one run, and its Drive&Act annotation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from core.activities import ACTIVITY_NAMES
from core.annotations import Chunk
from training.synthetic.choreography import sample_span_s
from training.synthetic.people import Person, generator, sample_wear

Segment = tuple[str | None, int, int]

CHUNK_S = 3.0
_FIRST = ("opening_door_outside", "entering_car", "closing_door_inside")
_LAST = ("opening_door_inside", "exiting_car", "closing_door_outside")
STANDING = frozenset((*_FIRST, *_LAST))
_GAP_S, _PAUSE_S = (0.2, 1.4), (1.5, 4.0)
_PAUSES = 0.12
# What people do again and again once everything has been done once, and how often. In Drive&Act a
# third of all chunks shows sitting_still, and the rarest classes have a few in a whole split.
_AGAIN = {
    "sitting_still": 0.42,
    "eating": 0.10,
    "fetching_an_object": 0.05,
    "placing_an_object": 0.05,
    "working_on_laptop": 0.05,
    "interacting_with_phone": 0.05,
    "reading_magazine": 0.04,
    "reading_newspaper": 0.04,
    "preparing_food": 0.04,
    "writing": 0.04,
    "drinking": 0.04,
    "talking_on_phone": 0.03,
    "looking_or_moving_around (e.g. searching)": 0.03,
    "using_multimedia_display": 0.02,
}
# (what comes first when the thing is off, its opposite): a belt is not fastened twice.
_TURNS = {
    "jacketed": ("putting_on_jacket", "taking_off_jacket"),
    "shaded": ("putting_on_sunglasses", "taking_off_sunglasses"),
}
_SHORTEST_S = 1.3  # however quickly a round has to be told


def _round(
    seed: int, person: Person, run: int, room_s: float, rng: np.random.Generator
) -> list[tuple[str, float, float]]:
    """Getting in, every activity once and the usual ones again, getting out: (name, span, gap)."""

    def timed(name: str) -> tuple[str, float, float]:
        span_s = sample_span_s(name, person, rng)
        gap_s = rng.uniform(*(_PAUSE_S if rng.random() < _PAUSES else _GAP_S))
        return name, span_s, float(gap_s)

    belt = ("fastening_seat_belt", "unfastening_seat_belt")
    edges = [timed(name) for name in (*_FIRST, *belt, *_LAST)]
    inside = [timed(n) for n in ACTIVITY_NAMES if n not in STANDING and n not in belt]
    used_s = sum(span + gap for _, span, gap in (*edges, *inside))
    names, shares = list(_AGAIN), np.array(list(_AGAIN.values()))
    while True:
        more = timed(names[int(rng.choice(len(names), p=shares / shares.sum()))])
        if used_s + more[1] + more[2] > room_s - 1.0:
            left_s = room_s - 1.0 - used_s
            if left_s > 3.0:
                inside.append(("sitting_still", left_s - 1.0, 1.0))
            break
        inside.append(more)
        used_s += more[1] + more[2]
    # Told quicker where even a single round is longer than the run.
    if used_s > room_s - 1.0 and room_s >= 100.0:
        factor = (room_s - 1.0) / used_s
        edges, inside = (
            [(n, max(_SHORTEST_S, s * factor), g * factor) for n, s, g in part]
            for part in (edges, inside)
        )
    inside = [inside[k] for k in rng.permutation(len(inside))]
    wear = sample_wear(seed, person, run)
    for thing, (on, off) in _TURNS.items():
        # Whatever is worn comes off first.
        places = [k for k, (name, _, _) in enumerate(inside) if name in (on, off)]
        order = (off, on) if getattr(wear, thing) else (on, off)
        for name, k in zip(order, places, strict=True):
            inside[k] = (name, *inside[k][1:])
    # The belt is fastened early and worn for most of the way.
    inside.insert(int(rng.integers(0, 6)), edges[3])
    inside.insert(len(inside) - int(rng.integers(0, 6)), edges[4])
    return [*edges[:3], *inside, *edges[5:]]


def plan_run(
    seed: int, person: Person, run: int, minutes: float, fps: float
) -> tuple[Segment, ...]:
    """Activities with short unlabelled gaps, filling the run exactly: (activity, start, end).

    Getting in comes first and getting out last; in between every activity occurs at least once,
    and those that people do all the time occur again, in any order. A run of 3.5 minutes or more
    holds a whole round, one of more than eight minutes several, as if the driver had made a stop.
    """
    rng = generator(seed, person.number, run, 14)
    total = round(minutes * 60 * fps)
    rounds = max(1, round(minutes / 6))
    segments: list[Segment] = []
    frame = 0
    for n in range(rounds):
        room_s = (total * (n + 1) / rounds - frame) / fps
        for name, span_s, gap_s in _round(seed, person, run, room_s, rng):
            gap, span = round(gap_s * fps), round(span_s * fps)
            if frame + gap + span > total:
                break
            segments.append((None, frame, frame + gap))
            segments.append((name, frame + gap, frame + gap + span))
            frame += gap + span
    if frame < total:
        segments.append((None, frame, total))
    return tuple(segment for segment in segments if segment[2] > segment[1])


def annotate(
    segments: Iterable[Segment], participant: int, file_id: str, fps: float
) -> tuple[Chunk, ...]:
    """Chunks of at most 3 s; annotations are counted from 0 along the run."""
    longest = max(1, round(CHUNK_S * fps))
    chunks: list[Chunk] = []
    acts = [(name, start, end) for name, start, end in segments if name is not None]
    for annotation, (name, start, end) in enumerate(acts):
        for chunk_id, first in enumerate(range(start, end, longest)):
            last = min(first + longest, end)
            chunks.append(Chunk(participant, file_id, annotation, first, last, name, chunk_id))
    return tuple(chunks)
