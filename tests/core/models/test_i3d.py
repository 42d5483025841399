from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from core.models.i3d import I3D, Inception3d, SameConvBnRelu3d, SameMaxPool3d


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def on_paper(*arguments: object, **named: object) -> I3D:
    """A network of shapes alone: nothing is computed, so that full-size clips cost nothing."""
    with torch.device("meta"):
        return I3D(*arguments, **named).eval()


def test_12_3_million_parameters_as_in_the_paper() -> None:
    assert count(on_paper(34)) == 12_322_114
    # What the published Kinetics-400 checkpoints hold.
    assert count(on_paper(400)) == 12_697_264


@pytest.mark.parametrize(("classes", "channels"), [(34, 3), (5, 1), (1, 3)])
def test_parameters_follow_from_the_table(classes: int, channels: int) -> None:
    """Inception-V1's table (Szegedy et al. 2015), the 5×5 of each module inflated to 3×3×3."""

    def conv(inputs: int, outputs: int, kernel: int = 1) -> int:
        return inputs * outputs * kernel**3 + 2 * outputs

    total = conv(channels, 64, 7) + conv(64, 64) + conv(64, 192, 3)
    inputs = 192
    for point, reduce3, three, reduce5, five, pool in (
        (64, 96, 128, 16, 32, 32),
        (128, 128, 192, 32, 96, 64),
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
        (256, 160, 320, 32, 128, 128),
        (384, 192, 384, 48, 128, 128),
    ):
        total += conv(inputs, point) + conv(inputs, pool)
        total += conv(inputs, reduce3) + conv(reduce3, three, 3)
        total += conv(inputs, reduce5) + conv(reduce5, five, 3)
        inputs = point + three + five + pool
    assert inputs == 1024
    assert count(on_paper(classes, channels)) == total + inputs * classes + classes


@pytest.mark.parametrize(
    ("size", "pooled"),
    [
        ((16, 224, 224), (2, 7, 7)),
        ((16, 112, 112), (2, 4, 4)),
        ((64, 224, 224), (8, 7, 7)),
        ((8, 64, 48), (1, 2, 2)),
        ((1, 1, 1), (1, 1, 1)),
    ],
)
def test_shapes(size: tuple[int, int, int], pooled: tuple[int, int, int]) -> None:
    teacher, seen = on_paper(34), []
    teacher.mixed_5c.register_forward_hook(lambda _, __, y: seen.append(tuple(y.shape)))
    assert teacher(torch.zeros(2, 3, *size, device="meta")).shape == (2, 34)
    assert seen == [(2, 1024, *pooled)]


def test_every_stage_has_the_size_of_the_paper_s_figure() -> None:
    teacher, seen = on_paper(34), []
    for name, stage in teacher.stages:
        stage.register_forward_hook(
            lambda _, __, y, name=name: seen.append((name, tuple(y.shape[1:])))
        )
    teacher(torch.zeros(1, 3, 16, 224, 224, device="meta"))
    assert dict(seen) == {
        "conv3d_1a_7x7": (64, 8, 112, 112),
        "max_pool3d_2a_3x3": (64, 8, 56, 56),
        "conv3d_2b_1x1": (64, 8, 56, 56),
        "conv3d_2c_3x3": (192, 8, 56, 56),
        "max_pool3d_3a_3x3": (192, 8, 28, 28),
        "mixed_3b": (256, 8, 28, 28),
        "mixed_3c": (480, 8, 28, 28),
        "max_pool3d_4a_3x3": (480, 4, 14, 14),
        "mixed_4b": (512, 4, 14, 14),
        "mixed_4c": (512, 4, 14, 14),
        "mixed_4d": (512, 4, 14, 14),
        "mixed_4e": (528, 4, 14, 14),
        "mixed_4f": (832, 4, 14, 14),
        "max_pool3d_5a_2x2": (832, 2, 7, 7),
        "mixed_5b": (832, 2, 7, 7),
        "mixed_5c": (1024, 2, 7, 7),
    }


