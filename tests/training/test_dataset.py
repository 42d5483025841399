"""The clips of a dataset: for evaluation, and for training with its draws."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from core.annotations import Chunk
from core.clip import ClipSpec, centre_crop, sample_positions
from tests.training.roots import a_store
from training.dataset import (
    Augmentation,
    ChunkDataset,
    evaluation_positions,
    training_positions,
    window_positions,
)
from training.prepare import prepare
from training.store import Store

# The store keeps 256 pixels a side, and so does the student: only the crop is small here.
SPEC = ClipSpec(crop=32)
PLAIN = Augmentation(flip_probability=0.0)


# Evaluation clips


def test_an_evaluation_clip_is_spread_over_the_chunk_and_ends_with_its_last_frame() -> None:
    positions = evaluation_positions(np.arange(90) / 30, SPEC)
    assert positions[-1] == 89
    assert set(np.diff(positions)) == {5, 6}
    # A chunk of half the length is spread over half the time.
    positions = evaluation_positions(np.arange(45) / 30, SPEC)
    assert positions[-1] == 44
    assert set(np.diff(positions)) == {2, 3}
    assert list(evaluation_positions(np.arange(16) / 30, SPEC)) == list(range(16))


@pytest.mark.filterwarnings("error")
def test_a_model_of_one_frame_sees_the_last_one() -> None:
    spec = ClipSpec(frames=1, crop=32)
    assert list(evaluation_positions(np.arange(90) / 30, spec)) == [89]
    assert list(evaluation_positions(np.array([4.2]), spec)) == [0]


@given(
    st.lists(st.floats(0.001, 0.5), min_size=15, max_size=120),
    st.floats(0, 3000),
)
def test_any_chunk_gives_sixteen_of_its_own_frames_in_order(
    steps: list[float], start: float
) -> None:
    times_s = start + np.concatenate([[0.0], np.cumsum(steps)])
    positions = evaluation_positions(times_s, SPEC)
    assert len(positions) == 16
    assert 0 <= positions.min()
    assert positions[-1] == len(times_s) - 1
    assert (np.diff(positions) >= 0).all()


@pytest.fixture
def short_chunks(hand_made_root, scene, tmp_path: Path) -> Store:
    """Chunks of 40, 16, 15 and 2 frames, none of whose pixels is near black."""
    root = hand_made_root()
    root.video("vp1/run1", [image // 2 + 64 for image in scene(73, (256, 256), colour=False)])
    for start, end in ((0, 40), (40, 56), (56, 71), (71, 73)):
        root.chunk("vp1/run1", start, end, "eating")
    root.annotate()
    return prepare(root.path, tmp_path / "store", report=lambda line: None)


def test_short_chunks_end_with_zero_frames(short_chunks: Store) -> None:
    data = ChunkDataset(short_chunks, range(4), SPEC)
    frames = short_chunks.frames(short_chunks.chunks[0].file_id)
    for item, real in enumerate((16, 16, 15, 2)):
        clip = data.clip(item)
        assert clip.shape == (16, 32, 32, 3)
        assert (clip[:real] >= 40).all()
        assert not clip[real:].any()
    expected = centre_crop(np.broadcast_to(frames[71:73], (2, 256, 256, 3)), SPEC)
    assert np.array_equal(data.clip(3)[:2], expected)


@pytest.mark.parametrize(
    "augmentation",
    [PLAIN, Augmentation(brightness=0.3, contrast=0.5)],
    ids=["as it is", "another light"],
)
def test_short_chunks_end_with_zero_frames_in_training_too(
    short_chunks: Store, augmentation: Augmentation
) -> None:
    """Padding is no picture: another lamp does not light it."""
    data = ChunkDataset(short_chunks, range(4), SPEC, augmentation)
    for draw in range(8):
        for item, real in enumerate((16, 16, 15, 2)):
            clip = data.clip(item, draw)
            assert clip[:real].any(axis=(1, 2, 3)).all()
            assert not clip[real:].any()


# Training clips


class NumberedStore(Store):
    """Frame n is a picture whose every pixel tells n, its row and its column."""

    def frames(self, file_id: str) -> np.ndarray:
        rows, columns = np.mgrid[0:8, 0:8]
        numbers = np.broadcast_to(np.arange(60)[:, None, None], (60, 8, 8))
        place = np.broadcast_to(rows, (60, 8, 8)), np.broadcast_to(columns, (60, 8, 8))
        return np.stack([numbers, *place], axis=3).astype(np.uint8)

    def times_s(self, file_id: str) -> np.ndarray:
        return np.arange(60) / 30


@pytest.fixture
def numbered(tiny_store: Store) -> Store:
    chunks = tuple(Chunk(1, "run", n, 10 * n, 10 * n + 30, "eating", 0) for n in range(4))
    return NumberedStore(
        tiny_store.folder, tiny_store.labels, chunks, tiny_store.splits, tiny_store.description
    )


SMALL = ClipSpec(resize=8, crop=5)


def test_training_draws_are_random_ordered_frames_of_the_chunk_only(numbered: Store) -> None:
    data = ChunkDataset(numbered, range(4), SMALL, PLAIN)
    seen: set[int] = set()
    draws = set()
    for draw in range(60):
        numbers = data.clip(2, draw)[:, 0, 0, 0].tolist()
        assert numbers == sorted(set(numbers))
        seen.update(numbers)
        draws.add(tuple(numbers))
    assert seen == set(range(20, 50))
    assert len(draws) == 60


def test_one_crop_and_one_flip_for_the_whole_clip(numbered: Store) -> None:
    data = ChunkDataset(numbered, range(4), SMALL, Augmentation(flip_probability=0.5))
    places: Counter[tuple[int, int]] = Counter()
    flips = 0
    for draw in range(400):
        clip = data.clip(0, draw)
        assert clip.shape == (16, 5, 5, 3)
        assert (clip[:, :, :, 1:] == clip[:1, :, :, 1:]).all(), "frames of a clip differ"
        rows, columns = clip[0, :, 0, 1], clip[0, 0, :, 2]
        assert (np.diff(rows.astype(int)) == 1).all()
        steps = np.diff(columns.astype(int))
        assert (steps == 1).all() or (steps == -1).all()
        flips += bool(steps[0] < 0)
        places[int(rows[0]), int(columns.min())] += 1
    assert set(places) == {(top, left) for top in range(4) for left in range(4)}
    assert max(places.values()) < 60  # 25 expected
    assert 140 < flips < 260


@pytest.mark.parametrize(("probability", "flipped"), [(0.0, {False}), (1.0, {True})])
def test_flips_can_be_left_out_or_forced(numbered: Store, probability, flipped) -> None:
    data = ChunkDataset(numbered, [0], SMALL, Augmentation(flip_probability=probability))
    clips = [data.clip(0, draw) for draw in range(20)]
    assert {bool(c[0, 0, 0, 2] > c[0, 0, 1, 2]) for c in clips} == flipped


def test_the_light_changes_once_for_the_whole_clip(numbered: Store) -> None:
    light = Augmentation(flip_probability=0.0, brightness=0.2, contrast=0.3)
    plain, lit = (ChunkDataset(numbered, [1], SMALL, kind) for kind in (PLAIN, light))
    offsets = set()
    for draw in range(20):
        before, after = plain.clip(0, draw).astype(int), lit.clip(0, draw).astype(int)
        pairs = set(zip(before.ravel().tolist(), after.ravel().tolist(), strict=True))
        assert len(pairs) == len(set(before.ravel().tolist())), "one level became two"
        offsets.add(tuple(sorted(pairs)))
    assert len(offsets) == 20


def test_a_draw_depends_on_seed_epoch_item_and_number_only(numbered: Store) -> None:
    def draw(seed: int = 0, epoch: int = 0, item: int = 0, number: int = 0) -> bytes:
        data = ChunkDataset(numbered, [0, 0, 1], SMALL, Augmentation(contrast=0.2), seed)
        data.epoch = epoch
        return data.clip(item, number).tobytes()

    base = draw()
    assert draw() == base
    assert base not in {draw(seed=1), draw(epoch=1), draw(item=1), draw(number=1)}
    # What was drawn before makes no difference.
    data = ChunkDataset(numbered, [0, 0, 1], SMALL, Augmentation(contrast=0.2))
    for number in (5, 3, 1):
        data.clip(2, number)
    assert data.clip(0, 0).tobytes() == base


WINDOW = ClipSpec(resize=8, crop=5, span_s=1.0)


def _newest_of_windows(store: Store, item: int) -> Counter[int]:
    """How often each frame is the last of a window; every window is what the application sees."""
    windows = Augmentation(flip_probability=0.0, window_probability=1.0)
    data = ChunkDataset(store, range(len(store.chunks)), WINDOW, windows)
    times_s = store.times_s("run")
    newest = Counter[int]()
    for draw in range(400):
        numbers = data.clip(item, draw)[:, 0, 0, 0]
        newest[int(numbers[-1])] += 1
        expected = sample_positions(times_s[: numbers[-1] + 1], 1.0, 16)
        assert numbers.tolist() == expected.tolist()
    return newest


def test_a_window_is_the_clip_that_the_application_would_see(numbered: Store) -> None:
    """Frames of the whole run, as the rolling clip picks them, at least half of the activity."""
    newest = _newest_of_windows(numbered, 1)
    # The activity is frames 10 to 39; a window of 30 frames that ends with 25 to 54 has it to a
    # half, and the first whole window ends with frame 30.
    assert min(newest) == 30
    assert max(newest) in (53, 54)
    assert len(newest) >= 24


def test_windows_are_drawn_from_the_whole_activity(numbered: Store) -> None:
    """A short last chunk is seen with what precedes and follows it, not alone."""
    chunks = tuple(Chunk(1, "run", 0, *frames, "eating", 0) for frames in ((5, 35), (35, 38)))
    newest = _newest_of_windows(replace(numbered, chunks=chunks), 1)
    assert min(newest) == 30
    assert max(newest) in (51, 52)


@pytest.mark.parametrize(
    ("activity", "spec"),
    [
        pytest.param((20, 33), WINDOW, id="shorter than its share of a window"),
        pytest.param((0, 28), ClipSpec(span_s=2.0), id="before the first whole window"),
        pytest.param((10, 40), ClipSpec(span_s=None), id="consecutive frames"),
    ],
)
def test_a_chunk_without_a_window_is_drawn_alone(activity: tuple[int, int], spec: ClipSpec) -> None:
    times_s = np.arange(60) / 30
    assert window_positions(times_s, *activity, spec, np.random.default_rng(0)) is None


def test_only_a_share_of_the_clips_are_windows(numbered: Store) -> None:
    half = Augmentation(flip_probability=0.0, window_probability=0.5)
    data = ChunkDataset(numbered, range(4), WINDOW, half)
    times_s = numbered.times_s("run")
    windows = 0
    for draw in range(300):
        numbers = data.clip(1, draw)[:, 0, 0, 0]
        expected = sample_positions(times_s[: numbers[-1] + 1], 1.0, 16)
        windows += numbers.tolist() == expected.tolist()
    assert 110 < windows < 190


def test_short_chunks_keep_all_frames_in_order() -> None:
    random = np.random.default_rng(0)
    assert training_positions(5, SPEC, random).tolist() == [0, 1, 2, 3, 4]
    assert training_positions(16, SPEC, random).tolist() == list(range(16))


def test_what_a_worker_gets_draws_the_same(tiny_store: Store) -> None:
    data = ChunkDataset(
        tiny_store, tiny_store.subset(0, "train"), ClipSpec(resize=36, crop=32), Augmentation()
    )
    data.epoch = 3
    of_worker = pickle.loads(pickle.dumps(data))
    for item in range(len(data)):
        assert np.array_equal(of_worker.clip(item, 7), data.clip(item, 7))


def test_a_loader_hands_out_the_last_batch_too(tiny_store: Store) -> None:
    data = ChunkDataset(tiny_store, tiny_store.subset(0, "train"), ClipSpec(resize=36, crop=32))
    batches = list(DataLoader(data, 5))
    assert [len(targets) for _, targets in batches] == [5, 5, 2]
    assert torch.equal(batches[2][0][1], data[11][0])
    assert torch.cat([targets for _, targets in batches]).tolist() == data.targets


def test_frames_reach_the_model_as_bytes(tiny_store: Store) -> None:
    data = ChunkDataset(
        tiny_store, tiny_store.subset(0, "val"), ClipSpec(resize=36, crop=32), PLAIN
    )
    clip, target = data[1]
    assert clip.dtype == torch.uint8
    assert tuple(clip.shape) == (3, 16, 32, 32)
    assert clip.is_contiguous()
    assert np.array_equal(clip.permute(1, 2, 3, 0), data.clip(1))
    assert target == tiny_store.labels.index("writing")
    assert data.targets == [tiny_store.labels.index(n) for n in ("eating", "writing") * 2]
    assert len(data) == 4


@pytest.mark.parametrize("augmentation", [None, Augmentation(brightness=0.3, contrast=0.5)])
@pytest.mark.parametrize(
    "spec", [ClipSpec(crop=32), ClipSpec(resize=100, crop=32), ClipSpec(resize=36, crop=32)]
)
@pytest.mark.parametrize("colour", [True, False], ids=["colour", "grey"])
def test_frames_kept_in_memory_make_the_same_clips(
    hand_made_root, scene, tmp_path: Path, spec: ClipSpec, augmentation, colour: bool
) -> None:
    store, _ = a_store(hand_made_root(), scene(40, colour=colour), 30.0, 5, 35, tmp_path / "store")
    of_store, kept = (
        ChunkDataset(store, [0], spec, augmentation, in_memory=memory) for memory in (False, True)
    )
    for draw in range(4):
        assert np.array_equal(of_store.clip(0, draw), kept.clip(0, draw))
    [(kept_frames, _)] = kept._runs.values()
    assert of_store.memory_bytes() == kept.memory_bytes() == kept_frames.nbytes
