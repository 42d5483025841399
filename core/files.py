"""Files appear under their final name only when complete, and are read only up to a size."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

# Scanners, indexers and synchronisers open a new file for a moment; Windows then lets nobody
# replace it. Nothing tells when they let go.
_HELD_S = 2.0
_LOOK_AGAIN_S = 0.05


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Yield a partial name beside `path`; on success it takes the final name, else it is removed.

    The partial name keeps the file ending, which some writers insist on. What the system says of a
    write that failed (no space left) is raised with the final name in it.
    """
    partial = path.with_name(f"{path.stem}.partial-{os.getpid()}{path.suffix}")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        move_into_place(partial, path)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        # Whoever holds it on Windows may hide no other error.
        with suppress(PermissionError):
            partial.unlink(missing_ok=True)


def move_into_place(partial: Path, path: Path) -> None:
    """Give a complete file its final name, as `os.replace` does.

    Raises:
        OSError: it cannot; where something is not permitted, it names `path`.
    """
    until_s = time.monotonic() + (_HELD_S if sys.platform == "win32" else 0.0)
    while True:
        try:
            os.replace(partial, path)
            return
        except PermissionError as error:
            if time.monotonic() >= until_s:
                raise PermissionError(error.errno, error.strerror, str(path)) from error
        time.sleep(_LOOK_AGAIN_S)


def read_ordinary(path: Path, largest_bytes: int) -> bytes:
    """What a file holds; nothing that may be endless is read, and nothing beyond `largest_bytes`.

    Raises:
        OSError: it cannot be read, is a folder, a pipe or a device, or is too large; its `strerror`
            says which.
    """
    try:
        mode = path.stat().st_mode
        # Reading a pipe or a device may wait, or go on, for ever.
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        with path.open("rb") as file:
            # Room for what there is, not for all that would be allowed; one byte more tells growth.
            size = os.fstat(file.fileno()).st_size
            data = file.read(size + 1) if size <= largest_bytes else b""
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from error
    if max(size, len(data)) > largest_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {largest_bytes / 1e6:.3g} MB")
    return data
