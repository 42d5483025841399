"""Chooses the model files and their engines while the video plays on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.messages import SLOTS, STUDENTS, Slot, engine_title
from app.model_choice import ModelChoice
from app.widgets.controls import Button, label, set_role, set_tone
from app.widgets.icons import icon
from core.engine_choice import AUTOMATIC
from core.engines import ENGINE_NAMES

_SIDES: Mapping[Slot, str] = {
    "int8": "Left, INT8",
    "fp32": "Right, FP32",
    "teacher": "Third, teacher",
}
_NOBODY = "none"


class ModelChooser(QFrame):
    """A sheet over the window, below the button that opens it; not modal."""

    chosen = Signal(object)  # ModelChoice

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "sheet")
        self.setAccessibleName("Models to compare")
        self.files: dict[Slot, QComboBox] = {}
        self.engines: dict[Slot, QComboBox] = {}
        self._browse: dict[Slot, QAction] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(10)
        for row, slot in enumerate(SLOTS):
            self._add(grid, row, slot)
        grid.setColumnStretch(1, 1)
        self.use = QAction("Compare these", self)
        self.use.setToolTip("Load them; the present models go on until these are ready")
        self.use.triggered.connect(lambda: self.chosen.emit(self.choice()))
        self._close = QAction(icon("close"), "Close", self)
        self._close.setToolTip("Close (Esc)")
        self._close.triggered.connect(self.hide)
        self.state = label("", "quiet", name="State of the change")
        self.state.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(label("Models to compare", "title"))
        head.addStretch()
        head.addWidget(Button(self._close, role="small"))
        foot = QHBoxLayout()
        foot.addWidget(self.state, 1)
        foot.addWidget(Button(self.use, text=True, role="secondary"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 12, 14, 14)
        layout.setSpacing(12)
        layout.addLayout(head)
        layout.addLayout(grid)
        layout.addWidget(
            label("You can also drop a .safetensors file on a model's panel.", "quiet")
        )
        layout.addLayout(foot)
        parent.installEventFilter(self)
        self.hide()

    def _add(self, grid: QGridLayout, row: int, slot: Slot) -> None:
        side = label(_SIDES[slot])
        set_tone(side, slot)
        file, engine = QComboBox(), QComboBox()
        file.setAccessibleName(f"Model file, {_SIDES[slot]}")
        file.setMinimumWidth(260)
        file.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        engine.setAccessibleName(f"Engine, {_SIDES[slot]}")
        engine.setToolTip("The program part that computes the network on this CPU")
        engine.addItem("best engine", AUTOMATIC)
        for name in ENGINE_NAMES:
            engine.addItem(engine_title(name), name)
        for box in (file, engine):
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        browse = QAction(icon("open"), "Browse…", self)
        browse.setToolTip(f"Choose a model file: {_SIDES[slot]}")
        browse.triggered.connect(lambda: self.ask_for_file(slot))
        button = Button(browse)
        button.setAccessibleName(browse.toolTip())
        for column, part in enumerate((side, file, button, engine)):
            grid.addWidget(part, row, column)
        self.files[slot], self.engines[slot], self._browse[slot] = file, engine, browse

    # -- what is chosen ------------------------------------------------------------------------

    def show_choice(self, choice: ModelChoice) -> None:
        """Show what runs now, beside the other model files in the same folders."""
        near = sorted(
            {
                file
                for path in choice.paths.values()
                if path.parent.is_dir()
                for file in path.parent.glob("*.safetensors")
            }
        )
        for slot in SLOTS:
            path = choice.paths.get(slot)
            others = [file for file in near if file != path]
            self._list(slot, [path, *others] if path else others, present=path is not None)
            engines = self.engines[slot]
            engines.setCurrentIndex(max(engines.findData(choice.engine_of(slot)), 0))

    def _list(self, slot: Slot, paths: Sequence[Path], *, present: bool) -> None:
        box = self.files[slot]
        box.clear()
        for path in paths:
            box.addItem(path.name, path)
            box.setItemData(box.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        if slot not in STUDENTS:
            # The place may stay empty.
            box.insertItem(0, _NOBODY)
            box.setCurrentIndex(1 if present else 0)

    def take_file(self, slot: Slot, path: Path) -> None:
        """Choose a file that is perhaps not listed."""
        box = self.files[slot]
        listed = [box.itemData(index) for index in range(box.count())]
        if path not in listed:
            box.addItem(path.name, path)
            box.setItemData(box.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
            listed.append(path)
        box.setCurrentIndex(listed.index(path))

    def choice(self) -> ModelChoice:
        """What is chosen now."""
        files = {slot: box.currentData() for slot, box in self.files.items()}
        taken = [slot for slot, file in files.items() if file is not None]
        return ModelChoice(
            {slot: files[slot] for slot in taken},
            {slot: self.engines[slot].currentData() for slot in taken},
        )

    def ask_for_file(self, slot: Slot) -> QFileDialog:
        """Let a model file be chosen for one side."""
        present = self.files[slot].currentData()
        folder = str(present.parent) if isinstance(present, Path) else ""
        dialog = QFileDialog(self, "Model file", folder, "Models (*.safetensors);;All files (*)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setModal(False)
        dialog.fileSelected.connect(lambda path: self.take_file(slot, Path(path)))
        dialog.show()
        return dialog

    def show_state(self, sentence: str, *, problem: bool = False, busy: bool = False) -> None:
        """Say how the change goes; while it is busy no other can be asked for."""
        set_role(self.state, "warning" if problem else "quiet")
        self.state.setText(sentence)
        self.use.setEnabled(not busy)

    # -- where it is ---------------------------------------------------------------------------

    def open_below(self, anchor: QWidget) -> None:
        """Show it under a button of the window, or take it away."""
        if self.isVisible():
            self.hide()
            return
        self._place(anchor)
        self.show()
        self.raise_()
        # For another reason it would have the focus without showing it until the first Tab.
        self.files["int8"].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _place(self, anchor: QWidget | None) -> None:
        self.adjustSize()
        self.resize(min(max(self.width(), 640), self.parentWidget().width() - 20), self.height())
        if anchor is not None:
            below = anchor.mapTo(self.parentWidget(), anchor.rect().bottomLeft())
            right = self.parentWidget().width() - self.width() - 10
            self.move(max(10, min(below.x(), right)), below.y() + 4)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place(None)
        return super().eventFilter(watched, event)
