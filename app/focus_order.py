"""In which order Tab walks through the window: as it is read, and only over what can be seen.

Qt's own order is that in which the parts were made. It also leads through parts that lie behind
another tab: those are not hidden for Qt, only moved out of sight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMainWindow, QScrollArea, QTabBar, QWidget

from app.widgets.dock import Dock


class FocusOrder:
    """Moves the focus of a window from one control to the next."""

    def __init__(
        self, window: QWidget, before: Sequence[QWidget], desk: QMainWindow, after: QWidget
    ) -> None:
        """The parts `before` come first, then the desk's middle, its docks, and `after`."""
        self._window = window
        self._before = tuple(before)
        self._desk = desk
        self._after = after

    def walk(self, *, forward: bool) -> bool:
        """Go one control further, or back; False when there is none to go to."""
        controls = self.controls()
        if not controls:
            return False
        target = controls[self._place_of_next(controls, 1 if forward else -1)]
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        target.setFocus(reason)
        _scroll_to(target)
        return True

    def controls(self) -> list[QWidget]:
        """Everything that Tab reaches now, in order."""
        parts = self._parts()
        found: dict[QWidget, list[QWidget]] = {part: [] for part in parts}
        for widget in self._chain():
            if _takes_tab(widget, self._window):
                part = _part_of(widget, found)
                if part is not None:
                    found[part].append(widget)
        return [widget for part in parts for widget in found[part]]

    def _place_of_next(self, controls: list[QWidget], by: int) -> int:
        focused = self._window.focusWidget()
        if focused in controls:
            return (controls.index(focused) + by) % len(controls)
        # What was clicked on has the focus, such as the picture: go on beside it.
        inside = [place for place, one in enumerate(controls) if _holds(focused, one)]
        if inside:
            return inside[0 if by > 0 else -1]
        return 0 if by > 0 else -1

    def _parts(self) -> list[QWidget]:
        on_desk: list[QWidget] = [
            dock for dock in self._desk.findChildren(Dock) if not dock.isFloating()
        ]
        on_desk += self._desk.findChildren(QTabBar)
        seen = [part for part in on_desk if not part.visibleRegion().isEmpty()]
        seen.sort(key=lambda part: _reading_place(part, self._desk))
        return [*self._before, self._desk.centralWidget(), *seen, self._after]

    def _chain(self) -> Iterator[QWidget]:
        widget = self._window.nextInFocusChain()
        while widget is not self._window:
            yield widget
            widget = widget.nextInFocusChain()


def _takes_tab(widget: QWidget, window: QWidget) -> bool:
    return (
        widget.isVisible()
        and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        and widget.isEnabled()
        and widget.focusProxy() is None
        and widget.window() is window
    )


def _part_of(widget: QWidget, parts: dict[QWidget, list[QWidget]]) -> QWidget | None:
    around: QWidget | None = widget
    while around is not None and around not in parts:
        around = around.parentWidget()
    return around


def _holds(outer: QWidget | None, inner: QWidget) -> bool:
    return outer is not None and outer.isAncestorOf(inner)


def _reading_place(part: QWidget, desk: QWidget) -> tuple[int, int]:
    place = part.mapTo(desk, QPoint(0, 0))
    return place.y(), place.x()


def _scroll_to(widget: QWidget) -> None:
    around = widget.parentWidget()
    while around is not None:
        if isinstance(around, QScrollArea):
            around.ensureWidgetVisible(widget)
        around = around.parentWidget()
