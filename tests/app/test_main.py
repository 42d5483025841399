from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import app.run_window
from app import resources
from app.__main__ import COMMANDS, EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main
from app.commands import demo
from app.commands.demo import has_screen
from app.options import WindowOptions
from core.command_line import EXIT_UNREAD
from core.errors import SourceError


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[WindowOptions]:
    """What the window was started with; no window appears."""
    started: list[WindowOptions] = []

    def run_window(options: WindowOptions) -> int:
        started.append(options)
        return EXIT_DONE

    monkeypatch.setattr(app.run_window, "run_window", run_window)
    return started


def test_it_names_its_version(capsys) -> None:
    assert main(["--version"]) == EXIT_DONE
    assert capsys.readouterr().out == f"InCab {version('incab')}\n"


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_every_command_explains_itself(command: tuple[str, ...], capsys) -> None:
    assert main([*command, "--help"]) == EXIT_DONE
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith(" ".join(("usage: incab", *command)))
    assert "--debug" in captured.out
    if not command:
        assert "incab replay" in captured.out
        assert "incab bench" in captured.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["a.mp4", "b.mp4"],
        ["--threads", "many"],
        ["--threads", "0"],
        ["--probe", "sometimes"],
        ["demo", "a.mp4"],
        ["replay"],
    ],
)
def test_wrong_usage_ends_with_two(
    arguments: list[str], capsys, opened: list[WindowOptions]
) -> None:
    assert main(arguments) == EXIT_USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err
    assert opened == []


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        ([], None),
        (["0"], "0"),
        (["drive.mp4"], "drive.mp4"),
        (["rtsp://cabin/stream"], "rtsp://cabin/stream"),
        (["./replay"], "./replay"),
    ],
)
def test_without_a_command_the_window_opens(
    arguments: list[str], source: str | None, opened: list[WindowOptions]
) -> None:
    assert main(arguments) == EXIT_DONE
    (options,) = opened
    assert options.source == source
    assert options.int8 == resources.INT8_MODEL
    assert options.fp32 == resources.FP32_MODEL
    assert options.engine == "auto"
    assert options.probe == "once"
    assert options.threads is None


def test_the_window_gets_what_was_named(opened: list[WindowOptions]) -> None:
    given = "drive.mp4 --int8 a --fp32 b --engine eager --probe again --threads 3"
    assert main([*given.split(), "--annotations", "c.csv"]) == EXIT_DONE
    (options,) = opened
    assert options == WindowOptions(
        source="drive.mp4",
        annotations=Path("c.csv"),
        int8=Path("a"),
        fp32=Path("b"),
        engine="eager",
        probe="again",
        threads=3,
    )


def test_the_demo_opens_the_bundled_clip_where_there_is_a_screen(
    monkeypatch: pytest.MonkeyPatch, opened: list[WindowOptions]
) -> None:
    monkeypatch.setattr(demo, "has_screen", lambda: True)
    assert main(["demo"]) == EXIT_DONE
    (options,) = opened
    assert options.source == str(resources.DEMO_CLIP)
    assert options.annotations == resources.DEMO_ANNOTATIONS


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, False),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "xcb"}, True),
        ({"DISPLAY": ""}, False),
    ],
)
def test_a_screen_needs_a_display_server_on_linux(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: bool
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    assert has_screen() == expected
    monkeypatch.setattr(sys, "platform", "darwin")
    assert has_screen()


# Failures


def test_a_traceback_only_on_request(tmp_path: Path, capsys) -> None:
    command = ["replay", str(tmp_path / "nowhere.mp4")]
    assert main(command) == EXIT_FAILED
    plain = capsys.readouterr().err
    assert plain.startswith("incab: ")
    assert plain.count("\n") == 1
    assert main([*command, "--debug"]) == EXIT_FAILED
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "SourceError" in said
    assert said.endswith(plain)


@pytest.mark.parametrize("error", [SourceError("It broke."), OSError("It broke.")])
def test_a_windows_failure_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys, error: Exception
) -> None:
    def fails(options: WindowOptions) -> int:
        raise error

    monkeypatch.setattr(app.run_window, "run_window", fails)
    assert main(["drive.mp4"]) == EXIT_FAILED
    assert capsys.readouterr().err == "incab: It broke.\n"


def test_an_output_that_nobody_reads_is_no_failure(monkeypatch, capsys) -> None:
    def unread(options: WindowOptions) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(app.run_window, "run_window", unread)
    assert main([]) == EXIT_UNREAD
    assert capsys.readouterr().err == ""


def test_stopping_a_command_is_no_crash(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def interrupted(options: WindowOptions) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app.run_window, "run_window", interrupted)
    assert main([]) == EXIT_FAILED
    assert "Traceback" not in capsys.readouterr().err


def test_the_exit_code_of_the_window_is_that_of_the_command(monkeypatch) -> None:
    monkeypatch.setattr(app.run_window, "run_window", lambda options: EXIT_FAILED)
    assert main([]) == EXIT_FAILED


def test_arguments_come_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, opened: list[WindowOptions]
) -> None:
    monkeypatch.setattr(sys, "argv", ["incab", "3"])
    assert main() == EXIT_DONE
    assert opened[0].source == "3"


def test_what_the_first_run_needs_lies_in_the_package() -> None:
    assert resources.DEMO_CLIP.is_file()
    assert resources.DEMO_ANNOTATIONS.is_file()
    assert resources.ICON.is_file()
    folder = Path(os.path.commonpath([resources.INT8_MODEL, resources.DEMO_CLIP]))
    assert folder.name == "assets"
