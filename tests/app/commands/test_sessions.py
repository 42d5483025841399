"""`incab sessions`, and `incab replay --out FILE.sqlite`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import app.run_window
from app.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main
from app.options import WindowOptions
from app.recording.finish import unfinished
from app.recording.from_models import record_of_file
from app.recording.reader import read_session
from app.recording.writer import SessionWriter
from app.settings import WrittenFolders
from core.errors import SourceError
from tests.app.recording.doubles import CAMERA, clip, model, write_session


@pytest.fixture
def video(write_video: Callable[..., Path], tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    images = [random.integers(0, 40 + 7 * i, (48, 64, 3), np.uint8) for i in range(30)]
    return write_video(tmp_path / "drive.mp4", images)


@pytest.fixture
def path(video: Path, tmp_path: Path) -> Path:
    source = record_of_file(video, (64, 48), 30.0, 1.0, None)
    return write_session(tmp_path / "s.sqlite", [clip(5, 1, 2), clip(6, 1, 1)], source)


def run(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = EXIT_DONE) -> str:
    assert main(["sessions", *map(str, arguments)]) == status
    captured = capsys.readouterr()
    if status == EXIT_DONE:
        assert captured.err == ""
        return captured.out
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_list_names_all_sessions_of_a_folder(path: Path, capsys) -> None:
    (path.parent / "other.sqlite").write_text("nothing of ours")
    damaged = path.with_name("damaged.sqlite")
    damaged.write_bytes(path.read_bytes()[:9000])
    monkey = run(capsys, "list", path.parent)
    assert "s.sqlite" in monkey
    assert "damaged" in monkey
    assert "other" not in monkey
    assert "There is no session in" in run(capsys, "list", path.parent.parent)
    assert "no folder" in run(capsys, "list", path / "no", status=EXIT_FAILED)


def test_list_looks_where_the_window_records_to(
    path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = WrittenFolders(path.parent, path, path)
    monkeypatch.setattr("app.settings.written_folders", lambda: chosen)
    assert "s.sqlite" in run(capsys, "list")


def test_show_tells_what_is_in_it(path: Path, capsys) -> None:
    said = run(capsys, "show", path)
    for part in ("drive.mp4", "64×48", "int8.safetensors", "agreement 50.0%", "state: playing"):
        assert part in said
    report = json.loads(run(capsys, "show", path, "--json"))
    assert report["schema"] == "incab.session/1"
    assert report["clips"] == 2


def test_show_tells_that_the_models_never_agreed(tmp_path: Path, capsys) -> None:
    path = write_session(tmp_path / "s.sqlite", [clip(5, 0, 1)])
    assert "1 clips · agreement 0.0%" in run(capsys, "show", path)


def test_export_writes_what_was_asked_for(path: Path, capsys) -> None:
    out = path.with_suffix(".csv")
    assert run(capsys, "export", path, "--out", out) == f"{out}: 2 clips\n"
    with out.open() as file:
        assert [row["frame"] for row in csv.DictReader(file)] == ["5", "6"]
    assert "must end in" in run(capsys, "export", path, "--out", "x.txt", status=EXIT_FAILED)


def test_check_finishes_what_was_not_closed(path: Path, tmp_path: Path, capsys) -> None:
    assert run(capsys, "check", path) == f"{path}: whole, 2 clips.\n"
    writer = SessionWriter(tmp_path / "made.sqlite", CAMERA)
    for record in (model("int8"), model("fp32"), clip(1, 0, 0)):
        writer.add(record)
    writer.commit()
    killed = tmp_path / "killed.sqlite"
    for ending in ("", "-wal"):
        Path(f"{killed}{ending}").write_bytes(Path(f"{writer.path}{ending}").read_bytes())
    writer.abandon()
    said = run(capsys, "check", killed)
    assert "1 clips; it was not closed" in said
    assert "--finish" in said
    assert unfinished(killed)
    assert "--finish" not in run(capsys, "check", killed, "--finish")
    assert not unfinished(killed)


def test_video_draws_the_labels(path: Path, video: Path, capsys) -> None:
    out = path.with_suffix(".mp4")
    assert run(capsys, "video", path, "--out", out) == f"{out}: 30 frames\n"
    assert out.stat().st_size > 1000
    moved = video.rename(video.with_name("moved.mp4"))
    said = run(capsys, "video", path, "--out", out, status=EXIT_FAILED)
    assert "is not there any more" in said
    run(capsys, "video", path, "--out", out, "--video", moved)


@pytest.mark.parametrize("action", ["show", "export", "check", "video"])
def test_what_is_no_session_is_named_in_a_sentence(
    action: str, video: Path, tmp_path: Path, capsys
) -> None:
    out = [] if action in ("show", "check") else ["--out", tmp_path / "out.mp4"]
    said = run(capsys, action, video, *out, status=EXIT_FAILED)
    assert said == f"incab: {video} is not a session that InCab recorded.\n"


@pytest.mark.parametrize("arguments", [[], ["show"], ["export", "s.sqlite"], ["mend", "s.sqlite"]])
def test_wrong_usage_ends_with_two(arguments: list[str], capsys) -> None:
    run(capsys, *arguments, status=EXIT_USAGE)


def test_replay_writes_the_same_form(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys
) -> None:
    int8, fp32 = twin_files
    command = ["replay", str(video), "--int8", str(int8), "--fp32", str(fp32), "--threads", "1"]
    for name in ("r.sqlite", "r.csv"):
        assert main([*command, "--out", str(tmp_path / name)]) == EXIT_DONE
    capsys.readouterr()
    exported = tmp_path / "exported.csv"
    run(capsys, "export", tmp_path / "r.sqlite", "--out", exported)
    with (tmp_path / "r.csv").open() as one, exported.open() as other:
        for row, same in zip(csv.DictReader(one), csv.DictReader(other), strict=True):
            assert (row["frame"], row["time_s"]) == (same["frame"], same["time_s"])
            assert (row["int8"], row["fp32"]) == (same["int8"], same["fp32"])
            assert float(same["int8_probability"]) == pytest.approx(
                float(row["int8_probability"]), rel=2e-3
            )
    with read_session(tmp_path / "r.sqlite") as session:
        assert session.closed
        assert session.source.path == str(video)
        assert all(model.twins for model in session.models.values())
    assert not list(tmp_path.glob("*partial*"))


@pytest.mark.usefixtures("dying_engines")
def test_a_replay_that_fails_leaves_no_session(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys
) -> None:
    int8, fp32 = twin_files
    before = set(tmp_path.iterdir())
    command = ["replay", str(video), "--int8", str(int8), "--fp32", str(fp32)]
    assert main([*command, "--out", str(tmp_path / "r.sqlite")]) == EXIT_FAILED
    assert "The engine died." in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_the_window_opens_on_a_recording(qapp, path: Path, video: Path, tmp_path: Path) -> None:
    options = WindowOptions(
        source=str(path), annotations=None, int8=path, fp32=path, settings_path=tmp_path / "i.ini"
    )
    window = app.run_window._make_window(options)
    assert window.review is not None
    assert window.review.video == video
    window.close()
    assert window.ended_cleanly
    with pytest.raises(SourceError, match="--video names"):
        app.run_window._make_window(
            WindowOptions(source=None, annotations=None, int8=path, fp32=path, video=video)
        )
