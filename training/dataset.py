"""Clips for training and evaluation, drawn from a prepared store.

Training: 16 frames of a chunk at random in order, one random crop and flip for the whole clip
(paper, section IV); or, for a share of the clips, the window of the last `span_s` seconds that the
application would see at some moment of the chunk's activity, with its neighbours.
Evaluation: frames evenly spread, centre crop; the same sampler and preprocessing as the
application, so the same frames and times give the same tensor. Chunks shorter than the clip are
padded with zero frames at the end.

Legend: T frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from core.annotations import Chunk
from core.clip import ClipSpec, centre_crop, in_channels, resized, sample_positions, squash
from training.store import Store

U8 = NDArray[np.uint8]

# A window is labelled with the activity that fills at least this share of it: what the application
# counts as the truth (core.comparison.truth_of_clip).
_LABELLED_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What may change between two draws of a chunk."""

    flip_probability: float = 0.5
    brightness: float = 0.0
    contrast: float = 0.0
    window_probability: float = 0.0
    random_crop: bool = True


def evaluation_positions(times_s: NDArray[np.float64], spec: ClipSpec) -> NDArray[np.intp]:
    """Positions of the evaluation clip in a chunk's N frames; fewer than T when N < T."""
    if len(times_s) < max(spec.frames, 2):
        return np.arange(len(times_s))
    span_s = spec.span_s
    if span_s is not None:
        duration_s = (times_s[-1] - times_s[0]) * len(times_s) / (len(times_s) - 1)
        span_s = min(span_s, float(duration_s))
    return sample_positions(times_s, span_s, spec.frames)


def training_positions(count: int, spec: ClipSpec, random: np.random.Generator) -> NDArray[np.intp]:
    """T of N positions at random, in order; all of them when N < T."""
    if count < spec.frames:
        return np.arange(count)
    return np.sort(random.choice(count, spec.frames, replace=False))


def window_positions(
    times_s: NDArray[np.float64], start: int, end: int, spec: ClipSpec, random: np.random.Generator
) -> NDArray[np.intp] | None:
    """T positions of a run as the application samples them at a random moment of an activity.

    The activity, frames [start, end), fills at least _LABELLED_SHARE of the window. None where no
    such window exists: the activity is too short or too near to the start, or the model takes
    consecutive frames.
    """
    if spec.span_s is None:
        return None
    kept_s = _LABELLED_SHARE * spec.span_s
    start_s, last_s = times_s[start], times_s[end - 1]
    earliest_s = max(start_s + kept_s, times_s[0] + spec.span_s)
    latest_s = last_s + spec.span_s - kept_s
    first, after = np.searchsorted(times_s, (earliest_s, latest_s))
    if last_s - start_s < kept_s or first >= after:
        return None
    newest = int(random.integers(first, after))
    return sample_positions(times_s[: newest + 1], spec.span_s, spec.frames)


def _activities(chunks: Iterable[Chunk]) -> dict[tuple[str, int], tuple[int, int]]:
    """Frames [start, end) of every annotated activity, which its chunks are pieces of."""
    frames: dict[tuple[str, int], tuple[int, int]] = {}
    for chunk in chunks:
        key = (chunk.file_id, chunk.annotation_id)
        start, end = frames.get(key, (chunk.frame_start, chunk.frame_end))
        frames[key] = (min(start, chunk.frame_start), max(end, chunk.frame_end))
    return frames


def _photometric(augmentation: Augmentation, random: np.random.Generator) -> U8:
    """A table of 256 new brightnesses: one other lamp and exposure for the whole clip."""
    gain = 1 + random.uniform(-augmentation.contrast, augmentation.contrast)
    offset = 255 * random.uniform(-augmentation.brightness, augmentation.brightness)
    return np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)


