"""The window's own workers in front of imported checkpoints: from a video file to its answer.

Capture reads and keeps the clip, Inference answers it on the default engine. What it says is
compared with the published architecture in front of the published clip of the same frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QDeadlineTimer
from pytestqt.qtbot import QtBot

from app.capture import Capture, CaptureSetup
from app.inference import Inference
from app.messages import Answer
from app.model_choice import ModelChoice
from core.modelfile import load_model
from core.video import VideoFile
from tests.training.importers.published import (
    Inception,
    MobileNet,
    minus_means,
    published_clip,
    randomise,
    signed,
    to_network,
)
from training.__main__ import main
from training.importers import formats

# I3D's 224² cut from 256², in the same proportion, where arithmetic is cheap.
SMALL = {"resize": 73, "crop": 64}
STOPS_WITHIN_MS = 5000
# Of random weights' logits, in front of noise; were it thousands, most probabilities would be zero.
LARGEST_LOGIT = 1.0


@contextmanager
def small_i3d() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for architecture in ("i3d", "pytorch-i3d"):
            source = formats._BARE_SOURCES[architecture]
            small = replace(source, clip=replace(source.clip, **SMALL))
            patch.setitem(formats._BARE_SOURCES, architecture, small)
        yield


class Published:
    """A network as it was published, its model file, and what it wants to see."""

    def __init__(self, folder: Path, name: str) -> None:
        self.reversed, self.square, self.numbers = False, True, signed
        if name in ("hassony", "piergiaj"):
            self.network = Inception(400, name, 1e-3, seed=5)
            state = content = self.network.state
            head = self.network.head
        else:
            self.reversed, self.square = True, name == "efficient"
            self.network = randomise(MobileNet(600, 0.25))
            state, head = self.network.state_dict(), "classifier.1"
            self.numbers = minus_means if name == "efficient" else signed
            key = "state_dict" if name == "efficient" else "student_model_state_dict"
            content = {key: state}
        noise = np.random.default_rng(4).integers(0, 256, (16, 8, 8, 3), np.uint8)
        noise = noise.repeat(8, axis=1).repeat(8, axis=2)
        with torch.no_grad():
            largest = self.network(to_network(noise, self.numbers)).abs().max()
            for kind in ("weight", "bias"):
                state[f"{head}.{kind}"].mul_(LARGEST_LOGIT / largest)
        checkpoint, self.path = folder / f"{name}.pth", folder / f"{name}.safetensors"
        torch.save(content, checkpoint, _use_new_zipfile_serialization=name != "hassony")
        with small_i3d():
            assert main(["import", str(checkpoint), "--out", str(self.path)]) == 0
        model = load_model(self.path)
        self.clip, self.source = model.clip, model.training["imported"]["from"]

    def logits(self, images: list[np.ndarray]) -> np.ndarray:
        """T frames H×W×3 RGB as they were decoded to K logits."""
        pixels = published_clip(images, self.clip.resize, self.clip.crop, square=self.square)
        pixels = pixels if self.reversed else pixels[..., ::-1]
        with torch.no_grad():
            return self.network(to_network(pixels, self.numbers))[0].numpy()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Published]:
    """`published(name)`: written and imported once."""
    folder, made = tmp_path_factory.mktemp("published"), {}

    def get(name: str) -> Published:
        if name not in made:
            made[name] = Published(folder, name)
        return made[name]

    return get


@pytest.fixture
def answer_to(qtbot: QtBot) -> Iterator[Callable[[Path, Path], Answer]]:
    """`answer_to(video, model)`: what the window's workers say while they play it."""
    workers: list[Capture | Inference] = []

    def play(video: Path, model: Path) -> Answer:
        inference = Inference(ModelChoice.of({"fp32": model}), 1, "never")
        workers.append(inference)
        with qtbot.waitSignal(inference.idle, timeout=60_000):
            inference.start()
        setup = CaptureSetup(
            address=video,
            annotations=None,
            kinds=(inference.spec,),
            labels=(),
            next_generation=count(1).__next__,
            offer=inference.offer,
        )
        capture = Capture(setup)
        workers.append(capture)
        answers: list[Answer] = []
        capture.start()
        capture.playback.play()
        qtbot.waitUntil(
            lambda: bool(answers.extend(inference.take_answers()) or answers), timeout=60_000
        )
        return answers[-1]

    yield play
    for worker in reversed(workers):
        worker.stop()
    for worker in reversed(workers):
        assert worker.wait(QDeadlineTimer(STOPS_WITHIN_MS))


def frames_of(video: Path, indices: tuple[int, ...]) -> list[np.ndarray]:
    found: dict[int, np.ndarray] = {}
    with VideoFile(video) as frames:
        for frame in frames:
            found[frame.index] = frame.image
            if frame.index == indices[-1]:
                break
    return [found[index] for index in indices]


def centred(logits: np.ndarray) -> np.ndarray:
    """Probabilities tell logits up to a constant."""
    return logits - logits.mean()


@pytest.mark.parametrize(
    ("name", "source_title", "video_name"),
    [
        ("hassony", "kinetics_i3d_pytorch", "coloured"),
        ("hassony", "kinetics_i3d_pytorch", "carphone.mp4"),
        ("piergiaj", "pytorch-i3d", "coloured"),
        ("piergiaj", "pytorch-i3d", "carphone.mp4"),
        ("efficient", "Efficient-3DCNNs", "coloured"),
        ("efficient", "Efficient-3DCNNs", "carphone.mp4"),
        ("paper", "the paper's code", "coloured"),
    ],
)
def test_the_window_says_what_the_published_network_says(
    name: str,
    source_title: str,
    video_name: str,
    video: Callable[[str], Path],
    published: Callable[[str], Published],
    answer_to: Callable[[Path, Path], Answer],
) -> None:
    source, network = video(video_name), published(name)
    assert network.source == source_title
    answer = answer_to(source, network.path)
    clip = answer.offer.clip
    assert len(clip.frame_indices) == 16
    if name != "paper":
        # Consecutive frames, as Kinetics' networks were trained.
        assert np.diff(clip.frame_indices).tolist() == [1] * 15
    expected = centred(network.logits(frames_of(source, clip.frame_indices)))
    probabilities = answer.predictions["fp32"].probabilities.astype(np.float64)
    got = centred(np.log(probabilities))
    assert np.ptp(expected) > 0.1
    assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()
