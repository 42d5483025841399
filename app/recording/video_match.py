"""Finds the video that a session was recorded from, and tells whether it is still the same file."""

from __future__ import annotations

import hashlib
from pathlib import Path, PureWindowsPath

from app.recording.in_use import being_recorded, refuse_recorded
from app.recording.records import SourceRecord
from core.errors import SourceError

_END_BYTES = 2**20


def fingerprint(path: Path) -> str:
    """SHA-256 over the first and the last MiB of a file and its size; takes milliseconds.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_END_BYTES))
        file.seek(max(0, size - _END_BYTES))
        digest.update(file.read(_END_BYTES))
    return digest.hexdigest()


def find_video(source: SourceRecord, session: Path, given: Path | None = None) -> Path:
    """The video of a session: the one given, where it was, or of that name beside the session.

    Raises:
        SourceError: it was no file, or is nowhere.
        SessionFileError: the one given is being recorded.
    """
    if given is not None:
        if not given.is_file():
            raise SourceError(f"There is no file {given}; check the path.")
        refuse_recorded(given)
        return given
    if source.kind != "file" or source.path is None:
        raise SourceError(
            f"{session.name} was recorded from {source.name}, of which no pictures are stored."
        )
    recorded = Path(source.path)
    on_windows = PureWindowsPath(source.path)
    beside = session.parent / (on_windows if on_windows.drive else recorded).name
    # A session from elsewhere may name anything. Looking at another machine's share would already
    # tell that machine who looks. Windows takes "/\\" for the beginning of a share, too.
    shared = source.path.replace("\\", "/").startswith("//")
    candidates = (beside,) if shared else (recorded, beside)
    for path in candidates:
        if path.is_file() and not being_recorded(path):
            return path
    raise SourceError(
        f"The video {recorded} of {session.name} is not there any more; "
        "open it from where it is now."
    )


def why_other_video(source: SourceRecord, video: Path) -> str | None:
    """A sentence when this is not the very file that was recorded; None when it is."""
    if source.fingerprint is None:
        return None
    try:
        same = fingerprint(video) == source.fingerprint
    except OSError as error:
        return f"{video} cannot be read: {error.strerror}."
    if same:
        return None
    return (
        f"{video.name} is not the file that was recorded (it was changed or is another one); "
        "labels may not fit its pictures."
    )