class ChunkDataset(Dataset[tuple[Any, ...]]):
    """(C×T×H×W uint8 clip, class index) for each chunk of a subset.

    With `augmentation` None it gives evaluation clips. Otherwise draw `n` of chunk `i` depends on
    (seed, epoch, i, n) only, whatever process asks for it. With `stored_draws` K that only picks
    one of K clips of the chunk, which depend on the chunk, the number and `draws_seed`; where
    `answers` (N×K×classes float32) are set, the teacher's logits for it come as a third item.
    `in_memory` keeps the frames of every run it meets, already resized, in main memory instead of
    reading them from the store each time; the clips are the same.
    """

    def __init__(
        self,
        store: Store,
        positions: Sequence[int],
        spec: ClipSpec,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        in_memory: bool = False,
        stored_draws: int = 0,
        draws_seed: int = 0,
    ) -> None:
        self.store = store
        self.in_memory = in_memory
        self.positions = tuple(positions)
        self.spec = spec
        self.augmentation = augmentation
        self.seed = seed
        self.epoch = 0
        self.stored_draws = stored_draws
        self.draws_seed = draws_seed
        self.answers: Tensor | None = None
        self._index = {name: index for index, name in enumerate(store.labels)}
        self._runs: dict[str, tuple[U8, NDArray[np.float64]]] = {}
        self._activities = _activities(store.chunks)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def targets(self) -> list[int]:
        """Class index of each item."""
        return [self._index[self.store.chunks[p].activity] for p in self.positions]

    def show(self, spec: ClipSpec) -> None:
        """From now on give clips of this size."""
        if spec != self.spec:
            self.spec = spec
            self._runs.clear()

    def _run(self, file_id: str) -> tuple[U8, NDArray[np.float64]]:
        if file_id not in self._runs:
            # A plain view: taking a frame from a memmap object costs half as much as reducing it.
            frames = np.asarray(self.store.frames(file_id))
            if self.in_memory:
                frames = np.stack([resized(frame, self.spec) for frame in frames])
            self._runs[file_id] = (frames, self.store.times_s(file_id))
        return self._runs[file_id]

    def memory_bytes(self) -> int:
        """What `in_memory` keeps, or would keep, once every run has been met."""
        files = {self.store.chunks[position].file_id for position in self.positions}
        shapes = [self.store.frames(file_id).shape for file_id in files]
        return sum(count * channels for count, _, _, channels in shapes) * self.spec.resize**2

    def clip(self, item: int, draw: int = 0) -> U8:
        """T×H×W×C uint8 clip of one item (a view of channel planes)."""
        return self._planes(item, draw).transpose(1, 2, 3, 0)

    def stored_clip(self, item: int, number: int) -> Tensor:
        """C×T×H×W uint8, draw `number` of the K of one item."""
        position = self.positions[item]
        random = np.random.default_rng((self.draws_seed, position, number))
        return torch.from_numpy(self._drawn_planes(item, random))

    def _planes(self, item: int, draw: int) -> U8:
        """C×T×H×W uint8, the layout that the network's first layer reads."""
        if self.augmentation is None:
            return self._evaluation_planes(item)
        return self._drawn_planes(item, self._random(item, draw))

    def _random(self, item: int, draw: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.epoch, item, draw))

    def _empty(self) -> U8:
        # What stays zero is the padding of a short chunk; another lamp does not light it.
        spec = self.spec
        return np.zeros((spec.channel_count, spec.frames, spec.crop, spec.crop), np.uint8)

    def _evaluation_planes(self, item: int) -> U8:
        chunk, spec = self.store.chunks[self.positions[item]], self.spec
        frames, times_s = self._run(chunk.file_id)
        planes = self._empty()
        times_s = times_s[chunk.frame_start : chunk.frame_end]
        chosen = chunk.frame_start + evaluation_positions(times_s, spec)
        for target, position in enumerate(chosen):
            image = centre_crop(squash(frames[position], spec), spec)
            planes[:, target] = image.transpose(2, 0, 1)
        return planes

    def _drawn_planes(self, item: int, random: np.random.Generator) -> U8:
        chunk, spec = self.store.chunks[self.positions[item]], self.spec
        frames, times_s = self._run(chunk.file_id)
        augmentation = self.augmentation or Augmentation()
        planes = self._empty()
        positions = None
        if random.random() < augmentation.window_probability:
            activity = self._activities[chunk.file_id, chunk.annotation_id]
            positions = window_positions(times_s, *activity, spec, random)
        if positions is None:
            count = chunk.frame_end - chunk.frame_start
            positions = chunk.frame_start + training_positions(count, spec, random)
        top, left = random.integers(0, spec.resize - spec.crop + 1, 2)
        if not augmentation.random_crop:
            top = left = (spec.resize - spec.crop) // 2
        flip = random.random() < augmentation.flip_probability
        table = _photometric(augmentation, random)
        for target, position in enumerate(positions):
            frame = resized(frames[position], spec)[top : top + spec.crop, left : left + spec.crop]
            lit = cv2.LUT(frame, table).reshape(frame.shape)
            image = in_channels(lit, spec)
            planes[:, target] = (image[:, ::-1] if flip else image).transpose(2, 0, 1)
        return planes

    def __getitem__(self, item: int | tuple[int, int]) -> tuple[Any, ...]:
        index, draw = item if isinstance(item, tuple) else (item, 0)
        activity = self.store.chunks[self.positions[index]].activity
        target = self._index[activity]
        if not self.stored_draws:
            return torch.from_numpy(self._planes(index, draw)), target
        number = int(self._random(index, draw).integers(self.stored_draws))
        clip = self.stored_clip(index, number)
        return (
            (clip, target) if self.answers is None else (clip, target, self.answers[index, number])
        )


class BalancedSampler(Sampler[tuple[int, int]]):
    """Items drawn so that every class present is equally likely; (item, draw number) pairs."""

    def __init__(self, targets: Sequence[int], count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self.epoch = 0
        self._members: dict[int, list[int]] = {}
        for item, target in enumerate(targets):
            self._members.setdefault(target, []).append(item)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        random = np.random.default_rng((self.seed, self.epoch))
        classes = sorted(self._members)
        for draw in range(self.count):
            # Whole rounds over all classes keep even a small batch balanced.
            if draw % len(classes) == 0:
                order = random.permutation(classes)
            members = self._members[int(order[draw % len(classes)])]
            yield members[int(random.integers(len(members)))], draw
