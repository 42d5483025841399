from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from core.models.i3d import I3D
from core.models.mobilenet3d import MobileNet3D
from core.quantization import QatMobileNet3D
from training.config import Recipe
from training.reproduce.pace import Kind, Trials, kind_of


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, tuple[int, ...]]]:
    """Networks that were asked, whether in training, and the shape of their clips."""
    calls: list[tuple[str, bool, tuple[int, ...]]] = []
    for network in (I3D, MobileNet3D, QatMobileNet3D):

        def forward(self: nn.Module, x: torch.Tensor, before=network.forward) -> torch.Tensor:
            calls.append((type(self).__name__, self.training, tuple(x.shape)))
            return before(self, x)

        monkeypatch.setattr(network, "forward", forward)
    return calls


def test_each_kind_does_what_its_epochs_do(tiny: Recipe, called: list) -> None:
    trials = Trials(4, None, threads=1)
    small, large = (4, 3, 16, 16, 16), (4, 3, 16, 32, 32)
    recipe = replace(
        tiny,
        quantize=True,
        epochs=3,
        quantize_from_epoch=1,
        freeze_batch_norm_epoch=2,
        freeze_observers_epoch=2,
        beta=0.5,
    )
    early = replace(tiny, early_epochs=1, early_crop=16)
    # Stored draws were answered before.
    stored = replace(tiny, beta=0.5, stored_draws=2)
    answering = Kind(tiny.model, tiny.width_multiplier, False, 32, False, learns=False)
    student, quantized = ("MobileNet3D", True, large), ("QatMobileNet3D", True, large)
    teacher = ("I3D", False, large)
    for whose, kind, asked in (
        (recipe, kind_of(recipe, 0), [student, teacher]),
        (recipe, kind_of(recipe, 1), [quantized, teacher]),
        (early, kind_of(early, 0), [("MobileNet3D", True, small)]),
        (stored, kind_of(stored, 0), [student]),
        (tiny, answering, [("MobileNet3D", False, large)]),
    ):
        called.clear()
        assert trials.clips_per_s(whose, kind) > 0
        assert called == asked * 2


def test_a_kind_is_tried_once(tiny: Recipe, called: list) -> None:
    trials = Trials(4, None, threads=1)
    one = trials.clips_per_s(tiny, kind_of(tiny, 0))
    assert trials.clips_per_s(replace(tiny, seed=1), kind_of(tiny, 1)) == one
    assert len(called) == 2


def test_it_computes_as_precisely_as_a_run(tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: set[torch.dtype] = set()
    forward = torch.nn.Linear.forward

    def looking(self: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        answers = forward(self, x)
        kinds.add(answers.dtype)
        return answers

    monkeypatch.setattr(torch.nn.Linear, "forward", looking)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        kinds.clear()
        recipe = replace(tiny, precision=precision)
        assert Trials(4, None, threads=1).clips_per_s(recipe, kind_of(recipe, 0)) > 0
        assert kinds == {dtype}
