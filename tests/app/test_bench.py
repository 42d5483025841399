from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage

import app.bench.measure
import app.bench.process
from app.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main
from app.bench.clips import read_clips, sample_clips, write_clips
from app.bench.fbgemm import FbgemmBaseline
from app.bench.labels import Bubble, place_labels
from app.bench.measure import bench
from app.bench.plot import draw_plot
from app.bench.process import block_sizes, time_in_turns
from app.bench.roofline import DENSE_SHAPES, dense_network
from app.bench.rows import agreement
from app.bench.scaling import thread_counts
from app.bench.setting import BenchOptions
from app.bench.table import WIDTH, render
from core.engines import ENGINE_NAMES, supports
from core.engines.reference import ReferenceEngine
from core.errors import InCabError
from core.golden import golden_clip
from core.modelfile import load_model, save_model
from core.network import activation_sizes, multiply_accumulates
from tests.app.bench_subjects import Faulty, Sleeper

# Some twenty processes are started here, which takes minutes where the machine is busy.
pytestmark = pytest.mark.timeout(600)

# incab.bench/2 as docs/bench.md documents it.
REPORT = {
    *("schema", "cpu", "versions", "runs", "quick", "rows", "excluded", "ratios", "roofline"),
    *("thread_scaling", "offline", "start"),
}
ROW = {
    *("model", "file", "kind", "engine", "historical", "threads", "file_mb", "mmac", "load_s"),
    *("latency_ms", "round_p50_ms", "fps", "peak_rss_mb", "agreement", "roofline_distance"),
    "accuracy",
}
RATIOS = {"int8_vs_fp32", "int8_vs_eager_fp32", "int8_vs_fbgemm_int8", "file_fp32_vs_int8"}
ENGINES = tuple(name for name in ENGINE_NAMES if name != "onednn")
RATIO = {"ratio", "lowest_round", "highest_round"}
ROOFLINE = {"gmac_per_s", "shape", "network_ms"}
AGREEMENT = {"clips", "top1", "largest_deviation"}
WAY = {"batch", "hint", "requests", "clips_per_s", "agreement"}
START = {"clip", "engine", "first_label_s", "replay_peak_rss_mb"}
SCALING = {"model", "engine", "threads", "p50_ms"}


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
    """The real thing in processes of its own: the one slow fixture here."""
    int8, fp32, clip = files
    options = BenchOptions(int8=int8, fp32=fp32, clip=clip, runs=3, threads=1, quick=True)
    with pytest.MonkeyPatch.context() as patch:
        # Each engine that needs PyTorch costs seconds, and one shows what all go through.
        patch.setattr(app.bench.measure, "ENGINE_NAMES", ENGINES)
        return json.loads(json.dumps(bench(options)))


def arguments(files: tuple[Path, Path, Path], *more: object) -> list[str]:
    int8, fp32, clip = files
    return [*map(str, ["bench", "--int8", int8, "--fp32", fp32, "--clip", clip, *more])]


# The whole report


def test_the_json_has_the_documented_form(report: dict) -> None:
    assert report.keys() == REPORT
    assert report["schema"] == "incab.bench/2"
    assert (report["runs"], report["quick"]) == (3, True)
    assert report["cpu"].keys() == {"name", "isa", "cores", "threads"}
    assert report["cpu"]["threads"] == 1
    assert {"python", "openvino", "numpy", "torch"} <= report["versions"].keys()
    assert all(row.keys() == ROW for row in report["rows"])
    assert all(row["agreement"].keys() == AGREEMENT for row in report["rows"])
    assert all(item.keys() == {"what", "reason"} for item in report["excluded"])
    assert report["ratios"].keys() == RATIOS
    assert report["roofline"].keys() == {"int8", "fp32"}
    assert all(roof.keys() == ROOFLINE for roof in report["roofline"].values())
    assert report["thread_scaling"] is None, "left out by --quick"
    assert report["offline"].keys() == {"int8", "fp32"}
    for found in report["offline"].values():
        assert all(way.keys() == WAY for way in found["tried"])
        assert found["best"] == max(found["tried"], key=lambda way: way["clips_per_s"])
    assert report["start"].keys() == START


