"""The states of exit_child.py that have to do with recordings."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app import resources
from app.recording.writer import SessionWriter
from core.video import VideoFile

if TYPE_CHECKING:
    from tests.robustness.exit_child import Seen


def _start(seen: Seen) -> None:
    window = seen.window
    window.settings.recordings_folder = Path(window.settings._store.fileName()).parent
    window.recordings.recording.record.trigger()


def recording(seen: Seen) -> bool:
    """Some clips are committed."""
    if "answered" in seen.names:
        seen.once("record", lambda: _start(seen))
    recorder = seen.window.recordings.recording._recorder
    return recorder is not None and recorder.clips > 0


def disk_hangs(seen: Seen) -> bool:
    """The recorder waits for a commit that does not end."""
    SessionWriter.commit = lambda writer: _hang()  # type: ignore[method-assign]
    if "answered" in seen.names:
        seen.once("record", lambda: _start(seen))
    return "hanging" in _reached


_reached: set[str] = set()


def _hang() -> None:
    _reached.add("hanging")
    time.sleep(600)


def exporting(seen: Seen) -> bool:
    """A video with labels is being written."""
    recordings = seen.window.recordings
    if recording(seen):
        seen.once("stop", recordings.recording.record.trigger)
    path = recordings._saved
    if path is not None:
        seen.once("export", lambda: recordings.exports.export(path, path.with_suffix(".mp4")))
    return path is not None and any(path.parent.glob("*.partial*"))


def reviewing(seen: Seen) -> bool:
    """Three windows show the recording, each playing its video."""
    recordings, windows = seen.window.recordings, seen.window.reviews
    if recording(seen):
        seen.once("stop", recordings.recording.record.trigger)
    path = recordings._saved
    if path is not None and len(windows) < 3:
        # One is read at a time; what is asked for meanwhile is not.
        seen.window.open(path)
    return len(windows) == 3 and all(window.session.navigator.position_s for window in windows)


def reviews_hang(seen: Seen) -> bool:
    """And a disk that never answers: no window's reading thread will end."""
    if reviewing(seen):
        VideoFile.read = lambda video: _hang()  # type: ignore[method-assign,assignment]
    return "hanging" in _reached


STATES: dict[str, tuple[Callable[[], list[str]], Callable[[Seen], bool]]] = {
    name: (lambda: [str(resources.DEMO_CLIP)], reached)
    for name, reached in (
        ("recording", recording),
        ("recording to a disk that hangs", disk_hangs),
        ("exporting", exporting),
        ("three recordings shown", reviewing),
        ("three recordings shown, disk hangs", reviews_hang),
    )
}
