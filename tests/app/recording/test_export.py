"""Exports hold every clip, are complete or not there, and start no formula."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from app.recording import export
from app.recording.export import Cancelled, export_session
from app.recording.reader import read_session
from core.errors import InCabError
from tests.app.recording.doubles import LABELS, clip, write_session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_session(tmp_path / "s.sqlite", [clip(5, 1, 2), clip(6, 1, 1, segment=4)])


def test_csv_has_one_row_a_clip(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    with read_session(path) as session:
        export_session(session, out)
    with out.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        "frame": "5",
        "time_s": "0.1667",
        "truth": "drinking",
        "int8": "drinking",
        "int8_probability": "0.75",
        "int8_ms": "2.5",
        "fp32": "eating",
        "fp32_probability": "0.5",
        "fp32_ms": "2.5",
        "int8_label": "drinking",
        "int8_confidence": "0.75",
        "fp32_label": "",
        "fp32_confidence": "0.5",
        "segment": "0",
        "captured_unix_s": "1700000000.167",
    }
    assert (second["truth"], second["segment"]) == ("", "4")


def test_json_says_everything_else_too(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.json"
    with read_session(path) as session:
        export_session(session, out)
    report = json.loads(out.read_text())
    assert report["schema"] == "incab.session/1"
    assert report["started_at"] == "2023-11-14T22:13:20.000+00:00"
    assert report["source"]["kind"] == "camera"
    assert [model["slot"] for model in report["models"]] == ["int8", "fp32"]
    assert report["models"][0]["labels"] == list(LABELS)
    assert report["agreement"] == 0.5
    assert report["counters"] == {"skipped": 3, "gaps": 1}
    assert report["events"][0]["text"] == "playing"
    assert report["clips"] == 2
    assert [row["fp32"] for row in report["rows"]] == ["eating", "drinking"]
    assert report["rows"][1]["truth"] is None


def test_an_empty_session_is_exported(tmp_path: Path) -> None:
    with read_session(write_session(tmp_path / "s.sqlite", [])) as session:
        export_session(session, tmp_path / "s.json")
        export_session(session, tmp_path / "s.csv")
    report = json.loads((tmp_path / "s.json").read_text())
    assert report["agreement"] is None
    assert report["rows"] == []
    assert (tmp_path / "s.csv").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("s.xlsx", "must end in .csv or .json"), ("no/s.csv", "no folder")]
)
def test_a_place_that_will_not_do_is_named(
    path: Path, tmp_path: Path, name: str, reason: str
) -> None:
    with read_session(path) as session, pytest.raises(InCabError, match=reason):
        export_session(session, tmp_path / name)


def test_a_cancelled_export_leaves_what_was_there(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    out.write_text("from yesterday")
    asked = iter([False, True])
    with read_session(path) as session, pytest.raises(Cancelled):
        export_session(session, out, lambda: next(asked))
    assert out.read_text() == "from yesterday"
    assert {file.name for file in tmp_path.iterdir()} == {"s.sqlite", "s.csv"}


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_name_becomes_a_formula(name: str) -> None:
    assert export._cell(name) == f"'{name}"
    assert export._cell(-1.5) == -1.5
