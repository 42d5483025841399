"""One place for colours, sizes and the stylesheet."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QFont, QFontMetrics, QPalette
from PySide6.QtWidgets import QApplication

from app.messages import Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """Every colour of the window as #rrggbb; text colours keep 4.5:1 on all three grounds."""

    window: str = "#0c1016"
    card: str = "#141a23"
    raised: str = "#1e2733"
    line: str = "#2b3645"
    text: str = "#edf2f8"
    quiet: str = "#a7b4c5"
    accent: str = "#5aa9ff"
    int8: str = "#2fd6c0"
    fp32: str = "#f6b758"
    good: str = "#4ade9b"
    warning: str = "#ffbf5e"
    bad: str = "#ff8080"
    bad_ground: str = "#3a1a20"

    def of_slot(self, slot: Slot) -> str:
        """The colour that stands for a model throughout the window."""
        return self.int8 if slot == "int8" else self.fp32


DARK = Colours()

SPACE = 10
RADIUS = 8
TEXT_PX = 14
SMALL_PX = 13
TITLE_PX = 15
LABEL_PX = 26
NUMBER_PX = 22
SMALLEST_PX = 11
# Least and most height of the cards at the bottom; what is over goes to the picture.
FIGURES_HEIGHT = (122, 178)


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


def apply(application: QApplication, colours: Colours = DARK) -> None:
    """Dress the whole application."""
    application.setStyle("Fusion")
    base = application.font()
    base.setPixelSize(TEXT_PX)
    application.setFont(base)
    application.setPalette(_palette(colours))
    application.setStyleSheet(_stylesheet(colours))


def _palette(colours: Colours) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for name, colour in {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.card,
        role.AlternateBase: colours.raised,
        role.Text: colours.text,
        role.PlaceholderText: colours.quiet,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.window,
        role.Link: colours.accent,
    }.items():
        palette.setColor(name, QColor(colour))
    disabled = QPalette.ColorGroup.Disabled
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(disabled, name, QColor("#66727f"))
    return palette


def _stylesheet(c: Colours) -> str:
    return f"""
    QToolTip {{
        background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 5px;
    }}
    QLabel[role="quiet"] {{ color: {c.quiet}; font-size: {SMALL_PX}px; }}
    QLabel[role="title"] {{ font-size: {TITLE_PX}px; font-weight: bold; }}
    QLabel[role="brand"] {{ font-size: 18px; font-weight: bold; }}
    QLabel[role="bad"] {{ color: {c.bad}; }}
    QLabel[role="warning"] {{ color: {c.warning}; font-size: {SMALL_PX}px; }}
    QFrame[role="card"] {{
        background: {c.card}; border: 1px solid {c.line}; border-radius: {RADIUS}px;
    }}
    QFrame[role="bar"] {{ background: {c.card}; border: 0; }}
    QFrame[role="banner"] {{
        background: {c.bad_ground}; border: 1px solid {c.bad}; border-radius: {RADIUS}px;
    }}
    QFrame[role="sheet"] {{
        background: {c.raised}; border: 1px solid {c.accent}; border-radius: {RADIUS}px;
    }}
    QToolButton {{
        background: transparent; color: {c.text}; border: 1px solid transparent;
        border-radius: 6px; padding: 6px 10px;
    }}
    /* Beside text Qt itself leaves room on the right. */
    QToolButton[wide="true"] {{ padding-right: 0px; }}
    QToolButton:hover {{ background: {c.raised}; border-color: {c.line}; }}
    QToolButton:pressed, QToolButton:checked {{ background: {c.raised}; border-color: {c.accent}; }}
    QToolButton:focus {{ border-color: {c.accent}; }}
    QToolButton:disabled {{ color: #66727f; }}
    QToolButton[role="primary"] {{
        background: {c.accent}; color: {c.window}; font-weight: bold; padding: 10px 6px 10px 18px;
    }}
    QToolButton[role="primary"]:hover {{ background: #7dbcff; }}
    QToolButton[role="primary"]:focus {{ border-color: {c.text}; }}
    QToolButton[role="secondary"] {{
        background: {c.raised}; border-color: {c.line}; padding: 10px 6px 10px 18px;
    }}
    QToolButton[role="secondary"]:hover, QToolButton[role="secondary"]:focus {{
        border-color: {c.accent};
    }}
    QToolButton::menu-indicator {{ image: none; width: 0; }}
    QMenu {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 6px; }}
    QMenu::item {{ padding: 7px 26px 7px 14px; border-radius: 5px; }}
    QMenu::item:selected {{ background: {c.accent}; color: {c.window}; }}
    QMenu::item:disabled {{ color: {c.quiet}; }}
    QMenu::separator {{ height: 1px; background: {c.line}; margin: 6px 8px; }}
    """
