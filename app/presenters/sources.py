"""Opens what was picked, dropped or browsed, and remembers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.messages import SourceInfo
from app.recent_sources import with_newest
from app.session import Session
from app.settings import Settings
from app.sources import Address
from app.state import State
from app.widgets.run_browser import RunBrowser
from app.widgets.source_picker import SourcePicker
from core.driveact_runs import Run

_ANNOTATION_ENDING = ".csv"


class SourcesPresenter(QObject):
    """Listens for the life of the window."""

    def __init__(
        self,
        session: Session,
        picker: SourcePicker,
        settings: Settings,
        open_source: Callable[[Address, Path | None], None],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._session = session
        self._picker = picker
        self._settings = settings
        self._open = open_source
        # Where to go on, and whether to rest there, when the same video is opened anew.
        self._resume: tuple[Address, float, bool] | None = None
        self._resume_now = False
        self.browser = RunBrowser(window)
        self.browser.chosen.connect(self._on_run)
        self.browser.root_read.connect(self._on_root)
        picker.chosen.connect(open_source)
        picker.browse.triggered.connect(lambda: self.browser.show_root(settings.driveact_root))
        picker.annotations_chosen.connect(self.annotate)
        session.source_changed.connect(self._on_source)
        session.state_changed.connect(self._on_state)

    # -- opening -------------------------------------------------------------------------------

    def open_named(self, address: Address, annotations: Path | None = None) -> None:
        """Open what a command line names; of a Drive&Act root let a run be chosen."""
        if isinstance(address, Path) and address.is_dir():
            self.browser.show_root(address)
        else:
            self._open(address, annotations)

    def take_dropped(self, paths: Sequence[Path]) -> None:
        """Open files that were dropped on the window: a video, a CSV, both, or a folder."""
        tables = [path for path in paths if path.suffix.lower() == _ANNOTATION_ENDING]
        others = [path for path in paths if path not in tables]
        if others:
            self.open_named(others[0], tables[0] if tables else None)
        elif tables:
            self.annotate(tables[0])

    def annotate(self, table: Path) -> None:
        """Show the truth of a CSV beside the video on the screen, which goes on where it was."""
        source = self._session.source
        if source is None or not isinstance(source.address, Path) or source.live:
            self._picker.refused.emit(
                f"{table.name} holds annotations; open the video first, then its annotations."
            )
            return
        resting = self._session.state is State.PAUSED
        self._resume = (source.address, self._session.navigator.position_s or 0.0, resting)
        self._open(source.address, table)

    def _on_run(self, run: Run) -> None:
        self._open(run.video, run.annotations)

    # -- remembering ---------------------------------------------------------------------------

    def _on_root(self, root: Path) -> None:
        self._settings.driveact_root = root

    def _on_source(self, info: SourceInfo) -> None:
        annotations = info.annotations if info.truth is not None else None
        self._settings.recent_sources = with_newest(
            self._settings.recent_sources, info.address, annotations
        )
        self._picker.show_recent()
        self._picker.annotate.setEnabled(isinstance(info.address, Path))
        self._resume_now = self._resume is not None and self._resume[0] == info.address

    def _on_state(self, state: State) -> None:
        if state is State.OPENING:
            return
        # The first word after an opening: it plays now, or could not be opened.
        resume, self._resume = self._resume, None
        due, self._resume_now = self._resume_now, False
        if due and resume is not None and state is State.PLAYING:
            _, position_s, resting = resume
            self._session.navigator.seek(position_s)
            if resting:
                self._session.toggle_play()

    def close(self) -> None:
        """The window closes."""
        self.browser.give_up()