def test_every_engine_is_a_row_or_left_out_with_a_reason(
    report: dict, files: tuple[Path, Path, Path]
) -> None:
    models = {"int8": load_model(files[0]), "fp32": load_model(files[1])}
    expected = {
        (engine, name)
        for engine in ENGINES
        for name, model in models.items()
        if engine != "reference" and supports(engine, model)
    }
    rows = [(row["engine"], row["model"]) for row in report["rows"]]
    assert len(set(rows)) == len(rows)
    assert {("openvino", "int8"), ("openvino", "fp32"), ("eager", "fp32")} <= set(rows)
    left_out = {tuple(item["what"].split()) for item in report["excluded"]}
    assert expected | {("fbgemm", "int8")} == set(rows) | {w for w in left_out if len(w) == 2}
    assert ("reference",) in left_out
    assert ("start",) not in left_out


def test_a_row_is_whole(report: dict, files: tuple[Path, Path, Path]) -> None:
    for row in report["rows"]:
        path = files[0 if row["model"] == "int8" else 1]
        assert row["file"] == path.name
        assert row["kind"] == row["model"]
        assert row["threads"] == 1
        assert row["historical"] == (row["engine"] == "fbgemm")
        assert row["file_mb"] == pytest.approx(path.stat().st_size / 1e6, abs=0.001)
        latency = row["latency_ms"]
        assert latency.keys() == {"mean", "p50", "p95", "p99"}
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
        assert len(row["round_p50_ms"]) == 3
        assert row["fps"] == pytest.approx(1000 / latency["p50"], rel=0.02)
        assert row["load_s"] > 0
        assert row["agreement"]["clips"] == 8
        assert row["agreement"]["top1"] >= 0.8
        assert row["agreement"]["largest_deviation"] < 0.2
        assert row["accuracy"] == (0.625 if row["kind"] == "fp32" else None)
        # The row's own process, not this one, which has loaded Qt and much else.
        assert 50 < row["peak_rss_mb"] < 900
        gmac_per_s = report["roofline"][row["kind"]]["gmac_per_s"]
        # The small network has 1.5 MMAC, which are rounded to a tenth.
        far = latency["p50"] / (row["mmac"] / gmac_per_s)
        assert row["roofline_distance"] == pytest.approx(far, rel=0.1)
    by_key = {(row["engine"], row["kind"]): row for row in report["rows"]}
    assert (
        by_key["openvino", "int8"]["peak_rss_mb"] + 50 < by_key["eager", "fp32"]["peak_rss_mb"]
    ), "PyTorch alone takes far more than that"


def test_ratios_are_of_medians_from_the_same_rounds(report: dict) -> None:
    rows = {(row["engine"], row["kind"]): row for row in report["rows"]}

    def expected(slow: tuple[str, str], fast: tuple[str, str]) -> dict[str, float]:
        rounds = np.divide(rows[slow]["round_p50_ms"], rows[fast]["round_p50_ms"])
        ratio = rows[slow]["latency_ms"]["p50"] / rows[fast]["latency_ms"]["p50"]
        known = {"ratio": ratio, "lowest_round": rounds.min(), "highest_round": rounds.max()}
        return pytest.approx(known, rel=0.05, abs=0.05)

    int8, ratios = ("openvino", "int8"), report["ratios"]
    assert ratios["int8_vs_fp32"]["openvino"] == expected(("openvino", "fp32"), int8)
    assert ratios["int8_vs_eager_fp32"] == expected(("eager", "fp32"), int8)
    assert ratios["int8_vs_fbgemm_int8"] == expected(("fbgemm", "int8"), int8)
    files_mb = [rows["openvino", kind]["file_mb"] for kind in ("fp32", "int8")]
    assert ratios["file_fp32_vs_int8"] == pytest.approx(files_mb[0] / files_mb[1], rel=0.1)


