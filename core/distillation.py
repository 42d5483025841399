"""Knowledge distillation, eq. 1-2 of arXiv 2311.05970.

    L = α · CE(y, z_S) + β · T² · CE(softmax(z_T / T), softmax(z_S / T)),   α = 1 - β

Both terms are means over the batch only. T² keeps the soft term's gradient at the size of the
hard term's whatever the temperature T.

The paper's published code (qd-driver-activity-reco, wrapper.py) computes something else:

    L = α · CE(y, softmax(z_S)) + β · T² / K · KL(softmax(z_T / T) || softmax(z_S / T))

Probabilities where logits belong bound the hard term's gradient, and a mean over the classes as
well weakens the soft term K times. `published` gives that.

Legend: B batch, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class DistillationLoss:
    """The loss and its two parts before weighting, scalars."""

    total: Tensor
    hard: Tensor
    soft: Tensor


def hard_loss(
    student_logits: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    published: bool = False,
) -> Tensor:
    """CE of B×K logits and B class indices, a scalar."""
    given = student_logits.softmax(dim=1) if published else student_logits
    return functional.cross_entropy(given, targets, label_smoothing=label_smoothing)


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    targets: Tensor,
    *,
    beta: float,
    temperature: float,
    label_smoothing: float = 0.0,
    published: bool = False,
) -> DistillationLoss:
    """Eq. 1 for B×K logits of student and teacher and B class indices.

    The soft term's gradient is that of T²·KL(teacher || student), which differs from this
    cross-entropy by the teacher's entropy, a constant. `label_smoothing`, none in the
    paper, acts on the hard term.

    Raises:
        ValueError: beta outside 0 to 1, or a temperature that is not positive.
    """
    if not 0 <= beta <= 1:
        raise ValueError(f"beta must be 0 to 1, not {beta}")
    if not temperature > 0:
        raise ValueError(f"the temperature must be above 0, not {temperature}")
    hard = hard_loss(student_logits, targets, label_smoothing=label_smoothing, published=published)
    teacher = functional.softmax(teacher_logits.detach() / temperature, dim=1)
    softened = student_logits / temperature
    if published:
        divergence = functional.kl_div(softened.log_softmax(dim=1), teacher, reduction="batchmean")
        soft = temperature**2 * divergence / student_logits.shape[1]
    else:
        soft = temperature**2 * functional.cross_entropy(softened, teacher)
    return DistillationLoss((1 - beta) * hard + beta * soft, hard, soft)
