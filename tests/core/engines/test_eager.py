from __future__ import annotations

import numpy as np
import pytest
import torch

from core.engines import check_golden
from core.engines.eager import EagerEngine
from core.engines.reference import ReferenceEngine
from core.errors import EngineError
from core.fusion import fuse


@pytest.fixture(autouse=True)
def threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_fused_student_answers_like_the_module(random_student, as_input, channels: int) -> None:
    student = random_student(7, width_multiplier=0.25, in_channels=channels)
    engine = EagerEngine(fuse(student), threads=1)
    for seed in range(3):
        clip = noise((8, 48, 40, channels), seed)
        with torch.no_grad():
            expected = student(as_input(clip))[0].numpy()
        logits = engine.logits(clip)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
        assert logits.max() - logits.min() > 0.1


def test_the_float_reference_agrees(networks) -> None:
    network = networks.fp32()
    clip = noise(networks.spec.clip_shape)
    expected = ReferenceEngine(network).logits(clip)
    np.testing.assert_allclose(EagerEngine(network, 1).logits(clip), expected, rtol=1e-4, atol=1e-5)


def test_it_passes_the_golden_check(networks) -> None:
    model = networks.model(networks.fp32())
    check_golden(EagerEngine(model.network, 1), model)


def test_int8_is_refused(networks) -> None:
    with pytest.raises(EngineError, match="fp32 models only; choose openvino for int8"):
        EagerEngine(networks.int8(), 1)


def test_clips_in_any_memory_layout(networks) -> None:
    """A prepared clip may lie in a file mapped read-only; torch would warn of that."""
    engine = EagerEngine(networks.fp32(), 1)
    clip = noise(networks.spec.clip_shape)
    expected = engine.logits(clip)
    read_only = clip.copy()
    read_only.setflags(write=False)
    mirrored_twice = np.ascontiguousarray(clip[:, :, ::-1])[:, :, ::-1]
    for same in (read_only, np.asfortranarray(clip), mirrored_twice):
        np.testing.assert_allclose(engine.logits(same), expected, rtol=1e-5, atol=1e-5)


def test_the_clip_and_the_weights_stay_as_they_are(networks) -> None:
    network = networks.fp32()
    weight, clip = network.convolutions[0].weight.copy(), noise(networks.spec.clip_shape)
    before = clip.copy()
    EagerEngine(network, 1).logits(clip)
    np.testing.assert_array_equal(clip, before)
    np.testing.assert_array_equal(network.convolutions[0].weight, weight)
