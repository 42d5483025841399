"""The parts around the picture that can be moved: where they are at first, and later."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QByteArray, QObject, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabBar, QWidget

from app.presenter import Widgets
from app.widgets.alert_panel import AlertPanel
from app.widgets.class_table import ClassTable
from app.widgets.controls import label
from app.widgets.decision_panel import DecisionPanel
from app.widgets.dock import Dock

# Another number when the docks change so much that an old layout makes no sense.
_LAYOUT_VERSION = 1
_BOTTOM, _RIGHT = Qt.DockWidgetArea.BottomDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
# Shares of the height between the bars that the bottom parts take at first.
_TIMELINE_SHARE, _FIGURES_SHARE = 0.165, 0.19
_TALLEST_TIMELINE, _TALLEST_FIGURES = 190, 230
_LATENCY_SHARE = 0.53
_SIDE_WIDTH = 350
# The person opens these; they share one place.
_SIDE = ("classes", "decisions", "alerts")


class Docks(QObject):
    """Holds every dock by name."""

    def __init__(self, window: QMainWindow, widgets: Widgets) -> None:
        super().__init__(window)
        self._window = window
        self.classes = ClassTable()
        self.decisions = DecisionPanel()
        self.alerts = AlertPanel()
        self._all: dict[str, Dock] = {}
        window.setDockOptions(
            QMainWindow.DockOption.AllowNestedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.AnimatedDocks
        )
        window.setTabPosition(_RIGHT, window.tabPosition(_BOTTOM).North)
        legend = label("each clip's most probable activity · red: the models differ", "quiet")
        latency, comparison = widgets.latency, widgets.comparison
        self._add("timeline", "Timeline", widgets.timeline, legend)
        self._add("latency", "Latency, ms per clip", latency, latency.legend)
        self._add("comparison", "INT8 against FP32", comparison, comparison.clips)
        self._add("classes", "Accuracy", self.classes)
        self._add("decisions", "Decisions", self.decisions)
        self._add("alerts", "Alerts", self.alerts)
        self.arrange()

    @property
    def all(self) -> Mapping[str, Dock]:
        """Every dock by its name."""
        return self._all

    def _add(self, name: str, title: str, content: QWidget, extra: QWidget | None = None) -> None:
        dock = self._all[name] = Dock(name, title, content, extra)
        dock.visibilityChanged.connect(self._name_tabs)

    def _name_tabs(self) -> None:
        # Qt makes the tabs when parts share a place, and gives them no name.
        for tabs in self._window.findChildren(QTabBar):
            tabs.setAccessibleName("Parts in this place")

    def arrange(self) -> None:
        """Put everything where it is at first."""
        window = self._window
        timeline, latency, comparison = (
            self._all[name] for name in ("timeline", "latency", "comparison")
        )
        for dock in self._all.values():
            dock.setFloating(False)
        for dock in (timeline, latency, comparison):
            window.removeDockWidget(dock)
        window.addDockWidget(_BOTTOM, timeline)
        window.splitDockWidget(timeline, latency, Qt.Orientation.Vertical)
        window.splitDockWidget(latency, comparison, Qt.Orientation.Horizontal)
        side: Dock | None = None
        for name, dock in self._all.items():
            if name in _SIDE:
                window.addDockWidget(_RIGHT, dock)
                if side is not None:
                    window.tabifyDockWidget(side, dock)
                side = dock
            dock.setVisible(name not in _SIDE)
        self.share_out()

    def share_out(self) -> None:
        """Give each part its share of the window as large as it is now."""
        height, width = self._window.height(), self._window.width()
        docks = [self._all[name] for name in ("timeline", "latency")]
        heights = [
            min(round(height * _TIMELINE_SHARE), _TALLEST_TIMELINE),
            min(round(height * _FIGURES_SHARE), _TALLEST_FIGURES),
        ]
        self._resize(docks, heights, Qt.Orientation.Vertical)
        docks = [self._all[name] for name in ("latency", "comparison")]
        widths = [round(width * _LATENCY_SHARE), round(width * (1 - _LATENCY_SHARE))]
        self._resize(docks, widths, Qt.Orientation.Horizontal)
        side = [self._all[name] for name in _SIDE]
        self._resize(side, [_SIDE_WIDTH] * len(side), Qt.Orientation.Horizontal)

    def _resize(self, docks: list[Dock], sizes: list[int], orientation: Qt.Orientation) -> None:
        shown: list[tuple[QDockWidget, int]] = [
            (dock, size)
            for dock, size in zip(docks, sizes, strict=True)
            if dock.isVisible() and not dock.isFloating()
        ]
        if shown:
            self._window.resizeDocks(
                [dock for dock, _ in shown], [size for _, size in shown], orientation
            )

    def saved(self) -> QByteArray:
        """Where everything is now."""
        return self._window.saveState(_LAYOUT_VERSION)

    def restore(self, saved: QByteArray) -> bool:
        """Put everything where it was; False when that is not known."""
        return not saved.isEmpty() and self._window.restoreState(saved, _LAYOUT_VERSION)
