"""`incab replay`: its report, its files, its table, and real recordings."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import core.engine_choice
from app.__main__ import EXIT_DONE, main
from app.commands.replay import Replay
from app.replay import replay
from app.replay_table import print_report
from core.annotations import Chunk, write_annotations
from core.engines.reference import ReferenceEngine
from core.modelfile import load_model, save_model

REPOSITORY = Path(__file__).resolve().parents[2]

# incab.replay/1 as ARCHITECTURE.md documents it.
REPORT = {
    "schema": "incab.replay/1",
    "source": {"path", "frames", "fps", "duration_s", "width", "height"},
    "clips": None,
    "skipped": None,
    "models": {"int8", "fp32"},
    "agreement": None,
    "kl_divergence": None,
    "peak_rss_mb": None,
    "int8_parent_is_fp32": None,
}
MODEL = {"file", "engine", "top1", "uncertain", "latency_ms", "accuracy"}

# The small models see 4 frames over 0.4 s: at 30 fps frame 9 completes the first clip.
FRAMES, WARM_UP = 30, 9

Run = Callable[..., dict]


@pytest.fixture
def run(
    video: Path, twin_files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict]:
    """`run(*options)`: the JSON of `incab replay` on that video with the small twins."""

    def call(*options: object, source: Path = video, says: str = "") -> dict:
        int8, fp32 = twin_files
        command = ["replay", source, "--int8", int8, "--fp32", fp32, "--threads", 1, *options]
        assert main([*map(str, command), "--json"]) == EXIT_DONE
        captured = capsys.readouterr()
        assert says in captured.err
        assert bool(says) == bool(captured.err)
        return json.loads(captured.out)

    return call


def annotate(path: Path, *parts: tuple[int, int, int], run: str = "vp1/run1.ids_1") -> Path:
    """A CSV that says activity k from frame to frame."""
    chunks = [Chunk(1, run, k, start, end, f"activity {k}", 0) for k, start, end in parts]
    write_annotations(path, chunks)
    return path


# The report


def test_the_json_has_the_documented_form(
    run: Run, video: Path, twin_files: tuple[Path, Path]
) -> None:
    report = run()
    assert report.keys() == REPORT.keys()
    assert report["schema"] == REPORT["schema"]
    assert report["source"].keys() == REPORT["source"]
    assert report["models"].keys() == REPORT["models"]
    assert report["source"] == {
        "path": str(video),
        "frames": FRAMES,
        "fps": 30.0,
        "duration_s": 1.0,
        "width": 64,
        "height": 48,
    }
    assert report["clips"] == FRAMES - WARM_UP
    assert report["skipped"] == 0
    assert 0 <= report["agreement"] <= 1
    assert report["kl_divergence"] >= 0
    assert 20 < report["peak_rss_mb"] < 20_000
    assert report["int8_parent_is_fp32"] is True
    for path, model in zip(twin_files, report["models"].values(), strict=True):
        assert model.keys() == MODEL
        assert model["file"] == str(path)
        assert model["engine"] == "openvino"
        assert sum(model["top1"].values()) == report["clips"]
        assert set(model["top1"]) <= {f"activity {index}" for index in range(5)}
        assert list(model["top1"].values()) == sorted(model["top1"].values(), reverse=True)
        assert 0 <= model["uncertain"] <= 1
        assert model["latency_ms"].keys() == {"mean", "p50", "p95", "p99"}
        latency = model["latency_ms"]
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
        assert model["accuracy"] is None


def test_every_clip_stands_in_the_file(run: Run, tmp_path: Path) -> None:
    report = run("--out", tmp_path / "clips.csv")
    with (tmp_path / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(WARM_UP, FRAMES))
    assert [float(row["time_s"]) for row in rows] == pytest.approx(
        np.arange(WARM_UP, FRAMES) / 30, abs=1e-3
    )
    assert list(rows[0]) == [
        *("frame", "time_s", "truth"),
        *("int8", "int8_probability", "int8_ms"),
        *("fp32", "fp32_probability", "fp32_ms"),
    ]
    assert all(row["truth"] == "" for row in rows)
    assert all(0.2 <= float(row["fp32_probability"]) <= 1 for row in rows)
    agreed = np.mean([row["int8"] == row["fp32"] for row in rows])
    assert report["agreement"] == pytest.approx(agreed)
    for kind in ("int8", "fp32"):
        answers = [row[kind] for row in rows]
        assert report["models"][kind]["top1"] == {n: answers.count(n) for n in set(answers)}
        mean = np.mean([float(row[f"{kind}_ms"]) for row in rows])
        assert report["models"][kind]["latency_ms"]["mean"] == pytest.approx(mean, abs=0.01)

    assert run("--out", tmp_path / "clips.json")["clips"] == len(rows)
    written = json.loads((tmp_path / "clips.json").read_text())
    assert written.keys() == REPORT.keys() | {"rows"}
    assert [row["frame"] for row in written["rows"]] == list(range(WARM_UP, FRAMES))
    assert written["rows"][0]["truth"] is None
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {"clips.csv", "clips.json", "int8.safetensors", "fp32.safetensors"}


def test_accuracy_is_that_of_the_rows_with_a_truth(run: Run, tmp_path: Path) -> None:
    # Frames 0-14 activity 2, then unlabelled, from 22 on activity 0.
    truth = annotate(tmp_path / "truth.csv", (2, 0, 15), (0, 22, 30))
    report = run("--annotations", truth, "--out", tmp_path / "clips.json")
    rows = json.loads((tmp_path / "clips.json").read_text())["rows"]
    by_frame = {row["frame"]: row["truth"] for row in rows}
    # A clip's frames lie 3 apart; what fills at least half of it is its truth.
    assert by_frame[14] == "activity 2"
    assert by_frame[17] == "activity 2"
    assert by_frame[21] is None
    assert by_frame[28] == by_frame[29] == "activity 0"
    for kind in ("int8", "fp32"):
        scored = [(row["truth"], row[kind]) for row in rows if row["truth"]]
        right = {name: [a == name for t, a in scored if t == name] for name, _ in scored}
        accuracy = report["models"][kind]["accuracy"]
        assert accuracy.keys() == {"top1", "mean_per_class"}
        assert accuracy["top1"] == pytest.approx(np.mean([t == a for t, a in scored]))
        assert accuracy["mean_per_class"] == pytest.approx(
            np.mean([np.mean(hits) for hits in right.values()])
        )


def test_annotations_that_reach_no_clip_give_no_accuracy(run: Run, tmp_path: Path) -> None:
    report = run("--annotations", annotate(tmp_path / "truth.csv", (0, 500, 600)))
    assert report["models"]["int8"]["accuracy"] is None


def test_identical_networks_agree_and_different_ones_need_not(
    run: Run, monkeypatch: pytest.MonkeyPatch, twin_files: tuple[Path, Path], networks
) -> None:
    same = load_model(twin_files[1]).network

    class Other(ReferenceEngine):
        def logits(self, pixels: np.ndarray) -> np.ndarray:
            return -super().logits(pixels)

    monkeypatch.setattr(core.engine_choice, "load_engine", lambda *given: ReferenceEngine(same))
    report = run()
    assert report["agreement"] == 1
    assert report["kl_divergence"] == pytest.approx(0, abs=1e-9)
    assert report["models"]["int8"]["top1"] == report["models"]["fp32"]["top1"]

    monkeypatch.setattr(
        core.engine_choice,
        "load_engine",
        lambda model, *given: (ReferenceEngine if model.kind == "fp32" else Other)(same),
    )
    report = run()
    assert report["agreement"] == 0
    assert report["kl_divergence"] > 0.01


def test_only_a_child_of_this_fp32_file_is_its_twin(
    run: Run, twin_files: tuple[Path, Path], networks
) -> None:
    int8, fp32 = twin_files
    save_model(replace(load_model(int8), parent=None), int8)
    assert run("--probe", "never")["int8_parent_is_fp32"] is False
    save_model(replace(load_model(int8), parent=load_model(fp32).sha256), int8)
    assert run("--probe", "never")["int8_parent_is_fp32"] is True
    save_model(networks.model(networks.fp32(seed=1)), fp32)
    assert run("--probe", "never")["int8_parent_is_fp32"] is False


@pytest.mark.parametrize(
    ("engine", "int8", "fp32"),
    [("reference", "reference", "reference"), ("eager", "openvino", "eager")],
)
def test_other_engines_answer_alike(run: Run, engine: str, int8: str, fp32: str) -> None:
    usual, other = run(), run("--engine", engine, "--probe", "never")
    assert other["models"]["int8"]["engine"] == int8
    assert other["models"]["fp32"]["engine"] == fp32
    assert other["models"]["fp32"]["top1"] == usual["models"]["fp32"]["top1"]


def test_progress_counts_every_frame(video: Path, twin_files: tuple[Path, Path]) -> None:
    seen: list[tuple[int, int | None]] = []
    options = Replay(source=video, int8=twin_files[0], fp32=twin_files[1], threads=1)
    replay(options, lambda done, total: seen.append((done, total)))
    assert seen == [(number, FRAMES) for number in range(1, FRAMES + 1)]


def test_no_thread_is_left_behind(run: Run) -> None:
    before = set(threading.enumerate())
    run()
    assert set(threading.enumerate()) <= before


# Real recordings


@pytest.mark.parametrize(
    ("name", "frames", "width", "height"),
    [
        ("carphone.mp4", 120, 176, 144),
        ("webcam_gesture.mkv", 47, 640, 480),
        ("h265.mp4", 10, 128, 128),
        ("vp9.webm", 24, 854, 480),
    ],
)
def test_real_recordings_are_decoded_whole(
    run: Run, shared_clip: Callable[[str], Path], name: str, frames: int, width: int, height: int
) -> None:
    source = run(source=shared_clip(name))["source"]
    assert (source["frames"], source["width"], source["height"]) == (frames, width, height)


def test_a_phones_video_stands_upright(run: Run, shared_clip: Callable[[str], Path]) -> None:
    report = run(source=shared_clip("rotated_90.mov"), says="shorter than one clip")
    assert (report["source"]["width"], report["source"]["height"]) == (320, 568)
    assert report["clips"] == 0


def test_a_damaged_video_says_how_far_it_went(run: Run, shared_clip: Callable[[str], Path]) -> None:
    report = run(source=shared_clip("corrupted.mp4"), says="promises 50 frames and")
    assert 0 < report["source"]["frames"] < 50
    assert report["clips"] > 0


def test_a_video_shorter_than_a_clip_has_no_figures(
    run: Run, write_video: Callable[..., Path], tmp_path: Path, capsys
) -> None:
    blink = write_video(tmp_path / "blink.mp4", [np.full((48, 64, 3), 90, np.uint8)] * WARM_UP)
    report = run("--out", tmp_path / "out.csv", source=blink, says="shorter than one clip of 0.4 s")
    assert report["source"]["frames"] == WARM_UP
    assert report["clips"] == 0
    assert report["agreement"] is None
    assert report["kl_divergence"] is None
    model = report["models"]["int8"]
    assert model["top1"] == {}
    assert model["uncertain"] is model["latency_ms"] is model["accuracy"] is None
    assert (tmp_path / "out.csv").read_text().count("\n") == 1


# For people


def test_the_table_says_what_the_json_says(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys
) -> None:
    int8, fp32 = twin_files
    truth = annotate(tmp_path / "truth.csv", (2, 0, 30))
    command = ["replay", video, "--int8", int8, "--fp32", fp32, "--annotations", truth]
    assert main([*map(str, command), "--threads", "1"]) == EXIT_DONE
    said = capsys.readouterr().out
    assert f"{video.name}  64×48, 30 frames, 1.0 s at 30 fps, 21 clips" in said
    for part in ("INT8 student", "FP32 student", "right (top-1)", "latency p50 / p95", "agreement"):
        assert part in said
    assert "two trainings" not in said

    save_model(replace(load_model(int8), parent=None), int8)
    assert main([*map(str, command), "--threads", "1"]) == EXIT_DONE
    assert "two trainings" in capsys.readouterr().out


def test_a_name_that_looks_like_markup_is_printed_as_it_is(
    video: Path, twin_files: tuple[Path, Path], tmp_path: Path
) -> None:
    odd = video.rename(tmp_path / "drive[red].mp4")
    int8, fp32 = twin_files
    report, notes = replay(Replay(source=odd, int8=int8, fp32=fp32, threads=1))
    console = Console(width=120)
    with console.capture() as captured:
        print_report(report, [*notes, "[bold]note"], console)
    assert "drive[red].mp4" in captured.get()
    assert "[bold]note" in captured.get()


# A vehicle box has no PyTorch


WITHOUT_TORCH = """
import json, sys
from app.__main__ import main
status = main(sys.argv[1:])
loaded = [name for name in ("torch", "PySide6") if name in sys.modules]
print(json.dumps({"status": status, "loaded": loaded}), file=sys.stderr)
"""


def test_replay_needs_neither_torch_nor_qt(video: Path, twin_files: tuple[Path, Path]) -> None:
    int8, fp32 = twin_files
    command = ["replay", str(video), "--int8", str(int8), "--fp32", str(fp32), "--json"]
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *command],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stderr) == {"status": 0, "loaded": []}
    report = json.loads(process.stdout)
    assert report["clips"] == FRAMES - WARM_UP
    # A process of its own: the peak is what replaying takes.
    assert 50 < report["peak_rss_mb"] < 350
