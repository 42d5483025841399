"""Asks for a folder; nothing waits for the answer, so a video plays on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


def ask_for_folder(
    window: QWidget, title: str, folder: Path, chosen: Callable[[str], None]
) -> QFileDialog:
    """Open a dialog that begins in `folder` and calls `chosen` unless it is cancelled."""
    dialog = QFileDialog(window, title, str(folder))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog
