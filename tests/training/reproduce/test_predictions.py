from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from training.reproduce.predictions import Predictions, load_predictions, save_predictions

SOME = Predictions(
    logits=np.random.default_rng(0).normal(0, 1, (6, 3)).astype(np.float32),
    targets=np.array([0, 1, 2, 0, 1, 2], np.int32),
    people=np.array([4, 4, 4, 9, 9, 9], np.int32),
    labels=("a", "b", "c"),
    about={"model_sha256": "ab", "latency": None, "split": 0},
    qat_answers=np.array([0, 1, 2, 0, 1, 1], np.int32),
)


@pytest.mark.parametrize("predictions", [SOME, replace(SOME, qat_answers=None)])
def test_they_come_back_as_they_were(predictions: Predictions, tmp_path: Path) -> None:
    save_predictions(predictions, tmp_path / "p.safetensors")
    again = load_predictions(tmp_path / "p.safetensors")
    for name in ("logits", "targets", "people", "qat_answers"):
        mine, theirs = getattr(again, name), getattr(predictions, name)
        assert np.array_equal(mine, theirs) if theirs is not None else mine is None
    assert (again.labels, again.about) == (predictions.labels, predictions.about)
    assert again.answers.tolist() == predictions.logits.argmax(axis=1).tolist()


def test_a_thousand_clips_take_little_room(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    many = {n: np.repeat(getattr(SOME, n), 200, axis=0) for n in ("logits", "targets", "people")}
    save_predictions(replace(SOME, **many, qat_answers=None), path)
    assert path.stat().st_size < 1200 * (3 + 2) * 4 + 1000


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    save_predictions(SOME, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="delete it and reproduce again"):
        load_predictions(path)
    with pytest.raises(DataError, match="cannot be read"):
        load_predictions(tmp_path / "missing.safetensors")
    save_predictions(replace(SOME, people=SOME.people[:4]), path)
    with pytest.raises(DataError, match="differ in size"):
        load_predictions(path)
