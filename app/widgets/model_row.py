"""The picture and the models' panels beside it, however many there are and however wide."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app import theme
from app.widgets.model_panel import NARROWEST, WIDE, ModelPanel

# What the picture keeps before the panels become narrow.
_LEAST_PICTURE = 300
_SMALLEST_PICTURE = 200


class ModelRow(QWidget):
    """Shares its width out; panels that are narrower than usual write in smaller letters."""

    def __init__(self, stage: QWidget, panels: Sequence[ModelPanel]) -> None:
        super().__init__()
        self._panels = panels
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SPACE)
        layout.addWidget(stage, 9)
        for panel in panels:
            layout.addWidget(panel, 4)

    def show_panel(self, panel: ModelPanel, present: bool) -> None:
        """Add one of the panels, or take it away."""
        panel.setVisible(present)
        self._share_out()
        self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        # Of the layout's own only the height counts: the panels give way before it is reached.
        shown = len(self._shown)
        width = _SMALLEST_PICTURE + shown * (NARROWEST + theme.SPACE)
        return QSize(width, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_out()

    @property
    def _shown(self) -> list[ModelPanel]:
        return [panel for panel in self._panels if not panel.isHidden()]

    def _share_out(self) -> None:
        left = self.width() - len(self._shown) * (WIDE + theme.SPACE)
        for panel in self._panels:
            panel.setMinimumWidth(WIDE if left >= _LEAST_PICTURE else NARROWEST)
