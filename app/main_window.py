"""Assembles the window; what happens in it is the presenter's and the session's business."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import resources, theme
from app.capture import LiveReader
from app.inference import Inference
from app.messages import SLOTS, SourceInfo
from app.options import WindowOptions
from app.presenter import Presenter, Widgets
from app.session import Session
from app.settings import Settings
from app.sources import Address, parse_source
from app.widgets.banner import Banner
from app.widgets.cheat_sheet import CheatSheet
from app.widgets.comparison_card import ComparisonCard
from app.widgets.controls import Button, label
from app.widgets.icons import icon
from app.widgets.latency_plot import LatencyPlot
from app.widgets.model_panel import ModelPanel
from app.widgets.source_picker import SourcePicker
from app.widgets.status_bar import StatePill, StatusBar
from app.widgets.timeline import Timeline
from app.widgets.transport import Transport, TransportActions
from app.widgets.video_view import VideoView
from app.widgets.welcome import Welcome
from core.camera import LiveSource
from core.errors import SourceError

_DEFAULT_SIZE = (1600, 900)
_MINIMUM_SIZE = (1180, 660)

_KEYS = (
    ("Space", "Play, pause, try again"),
    ("Home", "Start again"),
    ("L", "Loop"),
    ("O", "Open a video"),
    ("S", "Source menu: cameras, streams"),
    ("F11", "Full screen"),
    ("?", "This sheet"),
    ("Esc", "Close this sheet or a message"),
    ("Tab, Enter", "Walk through the buttons, press one"),
    ("Q", "Quit"),
)


class MainWindow(QMainWindow):
    """The one window of InCab."""

    def __init__(
        self,
        options: WindowOptions,
        open_live: Callable[[int | str], LiveReader] = LiveSource,
    ) -> None:
        super().__init__()
        self.options = options
        self.settings = Settings(options.settings_path)
        self.ended_cleanly = True
        self.session = Session(
            Inference(
                {"int8": options.int8, "fp32": options.fp32},
                options.engine,
                options.threads,
                options.probe,
            ),
            open_live,
            self,
        )
        self.setWindowTitle("InCab")
        if resources.ICON.is_file():
            self.setWindowIcon(QIcon(str(resources.ICON)))
        self.setAcceptDrops(True)
        self.setMinimumSize(*_MINIMUM_SIZE)
        self.picker = SourcePicker(self, self.settings)
        self.widgets = self._make_widgets()
        self._make_actions()
        self.setCentralWidget(self._lay_out())
        self.cheat_sheet = CheatSheet(_KEYS, self)
        self.presenter = Presenter(self.session, self.widgets, self)
        self._connect()
        if not self.restoreGeometry(self.settings.geometry):
            self.resize(QSize(*_DEFAULT_SIZE).boundedTo(self.screen().availableSize()))

    def start(self) -> None:
        """Load the models, and open the source that was named at the start."""
        self.session.start()
        if self.options.source is not None:
            try:
                self.open(parse_source(self.options.source), self.options.annotations)
            except SourceError as error:
                self.widgets.banner.show_problem(str(error))

    def open(self, address: Address, annotations: Path | None = None) -> None:
        """Play a source."""
        self.session.open(address, annotations)

    # -- assembly ------------------------------------------------------------------------------

    def _make_widgets(self) -> Widgets:
        actions = TransportActions(self)
        welcome = Welcome(self.picker.open_video, self.picker.choose_camera)
        video = VideoView()
        stage = QStackedWidget()
        stage.addWidget(welcome)
        stage.addWidget(video)
        # Takes the focus at the start, so that no button looks chosen.
        stage.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        return Widgets(
            stage=stage,
            welcome=welcome,
            video=video,
            panels={slot: ModelPanel(slot) for slot in SLOTS},
            timeline=Timeline(),
            latency=LatencyPlot(),
            comparison=ComparisonCard(),
            transport=Transport(actions),
            transport_actions=actions,
            status=StatusBar(),
            pill=StatePill(),
            banner=Banner(),
        )

    def _make_actions(self) -> None:
        self.full_screen = QAction(icon("fullscreen"), "Full screen", self)
        self.full_screen.setShortcut("F11")
        self.full_screen.setToolTip("Full screen (F11)")
        self.full_screen.triggered.connect(self._toggle_full_screen)
        self.help = QAction(icon("help"), "Keyboard", self)
        self.help.setShortcuts(["?", "F1"])
        self.help.setToolTip("All keys (?)")
        self.help.triggered.connect(lambda: self.cheat_sheet.toggle())
        self.quit = QAction("Quit", self)
        self.quit.setShortcuts(["Q", "Ctrl+Q"])
        self.quit.triggered.connect(self.close)
        self.escape = QAction("Close message", self)
        self.escape.setShortcut("Esc")
        self.escape.triggered.connect(self._on_escape)
        transport = self.widgets.transport_actions
        for action in (
            self.picker.open_video,
            self.picker.choose,
            transport.play,
            transport.restart,
            transport.loop,
            self.full_screen,
            self.help,
            self.quit,
            self.escape,
        ):
            self.addAction(action)

    def _lay_out(self) -> QWidget:
        widgets = self.widgets
        main = QHBoxLayout()
        main.setSpacing(theme.SPACE)
        main.addWidget(widgets.stage, 9)
        for slot in SLOTS:
            main.addWidget(widgets.panels[slot], 4)
        figures = QHBoxLayout()
        figures.setSpacing(theme.SPACE)
        figures.addWidget(widgets.latency, 9)
        figures.addWidget(widgets.comparison, 8)
        body = QVBoxLayout()
        body.setContentsMargins(theme.SPACE, theme.SPACE, theme.SPACE, theme.SPACE)
        body.setSpacing(theme.SPACE)
        body.addWidget(widgets.banner)
        body.addLayout(main, 10)
        body.addWidget(widgets.timeline)
        body.addLayout(figures, 3)
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        brand = label("InCab", "brand")
        layout.addWidget(
            _bar(
                brand,
                self.picker.button(),
                Button(self.picker.open_video, text=True),
                None,
                widgets.pill,
                Button(self.full_screen),
                Button(self.help),
            )
        )
        layout.addLayout(body, 1)
        layout.addWidget(_bar(widgets.transport, None, widgets.status))
        return whole

    def _connect(self) -> None:
        session, widgets = self.session, self.widgets
        actions = widgets.transport_actions
        actions.play.triggered.connect(session.toggle_play)
        actions.restart.triggered.connect(session.restart)
        actions.loop.toggled.connect(session.set_loop)
        actions.loop.setChecked(
            self.settings.loop if self.options.loop is None else self.options.loop
        )
        widgets.video.painted.connect(session.picture_painted)
        widgets.video.view_resized.connect(session.set_view_size)
        self.picker.chosen.connect(self.open)
        self.picker.refused.connect(widgets.banner.show_problem)
        session.source_changed.connect(self._on_source)

    def _on_source(self, info: SourceInfo) -> None:
        self.setWindowTitle(f"{info.title} – InCab")
        self.settings.last_source = info.address

    def _toggle_full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def _on_escape(self) -> None:
        if self.cheat_sheet.isVisible():
            self.cheat_sheet.hide()
        elif self.widgets.banner.isVisible():
            self.widgets.banner.hide()
        elif self.isFullScreen():
            self.showNormal()

    # -- Qt ------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.widgets.stage.setFocus()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.open(Path(files[0]))

    def closeEvent(self, event: QCloseEvent) -> None:
        self.settings.geometry = self.saveGeometry()
        self.settings.loop = self.widgets.transport_actions.loop.isChecked()
        self.settings.save()
        # What cannot be seen any more may take its moment to end.
        self.hide()
        self.ended_cleanly = self.session.shutdown()
        super().closeEvent(event)


def _bar(*parts: QWidget | None) -> QFrame:
    """A full-width row; None is the space that grows."""
    bar = QFrame()
    bar.setProperty("role", "bar")
    layout = QHBoxLayout(bar)
    layout.setContentsMargins(theme.SPACE + 4, 5, theme.SPACE, 5)
    layout.setSpacing(6)
    for part in parts:
        if part is None:
            layout.addStretch()
        else:
            layout.addWidget(part)
    return bar
