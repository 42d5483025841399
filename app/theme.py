"""One place for colours, sizes and fonts; the stylesheet made of them is in app/stylesheet.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QApplication

# A colour by what it means, so that a widget keeps its meaning when the theme changes.
Tone = Literal["text", "quiet", "accent", "int8", "fp32", "teacher", "good", "warning", "bad"]
TONES: tuple[Tone, ...] = get_args(Tone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """Every colour of the window as #rrggbb; text colours keep 4.5:1 on all three grounds."""

    window: str = "#0c1016"
    card: str = "#141a23"
    raised: str = "#1e2733"
    line: str = "#2b3645"
    text: str = "#edf2f8"
    quiet: str = "#a7b4c5"
    disabled: str = "#66727f"
    accent: str = "#5aa9ff"
    int8: str = "#2fd6c0"
    fp32: str = "#f6b758"
    teacher: str = "#c7a6ff"
    good: str = "#4ade9b"
    warning: str = "#ffbf5e"
    bad: str = "#ff8080"
    bad_ground: str = "#3a1a20"
    notice_ground: str = "#332a17"

    def of(self, tone: Tone) -> str:
        """The colour of a tone; that of a slot stands for its model throughout the window."""
        return str(getattr(self, tone))


DARK = Colours()
LIGHT = Colours(
    window="#eef1f5",
    card="#ffffff",
    raised="#e3e9f0",
    line="#c3cdd9",
    text="#121923",
    quiet="#485568",
    disabled="#8a95a3",
    accent="#0a58b4",
    int8="#00665c",
    fp32="#854a00",
    teacher="#6a34b0",
    good="#0a6537",
    warning="#874900",
    bad="#ac1f1a",
    bad_ground="#fde9e8",
    notice_ground="#fdf1d8",
)

_in_use = DARK


def colours() -> Colours:
    """The colours of the theme in use; ask when painting, never keep them."""
    return _in_use


def use(chosen: Colours) -> None:
    """Take another theme; `app.stylesheet.dress` does this and dresses the application."""
    global _in_use
    _in_use = chosen


SPACE = 10
RADIUS = 8
TEXT_PX = 14
SMALL_PX = 13
TITLE_PX = 15
LABEL_PX = 26
NUMBER_PX = 22
SMALLEST_PX = 11
# Least height of what the cards at the bottom hold; what is over goes to the picture.
FIGURES_HEIGHT = 100


def font(pixels: int, *, bold: bool = False) -> QFont:
    """The application's font at a size, with digits that are all equally wide."""
    chosen = QFont(QApplication.font())
    chosen.setPixelSize(pixels)
    chosen.setBold(bold)
    chosen.setFeature(QFont.Tag("tnum"), 1)
    return chosen


def fitting_font(text: str, width: float, largest_px: int, *, bold: bool = False) -> QFont:
    """The largest font, up to a size, in which a text fits into a width in one line."""
    for pixels in range(largest_px, SMALLEST_PX, -1):
        candidate = font(pixels, bold=bold)
        if QFontMetrics(candidate).horizontalAdvance(text) <= width:
            return candidate
    return font(SMALLEST_PX, bold=bold)


def text_on(ground: str) -> str:
    """Near-black or near-white, whichever reads better on a ground."""
    return "#0b0e13" if contrast("#0b0e13", ground) >= contrast("#ffffff", ground) else "#ffffff"


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two #rrggbb colours after WCAG 2, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