def test_offline_scoring_answers_as_one_clip_does(report: dict) -> None:
    for found in report["offline"].values():
        assert {way["hint"] for way in found["tried"]} == {"latency", "throughput"}
        for way in found["tried"]:
            assert way["clips_per_s"] > 0
            assert way["requests"] >= 1
            assert way["agreement"]["clips"] == 8
            assert way["agreement"]["largest_deviation"] < 0.2


def test_the_start_is_measured(report: dict) -> None:
    assert report["start"]["clip"] == "clip.mp4"
    assert 0 < report["start"]["first_label_s"] < 120
    assert 50 < report["start"]["replay_peak_rss_mb"] < 900


def test_multiply_accumulates_are_counted_by_hand(report: dict) -> None:
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


# The tables


def with_scaling(report: dict) -> dict:
    scaling = [
        {"model": name, "engine": "openvino", "threads": count, "p50_ms": 10.0 / count * factor}
        for count in (1, 2, 128)
        for name, factor in (("int8", 1), ("fp32", 4))
    ]
    return report | {"thread_scaling": scaling}


def test_tables_fit_into_80_columns_and_are_markdown(report: dict) -> None:
    long = "AMD Ryzen Threadripper PRO 5995WX with a name that some firmware makes far too long"
    slow = [
        row | {"model": "teacher", "latency_ms": dict.fromkeys(row["latency_ms"], 71234.5)}
        | {"file_mb": 149.41, "mmac": 108000.4, "peak_rss_mb": 2345.6, "load_s": 12.345}
        | {"fps": 0.014, "roofline_distance": 123.4}
        for row in report["rows"]
    ]  # fmt: skip
    text = render(
        with_scaling(report)
        | {"rows": [*report["rows"], *slow], "cpu": report["cpu"] | {"name": long}}
        | {"excluded": [{"what": "eager fp32", "reason": "because " * 30}]}
    )
    assert WIDTH == 80
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        lines = table.splitlines()
        assert set(lines[1]) <= set("|-: ")
        assert len({line.count("|") for line in lines}) == 1
        assert len({len(line) for line in lines}) == 1


def test_tables_hold_every_row_and_figure(report: dict) -> None:
    text = render(with_scaling(report))
    for row in report["rows"]:
        for figure in ("p50", "p95", "p99", "mean"):
            assert f"{row['latency_ms'][figure]:.2f}" in text
        assert f" {row['peak_rss_mb']:.0f} |" in text
    assert "62.5%" in text
    assert "fbgemm† " in text
    assert "historical baseline" in text
    assert "left out: reference (exact and slow" in text
    assert f"{report['start']['first_label_s']:.2f} s" in text
    assert "|     128 |" in text


def test_a_slower_int8_is_called_slower(report: dict) -> None:
    half = dict.fromkeys(RATIO, 0.5)
    ratios = report["ratios"] | {"int8_vs_fp32": {"openvino": half}, "int8_vs_eager_fp32": None}
    text = render(report | {"ratios": ratios})
    assert "int8 against fp32, both openvino: 2.0× slower" in text
    assert "eager fp32" not in text


# The plot


def bubble(x: float, y: float, radius: float) -> Bubble:
    latency = {"p50": 1.0}
    row = {"model": "fp32", "engine": "openvino", "historical": False, "accuracy": 0.7}
    return Bubble(row | {"file_mb": 1.0, "latency_ms": latency}, QPointF(x, y), radius)


@pytest.mark.parametrize("distance", [0.0, 4.0, 30.0, 150.0])
def test_labels_cover_neither_each_other_nor_a_bubble(qapp, distance: float) -> None:
    bubbles = [bubble(300 + distance * index, 300, 20) for index in range(4)]
    area = QRectF(0, 0, 1000, 600)
    boxes = place_labels(bubbles, area)
    for index, box in enumerate(boxes):
        assert area.contains(box)
        others = [other for place, other in enumerate(boxes) if place != index]
        assert not any(box.intersects(other) for other in others)
        assert not any(box.intersects(other.box) for other in bubbles)


