from __future__ import annotations

import pytest

from app.bench.table import WIDTH, render

# Some twenty processes are started for the report, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)


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
    half = dict.fromkeys(("ratio", "lowest_round", "highest_round"), 0.5)
    ratios = report["ratios"] | {"int8_vs_fp32": {"openvino": half}, "int8_vs_eager_fp32": None}
    text = render(report | {"ratios": ratios})
    assert "int8 against fp32, both openvino: 2.0× slower" in text
    assert "eager fp32" not in text
