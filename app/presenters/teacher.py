"""Shows everything of the teacher while there is one, and nothing of it while there is none."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.messages import Models, Numbers
from app.presenter import Widgets
from app.session import Session
from app.widgets.class_table import ClassTable
from app.widgets.model_row import ModelRow

# Three panels and a part at the side need it.
_LEAST_WIDTH = 1280


class TeacherPresenter(QObject):
    """Adds the third panel, strip, line and column, and takes them away again."""

    def __init__(
        self,
        session: Session,
        widgets: Widgets,
        row: ModelRow,
        classes: ClassTable,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._usual_width = window.minimumWidth()
        self._row = row
        self._widgets = widgets
        self._classes = classes
        self.present = False
        self._panel = widgets.panels["teacher"]
        row.show_panel(self._panel, False)
        session.answers.models_described.connect(self._on_models)
        session.answers.teacher_changed.connect(self._on_teacher)
        session.numbers.connect(self._on_numbers)

    def _on_teacher(self, models: Models) -> None:
        self._on_models(models)
        if self.present:
            self._panel.show_loading()
            self._panel.show_description(models.models["teacher"])

    def _on_models(self, models: Models) -> None:
        present = "teacher" in models.models
        if present == self.present:
            return
        self.present = present
        self._row.show_panel(self._panel, present)
        self._window.setMinimumWidth(_LEAST_WIDTH if present else self._usual_width)
        self._panel.show_pace(None)
        self._widgets.timeline.show_teacher(present)
        self._widgets.latency.show_teacher(present)
        self._widgets.comparison.show_teacher(present)
        self._classes.show_teacher(present)

    def _on_numbers(self, numbers: Numbers) -> None:
        if self.present:
            self._panel.show_pace(numbers.teacher)
