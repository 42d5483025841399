from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from core.activities import ACTIVITY_NAMES
from core.clip import ClipSpec
from core.engines.reference import ReferenceEngine
from core.errors import DataError
from core.fusion import fuse, fuse_i3d
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model, save_model
from core.models.i3d import I3D
from core.models.mobilenet3d import MobileNet3D
from core.network import Int8Network
from core.normalization import SIGNED_RANGE, UNIT_RANGE, Normalization
from training.checkpoint import read_description
from training.config import Recipe
from training.dataset import ChunkDataset
from training.export import export_run
from training.hardware import as_input
from training.loop import fit
from training.models import load_teacher
from training.run import Run
from training.start import measure_statistics
from training.store import Store

MEANS = Normalization((114.7748, 107.7354, 99.4750), 1.0)
LABELS = ACTIVITY_NAMES


@torch.no_grad()
def randomise(network: MobileNet3D | I3D) -> None:
    """As if trained: with statistics of clips, or its answers would hardly depend on the clip."""
    generator = torch.Generator().manual_seed(5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.weight.uniform_(0.5, 1.5, generator=generator)
            module.bias.uniform_(-0.2, 0.3, generator=generator)
            module.momentum = 1.0
    network.classifier.weight.normal_(0, 0.3, generator=generator)
    blocks = torch.rand(4, network.in_channels, 16, 5, 5, generator=generator)
    network.train()(blocks.repeat_interleave(8, dim=3).repeat_interleave(8, dim=4))


@pytest.fixture
def model_file(tmp_path: Path, tiny: Recipe) -> Callable[..., Path]:
    """`model_file(labels=…, channels="bgr", normalization=…)`: as an import leaves it."""

    def write(
        labels: tuple[str, ...] = ("a", "b", "c"),
        channels: str = "bgr",
        normalization: Normalization = MEANS,
        model: str = "mobilenet3d",
    ) -> Path:
        clip = ClipSpec(span_s=None, resize=40, crop=40, channels=channels, keep_aspect=True)
        torch.manual_seed(11)
        if model == "i3d":
            network = I3D(len(labels), normalization=normalization)
            clip = replace(clip, resize=32, crop=32)
        else:
            network = MobileNet3D(
                len(labels), tiny.width_multiplier, clip.channel_count, normalization=normalization
            )
        randomise(network)
        network.eval()
        if model == "i3d":
            fused, described = fuse_i3d(network, (16, 32, 32)), {"name": "i3d"}
        else:
            fused = fuse(network)
            described = {"name": "mobilenet3d", "width_multiplier": tiny.width_multiplier}
        reference = ReferenceEngine(fused)
        golden = {
            name: reference.logits(golden_clip(name, clip.clip_shape)) for name in GOLDEN_NAMES
        }
        path = tmp_path / "imported.safetensors"
        save_model(
            Model(
                network=fused,
                clip=clip,
                labels=labels,
                architecture=described,
                training={"imported": {"from": "somewhere"}},
                golden=golden,
            ),
            path,
        )
        return path

    return write


def logits_of(run: Run, clips: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        x = as_input(torch.from_numpy(clips).permute(0, 4, 1, 2, 3))
        return run.model.eval()(x).numpy()


@pytest.mark.parametrize("normalization", [MEANS, SIGNED_RANGE, UNIT_RANGE])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_a_start_computes_what_its_file_does(
    model_file: Callable[..., Path],
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    channels: str,
    normalization: Normalization,
) -> None:
    path = model_file(LABELS, channels, normalization)
    run = Run(tiny, tiny_store, tmp_path / "run", start=path, threads=1)
    clip = golden_clip("ordinary", (16, 40, 40, 3))
    # The file's network sees its own order of channels, the run's sees R, G, B.
    seen = clip[..., ::-1] if channels == "bgr" else clip
    expected = ReferenceEngine(load_model(path).network).logits(seen)
    np.testing.assert_allclose(logits_of(run, clip[None])[0], expected, rtol=2e-3, atol=2e-3)
    said = "\n".join(run.started_from)
    assert "loaded   27 convolutions and the classifier" in said
    assert ("turned   the first convolution from bgr to rgb" in said) == (channels == "bgr")
    assert ("kept     bytes are read as" in said) == (normalization != UNIT_RANGE)
    for words in ("changed  crop 40 to 32", "changed  span_s None to 3.0", "unknown  whom"):
        assert words in said


def test_statistics_are_those_of_the_data_and_filters_of_usual_length(
    model_file: Callable[..., Path], tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    run = Run(tiny, tiny_store, tmp_path / "run", start=model_file(LABELS), threads=1)
    data = ChunkDataset(tiny_store, tiny_store.subset(0, "train"), run.spec)
    x = as_input(torch.stack([data[item][0] for item in range(len(data))]))
    model = run.model
    assert isinstance(model, MobileNet3D)
    with torch.no_grad():
        measure_statistics(model, [x])
        expected = model(x)
        for block in model.features:
            lengths = block.conv.weight.flatten(1).norm(dim=1)
            torch.testing.assert_close(lengths, torch.full_like(lengths, 2**0.5))
            # A batch's own statistics, which training uses, are now the running ones.
            block.bn.momentum = 0.0
        model.dropout.p = 0.0
        torch.testing.assert_close(model.train()(x), expected, rtol=1e-2, atol=1e-2)


def test_another_label_set_gets_a_new_classifier(
    model_file: Callable[..., Path],
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
) -> None:
    path = model_file()
    recipe = replace(tiny, epochs=1, schedule="steps", batch_size=4)
    run = Run(recipe, tiny_store, tmp_path / "run", start=path, threads=1)
    said = "\n".join(run.started_from)
    assert "loaded   27 convolutions\n" in said
    assert "skipped  the classifier of 3 classes" in said
    assert "new      a classifier of 34 classes" in said
    fit(run, quiet)
    model = export_run(run, 1)
    # It goes on reading bytes as its start did, in the recipe's order of channels.
    assert model.network.normalization.mean == MEANS.mean[::-1]
    assert model.clip == recipe.clip
    assert read_description(run.out)["pixels"]["scale"] == 1.0
    assert model.training["history"] == [path.name]

    # The int8 twin, and a teacher, of such a run know how to read bytes too.
    twin = replace(recipe, quantize=True, beta=0.5)
    qat = Run(twin, tiny_store, tmp_path / "int8", start=run.out, threads=1)
    fit(qat, quiet)
    int8 = export_run(qat, 1)
    assert isinstance(int8.network, Int8Network)
    assert int8.is_twin_of(model)
    assert int8.clip == model.clip
    assert int8.network.normalization == model.network.normalization
    teacher = load_teacher(run.out, recipe.clip, tiny_store, 0)
    assert teacher.model.normalize.normalization == model.network.normalization


def test_a_twin_of_a_file_itself(
    model_file: Callable[..., Path], tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    path = model_file(LABELS, "rgb", SIGNED_RANGE)
    recipe = replace(tiny, quantize=True, epochs=1, schedule="steps")
    run = Run(recipe, tiny_store, tmp_path / "run", start=path, threads=1)
    fit(run, Console(quiet=True))
    assert export_run(run, 1).parent == load_model(path).sha256
    with pytest.raises(DataError, match="fit a float student from it first"):
        Run(recipe, tiny_store, tmp_path / "b", start=model_file(), threads=1)


def test_i3d_starts_from_a_file(
    model_file: Callable[..., Path], tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    recipe = replace(tiny, model="i3d")
    path = model_file(LABELS, "rgb", SIGNED_RANGE, "i3d")
    run = Run(recipe, tiny_store, tmp_path / "run", start=path, threads=1)
    assert "loaded   57 convolutions and the classifier" in run.started_from[0]
    clip = golden_clip("bright", (16, 32, 32, 3))
    expected = ReferenceEngine(load_model(path).network).logits(clip)
    np.testing.assert_allclose(logits_of(run, clip[None])[0], expected, rtol=2e-3, atol=2e-3)


def test_a_teacher_that_wants_bgr(
    model_file: Callable[..., Path], tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    path = model_file(LABELS, "bgr")
    file = load_model(path)
    clip = replace(file.clip, channels="rgb")
    teacher = load_teacher(path, clip, tiny_store, 0)
    pixels = golden_clip("ordinary", clip.clip_shape)
    answer = teacher(as_input(torch.from_numpy(pixels[None]).permute(0, 4, 1, 2, 3)))[0].numpy()
    expected = ReferenceEngine(file.network).logits(pixels[..., ::-1])
    np.testing.assert_allclose(answer, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "i3d"}, "--model mobilenet3d"),
        ({"width_multiplier": 0.25}, "use --width-multiplier 0.125"),
        ({"channels": "grey"}, "use --channels rgb"),
    ],
)
def test_what_does_not_match_is_refused(
    model_file: Callable[..., Path],
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    change: dict[str, object],
    words: str,
) -> None:
    with pytest.raises(DataError, match=words):
        Run(replace(tiny, **change), tiny_store, tmp_path / "r", start=model_file(), threads=1)


def test_networks_that_cannot_be_trained_here(
    networks, model_file: Callable[..., Path], tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    int8, _ = networks.save_twins(tmp_path)
    with pytest.raises(DataError, match="no network that InCab trains \\('tiny'\\)"):
        Run(tiny, tiny_store, tmp_path / "r", start=int8, threads=1)
    # Its layers are no longer those that gave its golden answers.
    file = load_model(model_file())
    first, *others = file.network.stages
    network = replace(file.network, stages=(replace(first, weight=-first.weight), *others))
    path = tmp_path / "damaged.safetensors"
    save_model(replace(file, network=network), path)
    with pytest.raises(DataError, match="its golden answers differ"):
        Run(tiny, tiny_store, tmp_path / "r", start=path, threads=1)
