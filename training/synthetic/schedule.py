"""What happens when in one run, and its Drive&Act annotation."""

from __future__ import annotations

from collections.abc import Iterable

from core.activities import ACTIVITY_NAMES
from core.annotations import Chunk
from training.synthetic.choreography import sample_span_s
from training.synthetic.people import Person, generator

Segment = tuple[str | None, int, int]

CHUNK_S = 3.0
_FIRST = ("opening_door_outside", "entering_car", "closing_door_inside")
_LAST = ("opening_door_inside", "exiting_car", "closing_door_outside")
_GAP_S = (0.3, 1.5)


def plan_run(
    seed: int, person: Person, run: int, minutes: float, fps: float
) -> tuple[Segment, ...]:
    """Activities with short unlabelled gaps, filling the run exactly: (activity, start, end).

    The first round shows every activity once, getting in first; rounds are repeated, each in
    another order, until the time is used. A run of 3.5 minutes or more holds a whole round.
    """
    rng = generator(seed, person.number, run, 14)
    total = round(minutes * 60 * fps)
    # A round must fit the run, however the spans fall: it is told quicker if need be.
    planned: list[tuple[str, float, float]] = []
    length_s = 0.0
    while length_s < total / fps:
        inside = [n for n in ACTIVITY_NAMES if n not in _FIRST and n not in _LAST]
        order = [*_FIRST, *(inside[k] for k in rng.permutation(len(inside))), *_LAST]
        a_round = [
            (name, sample_span_s(name, person, rng), float(rng.uniform(*_GAP_S))) for name in order
        ]
        round_s = sum(span + gap for _, span, gap in a_round)
        room_s = total / fps
        if not planned and 200.0 <= room_s < round_s + 2.0:
            factor = (room_s - 2.0) / round_s
            a_round = [(n, max(2.0, s * factor), max(0.3, g * factor)) for n, s, g in a_round]
        planned += a_round
        length_s += sum(span + gap for _, span, gap in a_round)
    segments: list[Segment] = []
    frame = 0
    for name, span_s, gap_s in planned:
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
