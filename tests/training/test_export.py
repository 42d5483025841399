from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from core import engines
from core.engines import Engine, check_golden, load_engine, openvino
from core.errors import DataError, EngineError, ModelFileError
from core.golden import GOLDEN_NAMES
from core.modelfile import Model, load_model, save_model
from core.network import FloatNetwork, Int8Network
from training.checkpoint import read_description, write_description
from training.config import Recipe
from training.dataset import ChunkDataset
from training.evaluate import evaluate_model
from training.export import MODEL_FILE, export_run, measured, written_in_words
from training.hardware import as_input
from training.loop import fit
from training.run import Run
from training.store import Store


@dataclass(frozen=True)
class Exported:
    """A float run, its twin's run, and the model files made of them."""

    fp32_run: Run
    int8_run: Run
    fp32: Model
    int8: Model


@pytest.fixture(scope="module")
def exported(tiny_store: Store, tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder, quiet = tmp_path_factory.mktemp("runs"), Console(quiet=True)
    recipe = replace(tiny, clips_per_epoch=60, learning_rate=0.1, average_decay=0.5)
    fp32_run = Run(recipe, tiny_store, folder / "fp32", threads=1)
    fit(fp32_run, quiet)
    fp32 = export_run(fp32_run, 1)
    gentle = replace(tiny, quantize=True, freeze_batch_norm_epoch=0, learning_rate=0.002)
    int8_run = Run(gentle, tiny_store, folder / "int8", start=fp32_run.out, threads=1)
    fit(int8_run, quiet)
    return Exported(fp32_run, int8_run, fp32, export_run(int8_run, 1))


def test_weights_that_the_default_engine_refuses_here_are_measured_on_the_exact_one(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = replace(tiny, quantize=True, quantize_from_epoch=0, weight_limit=127, epochs=1)
    run = Run(recipe, tiny_store, tmp_path / "run", threads=1)
    fit(run, Console(quiet=True))
    metrics = {}
    for saturates in (True, False):
        monkeypatch.setattr(openvino, "saturates", lambda threads=1, it=saturates: it)
        metrics[saturates] = export_run(run, 1).metrics
        said = capsys.readouterr().err
        assert ("needs a CPU with VNNI" in said) is saturates
        assert ("exact engine instead" in said) is saturates
    # Random weights this small hardly saturate, so both engines answer alike.
    exact, default = (metrics[it]["val"]["ece"] for it in (True, False))
    assert exact == pytest.approx(default, abs=1e-3)

    def fails(model: Model, threads: int) -> None:
        raise EngineError("It answers wrongly on this CPU.")

    monkeypatch.setitem(engines._MAKERS, "openvino", fails)
    with pytest.raises(EngineError, match="wrongly"):
        export_run(run, 1)


def module_logits(run: Run, data: ChunkDataset) -> np.ndarray:
    """What PyTorch says in evaluation mode of every clip, one by one."""
    run.load_best()
    with torch.inference_mode():
        clips = (data[item][0][None] for item in range(len(data)))
        return np.concatenate([run.model(as_input(clip)).numpy() for clip in clips])


def engine_logits(model: Model, data: ChunkDataset, name: str) -> np.ndarray:
    engine = load_engine(model, name, threads=1)
    return np.stack([engine.logits(data.clip(item)) for item in range(len(data))])


@pytest.mark.parametrize("name", ["openvino", "eager", "reference"])
def test_the_fp32_file_gives_the_modules_logits(exported: Exported, name: str) -> None:
    data = exported.fp32_run.val_data
    expected = module_logits(exported.fp32_run, data)
    assert np.ptp(expected) > 0.5
    assert engine_logits(exported.fp32, data, name) == pytest.approx(expected, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("name", ["openvino", "reference"])
def test_the_int8_file_gives_the_fake_quantized_modules_logits(
    exported: Exported, name: str
) -> None:
    data = ChunkDataset(
        exported.int8_run.store, exported.int8_run.train_data.positions, exported.int8_run.spec
    )
    expected = module_logits(exported.int8_run, data)
    got = engine_logits(exported.int8, data, name)
    spread = expected.max(axis=1) - expected.min(axis=1)
    assert (np.abs(got - expected).max(axis=1) < 0.06 * spread).all()
    assert (got.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_files_say_what_they_are(exported: Exported, tiny_store: Store) -> None:
    for run, model in ((exported.fp32_run, exported.fp32), (exported.int8_run, exported.int8)):
        assert model.path == run.out / MODEL_FILE
        assert model.clip == run.spec
        assert model.labels == tiny_store.labels
        assert model.architecture == {"name": "mobilenet3d", "width_multiplier": 0.125}
        assert model.training["recipe"]["seed"] == run.recipe.seed
        assert model.training["recipe"]["epochs"] == run.recipe.epochs
        assert model.training["split"] == 0
        assert model.training["versions"]["torch"] == torch.__version__
        assert set(model.golden) == set(GOLDEN_NAMES)
        assert not list(run.out.glob("*.partial-*"))
    assert isinstance(exported.fp32.network, FloatNetwork)
    assert isinstance(exported.int8.network, Int8Network)
    assert exported.int8.network.largest_weight <= 63
    assert exported.fp32.training["history"] == []
    assert exported.int8.training["history"] == ["fp32"]


def test_a_temperature_at_an_end_of_its_search_is_told(exported: Exported) -> None:
    fitted, lowest = (replace(exported.fp32, temperature=value) for value in (1.5, 0.05))
    assert written_in_words(fitted).endswith("%)")
    assert "; its temperature 0.05 is an end of the search" in written_in_words(lowest)


def test_the_twin_carries_its_parents_hash(exported: Exported) -> None:
    assert exported.fp32.parent is None
    assert exported.int8.parent == exported.fp32.sha256
    assert exported.int8.is_twin_of(load_model(exported.fp32_run.out / MODEL_FILE))


def test_an_int8_student_from_scratch_has_no_parent(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    run = Run(replace(tiny, quantize=True, epochs=1), tiny_store, tmp_path / "run", threads=1)
    fit(run, quiet)
    model = export_run(run, 1)
    assert model.kind == "int8"
    assert model.parent is None


def test_after_float_epochs_of_its_own_it_is_no_twin_of_its_start(
    exported: Exported, tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, quantize=True, epochs=2, quantize_from_epoch=1, freeze_observers_epoch=2)
    run = Run(recipe, tiny_store, tmp_path / "run", start=exported.fp32_run.out, threads=1)
    fit(run, quiet)
    assert export_run(run, 1).parent is None


def test_the_golden_answers_would_expose_a_wrong_engine(exported: Exported) -> None:
    for model in (exported.fp32, exported.int8):
        engine = load_engine(model, "reference")
        check_golden(engine, model)
        wrong = replace(
            model, golden={name: answer[::-1].copy() for name, answer in model.golden.items()}
        )
        with pytest.raises(Exception, match="its golden answers are not its own"):
            check_golden(engine, wrong)


def test_the_figures_in_the_file_are_those_of_evaluate(
    exported: Exported, tiny_store: Store
) -> None:
    for model in (exported.fp32, exported.int8):
        engine = load_engine(model, "openvino", threads=1)
        assert set(model.metrics) == {"val", "test"}
        for subset, figures in model.metrics.items():
            measured, _ = evaluate_model(model, engine, tiny_store, tiny_store.subset(0, subset))
            assert measured == figures
            assert figures["clips"] == 4


def test_each_clip_is_asked_about_once(
    exported: Exported, tiny_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def counting(model: Model, engine: Engine, store: Store, positions: list[int]) -> object:
        asked.append(list(positions))
        return evaluate_model(model, engine, store, positions)

    monkeypatch.setattr("training.export.evaluate_model", counting)
    measured(exported.fp32, tiny_store, 0, 1)
    assert asked == [list(tiny_store.subset(0, subset)) for subset in ("val", "test")]


def test_the_best_epoch_is_exported(exported: Exported) -> None:
    """The module of the last epoch may be another one; the file holds best.pt."""
    best = torch.load(exported.fp32_run.out / "best.pt", weights_only=True)
    assert np.array_equal(
        exported.fp32.network.classifier.weight, best["classifier.weight"].numpy()
    )


# The right parent


@pytest.fixture
def twin(exported: Exported, tiny_store: Store, tmp_path: Path) -> Run:
    """The finished int8 run with a start of its own, ready to be exported again."""
    start = shutil.copytree(exported.fp32_run.out, tmp_path / "fp32")
    out = shutil.copytree(exported.int8_run.out, tmp_path / "int8")
    (out / MODEL_FILE).unlink()
    return Run(exported.int8_run.recipe, tiny_store, out, start=start, threads=1)


def test_exporting_again_gives_the_same_network(twin: Run, exported: Exported) -> None:
    again = export_run(twin, 1)
    assert again.parent == exported.fp32.sha256
    for mine, theirs in zip(
        again.network.convolutions, exported.int8.network.convolutions, strict=True
    ):
        assert np.array_equal(mine.weight, theirs.weight)
        assert np.array_equal(mine.bias, theirs.bias)


def refused(twin: Run, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason) as refusal:
        export_run(twin, 1)
    assert str(twin.start / MODEL_FILE) in str(refusal.value)
    assert not (twin.out / MODEL_FILE).exists()


def test_a_file_of_other_weights_is_no_parent(twin: Run, exported: Exported) -> None:
    network = exported.fp32.network
    nudged = network.convolutions[3].bias + np.float32(1e-6)
    layers = list(network.convolutions)
    layers[3] = replace(layers[3], bias=nudged)
    other = FloatNetwork(tuple(layers), network.classifier)
    save_model(replace(exported.fp32, network=other), twin.start / MODEL_FILE)
    refused(twin, DataError, "was not made from")


def test_an_int8_file_is_no_parent(twin: Run, exported: Exported) -> None:
    save_model(exported.int8, twin.start / MODEL_FILE)
    refused(twin, DataError, "was not made from")


def test_a_start_without_a_model_file_has_no_parent_to_offer(twin: Run) -> None:
    (twin.start / MODEL_FILE).unlink()
    refused(twin, ModelFileError, "No such file")


# Where weights came from


@pytest.mark.parametrize(
    ("theirs", "wanted"),
    [
        pytest.param({"history": ["b", "a"]}, ["fp32", "b", "a"], id="runs that may be gone"),
        pytest.param({"start": "gone/b"}, ["fp32", "b"], id="of an InCab that kept the start only"),
    ],
)
def test_the_history_names_every_run_nearest_first(
    twin: Run, tiny_store: Store, tiny: Recipe, tmp_path: Path, theirs: dict, wanted: list[str]
) -> None:
    described = read_description(twin.start)
    del described["history"]
    write_description(twin.start, described | theirs)
    again = Run(tiny, tiny_store, tmp_path / "third", start=twin.start, threads=1)
    fit(again, Console(quiet=True))
    assert export_run(again, 1).training["history"] == wanted
