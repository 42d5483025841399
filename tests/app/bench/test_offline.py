from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.bench.clips import write_clips
from app.bench.offline import Scoring
from core.errors import EngineError
from core.modelfile import Model, save_model


def scoring(folder: Path, model: Model, *, throughput: bool) -> Scoring:
    """Two random clips with the reference's answers to them, in batches of four."""
    save_model(model, folder / "model.safetensors")
    random = np.random.default_rng(0)
    clips = [random.integers(0, 256, model.clip.clip_shape, np.uint8) for _ in range(2)]
    write_clips(model, clips, folder)
    path = folder / "model.safetensors"
    return Scoring(model=path, batch=4, throughput=throughput, threads=1, folder=folder)


@pytest.mark.parametrize("throughput", [False, True])
@pytest.mark.parametrize("channels", ["grey", "rgb"])
def test_batches_answer_as_the_reference_does(
    networks, tmp_path: Path, channels: str, throughput: bool
) -> None:
    """Grey clips go in as blocks of 2×2 pixels, as they do in a row."""
    nets = replace(networks, spec=replace(networks.spec, channels=channels))
    runner = scoring(tmp_path, nets.model(nets.fp32()), throughput=throughput).make()
    assert (runner._rooms is not None) == (channels == "grey")
    runner.run(1)
    found = runner.facts()["agreement"]
    assert found["clips"] == 2
    assert found["largest_deviation"] < 1e-3


@pytest.mark.parametrize("throughput", [False, True])
def test_what_a_row_refuses_is_refused(networks, tmp_path: Path, throughput: bool) -> None:
    model = networks.model(networks.fp32())
    wrong = {name: answer[::-1].copy() for name, answer in model.golden.items()}
    subject = scoring(tmp_path, replace(model, golden=wrong), throughput=throughput)
    with pytest.raises(EngineError, match="answers wrongly"):
        subject.make()
