"""A recorded session made ready to be shown beside its video."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app.recording.lookup import Lookup
from app.recording.reader import RecordedSession, read_session
from app.recording.video_match import find_video, why_other_video
from core.errors import SourceError


@dataclass(frozen=True, slots=True, eq=False)
class Review:
    """What the window needs.

    Attributes:
        session: the recording, open until `close`.
        lookup: finds its clips by the frames of `video`.
        video: its video; None where no pictures are stored or they cannot be found.
        remark: one sentence about the video for the person; empty when all is as it was.
    """

    session: RecordedSession
    lookup: Lookup
    video: Path | None
    remark: str
    _stack: ExitStack

    def close(self) -> None:
        """Close the session file; again does nothing."""
        self.session.retire()
        self._stack.close()


def load_review(path: Path, video: Path | None = None) -> Review:
    """Read a session and find its video; takes a second for an hour of recording.

    Args:
        path: the session file.
        video: the video, where the person named one.

    Raises:
        SessionFileError: the session cannot be read.
        SourceError: the named video is no file.
    """
    with ExitStack() as stack:
        session = stack.enter_context(read_session(path))
        remark = ""
        found: Path | None = None
        try:
            found = find_video(session.source, path, video)
            remark = why_other_video(session.source, found) or ""
        except SourceError as error:
            if video is not None:
                raise
            # Everything but the pictures can still be shown.
            remark = str(error)
        lookup = Lookup(session, blank=found is None)
        return Review(session, lookup, found, remark, stack.pop_all())
