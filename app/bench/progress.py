"""What is being measured, on stderr, without ever standing in the way of the tables."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text


@contextmanager
def progress_line() -> Generator[Callable[[str], None]]:
    """A function that shows one line: on a terminal always the same, gone in the end; else a log.

    The line is drawn only when it changes. A spinner's thread would take time from what is timed.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda line: console.print(f"incab bench: {line}", highlight=False, soft_wrap=True)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda line: live.update(
            Text(line, style="dim", overflow="ellipsis", no_wrap=True), refresh=True
        )
