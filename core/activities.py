"""The 34 Drive&Act activities in class-index order, one home for names and colours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activity:
    """One class: its name as spelled in the CSVs, its display name and colour (#rrggbb)."""

    name: str
    title: str
    colour: str


# The index is the alphabetical order of the names as spelled in Drive&Act; it never depends
# on which classes a split happens to contain.
ACTIVITIES: tuple[Activity, ...] = (
    Activity("closing_bottle", "closing bottle", "#d47e50"),
    Activity("closing_door_inside", "closing door inside", "#428fad"),
    Activity("closing_door_outside", "closing door outside", "#5fbafa"),
    Activity("closing_laptop", "closing laptop", "#50d4a2"),
    Activity("drinking", "drinking", "#ad7542"),
    Activity("eating", "eating", "#fabe5f"),
    Activity("entering_car", "entering car", "#5ff7fa"),
    Activity("exiting_car", "exiting car", "#50c0d4"),
    Activity("fastening_seat_belt", "fastening seat belt", "#5f7cfa"),
    Activity("fetching_an_object", "fetching an object", "#6cfa5f"),
    Activity("interacting_with_phone", "interacting with phone", "#aa5ffa"),
    Activity("looking_or_moving_around (e.g. searching)", "looking around", "#b4bbd4"),
    Activity("opening_backpack", "opening backpack", "#429dad"),
    Activity("opening_bottle", "opening bottle", "#fa805f"),
    Activity("opening_door_inside", "opening door inside", "#508cd4"),
    Activity("opening_door_outside", "opening door outside", "#4265ad"),
    Activity("opening_laptop", "opening laptop", "#5ffaab"),
    Activity("placing_an_object", "placing an object", "#50d456"),
    Activity("preparing_food", "preparing food", "#d4b250"),
    Activity("pressing_automation_button", "pressing automation button", "#e75ffa"),
    Activity("putting_laptop_into_backpack", "putting laptop into backpack", "#50d1d4"),
    Activity("putting_on_jacket", "putting on jacket", "#fa5fbf"),
    Activity("putting_on_sunglasses", "putting on sunglasses", "#ad4268"),
    Activity("reading_magazine", "reading magazine", "#fac35f"),
    Activity("reading_newspaper", "reading newspaper", "#d4b750"),
    Activity("sitting_still", "sitting still", "#7e848c"),
    Activity("taking_laptop_from_backpack", "taking laptop from backpack", "#5ffae8"),
    Activity("taking_off_jacket", "taking off jacket", "#d45090"),
    Activity("taking_off_sunglasses", "taking off sunglasses", "#fa5f81"),
    Activity("talking_on_phone", "talking on phone", "#a150d4"),
    Activity("unfastening_seat_belt", "unfastening seat belt", "#5058d4"),
    Activity("using_multimedia_display", "using multimedia display", "#9242ad"),
    Activity("working_on_laptop", "working on laptop", "#42ad93"),
    Activity("writing", "writing", "#ada442"),
)

ACTIVITY_NAMES: tuple[str, ...] = tuple(activity.name for activity in ACTIVITIES)

# Spelled in the unsplit CSVs but not among the 34 classes of the benchmark: skipped and counted.
UNSCORED_LABELS: frozenset[str] = frozenset(
    {
        "standing_by_the_door",
        "looking_back_left_shoulder",
        "looking_back_right_shoulder",
        "closing_backpack",
        "moving_towards_door",
    }
)

_BY_NAME = {activity.name: activity for activity in ACTIVITIES}
_UNKNOWN_COLOUR = "#8a93a3"


def title_of(name: str) -> str:
    """Display name of a class; names from other label sets are shown with spaces."""
    activity = _BY_NAME.get(name)
    return activity.title if activity else name.replace("_", " ")


def colour_of(name: str) -> str:
    """Colour of a class as #rrggbb; a neutral grey for names from other label sets."""
    activity = _BY_NAME.get(name)
    return activity.colour if activity else _UNKNOWN_COLOUR
