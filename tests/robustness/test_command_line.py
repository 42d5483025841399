"""Commands whose reader has gone, as `head` goes, or knows few characters, as processes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.command_line import EXIT_UNREAD, ends_unread, is_unread

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


PRINTS = "from core.command_line import ends_unread; ends_unread(lambda: print('\u2713 3×4'))()"


@pytest.mark.parametrize(
    ("system", "printed"), [("linux", b"\\u2713 3\xd74"), ("win32", "\u2713 3×4".encode())]
)
def test_a_sign_that_the_systems_encoding_lacks_ends_no_command(
    system: str, printed: bytes
) -> None:
    process = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.platform = '{system}'; {PRINTS}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert (process.stdout.strip(), process.stderr) == (printed, b"")


def test_a_pipe_that_windows_calls_invalid_is_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(sys, "platform", "win32")
    assert ends_unread(main)() == EXIT_UNREAD
    assert not is_unread(OSError(errno.EINVAL, "Invalid argument", "a:b"))
    assert not is_unread(OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OSError, match="Invalid"):
        ends_unread(main)()


def test_a_window_that_ends_at_once_does(unread: int) -> None:
    assert ended("-c", ENDS_AT_ONCE, stdout=unread) == (3, "")
