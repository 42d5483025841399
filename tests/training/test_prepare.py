from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.activities import ACTIVITY_NAMES
from core.clip import ClipSpec, squash
from core.driveact import find_runs, find_video
from core.errors import AnnotationError, DataError, SourceError
from core.video import VideoFile, VideoProperties
from training.dataset import ChunkDataset
from training.frames import FRAME_SIZE, frames_path, is_intact, kept_record, write_run
from training.prepare import _here, _probe, prepare
from training.store import Store, open_store
from training.workers import Outcome

REPOSITORY = Path(__file__).resolve().parents[2]
CORRUPTED = REPOSITORY.parent / "shared/clips/corrupted.mp4"


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
    root.chunk("vp1/run1", 50, 51, "writing")
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


# A kernel timer ends the process wherever it happens to be, as SIGKILL does.
KILLED_TEN_TIMES = """
import os, random, signal, sys, time
from pathlib import Path
from training.prepare import prepare

root, whole, killed = (Path(name) for name in sys.argv[1:])

def run(out, after_s=None):
    child = os.fork()
    if not child:
        if after_s is not None:
            signal.setitimer(signal.ITIMER_REAL, after_s)
        prepare(root, out, verify=after_s is None, report=lambda line: None)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

start_s = time.perf_counter()
assert run(whole) == 0
length_s = time.perf_counter() - start_s
random.seed(7)
deaths = [run(killed, random.uniform(0.05, 0.8) * length_s) for _ in range(10)]
print(deaths.count(-signal.SIGALRM))
assert run(killed) == 0
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_killed_ten_times_it_ends_with_the_same_bytes(
    hand_made_root, scene, tmp_path: Path
) -> None:
    root = hand_made_root()
    fill(root, scene)
    folders = [str(path) for path in (root.path, tmp_path / "whole", tmp_path / "killed")]
    process = subprocess.run(
        [sys.executable, "-c", KILLED_TEN_TIMES, *folders],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=100,
        check=True,
    )
    assert int(process.stdout) > 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


IN_PROCESSES = """
import sys
from pathlib import Path
from training.prepare import prepare
root, out = Path(sys.argv[1]), Path(sys.argv[2])
prepare(root, out, workers=2, progress=lambda done, total: print(done, flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_its_processes_end_with_it_and_what_they_left_is_taken_away(
    hand_made_root, scene, tmp_path: Path
) -> None:
    root = hand_made_root()
    fill(root, scene)
    root.video("vp1/run1", scene(400))
    out = tmp_path / "killed"
    with subprocess.Popen(
        [sys.executable, "-c", IN_PROCESSES, str(root.path), str(out)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().isdigit() and int(line) > 0:
                break
        process.kill()
        # The pipe ends only when nobody holds its other end any more.
        process.stdout.read()
    assert not (out / "store.json").exists()
    (out / "frames/vp1__run1.ids_1.partial-77.npy").write_bytes(b"left over")
    prepare(root.path, out, report=lambda line: None)
    prepare(root.path, tmp_path / "whole", report=lambda line: None)
    assert contents(out) == contents(tmp_path / "whole")


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


def test_a_replaced_video_is_decoded_again(hand_made_root, scene, tmp_path: Path) -> None:
    root = hand_made_root()
    fill(root, scene)
    out = tmp_path / "store"
    prepare(root.path, out, report=lambda line: None)
    root.video("vp2/run1b", scene(45, seed=9))
    store = prepare(root.path, out, report=lambda line: None)
    assert len(store.frames(root.file_id("vp2/run1b"))) == 45
    prepare(root.path, tmp_path / "whole", report=lambda line: None)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_store_without_records_is_taken_over(hand_made_root, scene, tmp_path: Path) -> None:
    root = hand_made_root()
    fill(root, scene)
    out = tmp_path / "store"
    prepare(root.path, out, report=lambda line: None)
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    for path in (out / "frames").glob("*.json"):
        path.unlink()
    prepare(root.path, out, report=lambda line: None)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")} == times
    assert contents(out) == before


@pytest.mark.parametrize("ending", [".npy", ".times.npy", ".json"])
@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_verify_finds_what_the_disk_lost_and_mends_it(
    hand_made_root, scene, tmp_path: Path, ending: str, damage: str
) -> None:
    root = hand_made_root()
    fill(root, scene)
    out = tmp_path / "store"
    prepare(root.path, out, report=lambda line: None)
    before = contents(out)
    path = out / f"frames/vp1__run1.ids_1{ending}"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content if damage == "flip" else content[:-9])
    reported: list[str] = []
    prepare(root.path, out, verify=True, report=reported.append)
    assert contents(out) == before
    assert any("vp1/run1.ids_1: 50 frames" in line for line in reported)
    assert not any("vp2/run1b.ids_1: 40 frames" in line for line in reported)


# The disk


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    hand_made_root, scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = hand_made_root()
    fill(root, scene)
    usage = type(shutil.disk_usage(tmp_path))(10**9, 10**9, 10**7)
    monkeypatch.setattr("training.prepare.shutil.disk_usage", lambda path: usage)
    with pytest.raises(DataError, match=r"needs about 0\.02 GB more and 0\.01 GB are free"):
        prepare(root.path, tmp_path / "new/store", report=lambda line: None)
    assert not (tmp_path / "new").exists()


FULL = """
import resource, sys
from pathlib import Path
from core.errors import DataError
from training.prepare import prepare
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
root, out, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
try:
    prepare(root, out, workers=workers, report=lambda line: None)
except DataError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_disk_that_fills_up_ends_in_a_sentence_and_leaves_nothing_half_written(
    hand_made_root, scene, tmp_path: Path, workers: int
) -> None:
    """The system refuses to let a file grow, as a full disk does."""
    root = hand_made_root()
    fill(root, scene)
    out = tmp_path / "store"
    process = subprocess.run(
        [sys.executable, "-c", FULL, str(root.path), str(out), str(workers)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert process.stdout.startswith(f"Cannot write to {out}: File too large;")
    assert process.stdout.count("\n") == 1
    assert process.stderr == ""
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["source.json"]


# Strict


def test_strict_stops_at_the_first_wrong_thing(hand_made_root, scene, tmp_path: Path) -> None:
    root, out = hand_made_root(), tmp_path / "store"
    root.video("vp1/run1", scene(20))
    root.chunk("vp1/run1", 0, 20, "eating")
    root.annotate()
    for split in range(3):
        root.split(split, ["vp1"], ["vp2"], ["vp3"])

    def refusal() -> str:
        with pytest.raises(DataError) as refused:
            prepare(root.path, out, strict=True, report=lambda line: None)
        assert not (out / "store.json").exists()
        return str(refused.value)

    root.chunk("vp1/run1", 20, 25, "eating")
    root.annotate()
    assert "csv line 3: vp1/run1.ids_1 frames 20-25 lie past the end" in refusal()
    root.chunks.pop()
    root.chunk("vp2/run1", 0, 20, "eating")
    root.annotate()
    assert "vp2/run1.ids_1.mp4 is missing" in refusal()
    root.video("vp2/run1", scene(20)).write_bytes(b"no video")
    assert "vp2/run1.ids_1.mp4" in refusal()
    root.video("vp2/run1", scene(20))
    root.chunk("vp2/run1", 10, 20, "eating")
    root.annotate()
    assert "line 4: frames 10-20 overlap" in refusal()
    root.chunks.pop()
    root.annotate()
    assert len(prepare(root.path, out, strict=True, report=lambda line: None).chunks) == 2


# Broken videos


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_video_gives_frames_or_a_sentence(
    hand_made_root, scene, tmp_path: Path, data: st.DataObject
) -> None:
    intact = tmp_path / "intact.mp4"
    if not intact.exists():
        hand_made_root(name="spare").video("vp1/run1", scene(12)).rename(intact)
    content = bytearray(intact.read_bytes())
    for _ in range(data.draw(st.integers(0, 30))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    video = tmp_path / "damaged.mp4"
    video.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "frames").mkdir()
        try:
            record = write_run(video, Path(folder), "vp1/run1")
        except SourceError:
            assert contents(Path(folder)) == {}
        else:
            assert is_intact(Path(folder), "vp1/run1", record)
            assert len(contents(Path(folder))) == 3


@pytest.mark.skipif(not CORRUPTED.is_file(), reason="the clip is not here")
def test_a_truly_corrupted_recording_does_not_stop_the_others(
    hand_made_root, scene, tmp_path: Path
) -> None:
    root = hand_made_root()
    fill(root, scene)
    shutil.copy(CORRUPTED, find_video(root.path, root.view, root.file_id("vp1/run1")))
    reported: list[str] = []
    store = prepare(root.path, tmp_path / "store", report=reported.append)
    assert {chunk.participant_id for chunk in store.chunks} >= {2}
    assert any("vp1/run1" in line for line in reported)
    assert not list(tmp_path.rglob("*partial*"))


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


@pytest.mark.parametrize("files", ["times", "record"])
def test_a_kill_while_old_frames_are_cleared_blesses_none_of_them(
    tiny_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: str
) -> None:
    """Frames and times without a record pass for complete, so the times have to go first."""
    out = shutil.copytree(tiny_store.folder, tmp_path / "store")
    file_id = tiny_store.chunks[0].file_id
    video = find_video(tiny_store.folder.with_name("root"), "inner_mirror", file_id)
    unlink, left = Path.unlink, ["times", "record"].index(files) + 1

    def killed(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        unlink(path, missing_ok)

    assert kept_record(video, out, file_id) is not None
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            write_run(video, out, file_id, lambda frames: killed(Path()))
    assert kept_record(video, out, file_id) is None


@pytest.mark.parametrize("ending", [".npy", ".times.npy"])
def test_an_emptied_file_is_decoded_again(tiny_store: Store, tmp_path: Path, ending: str) -> None:
    """numpy has an error of its own for a file without one byte."""
    out = shutil.copytree(tiny_store.folder, tmp_path / "store")
    file_id = tiny_store.chunks[0].file_id
    video = find_video(tiny_store.folder.with_name("root"), "inner_mirror", file_id)
    record = kept_record(video, out, file_id)
    frames_path(out, file_id).with_suffix(ending).write_bytes(b"")
    assert kept_record(video, out, file_id) is None
    assert not is_intact(out, file_id, record)
    damaged = open_store(out)
    with pytest.raises(DataError, match="prepare --verify"):
        (damaged.frames if ending == ".npy" else damaged.times_s)(file_id)


def test_a_container_that_promises_too_much_is_not_believed(
    hand_made_root, scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = hand_made_root()
    video = root.video("vp1/run1", scene(20))
    monkeypatch.setattr(
        VideoFile, "_read_properties", lambda *given: VideoProperties(64, 48, 30.0, 10**8)
    )
    assert _probe(video, 17, lambda count: None) == (17, 3)
    monkeypatch.setattr(
        VideoFile, "_read_properties", lambda *given: VideoProperties(64, 48, 30.0, 20)
    )
    assert _probe(video, 17, lambda count: None) == (20, 3)


def test_a_video_that_crashes_the_decoder_at_once_costs_itself_only(
    hand_made_root, scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first frame is decoded in a process of its own too."""
    root = hand_made_root()
    fill(root, scene)
    used = []

    def crashing(work, tasks, workers, tell):
        used.append(work)
        for outcome in _here(work, tasks, tell):
            first = work is _probe and outcome.task == 0
            yield Outcome(0, crash="its process ended with code -11") if first else outcome

    monkeypatch.setattr("training.prepare.work_in_processes", crashing)
    reported: list[str] = []
    store = prepare(root.path, tmp_path / "store", workers=2, report=reported.append)
    assert used == [_probe, write_run]
    assert {chunk.file_id for chunk in store.chunks} == {root.file_id("vp2/run1b")}
    assert any("run1.ids_1.mp4 cannot be decoded: its process" in line for line in reported)
