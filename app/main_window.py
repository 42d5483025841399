"""Assembles the window; what happens in it is the presenter's and the session's business."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import resources, theme
from app.focus_order import FocusOrder
from app.lineup import Lineup, choice_of
from app.messages import SLOTS, Slot, SourceInfo
from app.options import WindowOptions
from app.presenter import Presenter, Widgets
from app.presenters.alerts import AlertPresenter
from app.presenters.appearance import KEYS as VIEW_KEYS
from app.presenters.appearance import Appearance
from app.presenters.class_table import ClassTablePresenter
from app.presenters.decisions import DecisionPresenter
from app.presenters.model_faults import ModelFaults
from app.presenters.models import KEYS as MODEL_KEYS
from app.presenters.models import MODEL_ENDING, ModelPresenter
from app.presenters.recordings import KEYS as RECORDING_KEYS
from app.presenters.recordings import Recordings
from app.presenters.review import ReviewPresenter
from app.presenters.searching import SearchPresenter
from app.presenters.sources import SourcesPresenter
from app.presenters.teacher import TeacherPresenter
from app.presenters.timeline import KEYS as TIMELINE_KEYS
from app.presenters.timeline import TimelinePresenter
from app.presenters.transport import TransportPresenter
from app.presenters.waiting import WaitingPresenter
from app.recording.recorded_models import RecordedModels
from app.recording.review import Review
from app.review_windows import ReviewWindows
from app.session import Session
from app.settings import Settings
from app.sources import Address, parse_source
from app.widgets.banner import Banner
from app.widgets.busy_line import BusyLine
from app.widgets.cheat_sheet import CheatSheet
from app.widgets.comparison_card import ComparisonCard
from app.widgets.controls import Button, label
from app.widgets.hint import Hint
from app.widgets.latency_plot import LatencyPlot
from app.widgets.model_chooser import ModelChooser
from app.widgets.model_panel import ModelPanel
from app.widgets.model_row import ModelRow
from app.widgets.source_picker import KEYS as SOURCE_KEYS
from app.widgets.source_picker import SourcePicker
from app.widgets.status_bar import StatePill, StatusBar
from app.widgets.timeline import Timeline
from app.widgets.transport import KEYS as TRANSPORT_KEYS
from app.widgets.transport import Transport, TransportActions
from app.widgets.video_view import VideoView
from app.widgets.welcome import Welcome
from app.window_actions import FULL_SCREEN_KEY, WindowActions
from app.window_docks import Docks
from core.camera import LiveSource
from core.errors import SourceError
from core.live import LiveReader

_DEFAULT_SIZE = (1600, 900)
_MINIMUM_SIZE = (1180, 660)

_KEYS = (
    *TRANSPORT_KEYS,
    *TIMELINE_KEYS,
    *SOURCE_KEYS,
    *MODEL_KEYS,
    *VIEW_KEYS,
    *RECORDING_KEYS,
    ("F5", "Try models that stopped again"),
    (FULL_SCREEN_KEY, "Full screen"),
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
        review: Review | None = None,
        windows: ReviewWindows | None = None,
    ) -> None:
        super().__init__()
        self.review = review
        # The windows of recordings are those of the first window, whichever opens them.
        self._opened_first = windows is None
        if windows is None:
            windows = ReviewWindows(
                lambda review: MainWindow(options, open_live, review, self._windows), self
            )
        self._windows = windows
        self.options = options
        self.settings = Settings(options.settings_path)
        self.ended_cleanly = True
        self.session = Session(
            RecordedModels(review.lookup)
            if review
            else Lineup(
                choice_of(options),
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
        self.chooser = ModelChooser(self)
        # Parts move within this; the bars above and below stay.
        self.desk = QMainWindow(self, Qt.WindowType.Widget)
        self.docks = Docks(self.desk, self.widgets)
        self.appearance = Appearance(self, self.docks, self.settings)
        self.recordings = Recordings(self.session, self.widgets.banner, self.settings, review, self)
        self.window_actions = WindowActions(
            self,
            lambda: self.cheat_sheet.toggle(),
            lambda: self.chooser.open_below(self.compare_button),
        )
        for action in (*self.picker.with_keys, *self.widgets.transport_actions.with_keys):
            self.addAction(action)
        self._lay_out()
        self.presenter = Presenter(self.session, self.widgets, self)
        self.faults = ModelFaults(self.session, self.widgets.panels, self.widgets.banner, self)
        self.addAction(self.faults.retry)
        self.transport = TransportPresenter(
            self.session, self.widgets.transport_actions, self.widgets.transport, self
        )
        self.timeline = TimelinePresenter(self.session, self.widgets.timeline, self)
        self.models = ModelPresenter(self.session, self.chooser, self.widgets.banner, self)
        self.decisions = DecisionPresenter(self.session, self.docks.decisions, self.settings, self)
        self.alerts = AlertPresenter(
            self.session, self.docks.alerts, self.widgets.banner, self.settings, self
        )
        self.classes = ClassTablePresenter(
            self.session, self.docks.classes, self.docks.all["classes"], self
        )
        self.teacher = TeacherPresenter(
            self.session, self.widgets, self.row, self.docks.classes, self
        )
        self.waiting = WaitingPresenter(self.session, self.busy, self)
        self.searching = SearchPresenter(self.session, self.busy, self.widgets.video, self)
        if review is not None:
            self.reviewing = ReviewPresenter(
                review, self.session, self.timeline, self.widgets, self
            )
        self.sources = SourcesPresenter(self.session, self.picker, self.settings, self.open, self)
        self._connect()
        if not self.restoreGeometry(self.settings.geometry):
            self.resize(QSize(*_DEFAULT_SIZE).boundedTo(self.screen().availableSize()))
        self._layout_known = self.docks.restore(self.settings.layout)
        if self.settings.problem:
            self.widgets.banner.show_problem(self.settings.problem, lasting=True)

    def start(self) -> None:
        """Load the models, and open the source that was named at the start."""
        self.session.start()
        self.waiting.start()
        if not self.settings.hint_seen:
            self.hint.open()
        if self.review is not None:
            self.reviewing.start()
        elif self.options.source is not None:
            try:
                address = parse_source(self.options.source)
            except SourceError as error:
                self.widgets.banner.show_problem(str(error))
            else:
                self.sources.open_named(address, self.options.annotations)

    def open(self, address: Address, annotations: Path | None = None) -> None:
        """Play a source, or open a recording in a window of its own."""
        if not self.recordings.takes(address, annotations):
            self.session.open(address, annotations)

    @property
    def reviews(self) -> list[MainWindow]:
        """The windows that show recordings beside the first one."""
        return self._windows.open

    def stop(self) -> None:
        """Ask everything that runs for this window to end, and wait for nothing."""
        if self.review is not None:
            self.reviewing.stop()
        self.recordings.stop()
        self.sources.close()
        self.session.stop()

    # -- assembly ------------------------------------------------------------------------------

    def _make_widgets(self) -> Widgets:
        actions = TransportActions(self)
        welcome = Welcome(
            self.picker.open_video,
            self.picker.choose_camera,
            self.picker.browse,
            self.picker.reopen,
        )
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

    def _lay_out(self) -> None:
        widgets = self.widgets
        self.row = ModelRow(widgets.stage, list(widgets.panels.values()))
        self.hint, self.busy = Hint(widgets.stage), BusyLine()
        central = QWidget()
        body = QVBoxLayout(central)
        body.setContentsMargins(0, 0, 0, 2)
        body.setSpacing(theme.SPACE)
        body.addWidget(widgets.banner)
        body.addWidget(self.recordings.exports.line)
        body.addWidget(self.row, 1)
        self.desk.setCentralWidget(central)
        self.compare_button = Button(self.window_actions.compare, text=True)
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        top = _bar(
            label("InCab", "brand"),
            self.picker.button,
            Button(self.picker.open_video, text=True),
            self.compare_button,
            *self.recordings.buttons,
            self.appearance.button,
            None,
            widgets.pill,
            Button(self.window_actions.full_screen),
            Button(self.window_actions.help),
        )
        bottom = _bar(widgets.transport, None, widgets.status)
        rows.addWidget(top)
        rows.addWidget(self.busy)
        framed = QVBoxLayout()
        framed.setContentsMargins(theme.SPACE, theme.SPACE - 3, theme.SPACE, theme.SPACE)
        framed.addWidget(self.desk)
        rows.addLayout(framed, 1)
        rows.addWidget(bottom)
        self.setCentralWidget(whole)
        self.cheat_sheet = CheatSheet(_KEYS, self)
        self.window_actions.above = (
            (self.cheat_sheet, self.cheat_sheet.hide),
            (self.chooser, self.chooser.hide),
            (widgets.banner, widgets.banner.hide),
            (self.hint, self.hint.take_away),
        )
        above = (top, self.chooser, self.cheat_sheet, widgets.banner, self.recordings.exports.line)
        self.focus_order = FocusOrder(self, above, self.desk, bottom)

    def _connect(self) -> None:
        session, widgets = self.session, self.widgets
        actions = widgets.transport_actions
        actions.loop.setChecked(self.settings.loop)
        widgets.video.painted.connect(session.picture_painted)
        widgets.video.view_resized.connect(session.set_view_size)
        self.picker.refused.connect(widgets.banner.show_problem)
        session.source_changed.connect(self._on_source)
        self.recordings.review_wanted.connect(self._windows.show)
        self.alerts.raised.connect(self.recordings.recording.events.on_alert)
        self.hint.seen.connect(self._on_hint_seen)
        self.appearance.settings_reset.connect(self._on_settings_reset)

    def _on_source(self, info: SourceInfo) -> None:
        if self.review is None:
            self.setWindowTitle(f"{info.title} – InCab")
            if isinstance(info.address, Path):
                self.settings.folder = info.address.resolve().parent
        else:
            self.setWindowTitle(f"Recording {self.review.session.path.name} – InCab")

    def _on_hint_seen(self) -> None:
        self.settings.hint_seen = True

    def _on_settings_reset(self) -> None:
        self.decisions.show()
        self.alerts.show()
        self.widgets.transport_actions.loop.setChecked(self.settings.loop)

    # -- Qt ------------------------------------------------------------------------------------

    def focusNextPrevChild(self, forward: bool) -> bool:
        return self.focus_order.walk(forward=forward)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.widgets.stage.setFocus()
        if not self._layout_known:
            self._layout_known = True
            # Not before the window has its size.
            QTimer.singleShot(0, self, self.docks.share_out)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            paths = [Path(file) for file in files]
            if paths[0].suffix == MODEL_ENDING:
                self.models.drop(paths[0], self._slot_at(event.position().toPoint()))
            else:
                self.sources.take_dropped(paths)

    def _slot_at(self, place: QPoint) -> Slot | None:
        """On whose panel a point of the window lies."""
        for slot, panel in self.widgets.panels.items():
            if panel.isVisible() and panel.rect().contains(panel.mapFrom(self, place)):
                return slot
        return None

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._opened_first:
            self.settings.geometry = self.saveGeometry()
            self.settings.layout = self.docks.saved()
            self.settings.loop = self.widgets.transport_actions.loop.isChecked()
        self.settings.save()
        self.appearance.end()
        # What cannot be seen any more may take its moment to end.
        self.hide()
        if self._opened_first:
            self.ended_cleanly = self._windows.end()
        else:
            self._windows.leave(self)
        super().closeEvent(event)


def _bar(*parts: QWidget | None) -> QFrame:
    """A full-width row; None is the space that grows."""
    bar = QFrame()
    bar.setProperty("role", "bar")
    layout = QHBoxLayout(bar)
    layout.setContentsMargins(theme.SPACE + 4, 4, theme.SPACE, 4)
    layout.setSpacing(6)
    for part in parts:
        if part is None:
            layout.addStretch()
        else:
            layout.addWidget(part)
    return bar
