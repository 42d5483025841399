"""Exports a recorded session as CSV, JSON or a video with its labels, away from the UI thread."""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QObject, QThread, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.recording.annotate import write_annotated_video
from app.recording.export import ENDINGS, Cancelled, export_session
from app.recording.reader import read_session
from app.recording.video_match import find_video, why_other_video
from app.widgets.banner import Banner
from app.widgets.export_line import ExportLine
from core.errors import InCabError

_log = logging.getLogger(__name__)

FILTERS = ("Table, one row a clip (*.csv)", "JSON (*.json)", "Video with labels (*.mp4)")
_ENDINGS = (".csv", ".json", ".mp4")
_FRAMES_BETWEEN_WORDS = 15


class Exporter(QThread):
    """Writes one file; it appears only when complete."""

    progressed = Signal(int, int)  # frames done, frames expected (0 where nobody knows)
    done = Signal(str)
    refused = Signal(str)

    def __init__(self, path: Path, out: Path, video: Path | None, parent: QObject) -> None:
        super().__init__(parent)
        self.setObjectName("incab-export")
        self._path, self._out, self._video = path, out, video
        self._cancelled = False

    def cancel(self) -> None:
        """Give up; nothing is written then."""
        self._cancelled = True

    def run(self) -> None:
        try:
            with read_session(self._path) as session:
                if self._out.suffix in ENDINGS:
                    export_session(session, self._out, lambda: self._cancelled)
                    remark = ""
                else:
                    video = find_video(session.source, self._path, self._video)
                    remark = why_other_video(session.source, video) or ""
                    write_annotated_video(
                        session, video, self._out, self._tell, lambda: self._cancelled
                    )
        except Cancelled:
            return
        except InCabError as error:
            self.refused.emit(str(error))
        except Exception:
            # The edge of the thread: whoever waits for the file has to hear that none comes.
            _log.exception("exporting %s to %s failed", self._path, self._out)
            self.refused.emit(
                f"{self._path.name} could not be exported to {self._out}; the log holds the "
                "details."
            )
        else:
            self.done.emit(f"Exported to {self._out}. {remark}".strip())

    def _tell(self, done: int, expected: int | None) -> None:
        if done % _FRAMES_BETWEEN_WORDS == 0:
            self.progressed.emit(done, expected or 0)


class ExportPresenter(QObject):
    """Asks where to, shows how far it is, and lets it be cancelled; one export at a time."""

    exported = Signal()

    def __init__(self, banner: Banner, window: QWidget) -> None:
        super().__init__(window)
        self._banner = banner
        self._window = window
        self._exporter: Exporter | None = None
        self.line = ExportLine()
        self.line.cancel.triggered.connect(self.cancel)

    def ask(self, path: Path, folder: Path, video: Path | None = None) -> QFileDialog:
        """Let the person choose where the session `path` is exported to."""
        dialog = QFileDialog(self._window, f"Export {path.name}", str(folder))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(list(FILTERS))
        dialog.setDefaultSuffix(_ENDINGS[0])
        dialog.filterSelected.connect(
            lambda chosen: dialog.setDefaultSuffix(_ENDINGS[FILTERS.index(chosen)])
        )
        dialog.selectFile(path.stem)
        dialog.fileSelected.connect(lambda chosen: self.export(path, Path(chosen), video))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def export(self, path: Path, out: Path, video: Path | None = None) -> None:
        """Write `out` in the form that its ending names."""
        if self._exporter is not None:
            self._banner.show_problem("An export is running; wait for it, or cancel it.")
            return
        exporter = Exporter(path, out, video, self)
        self.line.begin(out.name)
        exporter.progressed.connect(self.line.show_progress)
        exporter.done.connect(lambda text: self._banner.show_notice(text, sign="record"))
        exporter.refused.connect(self._banner.show_problem)
        exporter.finished.connect(self._on_finished)
        self._exporter = exporter
        exporter.start()

    def _on_finished(self) -> None:
        self.line.end()
        if self._exporter is not None:
            self._exporter.deleteLater()
            self._exporter = None
        self.exported.emit()

    def cancel(self) -> None:
        """Give up the export that runs; nothing is written then."""
        if self._exporter is not None:
            self._exporter.cancel()

    def late(self, deadline: QDeadlineTimer) -> list[str]:
        """The export that has not ended by then; after cancel()."""
        exporter = self._exporter
        return [] if exporter is None or exporter.wait(deadline) else [exporter.objectName()]
