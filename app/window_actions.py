"""The window's own keys: full screen, all keys, the models, closing what lies above, quitting."""

from __future__ import annotations

import sys
from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QWidget

from app.widgets.icons import icon

# On macOS F11 shows the desktop; Control and Command, as these two are called there, are usual.
_FULL_SCREEN = QKeySequence("Meta+Ctrl+F" if sys.platform == "darwin" else "F11")
FULL_SCREEN_KEY = _FULL_SCREEN.toString(QKeySequence.SequenceFormat.NativeText)


class WindowActions(QObject):
    """What a person can do with the window itself.

    Args:
        window: which is shown over the whole screen, and closed.
        show_keys: shows the sheet of all keys, or hides it.
        show_models: shows the choice of models.
    """

    def __init__(
        self,
        window: QMainWindow,
        show_keys: Callable[[], None],
        show_models: Callable[[], None],
    ) -> None:
        super().__init__(window)
        self._window = window
        # What Esc takes away, the foremost first, and how.
        self.above: tuple[tuple[QWidget, Callable[[], object]], ...] = ()
        self.compare = self._action("Compare", "M", show_models, "compare")
        self.compare.setToolTip("Choose the models and their engines (M)")
        self.full_screen = self._action(
            "Full screen", _FULL_SCREEN, self._toggle_full_screen, "fullscreen"
        )
        self.full_screen.setToolTip(f"Full screen ({FULL_SCREEN_KEY})")
        self.help = self._action("Keyboard", "?", show_keys, "help")
        self.help.setShortcuts(["?", "F1"])
        self.help.setToolTip("All keys (?)")
        self.quit = self._action("Quit", "Q", window.close)
        self.quit.setShortcuts(["Q", "Ctrl+Q"])
        self.escape = self._action("Close message", "Esc", self._on_escape)

    def _action(
        self, text: str, key: str | QKeySequence, do: Callable[[], object], icon_name: str = ""
    ) -> QAction:
        action = QAction(text, self)
        if icon_name:
            action.setIcon(icon(icon_name))
        action.setShortcut(key)
        action.triggered.connect(lambda: do())
        self._window.addAction(action)
        return action

    def _toggle_full_screen(self) -> None:
        if self._window.isFullScreen():
            self._window.showNormal()
        else:
            self._window.showFullScreen()

    def _on_escape(self) -> None:
        for part, take_away in self.above:
            if part.isVisible():
                take_away()
                return
        if self._window.isFullScreen():
            self._window.showNormal()
