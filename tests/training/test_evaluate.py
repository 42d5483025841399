from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from core.clip import ClipSpec, centre_crop, squash
from core.engines import load_engine
from core.errors import DataError, EngineError
from core.modelfile import Model
from tests.training.runs import clip_threads
from training.dataset import ChunkDataset
from training.evaluate import CLIPS_AHEAD, Pace, check_measurable, evaluate_model
from training.store import Store
from training.tables import accuracy_table, display_names

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


class Prepared(list[int]):
    """The items whose clips are there, in order; `more` counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.more = threading.Semaphore(0)


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    items, clip = Prepared(), ChunkDataset.clip

    def told(data: ChunkDataset, item: int, draw: int = 0) -> np.ndarray:
        pixels = clip(data, item, draw)
        items.append(item)
        items.more.release()
        return pixels

    monkeypatch.setattr(ChunkDataset, "clip", told)
    return items


class Patient(Scripted):
    """An engine whose first answer takes until `count` clips are there."""

    def __init__(self, answers: list[np.ndarray], prepared: Prepared, count: int) -> None:
        super().__init__(answers)
        self.prepared, self.count = prepared, count

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        if not self.shown:
            for _ in range(self.count):
                assert self.prepared.more.acquire(timeout=20), "nothing is prepared meanwhile"
        return super().logits(pixels)


def test_the_next_clips_are_prepared_while_one_is_answered(
    tiny_store: Store, model: Model, prepared: Prepared
) -> None:
    engine = Patient([says(tiny_store, "eating", 0.5)] * 12, prepared, count=1 + CLIPS_AHEAD)
    pace = Pace()
    evaluate_model(model, engine, tiny_store, tiny_store.subset(0, "train"), pace=pace)
    assert prepared == list(range(12))
    assert pace.clips == 12
    assert clip_threads() == []


def test_an_answer_that_is_no_number_is_refused(tiny_store: Store, model: Model) -> None:
    answers = [says(tiny_store, "eating", 0.5)] * 12
    answers[7] = answers[7] * np.nan
    with pytest.raises(EngineError, match="scripted gave NaN or infinity"):
        evaluate_model(model, Scripted(answers), tiny_store, tiny_store.subset(0, "train"))


def test_no_clip_is_prepared_for_an_engine_that_failed(
    tiny_store: Store, model: Model, prepared: Prepared
) -> None:
    engine = Patient([], prepared, count=2)
    with pytest.raises(IndexError):
        evaluate_model(model, engine, tiny_store, tiny_store.subset(0, "train"), draws=4)
    assert 2 <= len(prepared) <= 1 + CLIPS_AHEAD
    assert clip_threads() == []


def test_a_clip_that_cannot_be_prepared_is_told(
    tiny_store: Store, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = ChunkDataset.clip

    def damaged(data: ChunkDataset, item: int, draw: int = 0) -> np.ndarray:
        if item == 2:
            raise DataError("the third is damaged")
        return clip(data, item, draw)

    monkeypatch.setattr(ChunkDataset, "clip", damaged)
    engine = Scripted([says(tiny_store, "eating", 0.5)] * 4)
    with pytest.raises(DataError, match="the third is damaged"):
        evaluate_model(model, engine, tiny_store, tiny_store.subset(0, "val"))
    assert len(engine.shown) == 2
    assert clip_threads() == []


@pytest.mark.parametrize("name", ["openvino", "reference"])
def test_real_engines_measure_the_same(tiny_store: Store, model: Model, name: str) -> None:
    positions = tiny_store.subset(0, "train")
    engine = load_engine(model, name, threads=1)
    figures, logits = evaluate_model(model, engine, tiny_store, positions)
    targets = [tiny_store.labels.index(tiny_store.chunks[p].activity) for p in positions]
    assert figures["top1"] == pytest.approx(np.mean(logits.argmax(axis=1) == targets))
    assert evaluate_model(model, engine, tiny_store, positions)[0] == figures


def test_random_draws_are_seeded_frames_in_the_centre(tiny_store: Store, model: Model) -> None:
    positions = tiny_store.subset(0, "val")
    engines = [Scripted([says(tiny_store, "eating", 0.5)] * 12) for _ in range(2)]
    figures, logits = evaluate_model(model, engines[0], tiny_store, positions, draws=3)
    assert figures["clips"] == 12
    assert figures["top1"] == 0.5
    assert logits.shape == (12, 34)
    evaluate_model(model, engines[1], tiny_store, positions, draws=3)
    shown = [[pixels.tobytes() for pixels in engine.shown] for engine in engines]
    assert shown[0] == shown[1]
    assert len(set(shown[0])) == 12, "draws repeat"
    # Chunk frames, centre crop: each frame of a draw is the centre of a stored one.
    store_frames = tiny_store.frames(tiny_store.chunks[positions[0]].file_id)
    known = {centre_crop(squash(frame, SPEC), SPEC).tobytes() for frame in store_frames}
    assert all(frame.tobytes() in known for frame in engines[0].shown[0])


def test_its_pace_is_told(tiny_store: Store, model: Model) -> None:
    pace = Pace()
    engine = Scripted([says(tiny_store, "eating", 0.5)] * 4)
    evaluate_model(model, engine, tiny_store, tiny_store.subset(0, "val"), pace=pace)
    assert pace.clips == 4
    assert 0 < pace.waiting_s < pace.seconds
    assert str(Pace(clips=10, seconds=4.0, waiting_s=1.0)) == (
        "10 clips, 2.5 clips/s, 25% of the time waiting for data"
    )


def test_other_labels_are_refused(tiny_store: Store, model: Model) -> None:
    engine = Scripted([])
    turned = replace(model, labels=tiny_store.labels[::-1], path=Path("turned.safetensors"))
    with pytest.raises(DataError, match=r"turned\.safetensors .*labels"):
        evaluate_model(turned, engine, tiny_store, [0])
    assert engine.shown == []


def test_a_label_that_differs_is_named(tiny_store: Store, model: Model) -> None:
    labels, path = tiny_store.labels, Path("other.safetensors")
    check_measurable(model, tiny_store, [0])
    renamed = replace(model, labels=(*labels[:3], "yawning", *labels[4:]), path=path)
    with pytest.raises(DataError, match=rf"other\.safetensors .*3 'yawning', .* '{labels[3]}';"):
        check_measurable(renamed, tiny_store, [0])
    fewer = replace(tiny_store, labels=labels[:-1])
    with pytest.raises(DataError, match=rf"other\.safetensors .* the class '{labels[-1]}';"):
        check_measurable(replace(model, path=path), fewer, [0])


def test_nothing_to_measure_on_is_said(tiny_store: Store, model: Model) -> None:
    with pytest.raises(DataError, match="no clips"):
        evaluate_model(model, Scripted([]), tiny_store, tiny_store.subset(2, "test"))


# The table


def test_names_grow_until_they_differ() -> None:
    paths = [Path(each) for each in ("runs/a/m.st", "runs/b/m.st", "m.st", "runs/b/m.st")]
    names = display_names(paths)
    assert list(names.values()) == ["a/m.st", "b/m.st", "m.st"]
    assert display_names([Path("x/one.st"), Path("x/two.st")]) == {
        Path("x/one.st"): "one.st",
        Path("x/two.st"): "two.st",
    }
    assert len(set(display_names([Path("/a/x/m"), Path("/b/x/m")]).values())) == 2


def test_the_table_puts_models_side_by_side() -> None:
    one = {"mean_per_class_accuracy": 0.5, "top1": 0.75, "ece": 0.125, "clips": 8}
    results = {
        "runs/fp32.safetensors": one | {"per_class": {"eating": 0.25, "drinking": 0.5}},
        "runs/int8.safetensors": one
        | {"top1": 0.625, "per_class": {"writing": 1.0, "drinking": 0.75}},
    }
    console = Console(width=100)
    with console.capture() as captured:
        console.print(accuracy_table(results))
    rows = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:5]]
        for line in captured.get().splitlines()
        if line.count("│") == 5
    }
    assert "fp32.safetensors" in captured.get()
    assert rows["top-1"] == ["75.0%", "62.5%", "-12.5"]
    assert rows["mean per class"] == ["50.0%", "50.0%", "0.0"]
    assert rows["clips"] == ["8", "8", ""]
    assert rows["eating"] == ["25%", "—", "—"]
    assert rows["writing"] == ["—", "100%", "—"]
    assert rows["drinking"] == ["50%", "75%", "+25.0"]


def test_a_narrow_terminal_cuts_no_name() -> None:
    figures = {"mean_per_class_accuracy": 0.5, "top1": 0.75, "ece": 0.125, "clips": 8}
    figures |= {"per_class": {"eating": 0.25}}
    names = ("first_run/model.safetensors", "second_run/model.safetensors", "m.safetensors")
    console = Console(width=80)
    with console.capture() as captured:
        console.print(accuracy_table(dict.fromkeys(names, figures)))
    heading = captured.get().split("┡")[0].splitlines()
    columns = zip(*(line.split("┃")[2:-1] for line in heading if "┃" in line), strict=True)
    said = ["".join(cell.strip() for cell in column) for column in columns]
    assert said == [names[0], names[1], "difference", names[2], "difference"]


def test_three_models_are_each_compared_with_the_first() -> None:
    base = {"top1": 0.5, "ece": 0.1, "clips": 8}
    results = {
        name: base | {"mean_per_class_accuracy": share, "per_class": {"eating": share}}
        for name, share in (("a", 0.5), ("b", 0.6), ("c", 0.25))
    }
    console = Console(width=120)
    with console.capture() as captured:
        console.print(accuracy_table(results, {"a": 1.0, "b": 1.25, "c": 2.0}))
    rows = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:7]]
        for line in captured.get().splitlines()
        if line.count("│") == 7
    }
    assert rows["mean per class"] == ["50.0%", "60.0%", "+10.0", "25.0%", "-25.0"]
    assert rows["eating"] == ["50%", "60%", "+10.0", "25%", "-25.0"]
    assert rows["temperature"] == ["1.00", "1.25", "", "2.00", ""]
    assert rows["clips"] == ["8", "8", "", "8", ""]
