"""The one QApplication."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtWidgets import QApplication

from app.stylesheet import dress


def make_application() -> QApplication:
    """The one QApplication, dressed."""
    # OpenCV's wheel brings a Qt of its own and points Qt at its plugins; they are not PySide's.
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if "cv2" in Path(os.environ.get(name, "")).parts:
            del os.environ[name]
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(["incab"])
    application.setApplicationName("InCab")
    application.setDesktopFileName("incab")
    application.setStyle("Fusion")
    dress(application)
    return application
