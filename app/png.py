"""Pictures as PNG files, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImage, QPixmap

from core.errors import InCabError
from core.files import replacing


def write_png(image: QImage | QPixmap, path: Path) -> None:
    """Write `path`; Qt's own way of saving says nothing of a disk that is full at the end.

    Raises:
        InCabError: it cannot be written; what stood there before still does.
    """
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise InCabError(f"There is nothing to see, so {path} was not written.")
    try:
        with replacing(path) as partial:
            partial.write_bytes(buffer.data().data())
    except OSError as error:
        raise InCabError(
            f"Cannot write {path} ({error.strerror}); choose another folder."
        ) from error
