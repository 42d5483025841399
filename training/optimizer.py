"""How weights move: the recipe's optimizer and its learning rate over the run."""

from __future__ import annotations

from math import cos, hypot, inf, pi
from typing import Any

import torch
from torch import nn

from training.config import Recipe


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Learning rate at `progress` (0 to 1) of the run."""
    if recipe.schedule == "steps":
        passed = sum(progress >= milestone / recipe.epochs for milestone in recipe.milestones)
        return recipe.learning_rate * recipe.gamma**passed
    if progress < recipe.warmup:
        return recipe.learning_rate * (0.05 + 0.95 * progress / recipe.warmup)
    fall = (progress - recipe.warmup) / (1 - recipe.warmup)
    return recipe.learning_rate * 0.5 * (1 + cos(pi * fall))


def new_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer over all parameters."""
    groups = _parameter_groups(model, recipe)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate)
    return torch.optim.SGD(
        groups,
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
    )


def shorten_gradient(model: nn.Module, longest: float) -> float:
    """Shorten the gradient of the weights to a norm of `longest`; returns the norm of all before.

    Learned step sizes keep theirs, which is of another order and has its own scale (LSQ).
    """
    weights, steps = _weights_and_steps(model)
    norms = nn.utils.clip_grad_norm_(weights, longest), nn.utils.clip_grad_norm_(steps, inf)
    return hypot(*map(float, norms))


def _weights_and_steps(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The learned step sizes apart from all other parameters."""
    named = list(model.named_parameters())
    steps = [p for name, p in named if name.endswith("log_scale")]
    return [p for name, p in named if not name.endswith("log_scale")], steps


def _parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Weight decay acts on all, or leaves biases and batch-norm parameters alone.

    Learned step sizes never decay: towards zero their logarithm would pull S towards 1.
    """
    weights, steps = _weights_and_steps(model)
    decayed = [p for p in weights if recipe.decay_all or p.dim() > 1]
    others = [p for p in weights if not recipe.decay_all and p.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others + steps, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
