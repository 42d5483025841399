"""Full-size students with random weights: what needs torch stays out of the other tests' way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import nn

from core.clip import ClipSpec, RollingClip
from core.golden import GOLDEN_NAMES, golden_clip
from core.models.i3d import I3D
from core.models.mobilenet3d import MobileNet3D
from core.network import Int8Network
from core.quantization import QatMobileNet3D, convert
from core.video import VideoFile

ROOT = Path(__file__).resolve().parents[2]

Net = TypeVar("Net", MobileNet3D, I3D)


def randomise(student: Net, seed: int = 0) -> Net:
    """Batch norm as if trained: every statistic and factor of its own, some of them negative."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor: torch.Tensor, low: float, high: float) -> None:
        tensor.data.uniform_(low, high, generator=generator)

    for module in student.modules():
        if isinstance(module, nn.BatchNorm3d):
            assert module.running_mean is not None
            assert module.running_var is not None
            uniform(module.running_mean, -0.2, 0.2)
            uniform(module.running_var, 0.5, 2)
            uniform(module.weight, 0.5, 1.5)
            uniform(module.bias, -0.2, 0.4)
            module.weight.data[::5] *= -1
        elif isinstance(module, (nn.Conv3d, nn.Linear)):
            module.weight.data.normal_(
                0, (2 / module.weight[0].numel()) ** 0.5, generator=generator
            )
    nn.init.uniform_(student.classifier.bias, -0.2, 0.2, generator=generator)
    return student.eval()


def to_input(*clips: np.ndarray) -> torch.Tensor:
    """T×H×W×C uint8 clips to B×C×T×H×W float in [0, 1]."""
    return torch.from_numpy(np.stack(clips)).permute(0, 4, 1, 2, 3).float() / 255


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Several thread pools on a busy machine make each other a hundred times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def random_student() -> Callable[..., MobileNet3D]:
    """`random_student(classes, seed=0, **arguments)`: a student with random batch norm, eval."""

    def make(classes: int, seed: int = 0, **arguments: object) -> MobileNet3D:
        return randomise(MobileNet3D(classes, **arguments), seed)

    return make


@pytest.fixture(scope="session")
def random_teacher() -> Callable[..., I3D]:
    """`random_teacher(classes, seed=0, **arguments)`: an I3D with random batch norm, eval."""

    def make(classes: int, seed: int = 0, **arguments: object) -> I3D:
        return randomise(I3D(classes, **arguments), seed)

    return make


@pytest.fixture(scope="session")
def as_input() -> Callable[..., torch.Tensor]:
    """`as_input(clip, …)`: T×H×W×C uint8 clips to B×C×T×H×W float in [0, 1]."""
    return to_input


@pytest.fixture(scope="session")
def full_student(random_student: Callable[..., MobileNet3D]) -> MobileNet3D:
    """The 0.5-wide student for 34 classes."""
    return random_student(34)


@pytest.fixture(scope="session")
def full_int8(random_student: Callable[..., MobileNet3D]) -> Int8Network:
    """The same student as int8, its ranges taken from the golden inputs."""
    qat = QatMobileNet3D(random_student(34)).train()
    qat.freeze_batch_norm()
    spec = ClipSpec()
    with torch.no_grad():
        for name in GOLDEN_NAMES:
            qat(to_input(golden_clip(name, spec.clip_shape)))
    return convert(qat)


def last_clip(video_file: Path) -> np.ndarray:
    """T×H×W×3 uint8: the clip that the window would show last."""
    rolling = RollingClip(ClipSpec())
    with VideoFile(video_file) as video:
        for frame in video:
            rolling.push(frame)
    clip = rolling.clip()
    assert clip is not None
    return clip.pixels


@pytest.fixture(scope="session")
def demonstration() -> np.ndarray:
    """The last clip of the video that comes with InCab."""
    return last_clip(ROOT / "assets" / "demo" / "cabin.mp4")


@pytest.fixture(scope="session")
def carphone(shared_clip: Callable[[str], Path]) -> np.ndarray:
    """The last clip of a real recording: a man in a moving car."""
    return last_clip(shared_clip("carphone.mp4"))


@pytest.fixture(scope="session")
def shipped() -> tuple[Path, Path]:
    """The int8 and fp32 model files that come with InCab."""
    folder = ROOT / "assets" / "models"
    int8, fp32 = folder / "cabin_int8.safetensors", folder / "cabin_fp32.safetensors"
    return int8, fp32
