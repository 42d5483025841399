"""Commands whose reader has gone, as `head` goes after its lines, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.closed_output import EXIT_UNREAD

ROOT = Path(__file__).resolve().parents[2]
ENDS_AT_ONCE = "from app.ending import end_at_once; print('A line.'); end_at_once(3)"


@pytest.fixture
def unread() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def ended(
    *arguments: str, stdout: int, stderr: int = subprocess.PIPE, unbuffered: str = ""
) -> tuple[int, str]:
    """Exit code, and what a Python process said on its other stream."""
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=stdout,
        stderr=stderr,
        text=True,
        timeout=100,
        check=False,
    )
    return process.returncode, process.stderr or ""


@pytest.mark.parametrize(
    "command",
    ["app --help", "app bench --help", "app doctor", "training --help", "training fit --help"],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_command_that_nobody_reads_ends_quietly(
    command: str, unbuffered: str, unread: int
) -> None:
    end = ended("-m", *command.split(), stdout=unread, unbuffered=unbuffered)
    assert end == (EXIT_UNREAD, "")


@pytest.mark.parametrize("command", ["app replay", "app replay gone.mp4", "training agree"])
def test_an_error_that_nobody_reads_ends_quietly(command: str, unread: int) -> None:
    status, _ = ended("-m", *command.split(), stdout=subprocess.DEVNULL, stderr=unread)
    assert status == EXIT_UNREAD


def test_a_window_that_ends_at_once_does(unread: int) -> None:
    assert ended("-c", ENDS_AT_ONCE, stdout=unread) == (3, "")
