"""Everything of the window that has to do with recordings: make, open, export, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.presenters.exports import ExportPresenter
from app.presenters.pictures import KEYS as PICTURE_KEYS
from app.presenters.pictures import PicturePresenter
from app.presenters.recording import KEYS as RECORDING_KEYS
from app.presenters.recording import RecordingPresenter
from app.presenters.review import ReviewLoader
from app.recording.in_use import being_recorded
from app.recording.opening import looks_like_session
from app.recording.places import SESSION_ENDING
from app.recording.review import Review
from app.session import Session
from app.settings import Settings
from app.sources import Address
from app.widgets.banner import Banner
from app.widgets.controls import Button, drop_below
from app.widgets.icons import icon

KEYS = (
    *RECORDING_KEYS,
    *PICTURE_KEYS,
    ("Ctrl+O", "Open a recording"),
    ("Ctrl+E", "Export the recording"),
)

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
        self._stopping = False
        self.recording = RecordingPresenter(session, banner, settings, window)
        self.pictures = PicturePresenter(session, banner, settings, window)
        self.exports = ExportPresenter(banner, window)
        self.recording.saved.connect(self._on_saved)

        self.open = self._action("Open recording…", self.ask_for_recording)
        self.open.setShortcut("Ctrl+O")
        self.export = self._action("Export recording…", self.ask_for_export)
        self.export.setShortcut("Ctrl+E")
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
        record = Button(self.recording.record, text=True)
        # Beside the record button an arrow says enough.
        below = Button(self.show_menu, text=review is not None)
        self.show_menu.triggered.connect(lambda: drop_below(self.menu, below))
        # For the top bar.
        self.buttons = (record, below)
        if review is not None:
            # What is shown here is a recording already.
            self.recording.record.setVisible(False)
            record.hide()
        for action in (self.recording.record, self.open, self.export, self.pictures.take):
            window.addAction(action)

    def _action(self, text: str, do: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.triggered.connect(lambda: do())
        return action

    def _on_saved(self, path: Path, files: int) -> None:
        # Of several files the person says which.
        self._saved = path if files == 1 else None

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

    def takes(self, address: Address, annotations: Path | None = None) -> bool:
        """Whether a source is not to be played here, and was taken care of in another way.

        In a window that shows a recording, a video is taken for the recorded one.
        """
        if annotations is not None and being_recorded(annotations):
            self._banner.show_problem(f"{annotations} is a recording; annotations are a CSV file.")
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

    def load(self, path: Path, video: Path | None = None) -> None:
        """Read a recording away from the UI thread; `review_wanted` tells when it can be shown."""
        if self._loader is not None:
            return
        loader = ReviewLoader(path, video, self)
        loader.loaded.connect(self._on_review)
        loader.refused.connect(self._banner.show_problem)
        loader.finished.connect(self._on_loaded)
        self._loader = loader
        loader.start()

    def _on_review(self, review: Review) -> None:
        if self._stopping:
            review.close()
        else:
            self.review_wanted.emit(review)

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
        """Close what is recorded and give up what is written or read; late() tells of the end."""
        self._stopping = True
        self.recording.stop("the window was closed")
        self.exports.cancel()

    def late(self, deadline: QDeadlineTimer) -> list[str]:
        """What has not ended by then; after stop()."""
        parts = (self.recording, self.exports, self.pictures)
        late = [name for part in parts for name in part.late(deadline)]
        if self._loader is not None and not self._loader.wait(deadline):
            late.append(self._loader.objectName())
        return late

    def release(self) -> None:
        """Close the recording that is shown here."""
        if self._review is not None:
            self._review.close()
