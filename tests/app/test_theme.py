from __future__ import annotations

from dataclasses import asdict

import pytest

from app.theme import DARK, contrast, text_on
from core.activities import ACTIVITIES

GROUNDS = ("window", "card", "raised")
TEXTS = ("text", "quiet", "accent", "int8", "fp32", "good", "warning", "bad")


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_text_can_be_read_on_every_ground(text: str, ground: str) -> None:
    colours = asdict(DARK)
    assert contrast(colours[text], colours[ground]) >= 4.5


def test_banner_and_chosen_entries_can_be_read() -> None:
    assert contrast(DARK.text, DARK.bad_ground) >= 4.5
    assert contrast(DARK.window, DARK.accent) >= 4.5


def test_names_on_the_timeline_can_be_read() -> None:
    for activity in ACTIVITIES:
        assert contrast(text_on(activity.colour), activity.colour) >= 4.5, activity.name


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
