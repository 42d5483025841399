"""Shows the figures that need more than a glance: accuracy for each activity."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.session import Session
from app.widgets.class_table import ClassTable
from app.widgets.dock import Dock


class ClassTablePresenter(QObject):
    """Fills the table while it can be seen; it costs nothing else."""

    def __init__(self, session: Session, table: ClassTable, dock: Dock, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._table = table
        session.numbers.connect(self.refresh)
        session.source_changed.connect(self.refresh)
        dock.visibilityChanged.connect(self.refresh)

    def refresh(self) -> None:
        """Show the figures as they are now."""
        if self._table.isVisible():
            self._table.show_classes(self._session.answers.tally.per_class())
