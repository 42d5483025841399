"""What every command shares: the exit codes, and what they check alike."""

from __future__ import annotations

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


def check_threads(threads: int | None) -> None:
    """Raise ValueError unless the number of threads is left out or at least 1."""
    if threads is not None and threads < 1:
        raise ValueError("threads must be at least 1")
