from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.fusion import fuse
from core.modelfile import load_model, save_model
from core.models.mobilenet3d import MobileNet3D
from core.network import Int8Network
from training.__main__ import main
from training.checkpoint import MODEL_FILE, read_description, write_description
from training.config import Recipe
from training.export import golden_answers
from training.models import load_float
from training.post_training import calibrated
from training.store import Store


def quantize(*arguments: object) -> int:
    return main(["quantize", *map(str, arguments), "--threads", "1", "--clips", "8"])


def test_a_run_and_its_file_give_the_same_twin(
    finished: Path, tiny_store: Store, tmp_path: Path, capsys
) -> None:
    data = ("--data", tiny_store.folder, "--out")
    run, file = tmp_path / "run.safetensors", tmp_path / "file.safetensors"
    assert quantize(finished, *data, run) == 0
    said = capsys.readouterr().out.replace("\n", "")
    assert f"Wrote {run} (" in said
    # Whoever reads this may still choose.
    assert "val mean per-class" in said
    assert "test mean" not in said
    assert quantize(finished / MODEL_FILE, *data, file) == 0

    parent, one, two = (load_model(path) for path in (finished / MODEL_FILE, run, file))
    assert one.is_twin_of(parent)
    assert two.is_twin_of(parent)
    assert isinstance(one.network, Int8Network)
    assert set(one.metrics) == {"val", "test"}
    assert one.training["method"] == "post-training quantization"
    assert one.training["people"] == {"train": [1, 2, 3], "val": [4]}
    for name in one.golden:
        spread = np.ptp(np.asarray(parent.golden[name]))
        assert np.abs(np.asarray(one.golden[name]) - parent.golden[name]).max() < 0.1 * spread
        np.testing.assert_allclose(one.golden[name], two.golden[name], atol=0.05 * spread)


def test_the_twin_of_a_parent_of_other_data_remembers_both(
    start: Path, tiny_store: Store, tmp_path: Path
) -> None:
    described = read_description(start)
    theirs = {"data": {"synthetic": {"seed": 9}}, "split": 1, "people": {"train": [7], "val": [8]}}
    write_description(start, described | theirs)
    out = tmp_path / "int8.safetensors"
    assert quantize(start, "--data", tiny_store.folder, "--out", out) == 0
    training = load_model(out).training
    assert training["people"] == {"train": [1, 2, 3], "val": [4]}
    assert training["people_elsewhere"] == [theirs]


def test_calibration_looks_at_training_people_and_averages_their_ranges(
    finished: Path, tiny_store: Store, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions: list[tuple[int, ...]] = []
    monkeypatch.setattr(
        "training.post_training.ChunkDataset.targets",
        property(lambda self: positions.append(self.positions) or [0, 1] * (len(self) // 2)),
    )
    student, clip, _ = load_float(finished, tiny_store, 0)
    assert isinstance(student, MobileNet3D)
    before = fuse(student.eval())
    network = calibrated(student, clip, tiny_store, 0, 8, 0, 63)
    assert positions == [tiny_store.subset(0, "train")]
    assert max(int(np.abs(conv.weight).max()) for conv in network.convolutions) <= 63
    # Nothing of the student has been trained.
    for one, other in zip(before.convolutions, fuse(student.eval()).convolutions, strict=True):
        assert np.array_equal(one.weight, other.weight)
        assert np.array_equal(one.bias, other.bias)


def test_what_cannot_be_quantized_is_named(
    finished: Path, tiny_store: Store, tmp_path: Path, capsys
) -> None:
    def failure(source: Path, out: Path, *more: object) -> str:
        assert quantize(source, "--data", tiny_store.folder, "--out", out, *more) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    out = tmp_path / "int8.safetensors"
    assert "no finished epoch" in failure(tmp_path / "nowhere", out)
    assert "must end in .safetensors" in failure(finished, tmp_path / "int8.pt")
    assert "split 0 and has seen vp1, vp2" in failure(finished, out, "--split", 1)
    out.write_bytes(b"mine")
    assert "is there already" in failure(finished, out)
    assert out.read_bytes() == b"mine"
    assert (
        quantize(
            finished / MODEL_FILE,
            "--data",
            tiny_store.folder,
            "--out",
            out.parent / "a.safetensors",
        )
        == 0
    )
    capsys.readouterr()
    assert "int8 model" in failure(out.parent / "a.safetensors", tmp_path / "b.safetensors")
    assert torch.get_num_threads() == 1


def test_a_layer_that_answers_nothing_is_told(
    finished: Path, tiny_store: Store, tmp_path: Path, capsys
) -> None:
    model = load_model(finished / MODEL_FILE)
    conv = model.network.convolutions[3]
    conv.weight[:], conv.bias[:] = 0, 0
    dead = tmp_path / "dead.safetensors"
    golden = golden_answers(model.network, model.clip)
    save_model(replace(model, golden=golden), dead)
    assert quantize(dead, "--data", tiny_store.folder, "--out", tmp_path / "x.safetensors") == 1
    said = capsys.readouterr().err
    assert "incab-train: conv3 cannot be quantized: it never gave anything but zero." in said
