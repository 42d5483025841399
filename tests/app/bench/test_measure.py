from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.engines import supports
from core.modelfile import load_model
from tests.app.bench.helpers import ENGINES

# Some twenty processes are started for the report, which takes minutes on a busy machine.
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
ROOFLINE = {"gmac_per_s", "shape", "network_ms"}
AGREEMENT = {"clips", "top1", "largest_deviation"}
WAY = {"batch", "hint", "requests", "clips_per_s", "agreement"}
START = {"clip", "engine", "first_label_s", "replay_peak_rss_mb"}
SCALING = {"model", "engine", "threads", "p50_ms"}


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
    assert ratios["file_fp32_vs_int8"] == pytest.approx(files_mb[0] / files_mb[1], rel=0.2)


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
