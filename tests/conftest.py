"""What several test folders need: real videos, small networks with proof, the shared clips."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from app.log import LOG_FOLDER
from core.clip import ClipSpec
from core.engines.reference import ReferenceEngine, accumulate
from core.geometry import Geometry
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model, save_model
from core.network import (
    LARGEST_EXACT_WEIGHT,
    PIXELS,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Int8Conv,
    Int8Linear,
    Int8Network,
    Network,
    Quantization,
)
from core.prober import CACHE_FOLDER

# Tests need no screen; where there is one, they show no windows on it unless it was asked for.
if sys.platform == "linux":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SHARED_CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"

# The same examples in every run, and no stopwatch: the machine may be busy.
settings.register_profile(
    "incab",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("incab")

U8 = NDArray[np.uint8]
_CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".avi": "MJPG"}

# (output channels, kernel, stride, groups): a small student with every kind of its layers.
_TINY_LAYERS = (
    (8, (3, 3, 3), (1, 2, 2), 1),
    (8, (3, 3, 3), (2, 2, 2), 8),
    (16, (1, 1, 1), (1, 1, 1), 1),
    (16, (3, 3, 3), (1, 1, 1), 16),
    (12, (1, 1, 1), (1, 1, 1), 1),
)
TINY_SPEC = ClipSpec(frames=4, span_s=0.4, resize=36, crop=32)


def _write_video(
    path: Path, images: Iterable[U8], fps: float = 30.0, codec: str | None = None
) -> Path:
    writer: cv2.VideoWriter | None = None
    for image in images:
        if writer is None:
            code = cv2.VideoWriter.fourcc(*(codec or _CODECS[path.suffix]))
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, image.shape[1::-1])
            assert writer.isOpened(), f"OpenCV cannot write {path}"
        writer.write(np.ascontiguousarray(image[:, :, ::-1]))
    assert writer is not None, "a video needs at least one image"
    writer.release()
    return path


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """`write_video(path, images, fps=30, codec=None)`: H×W×3 RGB uint8 images to a real file."""
    return _write_video


@pytest.fixture(scope="session")
def shared_clip() -> Callable[[str], Path]:
    """`shared_clip(name)`: a real recording that is not part of the repository, or a skip."""

    def find(name: str) -> Path:
        path = SHARED_CLIPS / name
        if not path.is_file():
            pytest.skip(f"{path} is not on this machine")
        return path

    return find


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where InCab remembers in these tests, children included; never the user's own folder.

    One for all of them: trying an engine takes a second, and most tests use the same models.
    """
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_FOLDER, str(folder))
        # Nor is there anything for the user's log in a test.
        patch.setenv(LOG_FOLDER, str(tmp_path_factory.mktemp("log")))
        yield folder


@dataclass(frozen=True)
class Networks:
    """Small networks with random weights, seeded; the int8 one is calibrated, not trained."""

    spec: ClipSpec = TINY_SPEC

    def fp32(self, seed: int = 0, classes: int = 5) -> FloatNetwork:
        random = np.random.default_rng(seed)
        channels, layers = self.spec.channel_count, []
        for index, (outputs, kernel, stride, groups) in enumerate(_TINY_LAYERS):
            shape = (outputs, channels // groups, *kernel)
            weight = random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
            bias = random.normal(0, 0.1, outputs)
            geometry = Geometry(stride, tuple(k // 2 for k in kernel), groups)
            layers.append(FloatConv(f"conv{index}", np.float32(weight), np.float32(bias), geometry))
            channels = outputs
        weight = np.float32(random.normal(0, 1, (classes, channels)))
        bias = np.float32(random.normal(0, 0.2, classes))
        return FloatNetwork(tuple(layers), FloatLinear("classifier", weight, bias))

    def int8(
        self, seed: int = 0, classes: int = 5, limit: int = LARGEST_EXACT_WEIGHT
    ) -> Int8Network:
        """The fp32 network of the same seed, rounded after training, ranges from golden inputs."""
        network = self.fp32(seed, classes)
        activations = [
            golden_clip(name, self.spec.clip_shape).transpose(3, 0, 1, 2) / 255
            for name in GOLDEN_NAMES
        ]
        current, layers = PIXELS, []
        for conv in network.convolutions:
            padding = [(0, 0), *((p, p) for p in conv.geometry.padding)]
            activations = [
                np.maximum(
                    accumulate(np.pad(x, padding), conv.weight, conv)
                    + conv.bias.reshape(-1, 1, 1, 1),
                    0,
                )
                for x in activations
            ]
            output = Quantization(max(float(x.max()) for x in activations) / 255)
            levels, scale, bias = _round(conv.weight, conv.bias, current.scale, limit)
            layers.append(Int8Conv(conv.name, levels, scale, bias, conv.geometry, current, output))
            current = output
        pooled = Quantization(max(float(x.mean(axis=(1, 2, 3)).max()) for x in activations) / 255)
        linear = network.classifier
        levels, scale, bias = _round(linear.weight, linear.bias, pooled.scale, limit)
        return Int8Network(tuple(layers), Int8Linear("classifier", levels, scale, bias, pooled))

    def model(self, network: Network, **fields: object) -> Model:
        """A model of this network with its golden answers."""
        reference = ReferenceEngine(network)
        shape = self.spec.clip_shape
        classes = network.classifier.weight.shape[0]
        model = Model(
            network=network,
            clip=self.spec,
            labels=tuple(f"activity {index}" for index in range(classes)),
            architecture={"name": "tiny"},
            training={"recipe": "random weights"},
            golden={name: reference.logits(golden_clip(name, shape)) for name in GOLDEN_NAMES},
        )
        return replace(model, **fields)

    def save_twins(self, folder: Path) -> tuple[Path, Path]:
        """An int8 model file and that of the fp32 model it names as its parent."""
        int8, fp32 = folder / "int8.safetensors", folder / "fp32.safetensors"
        save_model(self.model(self.fp32()), fp32)
        save_model(self.model(self.int8(), parent=load_model(fp32).sha256), int8)
        return int8, fp32


def _round(
    weight: NDArray[np.float32], bias: NDArray[np.float32], input_scale: float, limit: int
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int32]]:
    flat = np.abs(weight.reshape(len(weight), -1)).max(axis=1)
    scale = np.float32(flat / limit)
    column = scale.reshape(-1, *([1] * (weight.ndim - 1)))
    levels = np.clip(np.rint(weight / column), -limit, limit).astype(np.int8)
    return levels, scale, np.rint(bias / (input_scale * scale.astype(np.float64))).astype(np.int32)


@pytest.fixture(scope="session")
def networks() -> Networks:
    """Makes small fp32 and int8 networks, models and files; see Networks."""
    return Networks()


@pytest.fixture
def twin_files(networks: Networks, tmp_path: Path) -> tuple[Path, Path]:
    """Files of a small int8 model and of its fp32 parent."""
    return networks.save_twins(tmp_path)
