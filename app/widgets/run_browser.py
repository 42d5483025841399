"""A Drive&Act root to choose from: by view, person and run, with or without annotations."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.ratios import counted
from app.run_lookup import RunLookup
from app.widgets.controls import Button, label
from app.widgets.icons import icon
from core.driveact_runs import Run

_RUN = Qt.ItemDataRole.UserRole
_EMPTY = (
    "Choose the folder that Drive&Act was unpacked to. It holds folders like inner_mirror/vp1 with "
    "the videos, and activities_3s with the annotations."
)


class RunBrowser(QDialog):
    """Not modal: the video plays on behind it, and behind the search through a large root."""

    chosen = Signal(object)  # Run
    root_read = Signal(object)  # Path of a root that holds runs

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Drive&Act runs")
        self.resize(680, 520)
        self._root: Path | None = None
        self._runs: tuple[Run, ...] = ()
        self._lookup = RunLookup(self)
        self._lookup.found.connect(self._on_found)
        self._lookup.failed.connect(self._on_failed)
        self.choose_folder = QAction(icon("open"), "Choose folder…", self)
        self.choose_folder.setToolTip("Choose the Drive&Act folder (Ctrl+O)")
        self.choose_folder.setShortcut("Ctrl+O")
        self.choose_folder.triggered.connect(self.ask_for_folder)
        self.addAction(self.choose_folder)
        self.play = QAction(icon("play", None), "Play this run", self)
        self.play.setToolTip("Play the chosen run with its annotations (Enter)")
        self.play.triggered.connect(self._choose_current)
        self.folder = label("", "quiet", name="Drive&Act folder")
        self.views = QComboBox()
        self.views.setAccessibleName("View")
        self.views.setToolTip("From which camera (Alt+V)")
        self.views.currentIndexChanged.connect(self._fill_tree)
        self.tree = QTreeWidget()
        self.message = label("", name="Message")
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.summary = label("", "quiet", name="Summary")
        self._prepare_tree()
        self._lay_out()
        self._show_message(_EMPTY)

    def _prepare_tree(self) -> None:
        tree = self.tree
        tree.setAccessibleName("Runs by person")
        tree.setHeaderLabels(["Person and run", "Recorded", "Annotations"])
        header = tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(False)
        tree.setUniformRowHeights(True)
        tree.itemActivated.connect(lambda item: self._choose(item))
        tree.currentItemChanged.connect(lambda: self._show_choice())

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.folder, 1)
        top.addWidget(Button(self.choose_folder, text=True, role="secondary"))
        view = label("&View")
        view.setTextFormat(Qt.TextFormat.AutoText)
        view.setBuddy(self.views)
        self._chooser = QWidget()
        row = QHBoxLayout(self._chooser)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(view)
        row.addWidget(self.views)
        row.addStretch()
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Looking for runs")
        told = QWidget()
        column = QVBoxLayout(told)
        column.addStretch()
        column.addWidget(self.message)
        column.addWidget(self.progress)
        column.addStretch()
        self._stage = QStackedWidget()
        self._stage.addWidget(told)
        self._stage.addWidget(self.tree)
        bottom = QHBoxLayout()
        bottom.addWidget(self.summary, 1)
        bottom.addWidget(Button(self.play, text=True, role="primary"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(theme.SPACE)
        layout.addLayout(top)
        layout.addWidget(self._chooser)
        layout.addWidget(self._stage, 1)
        layout.addLayout(bottom)

    # -- the root ------------------------------------------------------------------------------

    def show_root(self, root: Path | None) -> None:
        """Open, and look through a root unless that is the one shown; None keeps what is there."""
        self.show()
        self.raise_()
        self.activateWindow()
        if root is not None and not (root == self._root and self._runs):
            self._look(root)

    def ask_for_folder(self) -> QFileDialog:
        """Let a root be chosen."""
        dialog = QFileDialog(self, "Drive&Act folder", str(self._root or Path.home()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda path: self._look(Path(path)))
        dialog.open()
        return dialog

    def _look(self, root: Path) -> None:
        self._root, self._runs = root, ()
        self.folder.setText(str(root))
        self.folder.setToolTip(str(root))
        self._show_message("Looking for runs and their annotations…", busy=True)
        self._lookup.look(root)

    def _on_failed(self, sentence: str) -> None:
        self._show_message(sentence)

    def _on_found(self, runs: tuple[Run, ...]) -> None:
        self._runs = runs
        wanted = self.views.currentData()
        self.views.blockSignals(True)
        self.views.clear()
        for view in dict.fromkeys(run.view for run in runs):
            self.views.addItem(view.replace("_", " "), view)
        self.views.setCurrentIndex(max(0, self.views.findData(wanted)))
        self.views.blockSignals(False)
        self._chooser.show()
        self._stage.setCurrentWidget(self.tree)
        self._fill_tree()
        self.tree.setFocus()
        if self._root is not None:
            self.root_read.emit(self._root)

    def _show_message(self, sentence: str, *, busy: bool = False) -> None:
        self.message.setText(sentence)
        self.progress.setVisible(busy)
        self._chooser.hide()
        self.summary.clear()
        self.play.setEnabled(False)
        self._stage.setCurrentIndex(0)

    # -- the runs ------------------------------------------------------------------------------

    def _fill_tree(self) -> None:
        runs = [run for run in self._runs if run.view == self.views.currentData()]
        self.tree.clear()
        for person in dict.fromkeys(run.person for run in runs):
            own = [run for run in runs if run.person == person]
            parent = QTreeWidgetItem(self.tree, [f"Person {person}"])
            for run in own:
                item = QTreeWidgetItem(parent, _cells(run))
                item.setData(0, _RUN, run)
                item.setToolTip(0, str(run.video))
        self.tree.expandAll()
        first = self.tree.topLevelItem(0)
        if first is not None:
            self.tree.setCurrentItem(first.child(0))
        annotated = sum(run.annotations is not None for run in runs)
        self.summary.setText(f"{counted(len(runs), 'run')}, {annotated} with annotations")

    def _current(self) -> Run | None:
        item = self.tree.currentItem()
        run = item.data(0, _RUN) if item is not None else None
        return run if isinstance(run, Run) else None

    def _show_choice(self) -> None:
        self.play.setEnabled(self._current() is not None)

    def _choose_current(self) -> None:
        self._choose(self.tree.currentItem())

    def _choose(self, item: QTreeWidgetItem | None) -> None:
        run = item.data(0, _RUN) if item is not None else None
        if isinstance(run, Run):
            self.hide()
            self.chosen.emit(run)

    # -- the end -------------------------------------------------------------------------------

    def give_up(self) -> None:
        """Look for nothing any more; the window closes."""
        self._lookup.give_up()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._runs:
            self._lookup.give_up()
            self._root = None
        super().closeEvent(event)


def _cells(run: Run) -> list[str]:
    name, _, stamp = run.run.partition("_")
    try:
        recorded = datetime.strptime(stamp, "%Y-%m-%d-%H-%M-%S").strftime("%Y-%m-%d %H:%M")
    except ValueError:
        recorded = stamp
    truth = f"{run.chunks} chunks" if run.annotations is not None else "none"
    return [name, recorded, truth]
