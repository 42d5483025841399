"""Saves pictures of the window, only when asked to."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QObject, Signal
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QFileDialog, QWidget

from app.png import write_png
from app.recording.places import default_pictures_folder, free_name
from app.session import Session
from app.settings import Settings
from app.widgets.banner import Banner
from app.widgets.folder_dialog import ask_for_folder
from app.widgets.icons import icon
from core.errors import InCabError

_log = logging.getLogger(__name__)

KEYS = (("Ctrl+P", "Save a picture of the window"),)


class PicturePresenter(QObject):
    """Takes the picture in the UI thread and writes it on another one."""

    saved = Signal(object)  # Path
    _refused = Signal(str)

    def __init__(
        self, session: Session, banner: Banner, settings: Settings, window: QWidget
    ) -> None:
        super().__init__(window)
        self._session = session
        self._banner = banner
        self._settings = settings
        self._window = window
        self._writers: list[threading.Thread] = []
        self._writing = threading.Lock()
        self.take = QAction(icon("picture"), "Save picture of the window", self)
        self.take.setShortcut("Ctrl+P")
        self.take.setAutoRepeat(False)
        self.take.setToolTip("Save a picture of this window as PNG (Ctrl+P)")
        self.take.triggered.connect(self.save)
        self.choose_folder = QAction("Pictures folder…", self)
        self.choose_folder.triggered.connect(self.ask_for_folder)
        self.saved.connect(self._on_saved)
        self._refused.connect(banner.show_problem)

    @property
    def folder(self) -> Path:
        """Where pictures go."""
        return self._settings.pictures_folder or default_pictures_folder()

    def save(self) -> None:
        """Save the window as it is now."""
        source = self._session.source
        image = self._window.grab().toImage()
        folder, title = self.folder, source.title if source else "window"
        writer = threading.Thread(
            target=self._write, args=(image, folder, title), name="incab-picture", daemon=True
        )
        self._writers = [one for one in self._writers if one.is_alive()]
        self._writers.append(writer)
        writer.start()

    def _write(self, image: QImage, folder: Path, title: str) -> None:
        try:
            # One after the other: two in a second must not choose the same name.
            with self._writing:
                folder.mkdir(parents=True, exist_ok=True)
                path = free_name(folder, title, ".png")
                write_png(image, path)
        except InCabError as error:
            self._refused.emit(str(error))
        except OSError as error:
            self._refused.emit(
                f"{folder} cannot be written ({error.strerror}); choose another pictures folder."
            )
        except Exception:
            # The edge of the thread: a picture that is missing has to be told.
            _log.exception("the picture of the window failed unexpectedly")
            self._refused.emit("The picture could not be saved; the log holds the details.")
        else:
            self.saved.emit(path)

    def _on_saved(self, path: Path) -> None:
        self._banner.show_notice(f"Picture saved as {path}.", sign="picture")

    def late(self, deadline: QDeadlineTimer) -> list[str]:
        """The pictures that are not written by then."""
        for writer in self._writers:
            writer.join(deadline.remainingTime() / 1000)
        return [writer.name for writer in self._writers if writer.is_alive()]

    def ask_for_folder(self) -> QFileDialog:
        """Let the person choose where pictures go."""
        return ask_for_folder(self._window, "Pictures folder", self.folder, self.choose)

    def choose(self, folder: str) -> None:
        """From the next one on pictures go there."""
        self._settings.pictures_folder = Path(folder)
        self._banner.show_notice(f"Pictures go to {folder}.", sign="picture")
