"""What a person may name as a source: a file, a camera number or a stream URL."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.camera import STREAM_SCHEMES, describe
from core.errors import SourceError

# A Path is a file, an int a camera, a str a stream.
Address = Path | int | str

# More of them are a file's name.
_MOST_CAMERA_DIGITS = 4

VIDEO_ENDINGS = ("mp4", "avi", "mkv", "mov", "webm", "m4v", "mpg", "mpeg", "wmv")


def parse_source(text: str) -> Address:
    """Tell files, cameras and streams apart.

    Raises:
        SourceError: nothing was named, or a URL of a kind that is not read.
    """
    text = text.strip()
    if not text:
        raise SourceError("No source was named; give a video file, a camera number or a URL.")
    if text.isascii() and text.isdigit() and len(text) <= _MOST_CAMERA_DIGITS:
        return int(text)
    scheme, separator, _ = text.partition("://")
    # One letter is a drive.
    if not separator or len(scheme) == 1:
        kind, colon, rest = text.partition(":")
        if colon and kind.lower() in STREAM_SCHEMES and rest.startswith(("/", "\\")):
            # Taken for a file, it would be shown with its password.
            raise SourceError(f"A stream's address begins with {kind.lower()}://; correct it.")
        return Path(text).expanduser()
    if scheme.lower() == "file":
        try:
            return _path_of(text)
        except (ValueError, OSError) as error:
            raise SourceError("That file:// address is none; give the file's path.") from error
    if scheme.lower() not in STREAM_SCHEMES:
        # Where the password stands in it is unknown, so nothing more of it is told.
        kind = "".join(letter for letter in scheme[:20] if letter.isprintable())
        raise SourceError(
            f"{kind}:// cannot be read; a stream's address begins with "
            f"{', '.join(STREAM_SCHEMES[:-1])} or {STREAM_SCHEMES[-1]}."
        )
    if not text.isprintable() or " " in text:
        raise SourceError(
            "A stream's address holds no spaces or control characters; write %20 for a space."
        )
    return text


def _path_of(url: str) -> Path:
    """The file that a file:// address names."""
    parts = urlsplit(url)
    if sys.platform != "win32":
        return Path(unquote(parts.path))
    # It knows drives ("///C:/drive.mp4") and shares ("//server/share/drive.mp4").
    from urllib.request import url2pathname

    return Path(url2pathname(f"//{parts.netloc}{parts.path}"))


def parse_stream(text: str) -> str:
    """The address of a stream, and nothing else.

    Raises:
        SourceError: it is a file, a camera, or a URL of a kind that is not read.
    """
    address = parse_source(text)
    if not isinstance(address, str):
        raise SourceError(
            f"A stream's address begins with one of {', '.join(STREAM_SCHEMES)}, followed by ://."
        )
    return address


def check_names_file(path: Path) -> None:
    """Refuse what was meant as an address where only files are read.

    Taken for a file that is missing, it would be told with its password.

    Raises:
        SourceError: it looks like a URL, and no such file exists.
    """
    kind, colon, rest = str(path).partition(":")
    # One letter is a drive.
    if len(kind) > 1 and colon and rest.startswith(("/", "\\")) and not os.path.exists(path):
        raise SourceError("Only video files are read here, no streams; open those in the window.")


def title_of_source(address: Address) -> str:
    """How titles and menus name a source: short, and without a stream's password."""
    return address.name if isinstance(address, Path) else describe(address)
