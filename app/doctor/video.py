"""Whether video can be decoded, by decoding some; and which cameras deliver."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from app import resources
from app.doctor.finding import Finding, run_child
from core.camera import LiveSource
from core.camera_list import CameraDevice, list_cameras
from core.errors import InCabError
from core.live import LiveReader

_LONGEST_DECODING_S = 120.0
_LONGEST_FIRST_PICTURE_S = 8.0
_POLL_S = 0.1

_DECODE = """
import sys
from app import resources
from core.video import VideoFile
from core.errors import InCabError
try:
    with VideoFile(resources.DEMO_CLIP) as video:
        wanted = video.properties.frame_count
        got = sum(1 for _ in video)
except InCabError as error:
    sys.exit(str(error))
if got != wanted:
    sys.exit(f"{got} of {wanted} pictures came out")
print(got)
"""


def examine_decoding() -> Finding:
    """Decode the bundled clip from its first to its last picture."""
    well, said = run_child(_DECODE, _LONGEST_DECODING_S)
    name = resources.DEMO_CLIP.name
    if well:
        return Finding("Video files", "good", f"OpenCV decoded all {said} pictures of {name}.")
    return Finding(
        "Video files",
        "bad",
        f"{name} cannot be decoded ({said}); install opencv-python again.",
    )


def examine_cameras(
    cameras: Callable[[], list[CameraDevice]] = list_cameras,
    open_live: Callable[[int], LiveReader] = LiveSource,
) -> list[Finding]:
    """Take a picture with each camera that the system lists."""
    found = cameras()
    if not found:
        if sys.platform == "linux":
            sentence = "The system lists none; plug one in, or see who may read /dev/video*."
        else:
            sentence = "Their names are not known on this system; try `incab 0`."
        return [Finding("Cameras", "note", sentence)]
    return [_examine(camera, open_live) for camera in found]


def _examine(camera: CameraDevice, open_live: Callable[[int], LiveReader]) -> Finding:
    subject = f"Camera {camera.number}"
    reader: LiveReader | None = None
    try:
        reader = open_live(camera.number)
        deadline_s = time.monotonic() + _LONGEST_FIRST_PICTURE_S
        while time.monotonic() < deadline_s:
            frame = reader.read(_POLL_S)
            if frame is not None:
                height, width = frame.image.shape[:2]
                return Finding(subject, "good", f"{camera.name} delivers {width}×{height}.")
        problem = f"no picture within {_LONGEST_FIRST_PICTURE_S:.0f} s"
    except InCabError as error:
        problem = str(error)
    finally:
        if reader is not None:
            reader.close()
    return Finding(
        subject,
        "bad",
        f"{camera.name} delivers nothing ({problem}); close other programs that use it.",
    )
