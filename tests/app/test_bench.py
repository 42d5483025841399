from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import app.bench
from app.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main
from app.bench import BenchOptions, bench, print_bench, sample_clips
from core.engines import ENGINE_NAMES
from core.errors import EngineError, InCabError
from core.modelfile import load_model, save_model

# incab.bench/1 as ARCHITECTURE.md documents it.
ROW = {
    *("model", "kind", "engine", "threads", "file_mb", "mmac", "load_s", "latency_ms", "fps"),
    *("clips_per_s_batched", "peak_rss_mb", "top1_agreement", "accuracy"),
}
RATIOS = {"int8_vs_fp32_same_engine", "int8_vs_eager_fp32", "int8_vs_fbgemm_int8"}
ROOFLINE = {"int8_ms", "fp32_ms", "int8_distance", "fp32_distance"}


@pytest.fixture(scope="module")
def files(networks, write_video: Callable, tmp_path_factory) -> tuple[Path, Path, Path]:
    """Small twins, of which the fp32 one knows its accuracy, and a video of one second."""
    folder = tmp_path_factory.mktemp("bench")
    int8, fp32 = networks.save_twins(folder)
    measured = replace(load_model(fp32), metrics={"test": {"mean_per_class_accuracy": 0.625}})
    save_model(measured, fp32)
    save_model(replace(load_model(int8), parent=load_model(fp32).sha256), int8)
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(30)]
    return int8, fp32, write_video(folder / "clip.mp4", images)


@pytest.fixture(scope="module")
def report(files: tuple[Path, Path, Path]) -> dict:
    int8, fp32, clip = files
    progress: list[str] = []
    options = BenchOptions(int8=int8, fp32=fp32, clip=clip, runs=3, threads=1)
    made = bench(options, progress.append)
    assert len(progress) == len(made["rows"])
    return json.loads(json.dumps(made))


def arguments(files: tuple[Path, Path, Path], *more: str) -> list[str]:
    int8, fp32, clip = files
    named = ["bench", "--int8", int8, "--fp32", fp32, "--clip", clip, "--runs", "3"]
    return [*map(str, named), *more]


def test_the_json_has_the_documented_form(report: dict) -> None:
    assert report.keys() == {
        *("schema", "cpu", "versions", "rows", "excluded", "ratios", "roofline")
    }
    assert report["schema"] == "incab.bench/1"
    assert report["cpu"].keys() == {"name", "isa", "threads"}
    assert report["cpu"]["threads"] == 1
    assert {"python", "openvino", "numpy", "torch"} <= report["versions"].keys()
    assert report["ratios"].keys() == RATIOS
    assert report["roofline"].keys() == ROOFLINE
    assert all(row.keys() == ROW for row in report["rows"])
    assert all(item.keys() == {"engine", "reason"} for item in report["excluded"])


def test_every_engine_is_a_row_or_left_out_with_a_reason(report: dict) -> None:
    rows = {(row["engine"], row["kind"]) for row in report["rows"]}
    assert {("openvino", "int8"), ("openvino", "fp32"), ("eager", "fp32")} <= rows
    assert len(rows) == len(report["rows"])
    seen = {engine for engine, _ in rows}
    left_out = {item["engine"].split()[0] for item in report["excluded"]}
    assert seen | left_out == set(ENGINE_NAMES)


def test_a_row_is_whole(report: dict, files: tuple[Path, Path, Path]) -> None:
    for row in report["rows"]:
        path = files[0 if row["kind"] == "int8" else 1]
        assert row["model"] == path.name
        assert row["threads"] == 1
        assert row["file_mb"] == pytest.approx(path.stat().st_size / 1e6, abs=0.001)
        latency = row["latency_ms"]
        assert latency.keys() == {"mean", "p50", "p95", "p99"}
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
        assert row["fps"] == pytest.approx(1000 / latency["p50"], rel=0.02)
        assert row["load_s"] > 0
        assert row["top1_agreement"] >= 0.8
        assert row["accuracy"] == (0.625 if row["kind"] == "fp32" else None)
        assert 0 < row["mmac"] < 100
        # The row's own process, not this one, which has loaded Qt and much else.
        assert 50 < row["peak_rss_mb"] < 900
    by_key = {(row["engine"], row["kind"]): row for row in report["rows"]}
    assert (
        by_key["openvino", "int8"]["peak_rss_mb"] + 50 < by_key["eager", "fp32"]["peak_rss_mb"]
    ), "PyTorch alone takes far more than that"


def test_ratios_are_the_default_engines_medians(report: dict) -> None:
    p50 = {(row["engine"], row["kind"]): row["latency_ms"]["p50"] for row in report["rows"]}
    int8, ratios = p50["openvino", "int8"], report["ratios"]
    same, eager = p50["openvino", "fp32"] / int8, p50["eager", "fp32"] / int8
    assert ratios["int8_vs_fp32_same_engine"] == pytest.approx(same, abs=0.001)
    assert ratios["int8_vs_eager_fp32"] == pytest.approx(eager, abs=0.001)


