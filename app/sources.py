"""What a person may name as a source: a file, a camera number or a stream URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.camera import STREAM_SCHEMES, describe, without_credentials
from core.errors import SourceError

# A Path is a file, an int a camera, a str a stream.
Address = Path | int | str

VIDEO_ENDINGS = ("mp4", "avi", "mkv", "mov", "webm", "m4v", "mpg", "mpeg", "wmv")


def parse_source(text: str | int | Path) -> Address:
    """Tell files, cameras and streams apart.

    Raises:
        SourceError: nothing was named, or a URL of a kind that is not read.
    """
    if isinstance(text, (int, Path)):
        return text
    text = text.strip()
    if not text:
        raise SourceError("No source was named; give a video file, a camera number or a URL.")
    if text.isascii() and text.isdigit():
        return int(text)
    scheme, separator, _ = text.partition("://")
    if not separator:
        kind, colon, rest = text.partition(":")
        if colon and kind.lower() in STREAM_SCHEMES and rest.startswith("/"):
            # Taken for a file, it would be shown with its password.
            raise SourceError(f"A stream's address begins with {kind.lower()}://; correct it.")
        return Path(text).expanduser()
    if scheme.lower() == "file":
        return Path(unquote(urlsplit(text).path))
    if scheme.lower() not in STREAM_SCHEMES:
        raise SourceError(
            f"{without_credentials(text)} cannot be read; a stream's address begins with "
            f"{', '.join(STREAM_SCHEMES[:-1])} or {STREAM_SCHEMES[-1]}."
        )
    return text


def title_of_source(address: Address) -> str:
    """How titles and menus name a source: short, and without a stream's password."""
    return address.name if isinstance(address, Path) else describe(address)
