"""The Source menu: files, Drive&Act runs, cameras by name, streams, and the last ones."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu, QWidget

from app.recent_sources import RecentSource
from app.settings import Settings
from app.sources import VIDEO_ENDINGS, Address, parse_stream, title_of_source
from app.widgets.controls import Button, drop_below
from app.widgets.icons import icon
from core.camera import STREAM_SCHEMES
from core.camera_list import CameraDevice, list_cameras
from core.errors import SourceError

_LAST_CAMERA_NUMBER = 99
# Where the system names no camera, so many are offered by their numbers.
_UNNAMED_CAMERAS = 2

# For the cheat sheet.
KEYS = (
    ("O", "Open a video"),
    ("S", "Source menu: cameras, recent sources"),
    ("B", "Drive&Act runs by person and view"),
    ("U", "Stream address"),
    ("A", "Annotations (CSV) for this video"),
    ("Shift+O", "Open the last source again"),
)


class SourcePicker(QObject):
    """Asks the person for a source; none of its dialogs stops the video."""

    chosen = Signal(object, object)  # Address; Path of its annotations or None
    annotations_chosen = Signal(object)  # Path of a CSV for the video on the screen
    refused = Signal(str)  # what was typed is no source; one sentence

    def __init__(self, window: QWidget, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._settings = settings
        self.open_video = self._action("open", "Open video…", "O", "Open a video file")
        self.open_video.triggered.connect(self.ask_for_file)
        self.choose = self._action("camera", "Source", "S", "Choose a camera, run, stream or file")
        self.choose.triggered.connect(self.show_menu)
        self.choose_camera = QAction(icon("camera"), "Camera or stream", self)
        self.choose_camera.setToolTip(self.choose.toolTip())
        self.choose_camera.triggered.connect(self.show_menu)
        # What it opens is the browser, which others own.
        self.browse = self._action(
            "runs", "Drive&&Act run…", "B", "Choose a Drive&Act run by person and view"
        )
        self.stream = self._action("stream", "Stream address…", "U", "Open a network stream")
        self.stream.triggered.connect(self.ask_for_stream)
        self.annotate = self._action(
            "truth", "Annotations for this video…", "A", "Choose a CSV with the truth"
        )
        self.annotate.setEnabled(False)
        self.annotate.triggered.connect(self.ask_for_annotations)
        self.reopen = self._action("recent", "Reopen", "Shift+O", "Open the last source again")
        self.reopen.triggered.connect(self._choose_last)
        self.show_recent()
        self.menu = QMenu("Source", window)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.button = Button(self.choose, text=True)

    def _action(self, picture: str, text: str, key: str, hint: str) -> QAction:
        action = QAction(icon(picture), text, self)
        action.setShortcut(key)
        action.setAutoRepeat(False)
        action.setToolTip(f"{hint} ({key})")
        return action

    @property
    def with_keys(self) -> tuple[QAction, ...]:
        """All actions that have a key."""
        return (
            self.open_video,
            self.choose,
            self.browse,
            self.stream,
            self.annotate,
            self.reopen,
        )

    # -- the menu ------------------------------------------------------------------------------

    def show_menu(self) -> None:
        """Drop the menu down from its button."""
        drop_below(self.menu, self.button)

    def fill_menu(self) -> None:
        """List what can be chosen at this moment."""
        menu = self.menu
        menu.clear()
        menu.addActions((self.open_video, self.annotate, self.browse, self.stream))
        menu.addSeparator()
        self._list_cameras()
        recent = self.show_recent()
        if recent:
            menu.addSeparator()
            menu.addAction(self.reopen)
        for source in recent[1:]:
            action = menu.addAction(icon("recent"), _title(source))
            action.setToolTip(_whole_name(source.address))
            action.setData(source)
            action.triggered.connect(self._choose_sender)

    def _list_cameras(self) -> None:
        cameras = list_cameras()
        if not cameras and sys.platform == "linux":
            self.menu.addAction("No camera is listed by the system").setEnabled(False)
        elif not cameras:
            # This system names none; that is no reason to hide the usual one.
            cameras = [CameraDevice(k, f"Camera {k}") for k in range(_UNNAMED_CAMERAS)]
        for camera in cameras:
            name = _plain(camera.name)
            action = self.menu.addAction(icon("camera"), f"{name}  ({camera.number})")
            action.setData(RecentSource(camera.number))
            action.triggered.connect(self._choose_sender)
        self.menu.addAction("Camera number…", self.ask_for_camera)

    def show_recent(self) -> tuple[RecentSource, ...]:
        """Let the reopening action name the last source; all that are still there."""
        recent = self._settings.recent_sources
        self.reopen.setVisible(bool(recent))
        if recent:
            self.reopen.setText(f"Reopen {_title(recent[0])}")
            self.reopen.setToolTip(f"{_whole_name(recent[0].address)} (Shift+O)")
        return recent

    def _choose_sender(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            source = action.data()
            self.chosen.emit(source.address, source.annotations)

    def _choose_last(self) -> None:
        recent = self.show_recent()
        if recent:
            self.chosen.emit(recent[0].address, recent[0].annotations)

    # -- asking --------------------------------------------------------------------------------

    def ask_for_file(self) -> QFileDialog:
        """Let a video file be chosen."""
        endings = " ".join(f"*.{ending}" for ending in VIDEO_ENDINGS)
        dialog = self._file_dialog("Open video", f"Videos ({endings})")
        dialog.fileSelected.connect(lambda path: self.chosen.emit(Path(path), None))
        dialog.open()
        return dialog

    def ask_for_annotations(self) -> QFileDialog:
        """Let a CSV be chosen for the video on the screen."""
        dialog = self._file_dialog("Annotations", "Drive&Act annotations (*.csv)")
        dialog.fileSelected.connect(lambda path: self.annotations_chosen.emit(Path(path)))
        dialog.open()
        return dialog

    def _file_dialog(self, title: str, kind: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title, str(self._settings.folder))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([kind, "All files (*)"])
        return dialog

    def ask_for_camera(self) -> QInputDialog:
        """Let a camera be named by its number."""
        dialog = self._dialog("Camera", "Number of the camera (the first one is 0):")
        dialog.setInputMode(QInputDialog.InputMode.IntInput)
        dialog.setIntRange(0, _LAST_CAMERA_NUMBER)
        dialog.intValueSelected.connect(lambda number: self.chosen.emit(number, None))
        dialog.open()
        return dialog

    def ask_for_stream(self) -> QInputDialog:
        """Let a stream be named by its address."""
        schemes = ", ".join(STREAM_SCHEMES)
        dialog = self._dialog(
            "Stream",
            "Address of the stream, for example rtsp://192.168.0.10/stream\n"
            f"({schemes}). A password in it is used, and never remembered.",
        )
        dialog.setInputMode(QInputDialog.InputMode.TextInput)
        dialog.textValueSelected.connect(self.choose_stream)
        dialog.open()
        return dialog

    def _dialog(self, title: str, question: str) -> QInputDialog:
        dialog = QInputDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(title)
        dialog.setLabelText(question)
        dialog.resize(460, dialog.height())
        return dialog

    def choose_stream(self, text: str) -> None:
        """Take the address of a stream that a person typed."""
        try:
            self.chosen.emit(parse_stream(text), None)
        except SourceError as error:
            self.refused.emit(str(error))


def _title(source: RecentSource) -> str:
    """How a menu names a source; a video also by its folder, since runs have alike names."""
    title = title_of_source(source.address)
    if isinstance(source.address, Path):
        title = f"{title}  ({source.address.parent.name})"
    return _plain(title)


def _plain(name: str) -> str:
    # A lone ampersand would be taken for the mark of a menu key.
    return name.replace("&", "&&")


def _whole_name(address: Address) -> str:
    return str(address) if isinstance(address, Path) else title_of_source(address)
