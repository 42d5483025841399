from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest

from core.activities import (
    ACTIVITIES,
    ACTIVITY_NAMES,
    UNSCORED_LABELS,
    colour_of,
    title_of,
)

# Written out once more on purpose: every trained model depends on these indices.
DRIVE_AND_ACT = """
closing_bottle
closing_door_inside
closing_door_outside
closing_laptop
drinking
eating
entering_car
exiting_car
fastening_seat_belt
fetching_an_object
interacting_with_phone
looking_or_moving_around (e.g. searching)
opening_backpack
opening_bottle
opening_door_inside
opening_door_outside
opening_laptop
placing_an_object
preparing_food
pressing_automation_button
putting_laptop_into_backpack
putting_on_jacket
putting_on_sunglasses
reading_magazine
reading_newspaper
sitting_still
taking_laptop_from_backpack
taking_off_jacket
taking_off_sunglasses
talking_on_phone
unfastening_seat_belt
using_multimedia_display
working_on_laptop
writing
"""


def test_names_and_order_are_those_of_the_dataset() -> None:
    assert ACTIVITY_NAMES == tuple(DRIVE_AND_ACT.strip().splitlines())


def test_the_index_is_the_alphabetical_order() -> None:
    assert list(ACTIVITY_NAMES) == sorted(set(ACTIVITY_NAMES))
    assert len(ACTIVITY_NAMES) == 34


def test_unscored_labels_are_no_classes() -> None:
    assert len(UNSCORED_LABELS) == 5
    assert not UNSCORED_LABELS & set(ACTIVITY_NAMES)


def test_every_activity_can_be_told_from_the_others() -> None:
    assert len({activity.title for activity in ACTIVITIES}) == len(ACTIVITIES)
    assert len({activity.colour for activity in ACTIVITIES}) == len(ACTIVITIES)


@pytest.mark.parametrize("activity", ACTIVITIES, ids=lambda activity: activity.name)
def test_looks_are_complete(activity) -> None:
    assert re.fullmatch(r"#[0-9a-f]{6}", activity.colour)
    assert activity.title == activity.title.strip()
    assert "_" not in activity.title
    assert title_of(activity.name) == activity.title
    assert colour_of(activity.name) == activity.colour


def test_names_of_other_label_sets_are_shown_too() -> None:
    assert title_of("riding_a_bike") == "riding a bike"
    assert title_of("") == ""
    neutral = colour_of("riding_a_bike")
    assert re.fullmatch(r"#[0-9a-f]{6}", neutral)
    assert neutral not in {activity.colour for activity in ACTIVITIES}


def test_an_activity_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        ACTIVITIES[0].colour = "#000000"  # type: ignore[misc]
