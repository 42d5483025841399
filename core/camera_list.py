"""Which cameras the system lists, by name, without opening any of them.

Linux tells names and abilities in files. On macOS and Windows OpenCV gives numbers only, and the
libraries that give names there put them in an order of their own, so that a name could stand for
another camera: InCab then lists numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_DEVICES = Path("/sys/class/video4linux")
# What udev found out about each device when it was plugged in.
_UDEV = Path("/run/udev/data")


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera the system lists: its number for OpenCV and its name."""

    number: int
    name: str


def list_cameras(devices: Path = _DEVICES, udev: Path = _UDEV) -> list[CameraDevice]:
    """Cameras by name where the system tells (Linux); elsewhere an empty list."""
    cameras: list[CameraDevice] = []
    for entry in devices.glob("video*"):
        match = re.fullmatch(r"video(\d+)", entry.name)
        if match is None:
            continue
        try:
            name = _read(entry / "name")
            if _delivers_pictures(entry, udev):
                cameras.append(CameraDevice(int(match[1]), name or f"Camera {match[1]}"))
        except OSError:
            # It was unplugged just now.
            continue
    return sorted(cameras, key=lambda camera: camera.number)


def _delivers_pictures(entry: Path, udev: Path) -> bool:
    """Whether it is a camera's picture node, and not its metadata, a codec or an output."""
    try:
        told = _read(udev / f"c{_read(entry / 'dev')}")
    except OSError:
        # In a container nothing is told; the first node of a camera delivers the pictures.
        return _read(entry / "index") == "0"
    return re.search(r"^E:ID_V4L_CAPABILITIES=.*:capture:", told, re.MULTILINE) is not None


def _read(path: Path) -> str:
    # Drivers cut a name after so many bytes, inside a character too.
    return path.read_text(encoding="utf-8", errors="replace").strip()
