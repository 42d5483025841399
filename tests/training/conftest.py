"""Small Drive&Act roots made by hand, and a store tiny enough to train on in a second."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console

from core.annotations import Chunk, write_annotations
from core.driveact import STREAM_SUFFIX
from training.config import Recipe
from training.export import export_run
from training.loop import fit
from training.prepare import prepare
from training.run import Run
from training.store import Store

Images = Iterable[NDArray[np.uint8]]
_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}

TINY = Recipe(
    width_multiplier=0.125,
    resize=36,
    crop=32,
    epochs=2,
    batch_size=4,
    learning_rate=0.05,
    nesterov=True,
    decay_all=False,
    largest_gradient_norm=5.0,
    schedule="one-cycle",
    dropout=0.2,
    freeze_batch_norm_epoch=1,
    freeze_observers_epoch=1,
    flip_probability=0.0,
)


def write_video(path: Path, images: Images, fps: float = 30.0, codec: str = "") -> Path:
    """H×W×3 RGB or H×W grey uint8 frames as MPEG-4 (.mp4), Motion JPEG (.avi) or another codec."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer: cv2.VideoWriter | None = None
    for image in images:
        colour = image.ndim == 3
        if writer is None:
            code = cv2.VideoWriter.fourcc(*(codec or _CODECS[path.suffix]))
            writer = cv2.VideoWriter(str(path), code, fps, image.shape[1::-1], colour)
            assert writer.isOpened()
        writer.write(image[:, :, ::-1] if colour else image)
    assert writer is not None
    writer.release()
    return path


def make_scene(
    count: int, size: tuple[int, int] = (64, 48), colour: bool = True, seed: int = 0
) -> list[NDArray[np.uint8]]:
    """Frames that all differ: a background that flickers under a square that moves."""
    random = np.random.default_rng(seed)
    width, height = size
    coarse = random.integers(0, 160, (6, 8, 3) if colour else (6, 8), np.uint8)
    background = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    images = []
    for index in range(count):
        image = background + np.uint8(index * 7 % 40)
        left = index * 3 % (width - 12)
        image[height // 3 : height // 3 + 12, left : left + 12] = 255 - index * 2 % 128
        images.append(image)
    return images


@dataclass
class HandMadeRoot:
    """A Drive&Act folder written by hand: videos, one CSV of everything, and split CSVs."""

    path: Path
    view: str = "inner_mirror"
    level: str = "midlevel"
    chunks: list[Chunk] = field(default_factory=list)

    def file_id(self, run: str) -> str:
        return f"{run}.{STREAM_SUFFIX[self.view]}"

    def video(
        self, run: str, images: Images, fps: float = 30.0, ending: str = ".mp4", codec: str = ""
    ) -> Path:
        path = self.path / self.view / f"{self.file_id(run)}{ending}"
        return write_video(path, images, fps, codec)

    def chunk(self, run: str, start: int, end: int, activity: str) -> Chunk:
        participant = int(run.split("/")[0].removeprefix("vp"))
        made = Chunk(participant, self.file_id(run), len(self.chunks), start, end, activity, 0)
        self.chunks.append(made)
        return made

    def annotate(self, name: str = "", only: Sequence[str] = ()) -> None:
        """Write a CSV of all chunks, or of some people's ("vp1", …)."""
        name = name or f"{self.level}.chunks_90.csv"
        folder = self.path / "activities_3s" / self.view
        folder.mkdir(parents=True, exist_ok=True)
        own = [c for c in self.chunks if not only or c.file_id.split("/")[0] in only]
        write_annotations(folder / name, own, object_level=self.level == "objectlevel")

    def split(self, number: int, train: Sequence[str], val: Sequence[str], test: Sequence[str]):
        for subset, people in (("train", train), ("val", val), ("test", test)):
            self.annotate(f"{self.level}.chunks_90.split_{number}.{subset}.csv", people)


@pytest.fixture(scope="session")
def scene() -> Callable[..., list[NDArray[np.uint8]]]:
    """Makes frames that all differ."""
    return make_scene


@pytest.fixture
def hand_made_root(tmp_path: Path) -> Callable[..., HandMadeRoot]:
    def make(view: str = "inner_mirror", name: str = "driveact") -> HandMadeRoot:
        return HandMadeRoot(tmp_path / name, view)

    return make


@pytest.fixture
def quiet() -> Console:
    return Console(quiet=True)


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """A recipe for 32-pixel clips; a run takes a few seconds."""
    return TINY


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Five people, two activities that brightness tells apart; 12 train, 4 val and 4 test clips."""
    root = HandMadeRoot(tmp_path_factory.mktemp("tiny") / "root")
    activities = ("eating", "writing")
    for person in range(1, 6):
        run = f"vp{person}/run1"
        images: list[NDArray[np.uint8]] = []
        for number in range(4):
            activity = activities[number % 2]
            root.chunk(run, len(images), len(images) + 20, activity)
            bright = activity == "writing"
            base = make_scene(20, (64, 64), colour=False, seed=person)
            images += [image // 2 + (100 if bright else 0) for image in base]
        root.video(run, images)
    root.annotate()
    root.split(0, ("vp1", "vp2", "vp3"), ("vp4",), ("vp5",))
    root.split(1, ("vp3", "vp4", "vp5"), ("vp1",), ("vp2",))
    return prepare(root.path, root.path.with_name("store"), report=lambda line: None)


@pytest.fixture(scope="session")
def finished(tiny_store: Store, tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished float run with its model file; nobody changes it."""
    recipe = replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps")
    run = Run(recipe, tiny_store, tmp_path_factory.mktemp("f") / "a", threads=1)
    fit(run, Console(quiet=True))
    export_run(run, 1)
    return run.out


@pytest.fixture
def start(finished: Path, tmp_path: Path) -> Path:
    """A finished float run of the test's own."""
    return shutil.copytree(finished, tmp_path / "start")


@pytest.fixture(autouse=True)
def _one_thread():
    """What a run sets for the whole process is undone. One thread, for the machine is shared."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
