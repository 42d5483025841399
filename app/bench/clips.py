"""The clips that every row sees, taken from a real video, with the reference's answers to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.clip import ClipSpec, RollingClip
from core.engines.reference import ReferenceEngine
from core.errors import InCabError
from core.modelfile import Model
from core.shapes import multiply_accumulates
from core.video import VideoFile

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

CLIPS = 8
# The reference takes minutes for more than a few clips of a model as heavy as the teacher.
_HEAVY_MACS = 2e9
_CLIPS_WHEN_HEAVY = 2


def sample_clips(path: Path, spec: ClipSpec, count: int = CLIPS) -> list[U8]:
    """`count` clips (T×H×W×C uint8) spread over a video, as the models see them.

    Raises:
        InCabError: the video cannot be read or is too short for one clip.
    """
    rolling = RollingClip(spec)
    with VideoFile(path) as video:
        total = video.properties.frame_count
        if total is None:
            total = sum(1 for _ in video)
            video.rewind()
        step = max(1, total // (count + 3))
        clips: list[U8] = []
        for frame in video:
            rolling.push(frame)
            wanted = frame.index % step == step - 1
            clip = rolling.clip() if wanted else None
            if clip is not None:
                clips.append(clip.pixels)
            if len(clips) == count:
                break
    if not clips and (last := rolling.clip()) is not None:
        clips.append(last.pixels)
    if not clips:
        raise InCabError(f"{path} is too short for one clip; choose a longer video.")
    return clips


def write_clips(model: Model, clips: list[U8], folder: Path) -> None:
    """Write the clips and the reference's logits to where the row processes read them."""
    heavy = multiply_accumulates(model.network, model.clip.clip_shape) > _HEAVY_MACS
    reference = ReferenceEngine(model.network)
    judged = clips[: _CLIPS_WHEN_HEAVY if heavy else None]
    np.save(folder / "clips.npy", np.stack(clips))
    np.save(folder / "expected.npy", np.stack([reference.logits(clip) for clip in judged]))


def read_clips(folder: Path) -> tuple[U8, F32]:
    """N×T×H×W×C uint8 clips, and the reference's M×K logits for the first M of them."""
    return np.load(folder / "clips.npy"), np.load(folder / "expected.npy")
