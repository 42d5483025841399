"""The same student for grey clips and for colour clips."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from core.engines.reference import ReferenceEngine
from core.errors import DataError
from core.modelfile import Model, load_model, save_model
from core.network import Int8Network
from training.__main__ import main
from training.checkpoint import MODEL_FILE
from training.config import Recipe
from training.export import export_run, golden_answers
from training.loop import fit
from training.run import Run
from training.store import Store


@pytest.fixture(scope="module")
def tied(
    tiny: Recipe, tiny_store: Store, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Files of an fp32 student with tied channels and of its int8 twin."""
    folder = tmp_path_factory.mktemp("tied")
    recipe = replace(tiny, epochs=1, clips_per_epoch=32, tie_input_channels=True)
    float_run = Run(recipe, tiny_store, folder / "fp32", threads=1)
    fit(float_run, Console(quiet=True))
    export_run(float_run, 1)
    recipe = replace(recipe, quantize=True, freeze_batch_norm_epoch=0)
    int8_run = Run(recipe, tiny_store, folder / "int8", start=float_run.out, threads=1)
    fit(int8_run, Console(quiet=True))
    export_run(int8_run, 1)
    files = [
        (run.out / MODEL_FILE).rename(folder / f"{run.out.name}.safetensors")
        for run in (float_run, int8_run)
    ]
    return files[0], files[1]


def convert(store: Store, to: str, out: Path, *models: Path, split: int = 0) -> int:
    named = [str(model) for model in models]
    data = ["--data", str(store.folder), "--out", str(out), "--threads", "1"]
    data += ["--split", str(split)]
    return main(["channels", *named, "--to", to, *data])


def answers(model: Model) -> np.ndarray:
    """What the exact engine says to some grey clips."""
    random = np.random.default_rng(0)
    engine = ReferenceEngine(model.network)
    frames, height, width, channels = model.clip.clip_shape
    clips = random.integers(0, 256, (3, frames, height, width, 1), np.uint8)
    return np.stack([engine.logits(np.repeat(clip, channels, axis=3)) for clip in clips])


def test_both_forms_answer_alike_and_the_twins_stay_twins(
    tied: tuple[Path, Path], tiny_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(tiny_store, "grey", tmp_path / "grey", *tied) == 0
    said = capsys.readouterr().out.replace("\n", "")
    assert f"Wrote {tmp_path / 'grey' / 'int8.safetensors'} (" in said
    greys = [tmp_path / "grey" / path.name for path in tied]
    assert convert(tiny_store, "rgb", tmp_path / "rgb", *greys) == 0
    folders = (tied[0].parent, greys[0].parent, tmp_path / "rgb")
    for path in tied:
        before, grey, after = (load_model(folder / path.name) for folder in folders)
        assert grey.clip == replace(before.clip, channels="grey")
        assert after.clip == before.clip
        assert grey.training["channels_from"] == path.name
        assert after.training["people"] == before.training["people"]
        assert set(grey.metrics) == {"val", "test"}
        spread = float(np.ptp(answers(before)))
        if isinstance(grey.network, Int8Network):
            # To the bit from grey to colour; the other way a bias is off by half a wide level.
            assert np.array_equal(answers(after), answers(grey))
            np.testing.assert_allclose(answers(grey), answers(before), atol=0.03 * spread)
            first = grey.network.convolutions[0]
            assert first.weight.dtype == np.int8
            assert np.array_equal(first.weight, before.network.convolutions[0].weight[:, :1])
        else:
            np.testing.assert_allclose(answers(grey), answers(before), atol=1e-5 * spread)
            np.testing.assert_allclose(answers(after), answers(before), atol=1e-5 * spread)
    for folder in folders:
        fp32, int8 = (load_model(folder / path.name) for path in tied)
        assert int8.is_twin_of(fp32)


def test_what_has_no_other_form_is_named_and_nothing_is_written(
    tied: tuple[Path, Path],
    finished: Path,
    tiny_store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"

    def failure(to: str, *models: Path, split: int = 0) -> str:
        assert convert(tiny_store, to, out, *models, split=split) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    assert "does not weigh R, G and B alike" in failure("grey", tied[0], finished / MODEL_FILE)
    assert "takes rgb clips already" in failure("rgb", tied[0])
    assert "not named before it; name both" in failure("grey", tied[1])
    assert "has seen vp1, vp2" in failure("grey", *tied, split=1)
    other = tmp_path / "other" / tied[0].name
    other.parent.mkdir()
    shutil.copy(tied[1], other)
    assert "Two of the files are called fp32.safetensors" in failure("grey", tied[0], other)
    assert not out.exists()
    assert convert(tiny_store, "grey", out, tied[0]) == 0
    assert [path.name for path in out.iterdir()] == ["fp32.safetensors"]
    assert "is there already" in failure("grey", tied[0])
    assert convert(tiny_store, "grey", tmp_path / "new", out / tied[0].name) == 1
    assert "takes grey clips already" in capsys.readouterr().err


def test_a_failure_half_way_leaves_nothing(
    tied: tuple[Path, Path], tiny_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Path] = []

    def full(model: Model, path: Path) -> None:
        if saved:
            raise DataError("no space left")
        saved.append(path)
        save_model(model, path)

    monkeypatch.setattr("training.channels.save_model", full)
    assert convert(tiny_store, "grey", tmp_path / "out", *tied) == 1
    assert saved
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bias_that_would_leave_int32_is_refused(
    tied: tuple[Path, Path], tiny_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(tiny_store, "grey", tmp_path / "grey", *tied) == 0
    grey = load_model(tmp_path / "grey" / "int8.safetensors")
    assert isinstance(grey.network, Int8Network)
    first, *others = grey.network.convolutions
    huge = replace(first, bias=np.full_like(first.bias, 2**30))
    network = replace(grey.network, convolutions=(huge, *others))
    golden = golden_answers(network, grey.clip)
    path = tmp_path / "huge.safetensors"
    save_model(replace(grey, network=network, golden=golden, parent=None), path)
    capsys.readouterr()
    assert convert(tiny_store, "rgb", tmp_path / "out", path) == 1
    assert "is too large for three channels" in capsys.readouterr().err
