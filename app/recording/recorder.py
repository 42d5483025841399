"""Records a session on a thread of its own, so that a slow or full disk holds up nobody else."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from app.recording.places import following_name
from app.recording.records import (
    CountersRecord,
    EventRecord,
    ModelRecord,
    Record,
    SourceRecord,
    TruthRecord,
)
from app.recording.writer import SessionWriter
from core.errors import SessionFileError

_log = logging.getLogger(__name__)

# A kill then loses at most this much and what the disk takes for one commit.
COMMIT_S = 0.5
# More than a minute of clips: a disk that takes longer is as good as full.
_MOST_WAITING = 2048


class Recorder(threading.Thread):
    """Takes records from any thread, never blocks it, and writes until it is stopped.

    A recording that outgrows one file goes on in others; app/recording/limits.py says when.

    Args:
        path: the session file to make; of the later ones that, too, is the beginning.
        source: tells what is recorded, on this thread.
        on_failure: told one sentence, on this thread, when the recording ended by itself.
        open_writer: makes the writer, on this thread; tests give another.
    """

    def __init__(
        self,
        path: Path,
        source: Callable[[], SourceRecord],
        on_failure: Callable[[str], None],
        open_writer: Callable[[Path, SourceRecord], SessionWriter] = SessionWriter,
    ) -> None:
        super().__init__(name="incab-recorder", daemon=True)
        self.files = [path]
        self.clips = 0
        self.lost = 0
        self.failure: str | None = None
        self._source = source
        self._on_failure = on_failure
        self._open_writer = open_writer
        self._records: queue.Queue[Record | None] = queue.Queue(_MOST_WAITING)
        self._reason: str | None = None
        # What a later file has to begin with.
        self._standing: dict[str, Record] = {}
        self._clips_before = 0

    @property
    def path(self) -> Path:
        """The file that is written now, or was written last."""
        return self.files[-1]

    # -- called from other threads -------------------------------------------------------------

    def record(self, record: Record) -> None:
        """Leave a record; one that finds no room is lost and counted."""
        if self._reason is not None or self.failure is not None:
            return
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self.lost += 1

    def stop(self, reason: str) -> None:
        """Ask it to write what waits and close the file; join() tells when it has."""
        if self._reason is None:
            self._reason = reason
            # Where there is no room it is not waiting for a record, and will see the reason.
            with contextlib.suppress(queue.Full):
                self._records.put_nowait(None)

    # -- the thread ----------------------------------------------------------------------------

    def run(self) -> None:
        writer: SessionWriter | None = None
        try:
            source = self._source()
            writer = self._open_writer(self.path, source)
            while not self._write(writer):
                # Committed first: where no other file can be made, nothing is lost.
                self._commit(writer)
                full, writer = writer, self._open_writer(following_name(self.files[0]), source)
                self._clips_before += full.clips
                full.close(f"continued in {writer.path.name}")
                self._continue(writer)
            if self.lost:
                writer.add(CountersRecord({"records_lost": self.lost}))
            writer.close(self._reason or "stopped")
            self.clips = self._clips_before + writer.clips
        except SessionFileError as error:
            self._fail(writer, str(error))
        except OSError as error:
            self._fail(writer, f"The source cannot be read to be recorded ({error.strerror}).")
        except Exception:
            # The edge of the thread: the window has to hear of it whatever it was.
            _log.exception("the recorder failed")
            self._fail(writer, f"Recording {self.path} failed; the log holds the details.")

    def _fail(self, writer: SessionWriter | None, sentence: str) -> None:
        if writer is not None:
            writer.abandon()
            kept = f"{self.clips} clips are kept" if self.clips else "nothing was recorded"
            sentence = f"{sentence} The recording has ended; {kept}."
        self.failure = sentence
        _log.error("%s", sentence)
        self._on_failure(sentence)

    def _continue(self, writer: SessionWriter) -> None:
        """Begin another file with what the one before began with."""
        for record in self._standing.values():
            writer.add(record)
        sentence = f"the recording goes on from {self.path.name}"
        writer.add(EventRecord(time.time(), "continued", sentence))
        self.files.append(writer.path)

    def _commit(self, writer: SessionWriter) -> None:
        writer.commit()
        self.clips = self._clips_before + writer.clips

    def _write(self, writer: SessionWriter) -> bool:
        """Write what comes; True when it shall end, False when the file is full."""
        commit_at_s = time.monotonic() + COMMIT_S
        while True:
            remaining_s = commit_at_s - time.monotonic()
            try:
                record = self._records.get(timeout=max(0.0, remaining_s))
            except queue.Empty:
                record = None
            if record is not None:
                writer.add(record)
                if isinstance(record, ModelRecord):
                    self._standing[record.slot] = record
                elif isinstance(record, TruthRecord):
                    self._standing["truth"] = record
            if self._reason is not None and self._records.empty():
                return True
            if writer.full:
                return False
            if time.monotonic() >= commit_at_s:
                self._commit(writer)
                commit_at_s = time.monotonic() + COMMIT_S
