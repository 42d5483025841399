from __future__ import annotations

import json
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from core.activities import ACTIVITY_NAMES
from core.clip import ClipSpec, squash
from core.errors import AnnotationError, DataError
from core.video import VideoFile
from training.store import FRAME_SIZE, Store, count_labels, find_video, open_store, prepare

REPOSITORY = Path(__file__).resolve().parents[2]


def squashed_video(path: Path) -> np.ndarray:
    """N×256×256×3: what the application would make of every frame of the file."""
    spec = ClipSpec(resize=FRAME_SIZE, crop=FRAME_SIZE)
    with VideoFile(path) as video:
        return np.stack([squash(frame.image, spec) for frame in video])


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def fill(root, scene, fps: float = 30.0, ending: str = ".mp4") -> None:
    """Two runs with videos, one without; rows past the end, unscored rows, two splits."""
    root.video("vp1/run1", scene(50), fps, ending)
    root.video("vp2/run1b", scene(40, seed=1), fps, ending)
    root.chunk("vp1/run1", 0, 20, "eating")
    root.chunk("vp1/run1", 20, 22, "drinking")
    root.chunk("vp9/run2", 0, 20, "eating")
    root.chunk("vp1/run1", 30, 50, "writing")
    root.chunk("vp1/run1", 31, 51, "writing")
    root.chunk("vp1/run1", 22, 30, "closing_backpack")
    root.chunk("vp2/run1b", 5, 40, "writing")
    root.annotate()
    root.split(0, ["vp1"], ["vp9"], ["vp2"])
    root.split(2, ["vp2"], ["vp2"], ["vp1", "vp9"])


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
    counts = count_labels(store, store.subset(0, "train"))
    assert (counts["eating"], counts["drinking"], counts["writing"]) == (1, 1, 1)
    assert sum(counts.values()) == 3
    assert len(counts) == 34

    assert store.frames(root.file_id("vp1/run1")).shape == (50, 256, 256, 3)
    assert store.frames(root.file_id("vp2/run1b")).shape[0] == 40
    times_s = store.times_s(root.file_id("vp1/run1"))
    assert np.allclose(times_s, np.arange(50) / fps, atol=1e-3)

    said = "\n".join(reported)
    assert str(root.path / view / root.file_id("vp9/run2")) in said
    assert "missing" in said
    assert "frames 31-51 lie past the end" in said
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


# Interruptions


def test_an_interrupted_prepare_goes_on_and_gives_the_same_bytes(
    hand_made_root, scene, tmp_path: Path
) -> None:
    root = hand_made_root()
    fill(root, scene)
    prepare(root.path, tmp_path / "whole", report=lambda line: None)

    def stop_after_the_first_run(line: str) -> None:
        if line.startswith("1/"):
            raise KeyboardInterrupt

    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        prepare(root.path, out, report=stop_after_the_first_run)
    with pytest.raises(DataError):
        open_store(out)
    (first,) = (path for path in out.rglob("*.npy") if not path.name.endswith(".times.npy"))
    written = first.stat()

    prepare(root.path, out, report=lambda line: None)
    now = first.stat()
    assert (now.st_ino, now.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert contents(out) == contents(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
import training.store as store
calls = 0
def squash(image, spec, squash=store.squash):
    global calls
    calls += 1
    if calls == 65:
        os.kill(os.getpid(), signal.SIGKILL)
    return squash(image, spec)
store.squash = squash
store.prepare(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_prepare_leaves_nothing_behind_once_it_went_on(
    hand_made_root, scene, tmp_path: Path
) -> None:
    root = hand_made_root()
    fill(root, scene)
    prepare(root.path, tmp_path / "whole", report=lambda line: None)
    out = tmp_path / "killed"
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(root.path), str(out)],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    prepare(root.path, out, report=lambda line: None)
    assert contents(out) == contents(tmp_path / "whole")


def test_preparing_again_keeps_the_frames(hand_made_root, scene, tmp_path: Path) -> None:
    root = hand_made_root()
    fill(root, scene)
    out = tmp_path / "store"
    first = prepare(root.path, out, report=lambda line: None)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    second = prepare(root.path, out, report=lambda line: None)
    assert second.chunks == first.chunks
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")} == before


# What is wrong is named, and the rest goes on


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100], ids=["empty", "text"])
def test_a_broken_video_is_named_and_the_rest_goes_on(
    hand_made_root, scene, tmp_path: Path, content: bytes
) -> None:
    root = hand_made_root()
    fill(root, scene)
    broken = find_video(root.path, root.view, root.file_id("vp1/run1"))
    broken.write_bytes(content)
    reported: list[str] = []
    store = prepare(root.path, tmp_path / "store", report=reported.append)
    assert [chunk.participant_id for chunk in store.chunks] == [2]
    assert str(broken) in "\n".join(reported)


