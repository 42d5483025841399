"""Fusing a teacher or a student into plain convolutions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from core.clip import ClipSpec
from core.engines import ENGINE_NAMES, GOLDEN_TOLERANCE, load_engine, supports
from core.engines.eager import EagerEngine
from core.engines.reference import ReferenceEngine
from core.errors import EngineError
from core.fusion import fold_batch_norm, fuse, fuse_i3d
from core.geometry import Geometry
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model, save_model
from core.models.i3d import I3D, SameConvBnRelu3d
from core.network import Branches, FloatConv, MaxPool, kind_of
from core.shapes import activation_sizes, multiply_accumulates
from tests.core.tinted_clips import CLASSES, clips

SPEC = ClipSpec(frames=8, resize=48, crop=32)


@pytest.fixture(scope="module")
def teacher(random_teacher: Callable[..., I3D]) -> I3D:
    return random_teacher(34)


@pytest.fixture(scope="module")
def saved(teacher: I3D, tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = fuse_i3d(teacher, SPEC.clip_shape[:3])
    reference = ReferenceEngine(network)
    golden = {name: reference.logits(golden_clip(name, SPEC.clip_shape)) for name in GOLDEN_NAMES}
    labels = tuple(f"activity {index}" for index in range(34))
    path = tmp_path_factory.mktemp("teacher") / "i3d.safetensors"
    model = Model(
        network=network,
        clip=SPEC,
        labels=labels,
        architecture={"name": "i3d"},
        golden=golden,
    )
    save_model(model, path)
    return path


@pytest.fixture(scope="module")
def loaded(saved: Path) -> Model:
    return load_model(saved)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("size", [(8, 64, 64), (16, 32, 32), (7, 33, 50)], ids=str)
def test_the_fused_teacher_answers_like_the_module(
    teacher: I3D, as_input, size: tuple[int, int, int]
) -> None:
    """Sizes of every kind: SAME pads odd and even ones differently."""
    clip = noise((*size, 3))
    with torch.no_grad():
        expected = teacher(as_input(clip))[0].numpy()
    logits = EagerEngine(fuse_i3d(teacher, size), threads=1).logits(clip)
    spread = expected.max() - expected.min()
    assert spread > 0.1
    assert np.abs(logits - expected).max() <= 1e-4 * spread


def test_a_grey_teacher(random_teacher: Callable[..., I3D], as_input) -> None:
    teacher, clip = random_teacher(3, in_channels=1), noise((4, 32, 32, 1))
    with torch.no_grad():
        expected = teacher(as_input(clip))[0].numpy()
    logits = ReferenceEngine(fuse_i3d(teacher, clip.shape[:3])).logits(clip)
    np.testing.assert_allclose(logits, expected, atol=1e-4 * (expected.max() - expected.min()))


def test_fusing_leaves_the_module_alone(teacher: I3D) -> None:
    network = fuse_i3d(teacher, (8, 32, 32))
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    for layer in (*network.convolutions, network.classifier):
        layer.weight[:] = 0
        layer.bias[:] = 0
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_the_fused_teacher_keeps_every_layer(teacher: I3D) -> None:
    network = fuse_i3d(teacher, (16, 224, 224))
    assert kind_of(network) == "fp32"
    assert not network.is_chain
    assert len(network.convolutions) == 57
    assert all(conv.relu for conv in network.convolutions)
    blocks = [
        name for name, module in teacher.named_modules() if isinstance(module, SameConvBnRelu3d)
    ]
    assert [conv.name for conv in network.convolutions] == blocks
    assert sum(isinstance(stage, Branches) for stage in network.stages) == 9
    assert sum(isinstance(stage, MaxPool) for stage in network.stages) == 4


def test_padding_is_written_out_for_the_size(teacher: I3D) -> None:
    stem, pool = fuse_i3d(teacher, (16, 224, 224)).stages[:2]
    assert isinstance(stem, FloatConv)
    assert isinstance(pool, MaxPool)
    assert stem.geometry == Geometry((2, 2, 2), (2, 2, 2), padding_back=(3, 3, 3))
    assert pool.geometry == Geometry((1, 2, 2), (0, 0, 0), padding_back=(0, 1, 1))
    stem, pool = fuse_i3d(teacher, (15, 221, 221)).stages[:2]
    assert isinstance(stem, FloatConv)
    assert isinstance(pool, MaxPool)
    assert stem.geometry == Geometry((2, 2, 2), (3, 3, 3))
    assert pool.geometry == Geometry((1, 2, 2), (0, 1, 1))


@pytest.mark.parametrize(("side", "gmac", "last"), [(224, 27.8, (2, 7, 7)), (112, 7.0, (2, 4, 4))])
def test_27_8_billion_multiply_accumulates(
    teacher: I3D, side: int, gmac: float, last: tuple[int, int, int]
) -> None:
    """Counted again from what the module really gives out, layer by layer."""
    size = (16, side, side)
    with torch.device("meta"):
        on_paper, expected = I3D(34).eval(), 34 * 1024

    def add(block: SameConvBnRelu3d, _: object, y: torch.Tensor) -> None:
        nonlocal expected
        expected += y.numel() * block.conv.weight[0].numel()

    for module in on_paper.modules():
        if isinstance(module, SameConvBnRelu3d):
            module.register_forward_hook(add)
    on_paper(torch.zeros(1, 3, *size, device="meta"))
    network = fuse_i3d(teacher, size)
    assert multiply_accumulates(network, (*size, 3)) == expected
    assert round(expected / 1e9, 1) == gmac
    assert len(activation_sizes(network, (*size, 3))) == 58
    assert activation_sizes(network, (*size, 3))[-1] == last


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_every_engine_runs_the_saved_teacher(loaded: Model, name: str) -> None:
    """Either it answers like the reference, or it says that it does not run such networks."""
    if not supports(name, loaded) or name == "onednn":
        with pytest.raises(EngineError):
            load_engine(loaded, name, threads=1)
        return
    clip = noise(loaded.clip.clip_shape, seed=4)
    expected = ReferenceEngine(loaded.network).logits(clip)
    got = load_engine(loaded, name, threads=1).logits(clip)
    spread = expected.max() - expected.min()
    assert np.abs(got - expected).max() <= GOLDEN_TOLERANCE["fp32"] / 10 * spread


def test_the_file_holds_the_teacher(saved: Path, loaded: Model, teacher: I3D) -> None:
    assert loaded.kind == "fp32"
    assert 49.0 < loaded.file_mb < 49.6
    network = fuse_i3d(teacher, SPEC.clip_shape[:3])
    for one, other in zip(loaded.network.convolutions, network.convolutions, strict=True):
        assert (one.name, one.geometry, one.relu) == (other.name, other.geometry, other.relu)
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.bias, other.bias)
    again = saved.with_name("again.safetensors")
    save_model(loaded, again)
    assert again.read_bytes() == saved.read_bytes()


def test_a_fused_block_equals_the_unfused_one(random_student, as_input) -> None:
    """Layer by layer, and every ReLU is still there."""
    student = random_student(CLASSES, width_multiplier=0.25)
    network = fuse(student)
    x = as_input(*clips(1))
    clamped = 0
    with torch.no_grad():
        for block, conv in zip(student.features, network.convolutions, strict=True):
            g = conv.geometry
            weight, bias = torch.from_numpy(conv.weight), torch.from_numpy(conv.bias)
            y = functional.conv3d(x, weight, bias, g.stride, g.padding, groups=g.groups)
            assert conv.relu
            clamped += bool((y < 0).any())
            x = block(x)
            torch.testing.assert_close(y.relu(), x, rtol=1e-4, atol=1e-4)
    assert clamped == 27


def test_folding_keeps_a_convolution_s_own_bias() -> None:
    torch.manual_seed(0)
    conv, bn = nn.Conv3d(2, 3, 3, bias=True), nn.BatchNorm3d(3).eval()
    assert bn.running_mean is not None
    assert bn.running_var is not None
    bn.running_mean.uniform_(-1, 1)
    bn.running_var.uniform_(0.5, 2)
    nn.init.uniform_(bn.weight, -1, 1)
    nn.init.uniform_(bn.bias, -1, 1)
    x = torch.rand(1, 2, 4, 5, 6)
    with torch.no_grad():
        weight, bias = fold_batch_norm(conv, bn)
        torch.testing.assert_close(functional.conv3d(x, weight, bias), bn(conv(x)))


def test_fusing_leaves_the_student_alone(random_student) -> None:
    student = random_student(CLASSES, width_multiplier=0.25)
    before = copy.deepcopy(student.state_dict())
    network = fuse(student)
    for layer in (*network.convolutions, network.classifier):
        layer.weight[:] = 0
        layer.bias[:] = 0
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, before[name]), name