# SAME padding, against numbers worked out by hand


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, 1, -1)


def of_ones(kernel: int, stride: int) -> SameConvBnRelu3d:
    block = SameConvBnRelu3d(1, 1, kernel, stride).eval()
    nn.init.ones_(block.conv.weight)
    block.bn.eps = 0.0
    return block


def test_an_even_row_is_padded_behind_only() -> None:
    """[1 2 3] and [3 4 0]; padded on both sides it would be [0 1 2] and [2 3 4]."""
    with torch.no_grad():
        assert of_ones(3, 2)(row(1, 2, 3, 4)).flatten().tolist() == [6, 7]
    assert SameMaxPool3d((1, 1, 3), (1, 1, 2))(row(9, 2, 3, 4)).flatten().tolist() == [9, 4]


def test_an_odd_row_is_padded_on_both_sides() -> None:
    """[0 1 2], [2 3 4] and [4 5 0]."""
    with torch.no_grad():
        assert of_ones(3, 2)(row(1, 2, 3, 4, 5)).flatten().tolist() == [3, 9, 9]
    pool = SameMaxPool3d((1, 1, 3), (1, 1, 2))
    assert pool(row(1, 2, 3, 4, 5)).flatten().tolist() == [2, 4, 5]
    assert SameMaxPool3d((1, 1, 2), (1, 1, 2))(row(1, 2, 3)).flatten().tolist() == [2, 3]


def test_each_axis_is_padded_for_itself() -> None:
    """One bright pixel at the origin of T×H×W = 4×6×5, a 7×7×7 kernel that moves by two.

    Padding before it is 2, 2 and 3, so the first output sees it through tap (2, 2, 3).
    """
    block = of_ones(7, 2)
    x = torch.zeros(1, 1, 4, 6, 5)
    x[0, 0, 0, 0, 0] = 1
    with torch.no_grad():
        block.conv.weight.copy_(torch.arange(343.0).reshape(1, 1, 7, 7, 7))
        y = block(x)[0, 0]
    assert y.shape == (2, 3, 3)
    assert y[0, 0, 0] == 2 * 49 + 2 * 7 + 3
    # The second output in T starts two frames later: tap 0, and nothing sees it from further away.
    assert y[1, 0, 0] == 0 * 49 + 2 * 7 + 3
    assert y[0, 1, 1] == 2 * 49 + 0 * 7 + 1
    assert y[0, 2, 0] == 0


# Layers


def test_57_convolutions_each_with_a_relu_and_the_published_epsilon() -> None:
    teacher = on_paper(34)
    blocks = [module for module in teacher.modules() if isinstance(module, SameConvBnRelu3d)]
    assert len(blocks) == 57
    relus = [module for module in teacher.modules() if isinstance(module, nn.ReLU)]
    assert len({id(relu) for relu in relus}) == 57
    assert all(block.conv.bias is None and block.bn.eps == 1e-3 for block in blocks)


def test_every_layer_really_clamps_at_zero(random_teacher) -> None:
    teacher = random_teacher(5)
    lowest, negative_before = [], []
    for block in teacher.modules():
        if isinstance(block, SameConvBnRelu3d):
            block.register_forward_hook(lambda _, __, y: lowest.append(float(y.min())))
            block.bn.register_forward_hook(
                lambda _, __, y: negative_before.append(float(y.min()) < 0)
            )
    with torch.no_grad():
        teacher(torch.rand(1, 3, 8, 32, 32))
    assert lowest == [0.0] * 57
    assert all(negative_before)


def test_branches_are_joined_in_order() -> None:
    module = Inception3d(3, 1, (2, 3), (2, 5), 7).eval()
    x = torch.rand(1, 3, 4, 6, 6)
    with torch.no_grad():
        y = module(x)
        assert y.shape == (1, 16, 4, 6, 6)
        assert torch.equal(y[:, :1], module.branch_0(x))
        assert torch.equal(y[:, 1:4], module.branch_1(x))
        assert torch.equal(y[:, 4:9], module.branch_2(x))
        assert torch.equal(y[:, 9:], module.branch_3(x))


