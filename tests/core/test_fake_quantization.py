"""Fake quantization of weights and activations: levels, ranges and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.fake_quantization import ActivationFakeQuantize, WeightFakeQuantize, least_error_range

# Weights


@pytest.mark.parametrize("limit", [0, -1, 128])
def test_a_limit_that_int8_cannot_hold_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 127"):
        WeightFakeQuantize(limit)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([63, 127]), st.floats(1e-6, 1e3))
def test_weights_are_rounded_to_the_nearest_level(seed: int, limit: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(4, 3, 3, 3, 3, generator=generator) * size
    quantizer = WeightFakeQuantize(limit)
    column = quantizer.scale(weight).reshape(-1, 1, 1, 1, 1)
    levels = quantizer(weight) / column
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert levels.abs().max() <= limit + 1e-4
    assert (weight - quantizer(weight)).abs().le(0.501 * column).all()


def test_the_weight_gradient_goes_straight_through() -> None:
    weight = torch.randn(4, 3, 1, 1, 1, requires_grad=True)
    factors = torch.randn(4, 3, 1, 1, 1)
    (WeightFakeQuantize(63)(weight) * factors).sum().backward()
    torch.testing.assert_close(weight.grad, factors)


# Activations


def test_the_first_batch_sets_the_range_and_later_ones_move_it() -> None:
    quantizer = ActivationFakeQuantize(momentum=0.1).train()
    quantizer(torch.tensor([0.0, 2.0]))
    assert float(quantizer.largest) == 2
    assert float(quantizer.scale) == pytest.approx(2 / 255)
    quantizer(torch.tensor([0.0, 4.0]))
    assert float(quantizer.largest) == pytest.approx(2.2)
    quantizer(torch.tensor([0.5]))
    assert float(quantizer.largest) == pytest.approx(2.2 - 0.1 * 1.7)


def test_a_first_batch_of_zeros_sets_nothing() -> None:
    quantizer = ActivationFakeQuantize(momentum=0.1).train()
    quantizer(torch.zeros(3))
    quantizer(torch.tensor([3.0]))
    assert float(quantizer.largest) == 3


def grid_error(x: np.ndarray, top: float) -> float:
    step = top / 255
    return float(((np.clip(np.round(x / step), 0, 255) * step - x) ** 2).mean())


@pytest.mark.parametrize("power", [1.0, 2.0, 6.0], ids=["even", "skewed", "a long tail"])
def test_the_range_is_the_one_whose_levels_are_nearest(power: float) -> None:
    random = np.random.default_rng(0)
    x = (random.random(40_000) ** power).astype(np.float32)
    x[random.integers(0, len(x), 5)] = 3.0 if power > 2 else 1.0
    best = min(grid_error(x.astype(np.float64), top) for top in np.linspace(0.05, 1, 400) * x.max())
    top = float(least_error_range(torch.from_numpy(x)))
    assert grid_error(x.astype(np.float64), top) <= 1.02 * best
    if power == 1.0:
        assert top >= 0.95


def test_the_range_is_the_same_in_every_memory_layout() -> None:
    """And for tensors of which only a part is looked at."""
    x = torch.rand(4, 16, 8, 32, 32) ** 4
    x[:, 3] *= 5  # one loud channel
    plain = least_error_range(x)
    assert x.numel() > 2**18
    last = least_error_range(x.contiguous(memory_format=torch.channels_last_3d))
    assert float(last) == pytest.approx(float(plain), rel=0.06)
    view = torch.stack([x, 100 + x])[:1].expand(2, -1, -1, -1, -1, -1)[0]
    assert float(least_error_range(view)) == float(plain)


def test_a_loud_channel_among_48_is_met() -> None:
    """Side by side in memory, with as many values as make 3 the natural step."""
    x = torch.rand(1, 48, 4, 32, 32)
    x[:, 7] *= 5
    assert x.numel() == 3 * 2**16
    last = least_error_range(x.contiguous(memory_format=torch.channels_last_3d))
    assert float(last) == pytest.approx(float(least_error_range(x)), rel=0.06)


def test_evaluation_and_frozen_observers_move_nothing() -> None:
    quantizer = ActivationFakeQuantize().train()
    quantizer(torch.tensor([2.0]))
    quantizer.eval()
    quantizer(torch.tensor([9.0]))
    quantizer.train()
    quantizer.observing.fill_(False)
    quantizer(torch.tensor([9.0]))
    assert float(quantizer.largest) == 2


def test_activations_lie_on_the_grid_and_past_the_range_have_no_gradient() -> None:
    quantizer = ActivationFakeQuantize().train()
    quantizer(torch.tensor([2.55]))
    quantizer.eval()
    x = torch.tensor([0.0, 0.004, 0.006, 1.2349, 2.55, 2.6, 99.0], requires_grad=True)
    y = quantizer(x)
    expected = [0.0, 0.0, 0.01, 1.23, 2.55, 2.55, 2.55]
    assert y.tolist() == pytest.approx(expected, abs=1e-5)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 1, 1, 1, 0, 0]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), signed=st.booleans(), size=st.floats(1e-6, 1e6))
def test_rounding_and_gradient_are_those_of_torchs_fake_quantization(
    seed: int, signed: bool, size: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 3, 4, 5, 6, generator=generator) * size
    x = x if signed else x.abs()
    quantizer = ActivationFakeQuantize(signed=signed).train()
    quantizer(x / 2)
    quantizer.eval()
    ours, torchs = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = torch.fake_quantize_per_tensor_affine(
        torchs, quantizer.scale, torch.tensor(quantizer.zero_point, dtype=torch.int32), 0, 255
    )
    outer = torch.randn(x.shape, generator=generator)
    assert torch.equal(quantizer(ours), expected)
    quantizer(ours).backward(outer)
    expected.backward(outer)
    assert ours.grad is not None
    assert torch.equal(ours.grad, torchs.grad)
    assert 0 < (ours.grad == 0).sum() < x.numel()


@pytest.mark.parametrize("learned", [False, True])
def test_a_nan_stays_one_so_that_training_stops_at_it(learned: bool) -> None:
    quantizer = ActivationFakeQuantize(learned=learned).train()
    quantizer(torch.rand(2, 5))
    quantizer.eval()
    assert quantizer(torch.tensor([[0.5, torch.nan]])).isnan().tolist() == [[False, True]]
