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
from training.synthetic.people import Person, Wear
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

# Each undoes the other by the same movement backwards, so that one frame cannot tell which it is.
PAIRS = (
    ("opening_bottle", "closing_bottle"),
    ("opening_door_inside", "closing_door_inside"),
    ("opening_door_outside", "closing_door_outside"),
    ("opening_laptop", "closing_laptop"),
    ("entering_car", "exiting_car"),
    ("fastening_seat_belt", "unfastening_seat_belt"),
    ("placing_an_object", "fetching_an_object"),
    ("putting_laptop_into_backpack", "taking_laptop_from_backpack"),
    ("putting_on_jacket", "taking_off_jacket"),
    ("putting_on_sunglasses", "taking_off_sunglasses"),
)

# Seconds at a tempo of one; not listed: the common span of a single act. Members of a pair have the
# same span, and mostly one that fills whole chunks: these are cut from the start, so that a short
# last one would show more of one end than of the other.
_SUSTAINED = (3.0, 8.0)
_COMMON = (2.1, 3.6)
_SPANS: dict[str, tuple[float, float]] = {
    "sitting_still": (3.0, 12.0),
    "eating": (2.8, 7.0),
    "preparing_food": (2.8, 6.5),
    "reading_magazine": _SUSTAINED,
    "reading_newspaper": _SUSTAINED,
    "talking_on_phone": _SUSTAINED,
    "interacting_with_phone": _SUSTAINED,
    "working_on_laptop": _SUSTAINED,
    "writing": _SUSTAINED,
    "using_multimedia_display": (2.6, 6.5),
    "looking_or_moving_around (e.g. searching)": (2.4, 6.0),
    "drinking": (2.4, 4.6),
    "putting_on_jacket": (4.8, 6.2),
    "taking_off_jacket": (4.8, 6.2),
    "entering_car": (2.2, 3.2),
    "exiting_car": (2.2, 3.2),
    "pressing_automation_button": (1.6, 2.6),
}
SHORTEST_S, LONGEST_S = 1.3, 12.0


def sample_span_s(activity: str, person: Person, rng: np.random.Generator) -> float:
    """How long this person takes for one instance."""
    low, high = _SPANS.get(activity, _COMMON)
    return float(min(LONGEST_S, max(SHORTEST_S, rng.uniform(low, high) / person.tempo)))


def write_script(
    activity: str,
    person: Person,
    span_s: float,
    rng: np.random.Generator,
    wear: Wear,
    difficulty: float = 1.0,
) -> Script:
    """One instance of an activity as keyframed movement."""
    take = Take(rng, person, span_s, wear, difficulty)
    CHOREOGRAPHIES[activity](take)
    return take.finish()


assert CHOREOGRAPHIES.keys() == set(ACTIVITY_NAMES), "an activity has no choreography"