def test_multiply_accumulates_are_counted_by_hand(report: dict, files) -> None:
    """Clips of 4×32×32 through the five small layers and the classifier."""
    after_first, later = 4 * 16 * 16, 2 * 8 * 8
    by_hand = (
        after_first * 8 * 3 * 27
        + later * 8 * 27
        + later * 16 * 8
        + later * 16 * 27
        + later * 12 * 16
        + 12 * 5
    )
    assert {row["mmac"] for row in report["rows"]} == {round(by_hand / 1e6, 1)}


# What goes wrong


def measured(path: Path, engine: str, threads: int, options: BenchOptions) -> app.bench.BenchRow:
    """A row without a process, of a machine that runs everything in 2 ms and int8 in 1."""
    model = load_model(path)
    p50 = 1.0 if model.kind == "int8" else 2.0
    return app.bench.BenchRow(
        model=path.name,
        kind=model.kind,
        engine=engine,
        threads=threads,
        file_mb=1.0,
        mmac=1.0,
        load_s=0.1,
        latency_ms={"mean": p50, "p50": p50, "p95": p50, "p99": p50},
        fps=1000 / p50,
        clips_per_s_batched=None,
        peak_rss_mb=100.0,
        top1_agreement=1.0,
        accuracy=None,
    )


def without_torch(path: Path, engine: str, threads: int, options: BenchOptions):
    if engine == "eager":
        raise EngineError('needs PyTorch; install it with pip install "incab[train]".')
    return measured(path, engine, threads, options)


def test_an_engine_that_is_missing_is_left_out(files, monkeypatch, capsys) -> None:
    monkeypatch.setattr(app.bench, "_in_own_process", without_torch)
    assert main(arguments(files, "--json")) == EXIT_DONE
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert {
        "engine": "eager fp32",
        "reason": 'needs PyTorch; install it with pip install "incab[train]".',
    } in report["excluded"]
    assert report["ratios"]["int8_vs_eager_fp32"] is None
    assert report["ratios"]["int8_vs_fp32_same_engine"] == 2.0

    assert main(arguments(files)) == EXIT_DONE
    captured = capsys.readouterr()
    assert 'pip install "incab[train]"' in captured.out
    assert "int8 is 2.0× faster than fp32 on the same engine" in captured.out
    assert "eager fp32" not in captured.out.split("left out")[0]


def test_a_slower_int8_is_called_slower(report: dict) -> None:
    console = Console(width=200)
    slower = report | {"ratios": dict.fromkeys(RATIOS, 0.5)}
    with console.capture() as captured:
        print_bench(slower, console)
    assert "int8 is 2.0× slower than fp32 on the same engine" in captured.get()
    for row in report["rows"]:
        assert f"{row['latency_ms']['p50']:.2f}" in captured.get()
    assert "62.5%" in captured.get()


def failure(capsys, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == EXIT_FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = (part for part in captured.err.splitlines() if not part.startswith("timing "))
    assert line.startswith("incab: ")
    return line


def test_bad_models_are_named_before_anything_is_timed(
    files, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(app.bench, "_in_own_process", lambda *given: 1 / 0)
    int8, fp32, clip = files
    assert "nowhere" in failure(
        capsys, "bench", "--int8", tmp_path / "nowhere", "--fp32", fp32, "--clip", clip
    )
    for one, other in ((fp32, int8), (fp32, fp32), (int8, int8)):
        said = failure(capsys, "bench", "--int8", one, "--fp32", other, "--clip", clip)
        assert "model; --" in said


def test_a_bad_clip_is_named(files, tmp_path: Path, capsys) -> None:
    int8, fp32, _ = files
    (tmp_path / "clip.mp4").write_text("no video")
    said = failure(capsys, "bench", "--int8", int8, "--fp32", fp32, "--clip", tmp_path / "clip.mp4")
    assert "clip.mp4 is not a video" in said


@pytest.mark.parametrize("more", [["--runs", "0"], ["--threads", "0"], ["--runs", "many"], ["x"]])
def test_wrong_usage_ends_with_two(more: list[str], capsys) -> None:
    assert main(["bench", *more]) == EXIT_USAGE
    assert capsys.readouterr().out == ""


# Clips to time with


def video_of(write_video: Callable, path: Path, frames: int) -> Path:
    return write_video(path, [np.full((48, 64, 3), 8 * n % 250, np.uint8) for n in range(frames)])


@pytest.mark.parametrize(("frames", "clips"), [(10, 1), (11, 1), (30, 8), (200, 8)])
def test_clips_are_spread_over_the_video(
    write_video: Callable, networks, tmp_path: Path, frames: int, clips: int
) -> None:
    """Frame 9 completes the first clip of 0.4 s at 30 fps."""
    path = video_of(write_video, tmp_path / "clip.mp4", frames)
    found = sample_clips(path, networks.spec, 8)
    assert clips <= len(found) <= 8
    assert len({clip.tobytes() for clip in found}) == len(found)
    assert all(clip.shape == (4, 32, 32, 3) for clip in found)


def test_a_video_without_a_clip_is_named(write_video: Callable, networks, tmp_path: Path) -> None:
    path = video_of(write_video, tmp_path / "clip.mp4", 9)
    with pytest.raises(InCabError, match=r"clip\.mp4 is too short"):
        sample_clips(path, networks.spec, 8)
