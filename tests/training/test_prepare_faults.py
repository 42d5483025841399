"""Preparing what is faulty: annotations, videos, or a disk that is too small."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.driveact import find_video
from core.errors import AnnotationError, DataError, SourceError
from core.video import VideoFile, VideoProperties
from tests.training.roots import REPOSITORY, contents, fill
from training.frames import is_intact, write_run
from training.prepare import _check_space, _probe, prepare
from training.workers import Outcome, _here

CORRUPTED = REPOSITORY.parent / "shared/clips/corrupted.mp4"


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

    monkeypatch.setattr("training.prepare.work", crashing)
    reported: list[str] = []
    store = prepare(root.path, tmp_path / "store", workers=2, report=reported.append)
    assert used == [_probe, write_run]
    assert {chunk.file_id for chunk in store.chunks} == {root.file_id("vp2/run1b")}
    assert any("run1.ids_1.mp4 cannot be decoded: its process" in line for line in reported)


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


def test_a_disk_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a path may begin with a drive that is not plugged in."""
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(DataError, match="There is no / to hold /gone/store;"):
        _check_space(Path("/gone/store"), [], 0, lambda line: None)


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
    left = {path.name for path in out.rglob("*") if path.is_file()}
    assert left == {"source.json", "run.lock"}
