"""Pictures for reports are written as SVG, which a page embeds; this turns one into a PNG."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core.files import replacing


def write_png(svg: str, path: Path, scale: float = 1.0) -> None:
    """Render `svg` with Qt at `scale` times its own size; needs no screen."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QByteArray
    from PySide6.QtGui import QGuiApplication, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    # Text needs an application; one that exists already is taken.
    application = QGuiApplication.instance() or QGuiApplication(["incab-train"])
    renderer = QSvgRenderer(QByteArray(svg.encode("utf-8")))
    image = QImage(renderer.defaultSize() * scale, QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter)
    painter.end()
    del application
    with replacing(path) as partial:
        if not image.save(str(partial), "PNG"):
            raise OSError(f"{path} cannot be written.")
