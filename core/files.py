"""Files appear under their final name only when complete."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path | str) -> Generator[Path]:
    """Yield a partial name beside `path`; on success it takes the final name, else it is removed.

    The partial name keeps the file ending, which some writers insist on.
    """
    path = Path(path)
    partial = path.with_name(f"{path.stem}.partial-{os.getpid()}{path.suffix}")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
