"""All 34 activities by name, and the span each takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.activities import ACTIVITY_NAMES
from training.synthetic import (
    activities_clothing,
    activities_food,
    activities_laptop,
    activities_media,
    activities_objects,
    activities_vehicle,
)
from training.synthetic.people import Person
from training.synthetic.take import Take
from training.synthetic.tracks import Script

CHOREOGRAPHIES: dict[str, Callable[[Take], None]] = {
    **activities_clothing.ACTIVITIES,
    **activities_food.ACTIVITIES,
    **activities_laptop.ACTIVITIES,
    **activities_media.ACTIVITIES,
    **activities_objects.ACTIVITIES,
    **activities_vehicle.ACTIVITIES,
}

# Seconds at a tempo of one; not listed: the common span of a single act.
_SUSTAINED = (4.0, 7.0)
_SPANS: dict[str, tuple[float, float]] = {
    "eating": (3.6, 7.0),
    "preparing_food": (3.5, 6.5),
    "reading_magazine": _SUSTAINED,
    "reading_newspaper": _SUSTAINED,
    "sitting_still": (3.5, 7.0),
    "talking_on_phone": _SUSTAINED,
    "interacting_with_phone": _SUSTAINED,
    "working_on_laptop": _SUSTAINED,
    "writing": _SUSTAINED,
    "using_multimedia_display": (3.2, 6.5),
    "looking_or_moving_around (e.g. searching)": (3.0, 6.0),
    "putting_on_jacket": (4.2, 7.0),
    "taking_off_jacket": (3.8, 6.6),
    "fastening_seat_belt": (3.0, 5.2),
    "pressing_automation_button": (2.0, 3.2),
    "opening_door_inside": (2.0, 3.4),
    "closing_door_inside": (2.0, 3.4),
    "opening_door_outside": (2.0, 3.4),
    "closing_door_outside": (2.0, 3.4),
}
_COMMON = (2.6, 4.8)
SHORTEST_S, LONGEST_S = 2.0, 7.0


def sample_span_s(activity: str, person: Person, rng: np.random.Generator) -> float:
    """How long this person takes for one instance, 2-7 s."""
    low, high = _SPANS.get(activity, _COMMON)
    return float(min(LONGEST_S, max(SHORTEST_S, rng.uniform(low, high) / person.tempo)))


def write_script(activity: str, person: Person, span_s: float, rng: np.random.Generator) -> Script:
    """One instance of an activity as keyframed movement."""
    take = Take(rng, person, span_s)
    CHOREOGRAPHIES[activity](take)
    return take.finish()


assert CHOREOGRAPHIES.keys() == set(ACTIVITY_NAMES), "an activity has no choreography"
