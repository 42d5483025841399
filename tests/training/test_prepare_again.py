"""Preparing again: after an interruption, a kill, a change, or damage."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.driveact import find_video
from core.errors import DataError
from tests.training.elsewhere import held_elsewhere
from tests.training.roots import REPOSITORY, contents, fill
from training.exclusive import BusyError
from training.frames import frames_path, is_intact, kept_record, write_run
from training.prepare import prepare
from training.store import Store, open_store


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


def test_what_another_process_is_writing_is_left_alone(
    hand_made_root, scene, tmp_path: Path
) -> None:
    root = hand_made_root()
    fill(root, scene)
    out = tmp_path / "store"
    with held_elsewhere(out):
        (out / "frames").mkdir()
        half = out / "frames" / "vp1.partial-1.npy"
        half.touch()
        with pytest.raises(BusyError, match=r"Another process is working in .*store"):
            prepare(root.path, out, report=lambda line: None)
        assert half.exists()
    prepare(root.path, out, report=lambda line: None)
    assert not half.exists()


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


def test_preparing_again_keeps_the_frames(hand_made_root, scene, tmp_path: Path) -> None:
    root = hand_made_root()
    fill(root, scene)
    out = tmp_path / "store"
    first = prepare(root.path, out, report=lambda line: None)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    second = prepare(root.path, out, report=lambda line: None)
    assert second.chunks == first.chunks
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")} == before


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
