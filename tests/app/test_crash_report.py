"""A crash leaves a file that can be copied, whatever crashed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import crash_report
from app.__main__ import EXIT_FAILED, main
from app.commands import replay
from app.crash_report import report_of_last_crash, write_report
from app.log import LOG_FOLDER

REPOSITORY = Path(__file__).resolve().parents[2]

CRASHES_IN_NATIVE_CODE = """
import ctypes
from app.crash_report import FatalWatch
from app.log import Log
with Log("incab"), FatalWatch():
    ctypes.string_at(0)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(LOG_FOLDER, str(tmp_path))
    return tmp_path


def failed() -> BaseException:
    try:
        raise ValueError("rtsp://me:secret@cabin/1 has no colour")
    except ValueError as error:
        return error


def test_a_report_holds_what_a_developer_asks_for_and_no_secret(folder: Path) -> None:
    (folder / "incab.log").write_text("the line before the crash\n")
    error = failed()
    path = write_report(type(error), error, error.__traceback__)
    assert path is not None
    assert path.parent == folder
    text = path.read_text()
    for expected in (
        "InCab crash report",
        "Python: ",
        "CPU: ",
        "Traceback (most recent call last)",
        "ValueError: rtsp://cabin/1 has no colour",
        "the line before the crash",
    ):
        assert expected in text
    assert "me:secret" not in text.replace('raise ValueError("rtsp://me:secret', "")


def test_only_the_newest_reports_are_kept(folder: Path) -> None:
    error = failed()
    paths = [write_report(type(error), error, None) for _ in range(13)]
    assert len(set(paths)) == 13
    assert len(list(folder.glob("crash-*.txt"))) == 10


def test_a_report_that_cannot_be_written_breaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv(LOG_FOLDER, str(blocked))
    error = failed()
    assert write_report(type(error), error, None) is None


def test_a_crash_in_native_code_is_reported_at_the_next_start(folder: Path) -> None:
    environment = {**os.environ, LOG_FOLDER: str(folder)}
    environment.pop("PYTHONFAULTHANDLER", None)
    process = subprocess.run(
        [sys.executable, "-c", CRASHES_IN_NATIVE_CODE],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert process.returncode < 0
    path = report_of_last_crash()
    assert path is not None
    text = path.read_text()
    assert "string_at" in text
    assert "incab starts" in text
    # Told once.
    assert report_of_last_crash() is None
    assert [file.name for file in folder.glob("fatal-*")] == []


def test_what_a_killed_process_leaves_is_no_crash(folder: Path) -> None:
    (folder / "fatal-999999999.txt").write_text("")
    running = folder / f"fatal-{os.getpid()}.txt"
    running.write_text("of a process that still runs")
    assert report_of_last_crash() is None
    assert list(folder.iterdir()) == [running]


@pytest.mark.parametrize(
    ("stacks", "reported"),
    [
        ("Windows fatal exception: code 0x8001010d\n\nThread 1:", False),
        ("Windows fatal exception: access violation\n\nThread 1:", True),
        ("Windows fatal exception: code 0xc000001d\n\nThread 1:", True),
        ("Windows fatal exception: code 0x8001010d\n\nWindows fatal exception: stack over", True),
        ("Fatal Python error: Aborted", True),
    ],
)
def test_what_windows_handled_is_no_crash(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stacks: str, reported: bool
) -> None:
    (folder / "fatal-999999999.txt").write_text(stacks)
    monkeypatch.setattr(sys, "platform", "win32")
    assert (report_of_last_crash() is not None) is reported
    assert not list(folder.glob("fatal-*"))


def test_a_command_that_crashes_says_where_its_report_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def crash(self: object) -> int:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(replay.Replay, "run", crash)
    assert main(["replay", "drive.mp4"]) == EXIT_FAILED
    said = capsys.readouterr().err
    (report,) = folder.glob("crash-*.txt")
    assert "ZeroDivisionError: nobody foresaw this" in said
    assert str(report) in said
    assert "Traceback" not in said
    assert main(["replay", "drive.mp4", "--debug"]) == EXIT_FAILED
    assert "Traceback" in capsys.readouterr().err


def test_a_log_that_is_missing_is_no_reason_to_fail(folder: Path) -> None:
    assert crash_report._tail_of_log() == []
