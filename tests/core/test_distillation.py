from __future__ import annotations

import numpy as np
import pytest
import torch

from core.distillation import distillation_loss, hard_loss


def by_the_book(student, teacher, targets, beta, temperature):
    """Eq. 1 in float64, written out."""

    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    hard = -np.mean(np.log(softmax(student)[np.arange(len(targets)), targets]))
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    soft = temperature**2 * np.mean(-(p * np.log(q)).sum(axis=1))
    return (1 - beta) * hard + beta * soft, hard, soft


@pytest.mark.parametrize(("beta", "temperature"), [(0.0, 1.0), (0.9, 3.0), (1.0, 5.0), (0.5, 0.7)])
def test_loss_and_its_parts_follow_equation_1(beta: float, temperature: float) -> None:
    random = np.random.default_rng(0)
    student, teacher = random.normal(0, 3, (2, 6, 34))
    targets = random.integers(0, 34, 6)
    loss = distillation_loss(
        torch.from_numpy(student),
        torch.from_numpy(teacher),
        torch.from_numpy(targets),
        beta=beta,
        temperature=temperature,
    )
    expected = by_the_book(student, teacher, targets, beta, temperature)
    got = (loss.total.item(), loss.hard.item(), loss.soft.item())
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize(("beta", "temperature"), [(0.0, 1.0), (0.9, 3.0), (1.0, 5.0)])
def test_the_published_loss_is_that_of_the_published_code(beta: float, temperature: float) -> None:
    """Written out with PyTorch's modules, whose default mean is over batch and classes."""
    student, teacher = torch.randn(2, 6, 34, dtype=torch.float64) * 3
    targets = torch.randint(34, (6,))
    log_q, p = (student / temperature).log_softmax(1), (teacher / temperature).softmax(1)
    hard = torch.nn.CrossEntropyLoss()(torch.nn.Softmax(dim=1)(student), targets)
    soft = temperature**2 * (p * (p.log() - log_q)).mean()
    loss = distillation_loss(
        student, teacher, targets, beta=beta, temperature=temperature, published=True
    )
    torch.testing.assert_close(loss.hard, hard)
    torch.testing.assert_close(loss.soft, soft)
    torch.testing.assert_close(loss.total, (1 - beta) * hard + beta * soft)
    assert torch.equal(hard_loss(student, targets, published=True), loss.hard)


def test_gradient_of_the_soft_term_is_the_difference_of_softmaxes() -> None:
    generator = torch.Generator().manual_seed(1)
    student = torch.randn(5, 7, dtype=torch.float64, generator=generator, requires_grad=True)
    teacher = torch.randn(5, 7, dtype=torch.float64, generator=generator, requires_grad=True)
    targets = torch.zeros(5, dtype=torch.long)
    distillation_loss(student, teacher, targets, beta=1.0, temperature=3.0).total.backward()
    difference = torch.softmax(student / 3, dim=1) - torch.softmax(teacher / 3, dim=1)
    torch.testing.assert_close(student.grad, 3 * difference.detach() / 5)
    assert teacher.grad is None


@pytest.mark.parametrize("wrong", [{"beta": 1.1}, {"beta": -0.1}, {"temperature": 0.0}])
def test_senseless_settings_are_refused(wrong: dict[str, float]) -> None:
    settings = {"beta": 0.5, "temperature": 3.0} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        distillation_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([0]), **settings)


def test_label_smoothing_acts_on_the_hard_term_alone() -> None:
    student, teacher = torch.randn(2, 4, 6, dtype=torch.float64)
    targets = torch.tensor([0, 1, 2, 5])
    plain, smooth = (
        distillation_loss(
            student, teacher, targets, beta=0.4, temperature=2.0, label_smoothing=smoothing
        )
        for smoothing in (0.0, 0.3)
    )
    log = torch.log_softmax(student, dim=1)
    expected = 0.7 * plain.hard - 0.3 * log.mean()
    torch.testing.assert_close(smooth.hard, expected)
    assert torch.equal(smooth.soft, plain.soft)
    torch.testing.assert_close(smooth.total, 0.6 * expected + 0.4 * plain.soft)


@pytest.mark.parametrize(("beta", "temperature"), [(0.0, 1.0), (0.9, 3.0), (1.0, 5.0), (0.5, 0.7)])
def test_the_gradient_in_float32_is_that_of_the_equation_in_float64(
    beta: float, temperature: float
) -> None:
    """dL/dz_S = ((1 - β)(softmax(z_S) - y) + β T (softmax(z_S / T) - softmax(z_T / T))) / B."""
    random = np.random.default_rng(2)
    student, teacher = random.normal(0, 3, (2, 6, 34))
    targets = random.integers(0, 34, 6)
    z = torch.tensor(student, dtype=torch.float32, requires_grad=True)
    distillation_loss(
        z,
        torch.tensor(teacher, dtype=torch.float32),
        torch.from_numpy(targets),
        beta=beta,
        temperature=temperature,
    ).total.backward()

    # Central differences of eq. 1 as written out above, in float64.
    expected, small = np.zeros_like(student), 1e-6
    for place in np.ndindex(student.shape):
        shifted = [student.copy(), student.copy()]
        shifted[0][place] += small
        shifted[1][place] -= small
        up, down = (by_the_book(z, teacher, targets, beta, temperature)[0] for z in shifted)
        expected[place] = (up - down) / (2 * small)
    np.testing.assert_allclose(z.grad, expected, atol=2e-6)
