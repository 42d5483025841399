"""I3D at its real size; how it is read at a smaller one, where arithmetic is cheap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.engines.openvino import OpenVinoEngine
from tests.training.importers.published import Inception, MobileNet, signed, to_network
from training.importers.formats import Part, choose, recognise
from training.importers.i3d import read_i3d


def small(part: Part) -> Part:
    """The same network, to be read for clips of 64²."""
    clip = replace(part.source.clip, resize=64, crop=64)
    return replace(part, source=replace(part.source, clip=clip))


def check(part: Part, network: Inception) -> None:
    shape = part.source.clip.clip_shape
    clip = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    expected = network(to_network(clip, signed))[0].numpy()
    got = OpenVinoEngine(read_i3d(part), shape, 1).logits(clip)
    assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()


def test_kinetics_i3d_at_its_real_size() -> None:
    network = Inception(400, "hassony", 1e-3, seed=1)
    part = recognise(network.state)["model"]
    clip = part.source.clip
    assert (clip.frames, clip.span_s, clip.crop, clip.channels) == (16, None, 224, "rgb")
    assert clip.keep_aspect
    check(part, network)


@pytest.mark.parametrize("classes", [400, 157])
def test_pytorch_i3d(classes: int) -> None:
    network = Inception(classes, "piergiaj", 1e-3, seed=2)
    state = {f"module.{name}": value for name, value in network.state.items()}
    part = recognise(state)["model"]
    assert part.source.title == "pytorch-i3d"
    assert part.source.clip.channels == "rgb"
    check(small(part), network)


def test_the_papers_teacher_uses_another_epsilon() -> None:
    network = Inception(34, "hassony", 1e-5, seed=3)
    content = {
        "teacher_model_state_dict": network.state,
        "student_model_state_dict": MobileNet(34, 0.25).state_dict(),
    }
    assert choose(recognise(content), None).name == "student"
    part = choose(recognise(content), "teacher")
    assert part.source.clip.channels == "bgr"
    assert part.source.clip.span_s == 3.0
    check(small(part), network)
    # Which of the two it is can be seen in the logits.
    with pytest.raises(AssertionError):
        check(small(replace(part, source=replace(part.source, batch_norm_eps=1e-3))), network)


def test_optical_flow_is_refused() -> None:
    network = Inception(5, "hassony", 1e-3, seed=4)
    network.state["conv3d_1a_7x7.conv3d.weight"] = torch.zeros(64, 2, 7, 7, 7)
    with pytest.raises(ValueError, match="takes 2 channels, as optical flow has"):
        read_i3d(recognise(network.state)["model"])