def test_faulty_rows_are_named_and_the_rest_goes_on(hand_made_root, scene, tmp_path: Path) -> None:
    root = hand_made_root()
    fill(root, scene)
    path = root.path / "activities_3s/inner_mirror/midlevel.chunks_90.csv"
    with path.open("a") as file:
        file.write("1,vp1/run1.ids_1,7,0,9,juggling,0\n")
    reported: list[str] = []
    store = prepare(root.path, tmp_path / "store", report=reported.append)
    assert len(store.chunks) == 4
    assert any("juggling" in line and str(path) in line for line in reported)


def test_a_missing_split_file_is_reported(hand_made_root, scene, tmp_path: Path) -> None:
    root = hand_made_root()
    fill(root, scene)
    reported: list[str] = []
    prepare(root.path, tmp_path / "store", report=reported.append)
    said = "\n".join(reported)
    assert "midlevel.chunks_90.split_1.train.csv" in said
    assert "split_0" not in said


def test_a_folder_with_frames_of_another_root_is_refused(
    hand_made_root, scene, tmp_path: Path
) -> None:
    one, other = hand_made_root(name="one"), hand_made_root(name="other")
    for root, seed in ((one, 0), (other, 1)):
        fill(root, scene)
        (root.path / "synthetic.json").write_text(json.dumps({"seed": seed}))
    prepare(one.path, tmp_path / "store", report=lambda line: None)
    before = contents(tmp_path / "store")
    with pytest.raises(DataError, match="another"):
        prepare(other.path, tmp_path / "store", report=lambda line: None)
    assert contents(tmp_path / "store") == before


def test_a_damaged_description_of_a_synthetic_root_is_named(
    hand_made_root, scene, tmp_path: Path
) -> None:
    root = hand_made_root()
    fill(root, scene)
    (root.path / "synthetic.json").write_text('{"seed": ')
    with pytest.raises(DataError, match=r"synthetic\.json is damaged"):
        prepare(root.path, tmp_path / "store", report=lambda line: None)


def test_a_root_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"midlevel\.chunks_90\.csv"):
        prepare(tmp_path / "nowhere", tmp_path / "store", report=lambda line: None)
    assert not (tmp_path / "store").exists()


def test_a_root_without_videos_is_refused(hand_made_root, tmp_path: Path) -> None:
    root = hand_made_root()
    root.chunk("vp1/run1", 0, 9, "eating")
    root.annotate()
    with pytest.raises(DataError, match="not one usable chunk"):
        prepare(root.path, tmp_path / "store", report=lambda line: None)


# Opening


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="incab-train prepare"):
            open_store(folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"format": 1, "chu', id="cut off"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"format": 2}', id="another format"),
        pytest.param(
            b'{"format": 1, "chunks": [[1, "run"]], "splits": {}, "labels": []}', id="short rows"
        ),
        pytest.param(
            b'{"format": 1, "chunks": [], "splits": {"x": {}}, "labels": []}', id="split x"
        ),
        pytest.param(
            b'{"format": 1, "chunks": [], "splits": [], "labels": []}', id="splits a list"
        ),
    ],
)
def test_a_damaged_store_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.json").write_bytes(content)
    with pytest.raises(DataError, match=r"store\.json .*prepare") as refusal:
        open_store(tmp_path)
    assert str(tmp_path) in str(refusal.value)


def test_a_missing_split_or_subset_is_named(tiny_store: Store) -> None:
    with pytest.raises(DataError, match="no split 7 train; it has 0, 1, 2"):
        tiny_store.subset(7, "train")
    with pytest.raises(DataError, match=r"no split 0 tset; .* train, val, test"):
        tiny_store.subset(0, "tset")


def test_an_opened_store_is_the_prepared_one(tiny_store: Store) -> None:
    again = open_store(tiny_store.folder)
    assert again.chunks == tiny_store.chunks
    assert again.splits == tiny_store.splits
    train, val, test = (
        {tiny_store.chunks[p].participant_id for p in tiny_store.subset(0, subset)}
        for subset in ("train", "val", "test")
    )
    assert (train, val, test) == ({1, 2, 3}, {4}, {5})
