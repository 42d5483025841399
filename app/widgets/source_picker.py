"""The Source menu: files, cameras by name, streams, and the last one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu, QToolButton, QWidget

from app.settings import Settings
from app.sources import VIDEO_ENDINGS, parse_source, title_of_source
from app.widgets.controls import Button
from app.widgets.icons import icon
from core.camera import CameraDevice, list_cameras
from core.errors import SourceError

_LAST_CAMERA_NUMBER = 99


class SourcePicker(QObject):
    """Asks the person for a source; none of its dialogs stops the video."""

    chosen = Signal(object)  # Address
    refused = Signal(str)  # what was typed is no source; one sentence

    def __init__(
        self,
        window: QWidget,
        settings: Settings,
        cameras: Callable[[], list[CameraDevice]] = list_cameras,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._settings = settings
        self._cameras = cameras
        self.open_video = QAction(icon("open"), "Open video…", self)
        self.open_video.setShortcut("O")
        self.open_video.setToolTip("Open a video file (O)")
        self.open_video.triggered.connect(self.ask_for_file)
        self.choose = QAction(icon("camera"), "Source", self)
        self.choose.setShortcut("S")
        self.choose.setToolTip("Choose a camera, stream or file (S)")
        self.choose.triggered.connect(self.show_menu)
        self.choose_camera = QAction(icon("camera"), "Camera or stream", self)
        self.choose_camera.setToolTip(self.choose.toolTip())
        self.choose_camera.triggered.connect(self.show_menu)
        self.menu = QMenu("Source", window)
        self.menu.aboutToShow.connect(self.fill_menu)
        self._button: QToolButton | None = None

    def button(self) -> QToolButton:
        """The button under which the menu appears."""
        self._button = Button(self.choose, text=True)
        self._button.setIconSize(QSize(20, 20))
        return self._button

    def show_menu(self) -> None:
        """Drop the menu down from its button."""
        if self._button is not None:
            self.menu.popup(self._button.mapToGlobal(self._button.rect().bottomLeft()))

    def fill_menu(self) -> None:
        """List what can be chosen at this moment."""
        menu = self.menu
        menu.clear()
        menu.addAction(self.open_video)
        menu.addSeparator()
        cameras = self._cameras()
        for camera in cameras:
            # A lone ampersand would be taken for the mark of a menu key.
            name = camera.name.replace("&", "&&")
            action = menu.addAction(icon("camera"), f"{name}  ({camera.number})")
            action.setData(camera.number)
            action.triggered.connect(self._choose_sender)
        if not cameras:
            menu.addAction("No camera is listed by the system").setEnabled(False)
        menu.addAction("Camera number…", self.ask_for_camera)
        menu.addAction(icon("stream"), "Stream address…", self.ask_for_stream)
        last = self._settings.last_source
        if last is not None:
            menu.addSeparator()
            action = menu.addAction(icon("recent"), f"Reopen {title_of_source(last)}")
            action.setData(last)
            action.triggered.connect(self._choose_sender)

    def _choose_sender(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.chosen.emit(action.data())

    # -- asking --------------------------------------------------------------------------------

    def ask_for_file(self) -> QFileDialog:
        """Let a video file be chosen."""
        dialog = QFileDialog(self._window, "Open video", str(self._settings.folder))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        endings = " ".join(f"*.{ending}" for ending in VIDEO_ENDINGS)
        dialog.setNameFilters([f"Videos ({endings})", "All files (*)"])
        dialog.fileSelected.connect(self._choose_file)
        dialog.open()
        return dialog

    def _choose_file(self, path: str) -> None:
        self.chosen.emit(Path(path))

    def ask_for_camera(self) -> QInputDialog:
        """Let a camera be named by its number."""
        dialog = self._dialog("Camera", "Number of the camera (the first one is 0):")
        dialog.setInputMode(QInputDialog.InputMode.IntInput)
        dialog.setIntRange(0, _LAST_CAMERA_NUMBER)
        dialog.intValueSelected.connect(self._choose_camera)
        dialog.open()
        return dialog

    def _choose_camera(self, number: int) -> None:
        self.chosen.emit(number)

    def ask_for_stream(self) -> QInputDialog:
        """Let a stream be named by its address."""
        dialog = self._dialog("Stream", "Address, for example rtsp://192.168.0.10/stream:")
        dialog.setInputMode(QInputDialog.InputMode.TextInput)
        dialog.textValueSelected.connect(self.choose_text)
        dialog.open()
        return dialog

    def _dialog(self, title: str, question: str) -> QInputDialog:
        dialog = QInputDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(title)
        dialog.setLabelText(question)
        dialog.resize(460, dialog.height())
        return dialog

    def choose_text(self, text: str) -> None:
        """Take what a person typed or named on the command line."""
        try:
            self.chosen.emit(parse_source(text))
        except SourceError as error:
            self.refused.emit(str(error))
