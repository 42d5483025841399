from __future__ import annotations

import re
from dataclasses import asdict

import pytest

from app.stylesheet import stylesheet
from app.theme import DARK, LIGHT, TONES, Colours, contrast, text_on
from core.activities import ACTIVITIES

THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
GROUNDS = ("window", "card", "raised")


def over(colour: str, ground: str, alpha: float) -> str:
    """What a see-through colour looks like on a ground."""
    pairs = zip(*(bytes.fromhex(c[1:]) for c in (colour, ground)), strict=True)
    return "#" + "".join(f"{round(alpha * c + (1 - alpha) * g):02x}" for c, g in pairs)


@THEMES
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("tone", TONES)
def test_every_text_can_be_read_on_every_ground(tone: str, ground: str, theme: Colours) -> None:
    assert contrast(theme.of(tone), getattr(theme, ground)) >= 4.5


@THEMES
def test_banner_notice_and_chosen_entries_can_be_read(theme: Colours) -> None:
    assert contrast(theme.text, theme.bad_ground) >= 4.5
    assert contrast(theme.text, theme.notice_ground) >= 4.5
    assert contrast(theme.window, theme.accent) >= 4.5


@THEMES
@pytest.mark.parametrize("tone", TONES)
def test_the_state_can_be_read_on_its_own_tint(tone: str, theme: Colours) -> None:
    tint = over(theme.of(tone), theme.card, 28 / 255)
    assert contrast(theme.of(tone), tint) >= 4.5


@THEMES
def test_no_colour_in_the_stylesheet_is_foreign_to_the_theme(theme: Colours) -> None:
    used = set(re.findall(r"#[0-9a-f]{6}", stylesheet(theme)))
    hover = used - set(asdict(theme).values())
    # The one that is mixed is a ground for the window's colour as text.
    assert len(hover) == 1
    assert contrast(hover.pop(), theme.window) >= 4.5


def test_names_on_the_timeline_can_be_read() -> None:
    for activity in ACTIVITIES:
        assert contrast(text_on(activity.colour), activity.colour) >= 4.5, activity.name


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
