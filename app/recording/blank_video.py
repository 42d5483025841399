"""Stands in for the video of a session of which no pictures are stored: one empty frame a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from app.recording.lookup import Lookup
from app.recording.reader import mean_fps
from core.frame_index import FrameIndex
from core.video import Frame, VideoProperties

# A quiet grey under the labels, in the shape of the pictures that were there.
_LEVEL = 28
_LONGEST_SIDE = 640


def shown_times_s(lookup: Lookup) -> NDArray[np.float64]:
    """When each of the lookup's N clips is shown, strictly increasing.

    Those of a camera or stream from the first one on: it may have run for days before, and there
    is no other picture of it to be looked for.
    """
    times_s = lookup.times_s
    live = lookup.session.source.kind != "file"
    return times_s - times_s[0] if live and len(times_s) else times_s


class BlankVideo:
    """Reads like core.video.VideoFile; frame k is the session's clip k in the order of time."""

    # Nothing has to be looked for.
    searched: float | None = None

    def __init__(self, lookup: Lookup) -> None:
        session = lookup.session
        self.path = session.path
        self._times_s = shown_times_s(lookup)
        source = session.source
        shrink = min(1.0, _LONGEST_SIDE / max(source.width, source.height))
        size = (max(2, round(source.width * shrink)), max(2, round(source.height * shrink)))
        self._image = np.full((size[1], size[0], 3), _LEVEL, np.uint8)
        self._image.setflags(write=False)
        fps = mean_fps(self._times_s)
        self.properties = VideoProperties(size[0], size[1], fps, len(self._times_s))
        self._index = FrameIndex(self._times_s, None, decoded=True)
        self._next = 0

    def read(self) -> Frame | None:
        """The next empty frame, or None at the end."""
        if self._next >= len(self._times_s):
            return None
        frame = Frame(self._image, float(self._times_s[self._next]), self._next)
        self._next += 1
        return frame

    def rewind(self) -> None:
        """Start again from the first one."""
        self._next = 0

    def index(self, interrupted: Callable[[], bool] = lambda: False) -> FrameIndex:
        """When each one is shown."""
        return self._index

    def seek(self, number: int, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Go on with this one."""
        self._next = number

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame

    def close(self) -> None:
        """There is nothing to close."""

    def __enter__(self) -> BlankVideo:
        return self

    def __exit__(self, *ended: object) -> None:
        pass