def test_the_plot_is_a_picture_of_all_rows_with_an_accuracy(
    qapp, report: dict, tmp_path: Path
) -> None:
    path = tmp_path / "bench.png"
    draw_plot(report, path)
    image = QImage(str(path))
    assert (image.width(), image.height()) == (1280, 800)
    colours = {
        image.pixelColor(x, y).name()
        for x in range(0, image.width(), 2)
        for y in range(0, image.height(), 2)
    }
    assert "#f6b758" in colours, "the fp32 model's colour"
    assert "#2fd6c0" not in colours, "the int8 model has no accuracy here"


def test_a_plot_that_cannot_be_drawn_is_refused_before_anything_is_timed(
    files, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(app.bench.measure, "time_in_turns", lambda *given: 1 / 0)
    assert "must end in .png" in failure(capsys, *arguments(files, "--plot", "bench.svg"))
    nowhere = tmp_path / "nowhere" / "bench.png"
    assert "no folder" in failure(capsys, *arguments(files, "--plot", nowhere))
    (tmp_path / "folder.png").mkdir()
    said = failure(capsys, *arguments(files, "--plot", tmp_path / "folder.png"))
    assert "is a folder" in said
    unmeasured = (files[0], tmp_path / "fp32.safetensors", files[2])
    save_model(replace(load_model(files[1]), metrics={}), unmeasured[1])
    said = failure(capsys, *arguments(unmeasured, "--plot", tmp_path / "bench.png"))
    assert "names its accuracy" in said


# Timing in turns


def test_subjects_take_turns_in_processes_of_their_own(monkeypatch) -> None:
    monkeypatch.setattr(app.bench.process, "_PAUSE_S", 0)
    said: list[str] = []
    subjects = [("slow", Sleeper(0.02)), ("fast", Sleeper(0.0))]
    timings, failures = time_in_turns(subjects, 4, said.append)
    assert failures == {}
    assert {timing.facts["process"] for timing in timings.values()}.isdisjoint({os.getpid()})
    assert timings["slow"].facts["process"] != timings["fast"].facts["process"]
    assert [len(block) for block in timings["slow"].rounds_ms] == [1, 1, 1, 1]
    # Ten to warm up, then before each of four blocks two more that are not timed.
    assert timings["fast"].facts["runs"] == 10 + 4 * (2 + 1)
    assert timings["slow"].latency.p50 >= 20
    assert timings["slow"].latency.count == 4
    turns = [line.rpartition(": ")[2] for line in said if line.startswith("round")]
    assert turns == ["slow", "fast", "fast", "slow"] * 2


def test_who_fails_is_named_and_the_others_are_timed() -> None:
    subjects = [
        ("refusing", Faulty("refuses")),
        ("breaking", Faulty("breaks")),
        ("dying", Faulty("dies")),
        ("good", Sleeper(0.0)),
    ]
    timings, failures = time_in_turns(subjects, 2, lambda line: None)
    assert timings.keys() == {"good"}
    assert timings["good"].latency.count == 2
    assert failures == {
        "refusing": "This engine needs another CPU.",
        "breaking": "failed: luck.",
        "dying": "dying ended its process by SIGILL.",
    }


def test_who_hangs_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(app.bench.process, "_LONGEST_ANSWER_S", 0.05)
    timings, failures = time_in_turns([("stuck", Sleeper(60.0))], 1, lambda line: None)
    assert timings == {}
    assert "stuck did not answer" in failures["stuck"]


@pytest.mark.parametrize(
    ("runs", "sizes"), [(1, [1]), (3, [1] * 3), (10, [1] * 10), (25, [3] * 5 + [2] * 5)]
)
def test_runs_are_split_into_about_equal_blocks(runs: int, sizes: list[int]) -> None:
    assert block_sizes(runs) == sizes


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_scaling_goes_up_to_all_cores(cores: int, counts: list[int]) -> None:
    assert thread_counts(cores) == counts


# What is timed


def test_the_historical_baseline_computes_our_network(networks) -> None:
    """Bytes for logits leave an error of half a level (0.2 %); everything before them agrees."""
    pytest.importorskip("torch")
    network, clip = networks.int8(), golden_clip("ordinary", networks.spec.clip_shape)
    expected = ReferenceEngine(network).logits(clip)
    low, high = float(expected.min()), float(expected.max())
    with warnings.catch_warnings():
        got = FbgemmBaseline(network, (low, high), 1).logits(clip)
    assert got.argmax() == expected.argmax()
    assert np.abs(got - expected).max() <= 0.003 * (high - low)


def test_rooflines_are_dense_and_unpadded() -> None:
    """Kernels skip padding, which would make the machine look faster than it is."""
    for kind in ("int8", "fp32"):
        for channels, kernel, size in DENSE_SHAPES:
            network = dense_network(kind, channels, kernel)
            clip_shape = (*size, channels)
            assert min(min(left) for left in activation_sizes(network, clip_shape)) >= 1
            assert multiply_accumulates(network, clip_shape) > 5e8
            assert not any(sum(conv.geometry.padding) for conv in network.convolutions)


def test_agreement_is_measured_against_the_reference() -> None:
    expected = np.array([[0, 10, 5], [4, 0, 2]], np.float32)
    answers = np.array([[0, 9, 5], [1, 0, 2]], np.float32)
    assert agreement(answers, expected) == {"clips": 2, "top1": 0.5, "largest_deviation": 0.75}
    assert agreement(expected, expected)["top1"] == 1.0


def test_clips_travel_with_the_references_answers(files, tmp_path: Path) -> None:
    model = load_model(files[0])
    clips = sample_clips(files[2], model.clip)
    write_clips(model, clips, tmp_path)
    read, expected = read_clips(tmp_path)
    assert np.array_equal(read, np.stack(clips))
    assert np.array_equal(expected[3], ReferenceEngine(model.network).logits(clips[3]))


# What goes wrong


def failure(capsys, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == EXIT_FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = (part for part in captured.err.splitlines() if not part.startswith("incab bench: "))
    assert line.startswith("incab: ")
    return line


def test_bad_models_are_named_before_anything_is_timed(
    files, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(app.bench.measure, "time_in_turns", lambda *given: 1 / 0)
    int8, fp32, clip = files
    assert "nowhere" in failure(capsys, *arguments((tmp_path / "nowhere", fp32, clip)))
    for one, other in ((fp32, int8), (fp32, fp32), (int8, int8)):
        assert "model; --" in failure(capsys, *arguments((one, other, clip)))
    assert "--teacher needs" in failure(capsys, *arguments(files, "--teacher", int8))


def test_a_bad_clip_is_named(files, tmp_path: Path, capsys) -> None:
    int8, fp32, _ = files
    (tmp_path / "clip.mp4").write_text("no video")
    said = failure(capsys, *arguments((int8, fp32, tmp_path / "clip.mp4")))
    assert "clip.mp4 is not a video" in said


@pytest.mark.parametrize("more", [["--runs", "0"], ["--threads", "0"], ["--runs", "many"], ["x"]])
def test_wrong_usage_ends_with_two(more: list[str], capsys) -> None:
    assert main(["bench", *more]) == EXIT_USAGE
    assert capsys.readouterr().out == ""


def test_the_command_prints_tables_or_json_and_nothing_else(
    files, report: dict, capsys, monkeypatch, tmp_path: Path
) -> None:
    def measured(options: BenchOptions, progress: Callable[[str], None]) -> dict:
        progress("round 1 of 10: openvino int8")
        assert (options.teacher, options.runs, options.quick) == (files[1], 7, False)
        return report

    monkeypatch.setattr(app.bench.measure, "bench", measured)
    plot = tmp_path / "bench.png"
    given = arguments(files, "--runs", 7, "--teacher", files[1])
    assert main([*given, "--json", "--plot", str(plot)]) == EXIT_DONE
    captured = capsys.readouterr()
    assert json.loads(captured.out) == report
    assert captured.err == "incab bench: round 1 of 10: openvino int8\n"
    assert plot.is_file()
    assert main(given) == EXIT_DONE
    captured = capsys.readouterr()
    assert captured.out == render(report) + "\n"


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
