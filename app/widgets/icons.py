"""The window's icons, drawn from lines so that they are sharp at every scale."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QAction, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QWidget

from app import theme
from app.theme import Tone

_PIXELS = 96

# On a 24×24 grid; a filled shape is closed and marked by its fill.
_SHAPES = {
    "play": '<path d="M8 5 L19 12 L8 19 Z" fill="{c}"/>',
    "pause": '<path d="M8 6 V18 M16 6 V18" stroke-width="3.4"/>',
    "restart": '<path d="M6 6 V18"/><path d="M19 6 L10 12 L19 18 Z" fill="{c}"/>',
    "loop": '<path d="M5 12 V10 A3 3 0 0 1 8 7 H19 M16 4 L19 7 L16 10"/>'
    '<path d="M19 12 V14 A3 3 0 0 1 16 17 H5 M8 14 L5 17 L8 20"/>',
    "frame_back": '<path d="M18 6 V18"/><path d="M14 6.5 L6 12 L14 17.5 Z"/>',
    "frame_on": '<path d="M6 6 V18"/><path d="M10 6.5 L18 12 L10 17.5 Z"/>',
    "runs": '<path d="M3 6 H8 M3 12 H8 M3 18 H8 M11 6 H21 M11 12 H21 M11 18 H21"/>',
    "truth": '<path d="M4 5 H20 M4 12 H13 M4 19 H10 M14 17 L17 20 L21 14"/>',
    "open": '<path d="M3 18 V6 H9 L11 8.5 H20 V18 Z"/>',
    "camera": '<path d="M3 7 H15 V17 H3 Z M15 11 L21 7.5 V16.5 L15 13"/>',
    "stream": '<path d="M6 18 A1 1 0 0 1 6 17.9 M5 12 A7 7 0 0 1 12 19 M5 6 A13 13 0 0 1 18 19"/>',
    "recent": '<path d="M12 4 A8 8 0 1 1 11.9 4 M12 8 V12 L15 14"/>',
    "close": '<path d="M6 6 L18 18 M18 6 L6 18"/>',
    "fullscreen": '<path d="M4 9 V4 H9 M15 4 H20 V9 M20 15 V20 H15 M9 20 H4 V15"/>',
    "help": '<path d="M8.5 9 A3.5 3.5 0 1 1 13.5 12 Q12 13 12 14.5 M12 18.5 V18.6"/>',
    "warning": '<path d="M12 4 L21 19 H3 Z M12 10 V14 M12 16.6 V16.7"/>',
    "compare": '<path d="M4 7 H17 M13.5 3.5 L17 7 L13.5 10.5"/>'
    '<path d="M20 17 H7 M10.5 13.5 L7 17 L10.5 20.5"/>',
    "view": '<path d="M4 5 H20 V19 H4 Z M4 14 H20 M13 14 V19"/>',
    "float": '<path d="M8 8 V4 H20 V16 H16 M4 8 H16 V20 H4 Z"/>',
    "bell": '<path d="M6 17 V11 A6 6 0 0 1 18 11 V17 H20 H4 H6 M10.5 20 H13.5"/>',
    "add": '<path d="M12 5 V19 M5 12 H19"/>',
    "record": '<circle cx="12" cy="12" r="6.5" fill="{c}"/>',
    "picture": '<path d="M3 8 H7 L9 5.5 H15 L17 8 H21 V18.5 H3 Z"/><circle cx="12" cy="13" r="3"/>',
    "down": '<path d="M7 10 L12 15 L17 10"/>',
}


# Which icon a QIcon shows; copies share their key, so that actions can be found again.
_KNOWN: dict[int, tuple[str, Tone | None]] = {}
_MADE: dict[tuple[str, str], QIcon] = {}


def icon(name: str, tone: Tone | None = "text") -> QIcon:
    """One of the icons in a colour of the theme in use; None is the colour of the window.

    `retint` redraws those of actions and buttons when the theme changes.
    """
    colours = theme.colours()
    colour = colours.window if tone is None else colours.of(tone)
    made = _MADE.get((name, colour))
    if made is None:
        made = _MADE[name, colour] = _draw(name, colour)
    _KNOWN[made.cacheKey()] = (name, tone)
    return made


def retint(window: QWidget) -> None:
    """Draw the icons of all actions and buttons of a window in the colours now in use."""
    for kind in (QAction, QAbstractButton):
        for holder in window.findChildren(kind):
            known = _KNOWN.get(holder.icon().cacheKey())
            if known is not None:
                holder.setIcon(icon(*known))


def _draw(name: str, colour: str) -> QIcon:
    shapes = _SHAPES[name].format(c=colour)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><g fill="none" '
        f'stroke="{colour}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">'
        f"{shapes}</g></svg>"
    )
    pixmap = QPixmap(_PIXELS, _PIXELS)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    return QIcon(pixmap)
