from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from core.errors import DataError
from core.modelfile import load_model, save_model
from core.models.i3d import I3D
from training.config import Recipe
from training.dataset import ChunkDataset
from training.export import MODEL_FILE, export_run
from training.hardware import as_input
from training.loop import fit, train_epoch
from training.models import load_teacher, new_model
from training.run import Run
from training.store import Store


def some_clips(store: Store, recipe: Recipe) -> torch.Tensor:
    data = ChunkDataset(store, store.subset(0, "test"), recipe.clip)
    return as_input(torch.stack([data[item][0] for item in range(len(data))]))


def test_a_run_and_its_model_file_teach_the_same(
    finished: Path, tiny_store: Store, tiny: Recipe
) -> None:
    x = some_clips(tiny_store, tiny)
    student = new_model(tiny, len(tiny_store.labels))
    student.load_state_dict(torch.load(finished / "best.pt", weights_only=True))
    with torch.no_grad():
        expected = student.eval()(x)
    torch.manual_seed(3)
    for path in (finished, finished / MODEL_FILE):
        teacher = load_teacher(path, tiny.clip, tiny_store, 0)
        answer = teacher.train()(x)
        assert not answer.requires_grad
        torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-5)
        assert not any(module.training for module in teacher.modules())
        assert not any(parameter.requires_grad for parameter in teacher.parameters())
    # The student's random numbers do not depend on who teaches.
    drawn = torch.rand(3)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(3))


