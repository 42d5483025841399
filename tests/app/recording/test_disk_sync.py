"""The disk is brought up to date on the side: slow it holds up nobody, broken it is told."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from app.recording import disk_sync
from app.recording.reader import read_session
from app.recording.writer import SessionWriter
from core.errors import SessionFileError
from tests.app.recording.doubles import CAMERA, clip, model, seen_elsewhere


def add(writer: SessionWriter, frame: int) -> None:
    for record in (model("int8"), model("fp32"), clip(frame, 0, 1)):
        writer.add(record)


def test_a_disk_that_takes_its_time_holds_up_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(disk_sync.os, "fsync", lambda descriptor: go_on.wait(20))
    writer = SessionWriter(tmp_path / "s.sqlite", CAMERA)
    for frame in range(3):
        add(writer, frame)
        writer.commit()
    assert seen_elsewhere(writer.path)["frames"] == [0, 1, 2]
    go_on.set()
    writer.close("stopped")
    with read_session(writer.path) as session:
        assert session.closed


def test_every_commit_is_brought_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = threading.Event()
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        if os.fstat(descriptor).st_ino == log.stat().st_ino:
            logged.set()

    log = tmp_path / "s.sqlite-wal"
    writer = SessionWriter(tmp_path / "s.sqlite", CAMERA)
    add(writer, 0)
    monkeypatch.setattr(disk_sync.os, "fsync", watched)
    writer.commit()
    assert logged.wait(20)
    writer.close("stopped")


def test_a_disk_that_fails_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk_sync.os, "fsync", fail)
    writer = SessionWriter(tmp_path / "s.sqlite", CAMERA)
    add(writer, 0)
    writer._sync._thread.join(20)
    with pytest.raises(SessionFileError, match="Input/output error"):
        writer.commit()
    writer.abandon()
    with read_session(writer.path) as session:
        assert session.clips.frame.tolist() == [0]
