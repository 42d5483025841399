from __future__ import annotations

import pytest
import torch
from torch import nn

from core.models.mobilenet3d import ConvBnRelu3d, MobileNet3D


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_881538_parameters_as_in_the_paper() -> None:
    assert count(MobileNet3D(34)) == 881_538
    assert count(MobileNet3D(34, width_multiplier=0.5, in_channels=3)) == 881_538


@pytest.mark.parametrize(
    ("classes", "width", "channels"), [(10, 0.5, 3), (34, 1.0, 3), (34, 1.5, 1), (2, 0.25, 1)]
)
def test_parameters_follow_from_the_widths(classes: int, width: float, channels: int) -> None:
    """Counted from the paper's list of blocks."""
    inputs = int(32 * width)
    total = channels * inputs * 27 + 2 * inputs
    for base, blocks in ((64, 1), (128, 2), (256, 2), (512, 6), (1024, 2)):
        for _ in range(blocks):
            outputs = int(base * width)
            total += 27 * inputs + 2 * inputs + inputs * outputs + 2 * outputs
            inputs = outputs
    total += inputs * classes + classes
    assert count(MobileNet3D(classes, width, channels)) == total


def test_27_convolutions_each_with_a_relu_of_its_own() -> None:
    student = MobileNet3D(34)
    blocks = list(student.features)
    assert len(blocks) == 27
    assert all(isinstance(block, ConvBnRelu3d) for block in blocks)
    relus = [module for module in student.modules() if isinstance(module, nn.ReLU)]
    assert len({id(relu) for relu in relus}) == 27
    convolutions = [module for module in student.modules() if isinstance(module, nn.Conv3d)]
    assert len(convolutions) == 27
    assert all(conv.bias is None for conv in convolutions)


def test_every_layer_really_clamps_at_zero(random_student) -> None:
    student = random_student(5, width_multiplier=0.25)
    lowest, negative_before = [], []
    for block in student.features:
        block.register_forward_hook(lambda _, __, y: lowest.append(float(y.min())))
        block.bn.register_forward_hook(lambda _, __, y: negative_before.append(float(y.min()) < 0))
    with torch.no_grad():
        student(torch.rand(1, 3, 8, 64, 64))
    assert lowest == [0.0] * 27
    assert all(negative_before)


def test_strides_and_groups_are_those_of_the_paper() -> None:
    blocks = list(MobileNet3D(34).features)
    assert blocks[0].conv.stride == (1, 2, 2)
    depthwise, pointwise = blocks[1::2], blocks[2::2]
    assert [block.conv.stride[0] for block in depthwise] == [2, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1]
    assert all(len(set(block.conv.stride)) == 1 for block in depthwise)
    assert all(
        block.conv.groups == block.conv.in_channels == block.conv.out_channels
        for block in depthwise
    )
    assert [block.conv.out_channels for block in pointwise] == (
        [32, 64, 64, 128, 128, *[256] * 6, 512, 512]
    )
    assert all(block.conv.kernel_size == (1, 1, 1) for block in pointwise)
    assert all(block.conv.padding == (0, 0, 0) for block in pointwise)


@pytest.mark.parametrize(
    ("size", "features"),
    [
        ((16, 224, 224), (512, 1, 7, 7)),
        ((16, 112, 112), (512, 1, 4, 4)),
        ((8, 64, 48), (512, 1, 2, 2)),
        ((1, 1, 1), (512, 1, 1, 1)),
    ],
)
def test_shapes(size: tuple[int, int, int], features: tuple[int, ...]) -> None:
    student = MobileNet3D(34).eval()
    seen = []
    student.features.register_forward_hook(lambda _, __, y: seen.append(y.shape))
    with torch.no_grad():
        assert student(torch.zeros(1, 3, *size)).shape == (1, 34)
    assert seen == [(1, *features)]


def test_one_input_channel() -> None:
    student = MobileNet3D(4, width_multiplier=0.25, in_channels=1).eval()
    assert student.features[0].conv.weight.shape == (8, 1, 3, 3, 3)
    with torch.no_grad():
        assert student(torch.rand(1, 1, 4, 32, 32)).shape == (1, 4)


def test_dropout_only_while_training() -> None:
    student = MobileNet3D(4, width_multiplier=0.25, dropout=0.9)
    x = torch.rand(1, 3, 4, 32, 32)
    student.eval()
    with torch.no_grad():
        assert torch.equal(student(x), student(x))
        student.dropout.train()
        torch.manual_seed(0)
        assert not torch.equal(student(x), student(x))


def test_everything_learns() -> None:
    student = MobileNet3D(4, width_multiplier=0.25)
    student(torch.rand(2, 3, 8, 32, 32)).square().sum().backward()
    for name, parameter in student.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes"),
        ({"num_classes": 5, "in_channels": 2}, "in_channels"),
        ({"num_classes": 5, "in_channels": 4}, "in_channels"),
        ({"num_classes": 5, "width_multiplier": 0}, "width_multiplier"),
        ({"num_classes": 5, "width_multiplier": -1}, "width_multiplier"),
        ({"num_classes": 5, "width_multiplier": 0.01}, "width_multiplier"),
        ({"num_classes": 5, "width_multiplier": float("nan")}, "width_multiplier"),
        ({"num_classes": 5, "width_multiplier": float("inf")}, "width_multiplier"),
    ],
    ids=str,
)
def test_sizes_that_make_no_sense_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MobileNet3D(**arguments)


def test_the_narrowest_network_is_one_channel() -> None:
    assert MobileNet3D(2, width_multiplier=1 / 32).features[0].conv.out_channels == 1
