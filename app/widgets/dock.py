"""A part of the window that can be moved, resized, floated and closed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app import theme
from app.widgets.controls import Button, label
from app.widgets.icons import icon


class Dock(QDockWidget):
    """A card under a title bar of ours: its name, what the content adds, float, close."""

    def __init__(
        self, name: str, title: str, content: QWidget, extra: QWidget | None = None
    ) -> None:
        super().__init__(title)
        # Under this name the layout is remembered.
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.content = content
        self._float = QAction(icon("float"), "Float", self)
        self._float.setToolTip(f"Take {title} out of the window, or put it back")
        self._float.triggered.connect(lambda: self.setFloating(not self.isFloating()))
        self._close = QAction(icon("close"), "Close", self)
        self._close.setToolTip(f"Close {title}; the View menu brings it back")
        self._close.triggered.connect(self.close)
        self.setTitleBarWidget(self._head(title, extra))
        body = QFrame()
        body.setProperty("role", "dock-body")
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(content)
        self.setWidget(body)
        self.toggleViewAction().setToolTip(f"Show or hide {title}")

    def _head(self, title: str, extra: QWidget | None) -> QWidget:
        head = QFrame()
        head.setProperty("role", "dock-head")
        head.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QHBoxLayout(head)
        layout.setContentsMargins(14, 4, 6, 0)
        layout.setSpacing(2)
        layout.addWidget(label(title, "title"))
        layout.addStretch()
        if extra is not None:
            layout.addWidget(extra)
            layout.addSpacing(theme.SPACE)
        for action in (self._float, self._close):
            button = Button(action, role="small")
            button.setAccessibleName(f"{action.text()} {title}")
            layout.addWidget(button)
        return head

    def toggle(self) -> None:
        """Show it in front of others in the same place, or take it away."""
        shown = self.isVisible() and not self.visibleRegion().isEmpty()
        self.setVisible(not shown)
        if not shown:
            self.raise_()
