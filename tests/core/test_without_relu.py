"""Students that lost ReLUs elsewhere: fused, fake-quantized with zero-points, converted."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.engines.openvino import OpenVinoEngine
from core.engines.reference import ReferenceEngine
from core.fake_quantization import ActivationFakeQuantize
from core.fusion import fuse
from core.network import Quantization
from core.quantization import QatMobileNet3D, convert

SHAPE = (16, 32, 32, 3)
DEPTHWISE = tuple(range(1, 27, 2))


def clips(count: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 16, 8, 8, 3), np.uint8)
    return list(coarse.repeat(4, axis=2).repeat(4, axis=3))


@pytest.mark.parametrize("without", [DEPTHWISE, (2, 26)])
@pytest.mark.parametrize("learned", [False, True])
def test_what_was_validated_is_what_runs(
    random_student, as_input, without: tuple[int, ...], learned: bool
) -> None:
    student = random_student(5, width_multiplier=0.125, without_relu=without)
    assert student.without_relu == without
    network, many = fuse(student), clips(6)
    assert [i for i, conv in enumerate(network.convolutions) if not conv.relu] == list(without)
    qat = QatMobileNet3D(copy.deepcopy(student), learned_step_sizes=learned).train()
    qat.freeze_batch_norm()
    with torch.no_grad():
        qat(as_input(*many[:3]))
        qat.freeze_observers()
        expected = qat.eval()(as_input(*many)).numpy()
        floats = student(as_input(*many)).numpy()
    int8 = convert(qat)
    got = np.stack([ReferenceEngine(int8).logits(clip) for clip in many])
    spread = np.ptp(expected)
    assert np.abs(got - expected).max() <= 1e-4 * spread
    # It still is the network that it was, and the default engine runs it.
    assert np.abs(got - floats).max() <= 0.15 * np.ptp(floats)
    fast = OpenVinoEngine(int8, SHAPE, 1).logits(many[0])
    assert np.abs(fast - got[0]).max() <= 0.06 * spread
    for index, conv in enumerate(int8.convolutions):
        assert (conv.output.zero_point > 0) == (index in without) == (not conv.relu)
    assert (int8.classifier.input.zero_point > 0) == (26 in without)


def test_weights_behind_a_lost_relu_learn(random_student, as_input) -> None:
    student = random_student(2, width_multiplier=0.125, without_relu=DEPTHWISE)
    qat = QatMobileNet3D(student, learned_step_sizes=True).train()
    qat(as_input(*clips(2)))
    qat.freeze_observers()
    functional.cross_entropy(qat(as_input(*clips(2, 1))), torch.tensor([0, 1])).backward()
    for block in qat.blocks:
        assert block.conv.weight.grad.abs().sum() > 0
        assert block.output_quantizer.log_scale.grad != 0


def test_a_signed_range_follows_both_ends() -> None:
    torch.manual_seed(0)
    quantizer = ActivationFakeQuantize(momentum=0.5, signed=True).train()
    assert quantizer.is_unset
    x = torch.rand(20_000) * 3 - 1
    y = quantizer(x)
    # Evenly spread values are best served by all of their range.
    assert float(quantizer.smallest) == pytest.approx(-1, abs=0.05)
    assert float(quantizer.largest) == pytest.approx(2, abs=0.1)
    assert quantizer.zero_point == 85
    assert float((y - x).abs().max()) <= 0.51 * float(quantizer.scale)
    quantizer(x * 2)
    assert float(quantizer.smallest) == pytest.approx(-1.5, abs=0.08)
    # Zero is one of the levels, even where all values are on one side of it.
    quantizer = ActivationFakeQuantize(signed=True).train()
    assert float(quantizer(torch.tensor([-1.0, 0.0, -0.5]))[1]) == 0
    assert quantizer.zero_point == 255


@pytest.mark.parametrize("learned", [False, True])
def test_a_range_that_is_given(learned: bool) -> None:
    levels = Quantization(0.04, 100)
    signed = ActivationFakeQuantize(learned=learned, signed=True)
    signed.set_range(levels)
    assert float(signed.scale) == pytest.approx(0.04)
    assert signed.zero_point == 100
    assert not signed.is_unset
    # Behind a ReLU only the half above zero counts.
    plain = ActivationFakeQuantize(learned=learned)
    plain.set_range(levels)
    assert float(plain.scale) == pytest.approx(0.04 * 155 / 255)
    assert plain.zero_point == 0