def test_names_are_those_of_the_published_checkpoints() -> None:
    """Keys as people's files have them, renamed by rule, are exactly the module's own."""
    kinetics = ["conv3d_0c_1x1.conv3d.weight", "conv3d_0c_1x1.conv3d.bias"]
    imagenet = ["logits.conv3d.weight", "logits.conv3d.bias"]
    parts = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    stem = ["conv3d_1a_7x7", "conv3d_2b_1x1", "conv3d_2c_3x3"]
    branches = ["branch_0", "branch_1.0", "branch_1.1", "branch_2.0", "branch_2.1", "branch_3.1"]
    letters = ["b0", "b1a", "b1b", "b2a", "b2b", "b3b"]
    mixed = [f"mixed_{name}" for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")]
    for layer in [*stem, *(f"{module}.{branch}" for module in mixed for branch in branches)]:
        kinetics += [f"{layer}.conv3d.weight", *(f"{layer}.batch3d.{part}" for part in parts)]
    for layer in [*stem, *(f"{module}.{letter}" for module in mixed for letter in letters)]:
        imagenet += [
            f"{layer.capitalize()}.conv3d.weight",
            *(f"{layer.capitalize()}.bn.{part}" for part in parts),
        ]
    ours = set(on_paper(400).state_dict())
    renamed = {
        name.replace("conv3d_0c_1x1.conv3d", "classifier")
        .replace(".conv3d.", ".conv.")
        .replace(".batch3d.", ".bn.")
        for name in kinetics
    }
    assert renamed == ours
    for letter, branch in zip(letters, branches, strict=True):
        imagenet = [name.replace(f".{letter}.", f".{branch}.") for name in imagenet]
    renamed = {
        name.replace("logits.conv3d", "classifier").replace(".conv3d.", ".conv.").lower()
        for name in imagenet
    }
    assert renamed == ours


def test_one_input_channel() -> None:
    teacher = on_paper(4, in_channels=1)
    assert teacher.conv3d_1a_7x7.conv.weight.shape == (64, 1, 7, 7, 7)
    assert teacher(torch.zeros(1, 1, 8, 32, 32, device="meta")).shape == (1, 4)


def test_dropout_only_while_training(random_teacher) -> None:
    teacher = random_teacher(4, dropout=0.9)
    x = torch.rand(1, 3, 4, 32, 32)
    with torch.no_grad():
        assert torch.equal(teacher(x), teacher(x))
        teacher.dropout.train()
        torch.manual_seed(0)
        assert not torch.equal(teacher(x), teacher(x))


def test_everything_learns() -> None:
    torch.manual_seed(0)
    teacher = I3D(4)
    teacher(torch.rand(2, 3, 8, 32, 32)).square().sum().backward()
    for name, parameter in teacher.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes"),
        ({"num_classes": 5, "in_channels": 2}, "in_channels"),
    ],
    ids=str,
)
def test_sizes_that_make_no_sense_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        I3D(**arguments)


def test_sixteen_bits_leave_every_weight_a_gradient_of_its_own() -> None:
    """Kernels of three frames over two: oneDNN's bfloat16 gradient holds unwritten memory."""
    torch.manual_seed(0)
    block = SameConvBnRelu3d(32, 64, kernel_size=3).to(memory_format=torch.channels_last_3d).eval()
    x = torch.rand(4, 32, 2, 4, 4).to(memory_format=torch.channels_last_3d)
    target = torch.randn(4, 64, 2, 4, 4)
    gradients = []
    for enabled in (False, *(True,) * 6):
        block.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            answer = block(x)
        answer.float().backward(target)
        gradients.append(block.conv.weight.grad.clone())
    for gradient in gradients[1:]:
        assert (gradient - gradients[0]).norm() < 0.05 * gradients[0].norm()
