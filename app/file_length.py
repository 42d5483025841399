"""How long a file really is, found out before it plays; its container may not know. No Qt.

All frames are listed, as a jump needs them anyway; see core/frame_index.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from core.errors import SourceError
from core.frame_index import FrameIndex, Interrupted
from core.video import VideoFile

# An hour of packets takes about this long. A file on a slow disk plays without the list.
_LONGEST_LISTING_S = 1.0
# Sound may be longer than the pictures, and estimates are rounded.
_SHORT_S, _SHORT_SHARE = 1.0, 0.05


def list_frames(video: VideoFile, stopping: Callable[[], bool]) -> FrameIndex | None:
    """All frames of the file; None when that would take more than a moment."""
    until_s = time.monotonic() + _LONGEST_LISTING_S
    try:
        return video.index(lambda: stopping() or time.monotonic() > until_s)
    except (Interrupted, SourceError):
        # It plays without; what is wrong with it the first jump will say.
        return None


def listed_frames(video: VideoFile) -> FrameIndex | None:
    """The list of all frames as it is by now; None while there is none."""
    return list_frames(video, lambda: True)


def promised_s(video: VideoFile) -> float:
    """How long the container says it is; 0 when it says nothing."""
    return (video.properties.frame_count or 0) / video.properties.fps


def length_s(video: VideoFile, frames: FrameIndex | None) -> float:
    """How long it is, as far as that is known."""
    if frames is None or not len(frames):
        return promised_s(video)
    return float(frames.times_s[-1]) + 1 / video.properties.fps


def why_short(video: VideoFile, frames: FrameIndex | None) -> str | None:
    """One sentence for the person when the file ends well before what its container promises."""
    expected = video.properties.frame_count
    if frames is None or expected is None or len(frames) >= expected:
        return None
    missing_s = promised_s(video) - length_s(video, frames)
    if missing_s < max(_SHORT_S, _SHORT_SHARE * promised_s(video)):
        return None
    return ends_early(video.path, expected, len(frames))


def ends_early(path: Path, promised: int, found: int) -> str:
    """What is said of a file with fewer frames than its container promises."""
    return (
        f"{path.name} promises {promised} frames and {found} could be read: it is damaged or cut "
        "off, or its container only estimates."
    )
