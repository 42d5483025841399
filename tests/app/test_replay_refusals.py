"""Bad input to `incab replay`: one sentence that names it, exit 1, nothing written."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import app.replay
from app.__main__ import EXIT_FAILED, EXIT_USAGE, main
from core.annotations import Chunk, write_annotations
from core.modelfile import load_model, save_model


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def cut_early(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def remove(path: Path) -> None:
    path.unlink()


def to_text(path: Path) -> None:
    path.write_text("neither a video nor a model\n" * 50)


def to_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"state_dict": [1.0] * 100}))


def without_a_class(path: Path) -> None:
    """The header names four classes, the weights give five."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    description = json.loads(header["__metadata__"]["incab"])
    description["labels"].pop()
    header["__metadata__"]["incab"] = json.dumps(description)
    written = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + data[8 + length :])


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == EXIT_FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("incab: ")
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.endswith(".\n")
    return captured.err


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (remove, "no file"),
        (to_text, "not a video"),
        (folder, "folder"),
        (empty, "empty"),
        (cut_early, "not a video"),
    ],
)
def test_a_bad_video_is_named(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys, spoil, reason: str
) -> None:
    int8, fp32 = twin_files
    spoil(video)
    out = tmp_path / "out.csv"
    said = failure(capsys, "replay", video, "--int8", int8, "--fp32", fp32, "--out", out, "--json")
    assert str(video) in said
    assert reason in said
    assert not out.exists()


def test_a_codec_that_cannot_be_decoded_is_named(
    twin_files: tuple[Path, Path], shared_clip: Callable[[str], Path], capsys
) -> None:
    int8, fp32 = twin_files
    said = failure(capsys, "replay", shared_clip("av1.mkv"), "--int8", int8, "--fp32", fp32)
    assert "av1.mkv" in said
    assert "yields no picture" in said


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (remove, "No such file"),
        (cut, ""),
        (cut_early, "truncated"),
        (empty, "truncated"),
        (folder, "Is a directory"),
        (to_text, ""),
        (to_pickle, "pickle"),
        (without_a_class, "names 4 classes but its weights give 5"),
    ],
)
@pytest.mark.parametrize("which", [0, 1], ids=["int8", "fp32"])
def test_a_bad_model_is_named(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys, spoil, reason, which: int
) -> None:
    int8, fp32 = twin_files
    spoil(twin_files[which])
    out = tmp_path / "out.json"
    said = failure(capsys, "replay", video, "--int8", int8, "--fp32", fp32, "--out", out)
    assert str(twin_files[which]) in said
    assert reason in said
    assert not out.exists()


def test_models_that_cannot_be_compared_are_refused(
    video: Path, twin_files: tuple[Path, Path], networks, capsys
) -> None:
    int8, fp32 = twin_files
    swapped = failure(capsys, "replay", video, "--int8", fp32, "--fp32", int8)
    assert "--int8 needs an int8 model" in swapped
    other = load_model(fp32)
    for changes, problem in (
        ({"labels": tuple(f"other {index}" for index in range(5))}, "knows other activities than"),
        ({"clip": replace(other.clip, span_s=3.0)}, "wants other clips than"),
    ):
        save_model(replace(other, **changes), fp32)
        said = failure(capsys, "replay", video, "--int8", int8, "--fp32", fp32)
        assert f"{fp32} {problem} {int8}" in said


def test_bad_annotations_are_named(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys
) -> None:
    int8, fp32 = twin_files
    path = tmp_path / "truth.csv"
    command = ("replay", video, "--int8", int8, "--fp32", fp32, "--annotations", path)
    assert str(path) in failure(capsys, *command)
    path.write_text("what,is,this\n")
    assert "line 1" in failure(capsys, *command)
    chunks = [Chunk(1, f"vp1/run{n}.ids_1", 0, 0, 9, "activity 0", 0) for n in (2, 3)]
    write_annotations(path, chunks)
    assert "2 runs, none of them run1.ids_1.mp4" in failure(capsys, *command)


def test_a_place_that_cannot_be_written_is_named_before_the_work(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(app.replay, "load_named", lambda path, name: 1 / 0)
    int8, fp32 = twin_files
    command = ("replay", video, "--int8", int8, "--fp32", fp32, "--out")
    assert "no folder" in failure(capsys, *command, tmp_path / "nowhere" / "out.csv")
    truth = tmp_path / "truth.csv"
    truth.write_text("hours of work")
    annotated = (*command[:-1], "--annotations", truth, "--out", truth)
    assert "is what is read here" in failure(capsys, *annotated)
    assert truth.read_text() == "hours of work"
    assert ".csv, .json or .sqlite" in failure(capsys, *command, tmp_path / "out.xlsx")
    (tmp_path / "out.sqlite-wal").write_bytes(b"clips that are nowhere else")
    told = failure(capsys, *command, tmp_path / "out.sqlite")
    assert "was not closed" in told
    assert f"incab sessions check {tmp_path / 'out.sqlite'} --finish" in told
    (tmp_path / "out.csv").mkdir()
    assert "is a folder" in failure(capsys, *command, tmp_path / "out.csv")


@pytest.mark.usefixtures("dying_engines")
def test_a_failure_on_the_way_writes_nothing(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys
) -> None:
    int8, fp32 = twin_files
    out = tmp_path / "out.csv"
    out.write_text("from yesterday")
    said = failure(capsys, "replay", video, "--int8", int8, "--fp32", fp32, "--out", out)
    assert "The engine died." in said
    assert out.read_text() == "from yesterday"
    assert not list(tmp_path.glob("*.partial*"))


def test_an_unknown_engine_is_named(video: Path, twin_files: tuple[Path, Path], capsys) -> None:
    int8, fp32 = twin_files
    command = ("replay", video, "--int8", int8, "--fp32", fp32)
    assert "no engine 'turbo'; choose from" in failure(capsys, *command, "--engine", "turbo")


@pytest.mark.parametrize(
    "arguments", [[], ["a.mp4", "--threads", "0"], ["a.mp4", "b.mp4"], ["a.mp4", "--xml"]]
)
def test_wrong_usage_ends_with_two(arguments: list[str], capsys) -> None:
    assert main(["replay", *arguments]) == EXIT_USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
