"""Starts without ReLUs, from int8 weights and from both: the paper's quantized checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from core.activities import ACTIVITY_NAMES
from core.clip import ClipSpec
from core.engines.reference import ReferenceEngine
from core.errors import DataError
from core.modelfile import Model, load_model, save_model
from core.models.mobilenet3d import MobileNet3D
from core.network import Int8Network, Network, Quantization
from core.quantization import QatMobileNet3D, convert
from tests.training.importers.published import (
    MobileNet,
    fuse_groups,
    quantized,
    randomise,
    signed,
    to_network,
)
from tests.training.test_start import randomise as randomise_own
from training.config import Recipe
from training.export import export_run, golden_answers
from training.hardware import as_input
from training.importers.formats import PartName, recognise
from training.importers.int8 import read_int8_mobilenet
from training.importers.mobilenet import read_mobilenet
from training.loop import fit
from training.models import load_teacher
from training.run import Run
from training.store import Store

WIDTH = 0.125
CLIP = ClipSpec(resize=40, crop=40, channels="bgr")
DEPTHWISE = tuple(range(1, 27, 2))
ASKED = range(20, 24)


def noise(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (16, 10, 10, 3), np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, object]:
    """As the paper's code writes it after training with quantization."""
    network = randomise(MobileNet(34, WIDTH, stubs=True))
    # Ranges of all clips that will be asked about: int8 cuts what lies outside, floats do not.
    batch = torch.cat([to_network(noise(seed), signed) for seed in (*range(3), *ASKED)])
    prepared, int8 = quantized(network, fuse_groups(), [batch])
    return {
        "float_student_model_state_dict": prepared.state_dict(),
        "int_student_model_state_dict": int8.state_dict(),
        "fuse_module": fuse_groups(),
    }


@pytest.fixture
def imported(checkpoint: dict[str, object], tmp_path: Path) -> Callable[..., Path]:
    """`imported(part, labels)`: the model file, for clips of 40²."""

    def write(part: PartName, labels: tuple[str, ...] = ACTIVITY_NAMES) -> Path:
        chosen = recognise(checkpoint)[part]
        network: Network
        if part == "int_student":
            network = read_int8_mobilenet(chosen)[0]
        else:
            network = read_mobilenet(chosen)[0]
        model = Model(
            network=network,
            clip=CLIP,
            labels=labels,
            architecture={"name": "mobilenet3d", "width_multiplier": WIDTH},
            training={"imported": {"from": "the paper's code"}},
            golden=golden_answers(network, CLIP),
        )
        path = tmp_path / f"{part}.safetensors"
        save_model(model, path)
        return path

    return write


def logits_of(run: Run, clips: np.ndarray) -> np.ndarray:
    """B×T×H×W×C uint8 to B×K, before a step is made."""
    with torch.no_grad():
        x = as_input(torch.from_numpy(np.ascontiguousarray(clips)).permute(0, 4, 1, 2, 3))
        return run.model.eval()(x).numpy()


def answers(run: Run) -> np.ndarray:
    """What it says to four clips in R, G, B."""
    return logits_of(run, np.stack([noise(seed)[..., ::-1] for seed in ASKED]))


def expected(path: Path) -> np.ndarray:
    """What the file says to the same clips in its own order, B, G, R."""
    reference = ReferenceEngine(load_model(path).network)
    return np.stack([reference.logits(noise(seed)) for seed in ASKED])


