"""What several commands ask of their options."""

from __future__ import annotations


def check_computing(threads: int, workers: int, in_memory: bool) -> None:
    """Refuse numbers of threads and processes that make no sense.

    Raises:
        ValueError: says what is wrong, in the words of the command line.
    """
    if threads < 1:
        raise ValueError("threads must be at least 1")
    if workers < 0:
        raise ValueError("workers must be at least 0")
    if in_memory and workers:
        raise ValueError(
            "--in-memory and --workers exclude each other, for every process would keep all "
            "frames once more; leave one of them out"
        )
