from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from core.clip import ClipSpec
from core.engines import load_engine
from core.errors import DataError
from core.modelfile import Model
from training.dataset import ChunkDataset
from training.evaluate import calibration_error, evaluate_model
from training.store import Store
from training.tables import accuracy_table

SPEC = ClipSpec(resize=36, crop=32)


@pytest.fixture
def model(networks, tiny_store: Store) -> Model:
    """A small untrained network that names the store's 34 classes."""
    network = replace(networks, spec=SPEC).fp32(classes=34)
    return replace(networks, spec=SPEC).model(network, labels=tiny_store.labels)


class Scripted:
    """An engine that gives prepared answers and remembers what it was shown."""

    name = "scripted"

    def __init__(self, answers: list[np.ndarray]) -> None:
        self.answers = list(answers)
        self.shown: list[np.ndarray] = []

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        self.shown.append(pixels)
        return self.answers.pop(0)


def says(store: Store, name: str, confidence: float) -> np.ndarray:
    """Logits whose softmax gives one class `confidence` and the others the rest in equal parts."""
    probabilities = np.full(34, (1 - confidence) / 33)
    probabilities[store.labels.index(name)] = confidence
    return np.log(probabilities).astype(np.float32)


def test_accuracy_is_counted_by_class(tiny_store: Store, model: Model) -> None:
    # Three clips of eating, one of writing: top-1 and the mean over classes differ.
    positions = [*tiny_store.subset(0, "test")[:3], tiny_store.subset(0, "test")[0]]
    names = [tiny_store.chunks[p].activity for p in positions]
    assert names == ["eating", "writing", "eating", "eating"]
    script = [("eating", 0.9), ("drinking", 0.9), ("writing", 0.6), ("eating", 0.6)]
    engine = Scripted([says(tiny_store, *answer) for answer in script])
    figures, logits = evaluate_model(model, engine, tiny_store, positions)
    assert figures.keys() == {"mean_per_class_accuracy", "top1", "ece", "clips", "per_class"}
    assert figures["clips"] == 4
    assert figures["top1"] == pytest.approx(2 / 4)
    assert figures["mean_per_class_accuracy"] == pytest.approx((2 / 3 + 0) / 2)
    assert figures["per_class"] == pytest.approx({"eating": 2 / 3, "writing": 0.0})
    # At 0.9: one of two is right, 0.4 too sure. At 0.6: one of two, 0.1 too sure.
    assert figures["ece"] == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)
    assert logits.shape == (4, 34)
    assert logits[1].argmax() == tiny_store.labels.index("drinking")


def test_the_engine_sees_the_evaluation_clips_in_order(tiny_store: Store, model: Model) -> None:
    positions = tiny_store.subset(0, "val")
    engine = Scripted([says(tiny_store, "eating", 0.5)] * 4)
    evaluate_model(model, engine, tiny_store, positions)
    data = ChunkDataset(tiny_store, positions, model.clip)
    assert [pixels.tobytes() for pixels in engine.shown] == [
        data.clip(item).tobytes() for item in range(4)
    ]


@pytest.mark.parametrize("name", ["openvino", "reference"])
def test_real_engines_measure_the_same(tiny_store: Store, model: Model, name: str) -> None:
    positions = tiny_store.subset(0, "train")
    engine = load_engine(model, name, threads=1)
    figures, logits = evaluate_model(model, engine, tiny_store, positions)
    targets = [tiny_store.labels.index(tiny_store.chunks[p].activity) for p in positions]
    assert figures["top1"] == pytest.approx(np.mean(logits.argmax(axis=1) == targets))
    assert evaluate_model(model, engine, tiny_store, positions)[0] == figures


def test_other_labels_are_refused(tiny_store: Store, model: Model) -> None:
    engine = Scripted([])
    turned = replace(model, labels=tiny_store.labels[::-1], path=Path("turned.safetensors"))
    with pytest.raises(DataError, match=r"turned\.safetensors .*labels"):
        evaluate_model(turned, engine, tiny_store, [0])
    assert engine.shown == []


def test_nothing_to_measure_on_is_said(tiny_store: Store, model: Model) -> None:
    with pytest.raises(DataError, match="no clips"):
        evaluate_model(model, Scripted([]), tiny_store, tiny_store.subset(2, "test"))


# Calibration


def logits_of(confidences: list[float]) -> np.ndarray:
    """N×2 logits; class 0 has the given probability."""
    p = np.array(confidences)
    return np.log(np.stack([p, 1 - p], axis=1)).astype(np.float32)


def test_a_model_as_right_as_it_is_sure_is_calibrated() -> None:
    targets = np.array([0] * 7 + [1] * 3)
    assert calibration_error(logits_of([0.7] * 10), targets) == pytest.approx(0, abs=1e-6)


def test_over_and_underconfidence_do_not_cancel() -> None:
    # 0.95 and always wrong; 0.55 and always right; five clips against fifteen.
    logits = logits_of([0.95] * 5 + [0.55] * 15)
    targets = np.array([1] * 5 + [0] * 15)
    expected = 0.25 * 0.95 + 0.75 * 0.45
    assert calibration_error(logits, targets) == pytest.approx(expected, rel=1e-5)


def test_within_a_bin_the_means_count() -> None:
    # Fifteen bins: 0.81 and 0.85 share one (12/15 to 13/15), 0.87 is in the next.
    together = calibration_error(logits_of([0.81, 0.85]), np.array([0, 1]))
    assert together == pytest.approx(0.83 - 0.5, rel=1e-5)
    apart = calibration_error(logits_of([0.85, 0.87]), np.array([1, 0]))
    assert apart == pytest.approx((0.85 + 0.13) / 2, rel=1e-5)


def test_certainty_falls_into_the_last_bin() -> None:
    logits = np.array([[100.0, 0.0], [100.0, 0.0]], np.float32)
    assert calibration_error(logits, np.array([0, 1])) == pytest.approx(0.5)


# The table


def test_the_table_puts_models_side_by_side() -> None:
    one = {"mean_per_class_accuracy": 0.5, "top1": 0.75, "ece": 0.125, "clips": 8}
    results = {
        "runs/fp32.safetensors": one | {"per_class": {"eating": 0.25}},
        "runs/int8.safetensors": one | {"top1": 0.625, "per_class": {"writing": 1.0}},
    }
    console = Console(width=100)
    with console.capture() as captured:
        console.print(accuracy_table(results))
    rows = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:4]]
        for line in captured.get().splitlines()
        if line.count("│") == 4
    }
    assert "fp32.safetensors" in captured.get()
    assert rows["top-1"] == ["75.0%", "62.5%"]
    assert rows["clips"] == ["8", "8"]
    assert rows["eating"] == ["25%", "—"]
    assert rows["writing"] == ["—", "100%"]
