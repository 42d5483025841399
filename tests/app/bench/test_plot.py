from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage

import app.bench.measure
from app.bench.labels import Bubble, place_labels
from app.bench.plot import draw_plot
from core.modelfile import load_model, save_model
from tests.app.bench.helpers import arguments, failure

# Some twenty processes are started for the report, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)


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
