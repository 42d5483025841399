"""Drive&Act roots made by hand: videos whose frames differ, chunks, splits, and their stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.annotations import OBJECT_HEADER, Chunk, write_annotations
from core.driveact import STREAM_SUFFIX, find_video
from training.prepare import prepare
from training.store import Store

REPOSITORY = Path(__file__).resolve().parents[2]

Images = Iterable[NDArray[np.uint8]]
Scene = Callable[..., list[NDArray[np.uint8]]]
_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}


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


def write_object_level(path: Path, chunks: Iterable[Chunk]) -> None:
    """The labels are action/object/location, each in a column of its own in the file."""
    rows = (
        (c.participant_id, c.file_id, c.annotation_id, c.frame_start, c.frame_end,
         *c.activity.split("/"), c.chunk_id)
        for c in chunks
    )  # fmt: skip
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in (OBJECT_HEADER, *rows)))


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
        (write_object_level if self.level == "objectlevel" else write_annotations)(
            folder / name, own
        )

    def split(
        self, number: int, train: Sequence[str], val: Sequence[str], test: Sequence[str]
    ) -> None:
        for subset, people in (("train", train), ("val", val), ("test", test)):
            self.annotate(f"{self.level}.chunks_90.split_{number}.{subset}.csv", people)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def fill(root: HandMadeRoot, scene: Scene, fps: float = 30.0, ending: str = ".mp4") -> None:
    """Two runs with videos, one without; rows past the end, unscored rows, two splits."""
    root.video("vp1/run1", scene(50), fps, ending)
    root.video("vp2/run1b", scene(40, seed=1), fps, ending)
    root.chunk("vp1/run1", 0, 20, "eating")
    root.chunk("vp1/run1", 20, 22, "drinking")
    root.chunk("vp9/run2", 0, 20, "eating")
    root.chunk("vp1/run1", 30, 50, "writing")
    root.chunk("vp1/run1", 50, 51, "writing")
    root.chunk("vp1/run1", 22, 30, "closing_backpack")
    root.chunk("vp2/run1b", 5, 40, "writing")
    root.annotate()
    root.split(0, ["vp1"], ["vp9"], ["vp2"])
    root.split(2, ["vp2"], ["vp2"], ["vp1", "vp9"])


def a_store(
    root: HandMadeRoot, images: Images, fps: float, start: int, end: int, out: Path
) -> tuple[Store, Path]:
    """The store of a root with one chunk of one video, and that video."""
    root.video("vp1/run1", images, fps)
    root.chunk("vp1/run1", start, end, "eating")
    root.annotate()
    store = prepare(root.path, out, view=root.view, report=lambda line: None)
    return store, find_video(root.path, root.view, root.file_id("vp1/run1"))
