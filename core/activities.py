"""The 34 Drive&Act activities in class-index order, one home for names, groups and colours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activity:
    """One class: its name as spelled in the CSVs, its display name, group and colour (#rrggbb)."""

    name: str
    title: str
    group: str
    colour: str


# The index is the alphabetical order of the names as spelled in Drive&Act; it never depends
# on which classes a split happens to contain.
ACTIVITIES: tuple[Activity, ...] = (
    Activity("closing_bottle", "closing bottle", "food", "#d47e50"),
    Activity("closing_door_inside", "closing door inside", "vehicle", "#428fad"),
    Activity("closing_door_outside", "closing door outside", "vehicle", "#5fbafa"),
    Activity("closing_laptop", "closing laptop", "laptop", "#50d4a2"),
    Activity("drinking", "drinking", "food", "#ad7542"),
    Activity("eating", "eating", "food", "#fabe5f"),
    Activity("entering_car", "entering car", "vehicle", "#5ff7fa"),
    Activity("exiting_car", "exiting car", "vehicle", "#50c0d4"),
    Activity("fastening_seat_belt", "fastening seat belt", "vehicle", "#5f7cfa"),
    Activity("fetching_an_object", "fetching an object", "objects", "#6cfa5f"),
    Activity("interacting_with_phone", "interacting with phone", "phone and display", "#aa5ffa"),
    Activity("looking_or_moving_around (e.g. searching)", "looking around", "attention", "#b4bbd4"),
    Activity("opening_backpack", "opening backpack", "laptop", "#429dad"),
    Activity("opening_bottle", "opening bottle", "food", "#fa805f"),
    Activity("opening_door_inside", "opening door inside", "vehicle", "#508cd4"),
    Activity("opening_door_outside", "opening door outside", "vehicle", "#4265ad"),
    Activity("opening_laptop", "opening laptop", "laptop", "#5ffaab"),
    Activity("placing_an_object", "placing an object", "objects", "#50d456"),
    Activity("preparing_food", "preparing food", "food", "#d4b250"),
    Activity(
        "pressing_automation_button", "pressing automation button", "phone and display", "#e75ffa"
    ),
    Activity("putting_laptop_into_backpack", "putting laptop into backpack", "laptop", "#50d1d4"),
    Activity("putting_on_jacket", "putting on jacket", "clothing", "#fa5fbf"),
    Activity("putting_on_sunglasses", "putting on sunglasses", "clothing", "#ad4268"),
    Activity("reading_magazine", "reading magazine", "reading and writing", "#fac35f"),
    Activity("reading_newspaper", "reading newspaper", "reading and writing", "#d4b750"),
    Activity("sitting_still", "sitting still", "attention", "#7e848c"),
    Activity("taking_laptop_from_backpack", "taking laptop from backpack", "laptop", "#5ffae8"),
    Activity("taking_off_jacket", "taking off jacket", "clothing", "#d45090"),
    Activity("taking_off_sunglasses", "taking off sunglasses", "clothing", "#fa5f81"),
    Activity("talking_on_phone", "talking on phone", "phone and display", "#a150d4"),
    Activity("unfastening_seat_belt", "unfastening seat belt", "vehicle", "#5058d4"),
    Activity(
        "using_multimedia_display", "using multimedia display", "phone and display", "#9242ad"
    ),
    Activity("working_on_laptop", "working on laptop", "laptop", "#42ad93"),
    Activity("writing", "writing", "reading and writing", "#ada442"),
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
