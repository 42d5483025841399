from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from core.models import convolution
from core.models.convolution import Conv3d, conv3d
from core.models.mobilenet3d import MobileNet3D


@pytest.fixture(autouse=True)
def told_what_this_cpu_can() -> Iterator[None]:
    convolution._lacks_3d_kernels.cache_clear()
    yield
    convolution._lacks_3d_kernels.cache_clear()


def is_ours(y: Tensor) -> bool:
    return "_Depthwise" in type(y.grad_fn).__name__


def channels_last(*shape: int) -> Tensor:
    return torch.randn(*shape).contiguous(memory_format=torch.channels_last_3d)


@pytest.fixture
def without_avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})


PADDED = (1, 1, 1), (1, 1, 1)
sizes = st.tuples(st.integers(1, 9), st.integers(3, 11), st.integers(3, 11))
triples = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))


@given(
    data=st.data(),
    clips=st.integers(1, 3),
    channels=st.integers(1, 17),
    size=sizes,
    kernel=triples,
    stride=triples,
    bias=st.booleans(),
)
def test_gradients_are_those_of_a_float64_convolution(
    data: st.DataObject, clips: int, channels: int, size: tuple, kernel: tuple, stride: tuple, bias
) -> None:
    padding = tuple(data.draw(st.integers(0, extent // 2)) for extent in kernel)
    if any(n + 2 * pad < extent for n, pad, extent in zip(size, padding, kernel, strict=True)):
        return
    torch.manual_seed(0)
    x = channels_last(clips, channels, *size).requires_grad_()
    weight = torch.randn(channels, 1, *kernel, requires_grad=True)
    added = torch.randn(channels, requires_grad=True) if bias else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "_lacks_3d_kernels", lambda: True)
        y = conv3d(x, weight, added, stride, padding, channels)
    assert is_ours(y)
    inputs = [x, weight] + ([added] if added is not None else [])
    exact = [each.detach().double().requires_grad_() for each in inputs]
    exact_y = functional.conv3d(
        exact[0], exact[1], exact[2] if bias else None, stride, padding, groups=channels
    )
    plain = functional.conv3d(x, weight, added, stride, padding, groups=channels)
    assert torch.equal(y, plain)

    outer = torch.randn(y.shape)
    ours = torch.autograd.grad(y, inputs, outer)
    for found, expected in zip(
        ours, torch.autograd.grad(exact_y, exact, outer.double()), strict=True
    ):
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_a_student_learns_alike_with_and_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def gradient(ours: bool) -> Tensor:
        monkeypatch.setattr(convolution, "_lacks_3d_kernels", lambda: ours)
        torch.manual_seed(1)
        student = MobileNet3D(5, 0.25, 1, dropout=0.0).to(memory_format=torch.channels_last_3d)
        clips = torch.rand(4, 1, 8, 48, 48).contiguous(memory_format=torch.channels_last_3d)
        functional.cross_entropy(student(clips), torch.arange(4)).backward()
        return torch.cat([p.grad.flatten() for p in student.parameters() if p.grad is not None])

    ours, torchs = gradient(True), gradient(False)
    assert (ours - torchs).norm() <= 1e-4 * torchs.norm()


@pytest.mark.parametrize(
    ("able", "ours"),
    [
        ({"avx2": True}, True),
        ({"avx2": True, "avx512_f": True}, False),
        ({"asimd": True}, False),
        ({}, False),
    ],
)
def test_only_where_onednn_lacks_kernels_of_its_own(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, bool], ours: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    depthwise = Conv3d(8, 8, 3, padding=1, groups=8).to(memory_format=torch.channels_last_3d)
    assert is_ours(depthwise(channels_last(2, 8, 4, 6, 6))) is ours


@pytest.mark.usefixtures("without_avx512")
def test_everything_else_is_torchs() -> None:
    x = channels_last(2, 8, 4, 6, 6)
    depthwise = Conv3d(8, 8, 3, padding=1, groups=8)
    assert is_ours(depthwise(x))
    assert not is_ours(depthwise(x.contiguous()))
    assert not is_ours(Conv3d(8, 8, 1)(x))
    assert not is_ours(Conv3d(8, 8, 3, groups=4)(x))
    assert not is_ours(Conv3d(8, 16, 3, groups=8)(x))
    dilated = Conv3d(8, 8, 3, padding=2, dilation=2, groups=8)
    assert dilated(x).shape == x.shape
    same = Conv3d(8, 8, 3, padding="same", groups=8)
    same(x).sum().backward()
    mirrored = Conv3d(8, 8, 3, padding=1, padding_mode="reflect", groups=8)
    assert not torch.equal(mirrored(x), conv3d(x, mirrored.weight, mirrored.bias, *PADDED, 8))
    assert not is_ours(depthwise.double()(x.double()))
    depthwise.float()
    with torch.no_grad():
        assert not is_ours(depthwise(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_ours(depthwise(x))
    assert not is_ours(depthwise.requires_grad_(False)(x))
