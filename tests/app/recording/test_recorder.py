"""The recorder's thread: takes everything, blocks nobody, and ends in a readable file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.recording import recorder as module
from app.recording.reader import read_session
from app.recording.recorder import Recorder
from app.recording.records import Record, SourceRecord
from app.recording.writer import SessionWriter
from core.errors import SessionFileError
from tests.app.recording.doubles import CAMERA, clip, model


def fail(sentence: str) -> None:
    raise AssertionError(sentence)


def start(path: Path, **changes: object) -> Recorder:
    recorder = Recorder(path, **{"source": CAMERA, "on_failure": fail, **changes})
    recorder.start()
    for slot in ("int8", "fp32"):
        recorder.record(model(slot))
    return recorder


def test_a_recording_is_a_closed_session(tmp_path: Path) -> None:
    recorder = start(tmp_path / "s.sqlite", source=lambda: CAMERA)
    for frame in range(50):
        recorder.record(clip(frame, 0, 1))
    recorder.stop("stopped by the person")
    recorder.record(clip(99, 0, 1))
    recorder.join(20)
    assert recorder.clips == 50
    assert recorder.failure is None
    with read_session(recorder.path) as session:
        assert session.clips.frame.tolist() == list(range(50))
        assert session.record.end_reason == "stopped by the person"
    assert [file.name for file in tmp_path.iterdir()] == ["s.sqlite"]


def test_half_a_second_is_committed_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = threading.Event()

    class Watched(SessionWriter):
        def commit(self) -> None:
            super().commit()
            if self.clips:
                committed.set()

    assert module.COMMIT_S == 0.5
    recorder = start(tmp_path / "s.sqlite", open_writer=Watched)
    recorder.record(clip(1, 0, 1))
    # Nothing more comes, and it is committed all the same.
    assert committed.wait(20)
    with read_session(recorder.path) as session:
        assert session.clips.frame.tolist() == [1]
    recorder.stop("stopped")
    recorder.join(20)


class Stuck(SessionWriter):
    """A disk that takes its time."""

    go_on = threading.Event()
    reached = threading.Event()

    def add(self, record: Record) -> None:
        self.reached.set()
        assert self.go_on.wait(20)
        super().add(record)


def test_a_slow_disk_holds_up_nobody_and_what_is_lost_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 10)
    recorder = start(tmp_path / "s.sqlite", open_writer=Stuck)
    assert Stuck.reached.wait(20)
    for frame in range(30):
        recorder.record(clip(frame, 0, 1))
    recorder.stop("stopped")
    Stuck.go_on.set()
    recorder.join(20)
    assert recorder.lost == 21
    with read_session(recorder.path) as session:
        assert len(session.clips.frame) == 9
        assert session.counters["records_lost"] == 21
        assert session.closed


def test_an_error_ends_it_with_a_sentence_and_keeps_what_was_committed(tmp_path: Path) -> None:
    told: list[str] = []

    class Full(SessionWriter):
        def add(self, record: Record) -> None:
            if self.clips == 5:
                self.commit()
                raise SessionFileError("The disk is full.")
            super().add(record)

    recorder = start(tmp_path / "s.sqlite", on_failure=told.append, open_writer=Full)
    for frame in range(10):
        recorder.record(clip(frame, 0, 1))
    recorder.join(20)
    assert told == [recorder.failure]
    assert told[0].startswith("The disk is full. The recording has ended")
    recorder.record(clip(11, 0, 1))
    recorder.stop("too late")
    with read_session(recorder.path) as session:
        assert session.clips.frame.tolist() == list(range(5))
        assert not session.closed


def test_a_bug_ends_it_with_a_sentence_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    class Broken(SessionWriter):
        def add(self, record: Record) -> None:
            raise ZeroDivisionError

    recorder = start(tmp_path / "s.sqlite", on_failure=told.append, open_writer=Broken)
    recorder.join(20)
    assert "the log holds the details" in told[0]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("source", "reason"),
    [(CAMERA, "cannot be written"), (lambda: open("/no/such/file"), "cannot be read")],  # noqa: SIM115
)
def test_a_recording_that_cannot_begin_says_so(
    tmp_path: Path, source: SourceRecord, reason: str
) -> None:
    told: list[str] = []
    recorder = start(tmp_path / "nowhere" / "s.sqlite", source=source, on_failure=told.append)
    recorder.join(20)
    assert reason in told[0]
