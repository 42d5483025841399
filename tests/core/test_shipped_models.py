"""The weights in assets/: small enough, twins, and right on this very CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.activities import ACTIVITY_NAMES
from core.clip import ClipSpec
from core.engines import golden_deviation, load_engine
from core.golden import GOLDEN_NAMES
from core.modelfile import Model, load_model
from core.network import LARGEST_EXACT_WEIGHT, Int8Network


@pytest.fixture(scope="module", params=["cabin", "cabin_grey"])
def models(shipped: tuple[Path, Path], request: pytest.FixtureRequest) -> tuple[Model, Model]:
    folder = shipped[0].parent
    int8, fp32 = (
        load_model(folder / f"{request.param}_{kind}.safetensors") for kind in ("int8", "fp32")
    )
    return int8, fp32


def test_the_files_are_small_enough_for_git(models: tuple[Model, Model]) -> None:
    int8, fp32 = models
    assert int8.file_mb <= 0.95
    assert fp32.file_mb <= 3.6


def test_the_int8_model_is_the_twin_of_the_fp32_model(models: tuple[Model, Model]) -> None:
    int8, fp32 = models
    assert (int8.kind, fp32.kind) == ("int8", "fp32")
    assert int8.is_twin_of(fp32)
    assert int8.path is not None
    channels = "grey" if "grey" in int8.path.name else "rgb"
    assert int8.clip == fp32.clip == ClipSpec(channels=channels)
    assert int8.labels == fp32.labels == tuple(ACTIVITY_NAMES)


def test_the_int8_model_needs_no_vnni(models: tuple[Model, Model]) -> None:
    network = models[0].network
    assert isinstance(network, Int8Network)
    assert network.largest_weight <= LARGEST_EXACT_WEIGHT


def test_both_prove_themselves_here(models: tuple[Model, Model]) -> None:
    for model in models:
        load_engine(model, threads=1)


@pytest.mark.parametrize("name", ["openvino", "onednn"])
def test_the_int8_model_gives_the_references_bytes(models: tuple[Model, Model], name: str) -> None:
    """Its scales leave no engine a choice (core.tie_free); only logits are floats."""
    assert golden_deviation(load_engine(models[0], name, threads=1), models[0]) < 1e-6


def test_both_know_far_more_than_chance(models: tuple[Model, Model]) -> None:
    """Five times chance is 15 %; the file says what was measured on people never trained on."""
    for model in models:
        assert model.metrics["test"]["mean_per_class_accuracy"] >= 0.15


def test_the_golden_inputs_get_different_answers(models: tuple[Model, Model]) -> None:
    """A network that answers everything alike could not be proved by them."""
    for model in models:
        ordinary, bright = (model.golden[name] for name in GOLDEN_NAMES)
        assert np.abs(ordinary - bright).max() > 0.1 * np.ptp(ordinary)


def test_both_forms_answer_a_grey_picture_alike(shipped: tuple[Path, Path]) -> None:
    folder = shipped[0].parent
    clip = np.random.default_rng(0).integers(0, 256, (16, 224, 224, 1), dtype=np.uint8)
    for kind, tolerance in (("int8", 1e-6), ("fp32", 1e-4)):
        colour, grey = (
            load_engine(load_model(folder / f"{name}_{kind}.safetensors"), threads=1)
            for name in ("cabin", "cabin_grey")
        )
        np.testing.assert_allclose(
            colour.logits(np.repeat(clip, 3, axis=3)), grey.logits(clip), rtol=0, atol=tolerance
        )
