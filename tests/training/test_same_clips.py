"""The central promise: file, camera and dataset give the same tensor."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.camera import LiveSource
from core.clip import ClipSpec, RollingClip
from core.errors import SourceError
from core.video import Frame, VideoFile
from tests.training.roots import a_store
from training.dataset import ChunkDataset, evaluation_positions

# The store keeps 256 pixels a side, and so does the student: only the crop is small here.
SPEC = ClipSpec(crop=32)


def frames_of_file(path: Path) -> list[Frame]:
    with VideoFile(path) as video:
        return list(video)


def frames_of_camera(path: Path, times_s: list[float]) -> list[Frame]:
    """The same file through the camera's process; its capture times replaced by the file's."""
    frames: list[Frame] = []
    with LiveSource(str(path), drop_when_full=False) as source:
        while len(frames) < len(times_s):
            frame = source.read(timeout_s=30)
            assert frame is not None
            frames.append(Frame(frame.image, times_s[frame.index], frame.index))
        with pytest.raises(SourceError, match="No more pictures"):
            source.read(timeout_s=30)
    return frames


def rolling_pixels(frames: list[Frame], spec: ClipSpec) -> np.ndarray:
    """What the application shows its models when the last of `frames` has arrived."""
    rolling = RollingClip(spec)
    for frame in frames:
        rolling.push(frame)
    clip = rolling.clip()
    assert clip is not None
    return clip.pixels


@pytest.mark.parametrize("start", [0, 7])
@pytest.mark.parametrize(
    ("view", "fps", "length"),
    [
        pytest.param("inner_mirror", 30.0, 90, id="30 fps"),
        pytest.param("kinect_color", 15.0, 45, id="15 fps"),
        pytest.param("inner_mirror", float(Fraction(30000, 1001)), 90, id="29.97 fps"),
    ],
)
def test_file_camera_and_dataset_give_bit_identical_clips(
    hand_made_root, scene, tmp_path: Path, view: str, fps: float, length: int, start: int
) -> None:
    end = start + length
    root = hand_made_root(view)
    # Two more frames show what an inclusive end would do.
    store, path = a_store(root, scene(end + 2), fps, start, end, tmp_path / "store")
    of_dataset = ChunkDataset(store, [0], SPEC).clip(0)
    assert of_dataset.shape == (16, 32, 32, 3)
    assert len({frame.tobytes() for frame in of_dataset}) == 16

    file_frames = frames_of_file(path)
    assert np.array_equal(rolling_pixels(file_frames[:end], SPEC), of_dataset)
    times_s = [frame.time_s for frame in file_frames]
    camera_frames = frames_of_camera(path, times_s)
    assert np.array_equal(rolling_pixels(camera_frames[:end], SPEC), of_dataset)

    for wrong_end in (end - 1, end + 1):
        assert not np.array_equal(rolling_pixels(file_frames[:wrong_end], SPEC), of_dataset)


@pytest.mark.parametrize("colour", [True, False], ids=["colour", "grey"])
@pytest.mark.parametrize(
    "spec",
    [
        ClipSpec(crop=32, channels="bgr"),
        ClipSpec(crop=32, channels="grey"),
        ClipSpec(resize=128, crop=112),
        ClipSpec(resize=36, crop=32),
    ],
    ids=["bgr", "one channel", "128", "36"],
)
def test_every_kind_of_clip_is_the_same_in_file_and_dataset(
    hand_made_root, scene, tmp_path: Path, spec: ClipSpec, colour: bool
) -> None:
    # 256 pixels a side, as the synthetic cabin and reduced copies have: reduced once only.
    images = scene(90, (256, 256), colour)
    store, path = a_store(hand_made_root(), images, 30.0, 0, 90, tmp_path / "store")
    of_dataset = ChunkDataset(store, [0], spec).clip(0)
    assert np.array_equal(rolling_pixels(frames_of_file(path), spec), of_dataset)


def milliseconds(times_s: np.ndarray) -> np.ndarray:
    return np.round(times_s, 3)


@pytest.mark.parametrize("rounding", [np.asarray, milliseconds], ids=["exact", "milliseconds"])
@pytest.mark.parametrize(
    ("fps", "length"), [(30, 90), (15, 45), (15, 46), (15, 48), (30000 / 1001, 90), (60, 180)]
)
def test_both_samplers_choose_the_same_frames_wherever_the_chunk_lies(
    fps: float, length: int, rounding
) -> None:
    """Containers round times to a millisecond or not; neither may flip a choice."""
    spec = ClipSpec(resize=4, crop=2)
    times_s = rounding(np.arange(400) / fps)
    for start in range(0, 100, 7):
        end = start + length
        positions = evaluation_positions(times_s[start:end], spec)
        rolling = RollingClip(spec)
        for index in range(end):
            image = np.zeros((4, 4, 3), np.uint8)
            rolling.push(Frame(image, float(times_s[index]), index))
        clip = rolling.clip()
        assert clip is not None
        assert clip.frame_indices == tuple(start + positions)
