"""The View menu: which parts are shown, the theme, and the way back to how it was at first."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu

from app import theme
from app.settings import Settings, ThemeChoice
from app.stylesheet import colours_of_system, dress
from app.theme import DARK, LIGHT
from app.widgets.controls import Button, drop_below
from app.widgets.icons import icon, retint
from app.window_docks import Docks

KEYS = (
    ("V", "View menu: parts, theme, reset"),
    ("T", "Accuracy per activity"),
)

_THEMES: tuple[tuple[ThemeChoice, str], ...] = (
    ("system", "Theme of the system"),
    ("dark", "Dark theme"),
    ("light", "Light theme"),
)


# Those of the windows that are open. Asking Qt for its widgets instead is not safe: while the list
# is made, Python may collect a window that was closed, and its widgets are in the list already.
_open: list[Appearance] = []


class Appearance(QMenu):
    """Owns what the window looks like; the settings remember it."""

    settings_reset = Signal()

    def __init__(self, window: QMainWindow, docks: Docks, settings: Settings) -> None:
        super().__init__("View", window)
        self._window = window
        self._docks = docks
        self._settings = settings
        self.show_menu = QAction(icon("view"), "View", self)
        self.show_menu.setShortcut("V")
        self.show_menu.setToolTip("Parts of the window, theme, reset (V)")
        self.button = Button(self.show_menu, text=True)
        self.show_menu.triggered.connect(lambda: drop_below(self, self.button))
        self.classes = QAction("Accuracy per activity", self)
        self.classes.setShortcut("T")
        self.classes.triggered.connect(docks.all["classes"].toggle)
        self.themes: dict[ThemeChoice, QAction] = {}
        self._fill()
        for action in (self.show_menu, self.classes):
            window.addAction(action)
        hints = QApplication.styleHints()
        hints.colorSchemeChanged.connect(self._on_system)
        _open.append(self)
        self.apply()

    def _fill(self) -> None:
        for name, dock in self._docks.all.items():
            action = dock.toggleViewAction()
            if name == "classes":
                # The key belongs to an action of its own, which also brings it to the front.
                action.setText(f"{dock.windowTitle()}\tT")
            self.addAction(action)
        self.addSeparator()
        group = QActionGroup(self)
        for choice, title in _THEMES:
            action = self.addAction(title)
            action.setCheckable(True)
            action.setData(choice)
            group.addAction(action)
            self.themes[choice] = action
        group.triggered.connect(lambda action: self.choose(action.data()))
        self.addSeparator()
        self.reset_layout = self.addAction("Reset layout")
        self.reset_layout.triggered.connect(self._docks.arrange)
        self.reset_all = self.addAction("Reset all settings")
        self.reset_all.triggered.connect(self._reset_all)

    def choose(self, choice: ThemeChoice) -> None:
        """Take another theme, and remember it."""
        self._settings.theme = choice
        self.apply()

    def apply(self) -> None:
        """Dress the application in the theme that was chosen."""
        choice = self._settings.theme
        self.themes[choice].setChecked(True)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        hints = application.styleHints()
        # Title bars and file dialogs are the system's; they follow where it can be told.
        if choice == "system":
            hints.unsetColorScheme()
        else:
            light = choice == "light"
            hints.setColorScheme(Qt.ColorScheme.Light if light else Qt.ColorScheme.Dark)
        wanted = {"dark": DARK, "light": LIGHT}.get(choice) or colours_of_system(application)
        if wanted is not theme.colours():
            dress(application, wanted)
            for each in _open:
                retint(each._window)

    def end(self) -> None:
        """The window closes; it dresses the others no more, and is not dressed."""
        if self in _open:
            _open.remove(self)

    def _on_system(self) -> None:
        if self._settings.theme == "system" and self in _open:
            self.apply()

    def _reset_all(self) -> None:
        self._settings.reset()
        self._docks.arrange()
        self.apply()
        self.settings_reset.emit()
