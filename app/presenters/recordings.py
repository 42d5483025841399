"""Everything of the window that has to do with recordings: make, open, export, and pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from app.presenters.exports import ExportPresenter
from app.presenters.pictures import KEYS as PICTURE_KEYS
from app.presenters.pictures import PicturePresenter
from app.presenters.recording import KEYS as RECORDING_KEYS
from app.presenters.recording import RecordingPresenter
from app.presenters.review import ReviewLoader
from app.recording.opening import looks_like_session
from app.recording.places import SESSION_ENDING
from app.recording.review import Review
from app.session import Session
from app.settings import Settings
from app.sources import Address
from app.widgets.banner import Banner
from app.widgets.controls import Button
from app.widgets.icons import icon

KEYS = (*RECORDING_KEYS, *PICTURE_KEYS, ("Ctrl+O", "Open a recording"))

_SHUTDOWN_S = 0.6
_FILTERS = [f"Recordings (*{SESSION_ENDING})", "All files (*)"]


class Recordings(QObject):
    """Assembles the presenters of recordings, their menu and their keys."""

    review_wanted = Signal(object)  # Review, read and checked

    def __init__(
        self,
        session: Session,
        banner: Banner,
        settings: Settings,
        review: Review | None,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._banner = banner
        self._window = window
        self._review = review
        self._saved: Path | None = None
        self._loader: ReviewLoader | None = None
        self.recording = RecordingPresenter(session, banner, settings, window)
        self.pictures = PicturePresenter(session, banner, settings, window)
        self.exports = ExportPresenter(banner, window)
        self.recording.saved.connect(self._on_saved)

        self.open = self._action("Open recording…", self.ask_for_recording)
        self.open.setShortcut("Ctrl+O")
        self.export = self._action("Export recording…", self.ask_for_export)
        self.menu = QMenu("Recordings", window)
        for action in (
            self.open,
            self.export,
            self.recording.choose_folder,
            None,
            self.pictures.take,
            self.pictures.choose_folder,
        ):
            self.menu.addSeparator() if action is None else self.menu.addAction(action)
        self.show_menu = QAction(icon("down"), "Recordings", self)
        self.show_menu.setToolTip("Open and export recordings, save pictures")
        self._menu_button: QToolButton | None = None
        self.show_menu.triggered.connect(self._drop_menu)
        if review is not None:
            # What is shown here is a recording already.
            self.recording.record.setVisible(False)
        for action in (self.recording.record, self.open, self.pictures.take):
            window.addAction(action)

    def _action(self, text: str, do: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.triggered.connect(lambda: do())
        return action

    def buttons(self) -> tuple[QToolButton, ...]:
        """For the top bar."""
        record = Button(self.recording.record, text=True)
        if self._review is not None:
            record.hide()
        # Beside the record button an arrow says enough.
        self._menu_button = Button(self.show_menu, text=self._review is not None)
        return record, self._menu_button

    def _drop_menu(self) -> None:
        if self._menu_button is not None:
            self.menu.popup(self._menu_button.mapToGlobal(self._menu_button.rect().bottomLeft()))

    def _on_saved(self, path: Path) -> None:
        self._saved = path

    # -- opening -------------------------------------------------------------------------------

    def ask_for_recording(self) -> QFileDialog:
        """Let the person choose a recording to look at."""
        dialog = self._dialog("Open recording")
        dialog.fileSelected.connect(lambda chosen: self.takes(Path(chosen)) or self._no(chosen))
        dialog.open()
        return dialog

    def _no(self, chosen: str) -> None:
        self._banner.show_problem(f"{chosen} is not a session that InCab recorded.")

    def _dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title, str(self.recording.folder))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(_FILTERS)
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    def takes(self, address: Address) -> bool:
        """Whether a source is not to be played here, and was taken care of in another way.

        In a window that shows a recording, a video is taken for the recorded one.
        """
        if isinstance(address, Path) and self._is_recorded(address):
            self._banner.show_problem(f"{address} is being recorded; stop recording to open it.")
        elif isinstance(address, Path) and looks_like_session(address):
            self.load(address)
        elif self._review is None:
            return False
        elif isinstance(address, Path):
            self.load(self._review.session.path, address)
        else:
            self._banner.show_problem(
                "This window shows a recording; open cameras and streams in the other window."
            )
        return True

    def _is_recorded(self, path: Path) -> bool:
        """Whether it is being written; to open and close it here would undo SQLite's locks."""
        recorded = self.recording.path
        return recorded is not None and path.resolve() == recorded.resolve()

    def load(self, path: Path, video: Path | None = None) -> None:
        """Read a recording away from the UI thread; `review_wanted` tells when it can be shown."""
        if self._loader is not None:
            return
        loader = ReviewLoader(path, video, self)
        loader.loaded.connect(self.review_wanted)
        loader.refused.connect(self._banner.show_problem)
        loader.finished.connect(self._on_loaded)
        self._loader = loader
        loader.start()

    def _on_loaded(self) -> None:
        if self._loader is not None:
            self._loader.deleteLater()
            self._loader = None

    # -- exporting -----------------------------------------------------------------------------

    def ask_for_export(self) -> QFileDialog:
        """Export what is shown here or was recorded last; without either ask which."""
        review = self._review
        if review is not None:
            return self.exports.ask(review.session.path, self.recording.folder, review.video)
        if self._saved is not None:
            return self.exports.ask(self._saved, self.recording.folder)
        dialog = self._dialog("Which recording?")
        dialog.fileSelected.connect(
            lambda chosen: self.exports.ask(Path(chosen), self.recording.folder)
        )
        dialog.open()
        return dialog

    def stop(self) -> None:
        """Begin to close what is recorded, while other things end."""
        self.recording.stop("the window was closed")

    def close(self) -> bool:
        """End and close everything; False when something takes too long."""
        deadline_s = time.monotonic() + _SHUTDOWN_S

        def left_s() -> float:
            return max(0.05, deadline_s - time.monotonic())

        ended = [part.close(left_s()) for part in (self.recording, self.exports, self.pictures)]
        if self._loader is not None:
            ended.append(self._loader.wait(round(left_s() * 1000)))
        if self._review is not None:
            self._review.close()
        return all(ended)
