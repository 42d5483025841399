"""How well each activity is recognised, by each model; sorted as the person likes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtWidgets import QHeaderView, QStackedWidget, QTableView, QVBoxLayout, QWidget

from app.messages import ClassAccuracy
from app.widgets.controls import label
from core.activities import title_of

_COLUMNS = ("activity", "clips", "INT8 %", "FP32 %", "diff", "teacher")
_DIFFERENCE, _TEACHER = 4, 5
_TIPS = (
    "Activity of the truth",
    "Labelled clips so far",
    "Share of them that INT8 named rightly",
    "Share of them that FP32 named rightly",
    "INT8 less FP32, in percentage points",
    "Share of the clips it answered that the teacher named rightly",
)
_WIDTHS = (46, 58, 60, 50, 62)
_USUAL_WIDTH, _TEACHER_WIDTH = 330, 368
_Index = QModelIndex | QPersistentModelIndex
_SORT_ROLE = Qt.ItemDataRole.UserRole


class ClassTable(QWidget):
    """A table while there is truth, a sentence while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Accuracy per activity")
        self._model = _Rows(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(_SORT_ROLE)
        self.table = QTableView()
        self.table.setModel(self._sorted)
        self.table.setAccessibleName("Accuracy per activity")
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(26)
        header = self.table.horizontalHeader()
        for column, width in enumerate(_WIDTHS, start=1):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        self.show_teacher(False)
        empty = label(
            "No truth is known for this source. Open a video together with its annotations to see "
            "how well each activity is recognised.",
            "quiet",
        )
        empty.setWordWrap(True)
        empty.setMargin(14)
        empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._pages = QStackedWidget()
        self._pages.addWidget(empty)
        self._pages.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 6, 1, 1)
        layout.addWidget(self._pages)

    def sizeHint(self) -> QSize:
        return QSize(350, 300)

    def show_classes(self, classes: Sequence[ClassAccuracy]) -> None:
        """Show these activities; the order the person chose stays."""
        self._model.replace(classes)
        self._pages.setCurrentIndex(1 if classes else 0)

    def show_teacher(self, present: bool) -> None:
        """Whether there is a column for the teacher."""
        self.table.setColumnHidden(_TEACHER, not present)
        self.setMinimumWidth(_TEACHER_WIDTH if present else _USUAL_WIDTH)

    def texts(self) -> list[list[str]]:
        """What the cells say, row by row as they are sorted."""
        count = self._sorted.rowCount()
        cells = [n for n in range(len(_COLUMNS)) if not self.table.isColumnHidden(n)]
        return [
            [str(self._sorted.index(row, column).data() or "") for column in cells]
            for row in range(count)
        ]


class _Rows(QAbstractTableModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._classes: list[ClassAccuracy] = []

    def replace(self, classes: Sequence[ClassAccuracy]) -> None:
        """Take other figures; where the activities are the same only the cells change."""
        same = [c.name for c in classes] == [c.name for c in self._classes]
        if same:
            self._classes = list(classes)
            if classes:
                last = self.index(len(classes) - 1, len(_COLUMNS) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self._classes = list(classes)
        self.endResetModel()

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._classes)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{_TIPS[section]}; click to sort"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        shown = self._classes[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role == _SORT_ROLE:
            value = _value(shown, index.column())
            return value if value is not None else -1000.0
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(shown, index.column())
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 0:
            return title_of(shown.name)
        return None


def _alignment(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)


def _value(shown: ClassAccuracy, column: int) -> str | float | None:
    int8, fp32 = shown.accuracy.get("int8"), shown.accuracy.get("fp32")
    match column:
        case 0:
            return title_of(shown.name)
        case 1:
            return float(max(shown.clips.values(), default=0))
        case 2:
            return int8
        case 3:
            return fp32
        case 5:
            return shown.accuracy.get("teacher")
        case _:
            return int8 - fp32 if int8 is not None and fp32 is not None else None


def _text(shown: ClassAccuracy, column: int) -> str:
    value = _value(shown, column)
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if column == 1:
        return f"{value:.0f}"
    return f"{value * 100:+.1f}" if column == _DIFFERENCE else f"{value * 100:.1f}"