def difference(got: np.ndarray, wanted: np.ndarray) -> float:
    """The largest one, as a share of the largest logit; clips differ more than that."""
    assert np.ptp(wanted, axis=0).max() > 0.1 * np.abs(wanted).max()
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def test_a_student_without_depthwise_relu_stays_one(
    imported: Callable[..., Path], tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    path = imported("float_student")
    recipe = replace(tiny, epochs=1, schedule="steps", clips_per_epoch=8)
    run = Run(recipe, tiny_store, tmp_path / "run", start=path, threads=1)
    assert difference(answers(run), expected(path)) < 1e-4
    assert "kept     13 convolutions without ReLU, as it was trained" in run.started_from
    fit(run, quiet)
    model = export_run(run, 1)
    lost = [index for index, conv in enumerate(model.network.convolutions) if not conv.relu]
    assert tuple(lost) == DEPTHWISE
    # A twin, a teacher, and who takes its weights know of it.
    teacher = load_teacher(run.out, recipe.clip, tiny_store, 0)
    assert teacher.model.without_relu == DEPTHWISE
    twin = replace(recipe, quantize=True, beta=0.5)
    qat = Run(twin, tiny_store, tmp_path / "int8", start=run.out, threads=1)
    fit(qat, quiet)
    int8 = export_run(qat, 1)
    assert int8.is_twin_of(model)
    assert [conv.relu for conv in int8.network.convolutions] == [
        conv.relu for conv in model.network.convolutions
    ]
    assert any(conv.output.zero_point for conv in int8.network.convolutions)


@pytest.mark.parametrize("quantize", [False, True])
def test_int8_weights_start_as_the_floats_they_stand_for(
    imported: Callable[..., Path],
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    quantize: bool,
) -> None:
    path = imported("int_student")
    recipe = replace(
        tiny, quantize=quantize, weight_limit=127, epochs=1, schedule="steps", clips_per_epoch=8
    )
    run = Run(recipe, tiny_store, tmp_path / "run", start=path, threads=1)
    # PyTorch's 7-bit activations: its own fake-quantized network is as far from its conversion.
    assert difference(answers(run), expected(path)) < 0.15
    said = "\n".join(run.started_from)
    assert "turned   int8 weights into the floats that they stand for" in said
    assert ("loaded   28 activation ranges" in said) == quantize
    assert ("skipped  28 activation ranges" in said) != quantize
    fit(run, quiet)
    model = export_run(run, 1)
    assert model.kind == ("int8" if quantize else "fp32")
    assert model.parent is None


@pytest.mark.parametrize("learned", [False, True])
def test_incabs_own_int8_file_goes_on(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, learned: bool
) -> None:
    torch.manual_seed(3)
    student = MobileNet3D(34, WIDTH)
    randomise_own(student)
    clips = np.stack([noise(seed) for seed in ASKED])
    qat = QatMobileNet3D(student).train()
    qat.freeze_batch_norm()
    with torch.no_grad():
        qat(as_input(torch.from_numpy(clips).permute(0, 4, 1, 2, 3)))
    network = convert(qat)
    clip = replace(CLIP, channels="rgb")
    path = tmp_path / "own.safetensors"
    save_model(
        Model(
            network=network,
            clip=clip,
            labels=ACTIVITY_NAMES,
            architecture={"name": "mobilenet3d", "width_multiplier": WIDTH},
            golden=golden_answers(network, clip),
        ),
        path,
    )
    wanted = np.stack([ReferenceEngine(network).logits(clip) for clip in clips])

    recipe = replace(tiny, quantize=True, schedule="steps", learned_step_sizes=learned)
    run = Run(recipe, tiny_store, tmp_path / "int8", start=path, threads=1)
    assert isinstance(run.model, QatMobileNet3D)
    # Random weights make much of the half percent by which scales may differ.
    assert difference(logits_of(run, clips), wanted) < 0.3
    for one, other in zip(network.convolutions, convert(run.model).convolutions, strict=True):
        assert other.output.scale == pytest.approx(one.output.scale)
        assert np.array_equal(other.weight, one.weight)
        # A scale at which nothing ties may be a little larger; see core.tie_free.
        np.testing.assert_allclose(other.weight_scale, one.weight_scale, rtol=0.0051)


def test_other_classes(
    imported: Callable[..., Path], tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    path = imported("int_student", tuple(f"class {index}" for index in range(34)))
    run = Run(tiny, tiny_store, tmp_path / "run", start=path, threads=1)
    assert "skipped  the classifier of 34 classes" in run.started_from
    with pytest.raises(DataError, match="fit a float student from it first"):
        Run(replace(tiny, quantize=True), tiny_store, tmp_path / "b", start=path, threads=1)


def test_ranges_are_not_kept_through_float_epochs(
    imported: Callable[..., Path], tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    recipe = replace(
        tiny,
        quantize=True,
        weight_limit=127,
        epochs=3,
        schedule="steps",
        quantize_from_epoch=1,
        freeze_observers_epoch=2,
    )
    run = Run(recipe, tiny_store, tmp_path / "run", start=imported("int_student"), threads=1)
    assert "skipped  28 activation ranges; float epochs have none" in run.started_from
    assert isinstance(run.model, QatMobileNet3D)
    assert run.model.pool_quantizer.is_unset


def test_scales_beyond_float32_are_refused(
    imported: Callable[..., Path],
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = load_model(imported("int_student"))
    network = file.network
    assert isinstance(network, Int8Network)
    first, *others = network.convolutions
    far = Quantization(1e300, first.output.zero_point)
    beyond = replace(first, weight_scale=np.full_like(first.weight_scale, 3e38))
    second = replace(others[0], input=far)
    for convolutions, why in (
        ((beyond, *others), "cannot be rebuilt here"),
        ((replace(first, output=far), second, *others[1:]), "cannot be rebuilt|beyond float32"),
    ):
        spoilt = replace(file, network=replace(network, convolutions=convolutions))
        monkeypatch.setattr("training.start.load_model", lambda path, spoilt=spoilt: spoilt)
        recipe = replace(tiny, quantize=True, weight_limit=127, schedule="steps")
        path = tmp_path / "int_student.safetensors"
        with pytest.raises(DataError, match=why):
            Run(recipe, tiny_store, tmp_path / "run", start=path, threads=1)