def test_a_grey_student_learns_from_a_colour_teacher(
    finished: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    grey = replace(tiny, channels="grey", beta=0.9, epochs=1)
    run = Run(grey, tiny_store, tmp_path / "grey", teacher=finished, threads=1)
    assert run.teacher is not None
    # The cabin is grey: its pictures in one channel are the same pictures.
    one, three = (some_clips(tiny_store, recipe) for recipe in (grey, tiny))
    assert (one.shape[1], three.shape[1]) == (1, 3)
    torch.testing.assert_close(run.teacher(one), run.teacher(three))
    before = {name: value.clone() for name, value in run.teacher.state_dict().items()}
    fit(run, quiet)
    for name, value in run.teacher.state_dict().items():
        assert torch.equal(value, before[name])
    (entry,) = run.history
    assert entry["loss"] == pytest.approx(0.1 * entry["hard"] + 0.9 * entry["soft"], rel=1e-5)
    model = export_run(run, 1)
    assert model.clip.channels == "grey"
    assert model.network.convolutions[0].weight.shape[1] == 1
    assert model.training["teacher"] == finished.name
    with pytest.raises(DataError, match="wants grey clips"):
        load_teacher(model.path, tiny.clip, tiny_store, 0)


def test_a_teacher_of_small_clips_sees_the_students_clips_smaller(
    finished: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    large = replace(tiny, resize=72, crop=64, beta=0.9, epochs=1)
    teacher = load_teacher(finished, large.clip, tiny_store, 0)
    x = some_clips(tiny_store, large)
    smaller = x.unflatten(3, (32, 2)).unflatten(5, (32, 2)).mean((4, 6))
    torch.testing.assert_close(teacher(x), teacher.model(smaller), rtol=1e-4, atol=1e-5)
    # Not the same part of the picture.
    for resize, crop in ((64, 64), (36, 36), (300, 224)):
        other = replace(large, resize=resize, crop=crop).clip
        with pytest.raises(
            DataError, match=f"sees 32 of 36 pixels, the student {crop} of {resize}"
        ):
            load_teacher(finished, other, tiny_store, 0)


def test_an_i3d_learns_and_teaches(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, model="i3d", epochs=1, clips_per_epoch=4, learning_rate=0.01)
    run = Run(recipe, tiny_store, tmp_path / "i3d", threads=1)
    assert isinstance(run.model, I3D)
    fit(run, quiet)
    model = export_run(run, 1)
    assert model.architecture == {"name": "i3d"}
    x = some_clips(tiny_store, tiny)[:1]
    answers = [load_teacher(path, tiny.clip, tiny_store, 0)(x) for path in (run.out, model.path)]
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-3, atol=1e-4)
    student = Run(
        replace(tiny, beta=0.9, clips_per_epoch=4),
        tiny_store,
        tmp_path / "s",
        teacher=run.out,
        threads=1,
    )
    assert train_epoch(student, quiet)["soft"] > 0


def test_a_teacher_that_does_not_fit_is_refused(
    finished: Path,
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kd = replace(tiny, beta=0.5)

    def refused(teacher: Path | None, why: str, recipe: Recipe = kd, split: int = 0) -> None:
        with pytest.raises(DataError, match=why) as refusal:
            Run(recipe, tiny_store, tmp_path, teacher=teacher, split=split, threads=1)
        assert "\n" not in str(refusal.value)
        if teacher is not None and recipe is not tiny:
            assert str(teacher) in str(refusal.value)

    refused(None, "with --teacher, or give --beta 0")
    refused(None, "with --teacher, or an int8 twin's .* --start", replace(kd, quantize=True))
    refused(finished, "beta is 0", tiny)
    refused(tmp_path / "nowhere", "no finished epoch")
    refused(finished, r"sees 32 of 36 pixels, the student 30 of 36", replace(kd, crop=30))
    for path in (finished, finished / MODEL_FILE):
        refused(path, "split 0 and has seen vp1, vp2", split=1)

    file = load_model(finished / MODEL_FILE)
    save_model(replace(file, labels=file.labels[::-1]), tmp_path / "other.safetensors")
    refused(tmp_path / "other.safetensors", "34 other labels")
    wrong = {name: -logits for name, logits in file.golden.items()}
    save_model(replace(file, golden=wrong), tmp_path / "wrong.safetensors")
    refused(tmp_path / "wrong.safetensors", "golden answers differ")
    wide = replace(file, architecture={"name": "mobilenet3d", "width_multiplier": 0.5})
    save_model(wide, tmp_path / "wide.safetensors")
    refused(tmp_path / "wide.safetensors", "cannot be rebuilt .* not those of width 0.5")
    for width in (None, "0.5", 1e12, float("nan")):
        wide = replace(file, architecture={"name": "mobilenet3d", "width_multiplier": width})
        monkeypatch.setattr("training.models.load_model", lambda path, wide=wide: wide)
        refused(tmp_path / "wide.safetensors", "cannot be rebuilt .*width")
    monkeypatch.undo()
    stem, *others = file.network.stages
    stem = replace(stem, geometry=replace(stem.geometry, stride=(1, 1, 1)))
    strides = replace(file.network, stages=(stem, *others))
    save_model(replace(file, network=strides), tmp_path / "strides.safetensors")
    refused(tmp_path / "strides.safetensors", "another stride, padding or groups")

    # Files of an InCab that recorded nobody are judged by their split.
    old = {name: value for name, value in file.training.items() if name != "people"}
    save_model(replace(file, training=old), tmp_path / "old.safetensors")
    refused(tmp_path / "old.safetensors", "has seen vp1, vp2", split=1)
    load_teacher(tmp_path / "old.safetensors", tiny.clip, tiny_store, 0)

    other = shutil.copytree(finished, tmp_path / "run")
    described = json.loads((other / "recipe.json").read_text())
    for change, why in (
        ({"labels": ["a", "b"]}, "2 other labels than the 34"),
        ({"recipe": described["recipe"] | {"quantize": True}}, "name its float run"),
        ({"recipe": {"dropuot": 0.2}}, "not of this InCab"),
        ({"recipe": None}, "not of this InCab"),
        ({"recipe": "kd"}, "not of this InCab"),
        ({"recipe": described["recipe"] | {"width_multiplier": 0.5}}, "does not fit"),
    ):
        (other / "recipe.json").write_text(json.dumps(described | change))
        refused(other, why)
    without = {name: value for name, value in described.items() if name != "recipe"}
    (other / "recipe.json").write_text(json.dumps(without))
    refused(other, "not of this InCab")
