"""Preparing: a Drive&Act root becomes a store."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from core.activities import ACTIVITY_NAMES
from core.clip import ClipSpec, squash
from core.driveact import find_video
from core.errors import DataError
from core.video import VideoFile
from tests.training.roots import contents, fill
from training.dataset import ChunkDataset
from training.frames import FRAME_SIZE
from training.inventory import find_runs
from training.prepare import prepare


def squashed_video(path: Path) -> np.ndarray:
    """N×256×256×3: what the application would make of every frame of the file."""
    spec = ClipSpec(resize=FRAME_SIZE, crop=FRAME_SIZE)
    with VideoFile(path) as video:
        return np.stack([squash(frame.image, spec) for frame in video])


@pytest.mark.parametrize("ending", [".mp4", ".avi"])
@pytest.mark.parametrize(("view", "fps"), [("inner_mirror", 30.0), ("kinect_color", 15.0)])
def test_a_root_made_by_hand_becomes_a_store(
    hand_made_root, scene, tmp_path: Path, view: str, fps: float, ending: str
) -> None:
    root = hand_made_root(view)
    fill(root, scene, fps, ending)
    reported: list[str] = []
    store = prepare(root.path, tmp_path / "store", view=view, report=reported.append)

    usable = [root.chunks[number] for number in (0, 1, 3, 6)]
    assert list(store.chunks) == usable
    assert store.labels == ACTIVITY_NAMES

    def of(split: int, subset: str) -> list:
        return [store.chunks[position] for position in store.subset(split, subset)]

    assert of(0, "train") == usable[:3]
    assert of(0, "val") == []
    assert of(0, "test") == usable[3:]
    assert of(2, "train") == of(2, "val") == usable[3:]
    assert of(2, "test") == usable[:3]
    assert of(1, "train") == []
    everything = ChunkDataset(store, range(4), ClipSpec(crop=32))
    assert everything.targets == [5, 4, 33, 33]  # eating, drinking, writing, writing
    assert all(everything.clip(item).any() for item in range(4))

    found = find_runs(root.path)
    assert (found.people, found.views) == ((1, 2, 9), (view,))
    assert [part.video is None for part in found.recordings] == [False, False, True]

    assert store.frames(root.file_id("vp1/run1")).shape == (50, 256, 256, 3)
    assert store.frames(root.file_id("vp2/run1b")).shape[0] == 40
    times_s = store.times_s(root.file_id("vp1/run1"))
    assert np.allclose(times_s, np.arange(50) / fps, atol=1e-3)

    said = "\n".join(reported)
    assert str(root.path / view / root.file_id("vp9/run2")) in said
    assert "missing" in said
    assert "midlevel.chunks_90.csv line 6: vp1/run1" in said
    assert "frames 50-51 lie past the end" in said
    assert "frames 30-50" not in said
    assert "1 rows with labels outside" in said


def test_the_store_holds_what_the_application_would_see(
    hand_made_root, scene, tmp_path: Path
) -> None:
    root = hand_made_root()
    fill(root, scene)
    store = prepare(root.path, tmp_path / "store", report=lambda line: None)
    for run in ("vp1/run1", "vp2/run1b"):
        path = find_video(root.path, root.view, root.file_id(run))
        assert np.array_equal(store.frames(root.file_id(run)), squashed_video(path))
        with VideoFile(path) as video:
            assert list(store.times_s(root.file_id(run))) == [frame.time_s for frame in video]


# Grey pictures are kept as one channel, which loses nothing


def one_run(root, images, ending: str = ".mp4", codec: str = "") -> str:
    root.video("vp1/run1", images, 30.0, ending, codec)
    root.chunk("vp1/run1", 0, 10, "eating")
    root.annotate()
    return root.file_id("vp1/run1")


@pytest.mark.parametrize("ending", [".mp4", ".avi"])
def test_grey_video_is_stored_as_one_channel_without_loss(
    hand_made_root, scene, tmp_path: Path, ending: str
) -> None:
    root = hand_made_root()
    run = one_run(root, scene(12, colour=False), ending=ending)
    frames = prepare(root.path, tmp_path / "store", report=lambda line: None).frames(run)
    assert frames.shape == (12, 256, 256, 1)
    truth = squashed_video(find_video(root.path, root.view, run))
    assert np.array_equal(np.broadcast_to(frames, truth.shape), truth)


@pytest.mark.parametrize("coloured", [0, 7, 11])
def test_a_single_coloured_frame_keeps_the_colours_of_its_run(
    hand_made_root, scene, tmp_path: Path, coloured: int
) -> None:
    images = [image[:, :, np.newaxis].repeat(3, 2) for image in scene(12, (64, 48), colour=False)]
    images[coloured][20:30, 20:30] = (200, 30, 60)
    root = hand_made_root()
    run = one_run(root, images, ".avi", "MPNG")  # lossless, so that grey stays exactly grey
    frames = prepare(root.path, tmp_path / "store", report=lambda line: None).frames(run)
    assert frames.shape == (12, 256, 256, 3)
    assert np.array_equal(frames, squashed_video(find_video(root.path, root.view, run)))


def test_memory_does_not_grow_with_the_video(hand_made_root, scene, tmp_path: Path) -> None:
    """A run of Drive&Act has 40,000 frames, 2.6 GB of grey pixels."""
    root = hand_made_root()
    one_run(root, scene(300, colour=False))
    tracemalloc.start()
    try:
        prepare(root.path, tmp_path / "store", report=lambda line: None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * FRAME_SIZE**2


def test_several_processes_give_the_same_bytes(hand_made_root, scene, tmp_path: Path) -> None:
    root = hand_made_root()
    fill(root, scene)
    prepare(root.path, tmp_path / "one", report=lambda line: None)
    seen: list[tuple[int, int]] = []
    reported: list[str] = []
    prepare(
        root.path,
        tmp_path / "two",
        workers=2,
        verify=True,
        report=reported.append,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert (seen[0], seen[-1]) == ((0, 90), (90, 90))
    assert "2 runs to decode (0 are there already): about 90 frames, 0.02 GB;" in "\n".join(
        reported
    )
    assert "2 runs were read back and match their checksums." in reported


# The other levels


def test_other_levels_bring_their_own_classes(hand_made_root, scene, tmp_path: Path) -> None:
    root = hand_made_root()
    root.level = "objectlevel"
    for person in (1, 2, 3):
        root.video(f"vp{person}/run1", scene(30))
        root.chunk(f"vp{person}/run1", 0, 10, f"reaching_for/bottle/seat_{person}")
        root.chunk(f"vp{person}/run1", 10, 20, "placing/bottle/lap")
    root.annotate()
    for split in range(3):
        root.split(split, ["vp1"], ["vp2"], ["vp3"])
    root.chunk("vp1/run1", 20, 30, "only_in_the/unsplit/file")
    root.annotate()
    reported: list[str] = []
    out = tmp_path / "store"
    store = prepare(root.path, out, level="objectlevel", report=reported.append)
    assert store.labels == (
        "placing/bottle/lap",
        "reaching_for/bottle/seat_1",
        "reaching_for/bottle/seat_2",
        "reaching_for/bottle/seat_3",
    )
    assert len(store.chunks) == 6
    assert "1 rows with labels outside the 4 classes were skipped." in reported
    assert ChunkDataset(store, store.subset(0, "test"), ClipSpec(crop=32)).targets == [3, 0]
    root.level = "tasklevel"
    root.annotate()
    with pytest.raises(DataError, match="another dataset, view or level"):
        prepare(root.path, out, level="tasklevel", report=lambda line: None)
    other = prepare(root.path, tmp_path / "tasks", level="tasklevel", report=lambda line: None)
    assert len(other.labels) == 5  # without split files every label of the unsplit one counts


def test_a_view_or_level_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no view 'mirror'; .*inner_mirror"):
        prepare(tmp_path, tmp_path / "store", view="mirror")
    with pytest.raises(DataError, match=r"no level 'mid'; .*objectlevel"):
        prepare(tmp_path, tmp_path / "store", level="mid")
