"""A Drive&Act run named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import app.run_window
from app.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main
from app.options import WindowOptions
from core.annotations import Chunk, write_annotations
from core.driveact import annotation_path

RUN = "vp4/run1b_2018-05-29.ids_1"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[WindowOptions]:
    """What the window was started with; no window appears."""
    started: list[WindowOptions] = []

    def run_window(options: WindowOptions) -> int:
        started.append(options)
        return EXIT_DONE

    monkeypatch.setattr(app.run_window, "run_window", run_window)
    return started


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (f"inner_mirror/{RUN}", "inner_mirror/vp4/run2_2018-05-30.ids_1"):
        video = tmp_path / f"{name}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"x")
    table = annotation_path(tmp_path, "inner_mirror", "midlevel")
    table.parent.mkdir(parents=True)
    write_annotations(table, [Chunk(4, RUN, 0, 0, 90, "eating", 0)])
    return tmp_path


def test_a_run_is_found_with_its_annotations(root: Path, opened: list[WindowOptions]) -> None:
    assert main([str(root), "--person", "4", "--run", "run1b"]) == EXIT_DONE
    (options,) = opened
    assert options.source == str(root / f"inner_mirror/{RUN}.mp4")
    assert options.annotations == annotation_path(root, "inner_mirror", "midlevel")


def test_a_root_alone_is_left_to_the_window(root: Path, opened: list[WindowOptions]) -> None:
    assert main([str(root)]) == EXIT_DONE
    assert (opened[0].source, opened[0].annotations) == (str(root), None)


def test_a_run_that_is_not_there_is_told(
    root: Path, opened: list[WindowOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(root), "--person", "4"]) == EXIT_FAILED
    assert "has the runs run1b_2018-05-29, run2_2018-05-30" in capsys.readouterr().err
    assert opened == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--person", "4"],
        ["root", "--run", "run1b"],
        ["root", "--view", "ceiling"],
        ["root", "--person", "4", "--annotations", "x.csv"],
    ],
)
def test_half_a_name_is_wrong_usage(arguments: list[str], opened: list[WindowOptions]) -> None:
    assert main(arguments) == EXIT_USAGE
    assert opened == []
