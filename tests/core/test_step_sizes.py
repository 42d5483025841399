from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from core.engines.reference import ReferenceEngine
from core.quantization import QatMobileNet3D, convert
from core.step_sizes import round_to_steps


def by_the_book(v, step, gradient, low, high):
    """Eq. 1-5 of LSQ in float64, one value at a time: v̂, ∂L/∂v and ∂L/∂S before g."""
    answer, to_v, to_step = np.zeros_like(v), np.zeros_like(v), 0.0
    for place, value in np.ndenumerate(v):
        ratio = value / step
        if ratio <= low or ratio >= high:
            bound = low if ratio <= low else high
            answer[place] = bound * step
            to_step += gradient[place] * bound
        else:
            answer[place] = np.rint(ratio) * step
            to_v[place] = gradient[place]
            to_step += gradient[place] * (np.rint(ratio) - ratio)
    return answer, to_v, to_step


def test_activations_follow_the_equations() -> None:
    random = np.random.default_rng(0)
    v, gradient = np.abs(random.normal(0, 1, (4, 3, 2, 5))), random.normal(0, 1, (4, 3, 2, 5))
    step = 0.0071
    x = torch.tensor(v, dtype=torch.float32, requires_grad=True)
    log_scale = torch.tensor(math.log(step), requires_grad=True)
    y = round_to_steps(x, log_scale, log_scale.detach().exp(), 0, 255, True)
    y.backward(torch.tensor(gradient, dtype=torch.float32))
    answer, to_v, to_step = by_the_book(v, step, gradient, 0, 255)
    assert (v > 255 * step).any()
    np.testing.assert_allclose(y.detach(), answer, atol=1e-6)
    np.testing.assert_allclose(x.grad, to_v, atol=1e-6)
    # N is what one clip holds, not the batch.
    assert float(log_scale.grad) == pytest.approx(to_step / math.sqrt(30 * 255) / step, rel=1e-4)


def test_while_steps_follow_the_data_the_largest_weight_is_not_cut() -> None:
    """S = max|w| / 63, and rounding may put that weight beyond its own last step."""
    weight = torch.randn(200, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()
    log_scale = (weight.detach().abs().amax(dim=1) / 63).log().requires_grad_()
    round_to_steps(weight, log_scale, log_scale.detach().exp(), -63, 63, False).sum().backward()
    assert torch.equal(weight.grad, torch.ones_like(weight))
    assert torch.equal(log_scale.grad, torch.zeros(200))


def test_each_output_channel_has_its_own_step() -> None:
    random = np.random.default_rng(1)
    v, gradient = random.normal(0, 1, (3, 2, 4)), random.normal(0, 1, (3, 2, 4))
    steps = np.array([0.01, 0.02, 0.04])
    weight = torch.tensor(v, dtype=torch.float32, requires_grad=True)
    log_scale = torch.tensor(np.log(steps), dtype=torch.float32, requires_grad=True)
    y = round_to_steps(weight, log_scale, log_scale.detach().exp(), -63, 63, True)
    y.backward(torch.tensor(gradient, dtype=torch.float32))
    for row, step in enumerate(steps):
        answer, to_v, to_step = by_the_book(v[row], step, gradient[row], -63, 63)
        np.testing.assert_allclose(y.detach()[row], answer, atol=1e-6)
        np.testing.assert_allclose(weight.grad[row], to_v, atol=1e-6)
        expected = to_step / math.sqrt(8 * 63) / step
        assert float(log_scale.grad[row]) == pytest.approx(expected, rel=1e-4)


def test_a_step_that_is_not_learned_yet_has_a_gradient_of_zero() -> None:
    log_scale = torch.tensor(-3.0, requires_grad=True)
    x = torch.rand(2, 8, requires_grad=True)
    round_to_steps(x, log_scale, log_scale.detach().exp(), 0, 255, False).sum().backward()
    assert float(log_scale.grad) == 0
    assert x.grad.sum() > 0


def log_scales(qat: QatMobileNet3D) -> dict[str, torch.Tensor]:
    return {
        name: parameter.detach().clone()
        for name, parameter in qat.named_parameters()
        if name.endswith("log_scale")
    }


def test_steps_follow_the_data_first_and_are_learned_afterwards(random_student, as_input) -> None:
    """And the int8 network that comes of it answers like the student that was trained."""
    torch.manual_seed(0)
    student = random_student(5, width_multiplier=0.125)
    qat = QatMobileNet3D(student, learned_step_sizes=True).train()
    qat.freeze_batch_norm()
    clips = np.random.default_rng(0).integers(0, 256, (6, 4, 32, 32, 3), np.uint8)
    x, targets = as_input(*clips), torch.arange(6) % 5
    optimizer = torch.optim.Adam(qat.parameters(), lr=0.001)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(qat(x), targets).backward()
        optimizer.step()

    assert len(log_scales(qat)) == 2 * 28
    step()
    for block in qat.blocks:
        observed = block.output_quantizer.largest / 255
        torch.testing.assert_close(block.output_quantizer.scale, observed)
    qat.freeze_observers()
    before = log_scales(qat)
    for _ in range(3):
        step()
    moved = [
        name for name, value in log_scales(qat).items() if not torch.equal(value, before[name])
    ]
    assert len(moved) == len(before)

    qat.eval()
    network = convert(qat)
    answers = np.stack([ReferenceEngine(network).logits(clip) for clip in clips])
    with torch.no_grad():
        expected = qat(x).numpy()
    assert np.abs(answers - expected).max() <= 0.01 * (expected.max() - expected.min())
    scale = qat.blocks[2].output_quantizer.scale
    assert network.convolutions[2].output.scale == pytest.approx(float(scale))
    # No engine meets a tie: S_in · S_w / S_out is a fraction with an odd number below the line.
    for conv in network.convolutions:
        unit = conv.output.scale / conv.input.scale
        for ratio in conv.weight_scale.astype(np.float64) / unit:
            fraction = Fraction(ratio).limit_denominator(8000)
            assert ratio > 1 or fraction.denominator % 2 == 1
            assert ratio > 1 or float(fraction) == pytest.approx(ratio, rel=1e-6)
