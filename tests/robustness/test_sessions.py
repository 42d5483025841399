"""Quick forms of the rehearsals for session files; the long forms are commands of their own."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.recording.reader import read_session
from tests.robustness import power_cuts
from tests.robustness.fuzz_sessions import fuzz
from tests.robustness.session_kills import ROOT, rehearse

_FULL_AFTER_BYTES = 256 * 1024


def test_killed_recordings_are_readable() -> None:
    report = rehearse(5, seed=3)
    # How much is lost is a matter of time and judged in the long form.
    assert report.readable == report.kills == 5
    assert report.clips_kept > 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_power_cut_takes_nothing_that_the_disk_had() -> None:
    report = power_cuts.rehearse(2, seed=1)
    assert report.problems == []
    assert report.readable == report.cuts == 2
    assert report.clips_kept >= report.clips_synced > 0


def test_hostile_sessions_are_refused_in_a_sentence() -> None:
    report = fuzz(100, seed=1)
    assert report.problems == []
    assert report.refused > 30
    assert report.opened > 10


def record_until_full(path: Path, **options: object) -> str:
    """What a child says whose recording outgrows its disk."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.robustness.recording_child", str(path), "600", "30"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        **options,
    )
    assert child.returncode == 1, child.stderr
    assert "Traceback" not in child.stderr
    (said,) = (line for line in child.stdout.splitlines() if "The recording has ended" in line)
    return said


def check_kept(path: Path, said: str) -> None:
    with read_session(path) as session:
        frames = session.clips.frame.tolist()
        assert frames == list(range(len(frames)))
        assert len(frames) > 10
        assert not session.closed
    assert f"{len(frames)} clips are kept" in said


def test_a_file_that_may_not_grow_keeps_what_is_there(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FULL_AFTER_BYTES, _FULL_AFTER_BYTES))

    path = tmp_path / "s.sqlite"
    said = record_until_full(path, preexec_fn=limit)
    assert str(path) in said
    check_kept(path, said)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    size = f"size={2 * _FULL_AFTER_BYTES}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_is_there(small_disk: Path) -> None:
    path = small_disk / "s.sqlite"
    said = record_until_full(path)
    assert f"The disk that holds {path} is full" in said
    check_kept(path, said)
