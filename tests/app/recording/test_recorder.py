"""The recorder's thread: takes everything, blocks nobody, and ends in a readable file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.recording import recorder as module
from app.recording import writer as writer_module
from app.recording.reader import read_session
from app.recording.recorder import Recorder
from app.recording.records import (
    EventRecord,
    Record,
    SourceRecord,
    TruthRecord,
)
from app.recording.writer import SessionWriter
from core.errors import SessionFileError
from tests.app.recording.doubles import CAMERA, LABELS, clip, model, seen_elsewhere


def fail(sentence: str) -> None:
    raise AssertionError(sentence)


def start(path: Path, **changes: object) -> Recorder:
    recorder = Recorder(path, **{"source": lambda: CAMERA, "on_failure": fail, **changes})
    recorder.start()
    for slot in ("int8", "fp32"):
        recorder.record(model(slot))
    return recorder


def test_a_recording_is_a_closed_session(tmp_path: Path) -> None:
    recorder = start(tmp_path / "s.sqlite")
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
    assert seen_elsewhere(recorder.path) == {"frames": [1], "closed": False}
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
    [
        (lambda: CAMERA, "cannot be written"),
        (lambda: Path("/no/such/file").stat(), "cannot be read"),
    ],
)
def test_a_recording_that_cannot_begin_says_so(
    tmp_path: Path, source: Callable[[], object], reason: str
) -> None:
    told: list[str] = []
    recorder = start(tmp_path / "nowhere" / "s.sqlite", source=source, on_failure=told.append)
    recorder.join(20)
    assert reason in told[0]


# More than one file holds


@pytest.mark.parametrize(
    ("limit", "most"),
    [("CLIPS_A_FILE", 10), ("MODELS_A_FILE", 5), ("EVENTS_A_FILE", 6), ("BYTES_A_FILE", 40_000)],
)
def test_a_recording_goes_on_in_other_files_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(writer_module, limit, most)
    # The size is looked at with every commit.
    monkeypatch.setattr(module, "COMMIT_S", 0.0)
    recorder = start(tmp_path / "s.sqlite")
    recorder.record(TruthRecord(("eating", "eating", None)))
    for frame in range(40):
        recorder.record(clip(frame, 0, 1))
        if frame % 8 == 7:
            recorder.record(model("int8", LABELS if frame % 16 == 15 else (*LABELS, f"{frame}")))
            recorder.record(model("int8"))
            recorder.record(EventRecord(1.8e9, "state", "playing" * 200))
            recorder.record(EventRecord(1.8e9, "state", "paused"))
    recorder.stop("stopped by the person")
    recorder.join(20)
    assert recorder.failure is None
    names = [path.name for path in recorder.files]
    assert names == ["s.sqlite", *(f"s_{number}.sqlite" for number in range(2, len(names) + 1))]
    assert len(names) > 1
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    frames: list[int] = []
    events: list[str] = []
    for path, following in zip(recorder.files, [*names[1:], None], strict=True):
        with read_session(path) as session:
            assert session.closed
            ended = "stopped by the person" if following is None else f"continued in {following}"
            assert session.record.end_reason == ended
            assert session.source == CAMERA
            assert session.truth == ("eating", "eating")
            frames += session.clips.frame.tolist()
            events += [event.text for event in session.events if event.kind == "state"]
            # Each of them says which models answered, without the files before.
            assert {"int8", "fp32"} <= set(session.slots)
    assert frames == list(range(40))
    assert events == ["playing" * 200, "paused"] * 5
    assert recorder.clips == 40


def test_where_no_other_file_can_be_made_all_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "CLIPS_A_FILE", 7)
    told: list[str] = []

    class Once(SessionWriter):
        def __init__(self, path: Path, source: SourceRecord) -> None:
            if path.stem == "s_2":
                raise SessionFileError("The disk is full.")
            super().__init__(path, source)

    recorder = start(tmp_path / "s.sqlite", on_failure=told.append, open_writer=Once)
    for frame in range(10):
        recorder.record(clip(frame, 0, 1))
    recorder.join(20)
    assert told == ["The disk is full. The recording has ended; 7 clips are kept."]
    with read_session(recorder.path) as session:
        assert session.clips.frame.tolist() == list(range(7))


def test_what_no_reader_takes_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MOST_CLIPS", 3)
    monkeypatch.setattr("app.recording.values.MOST_CLIPS", 3)
    monkeypatch.setattr("app.recording.values.MOST_EVENTS", 2)
    writer = SessionWriter(tmp_path / "s.sqlite", CAMERA)
    # Of a truth, too, only as much as is read.
    writer.add(TruthRecord(("eating", "drinking", "drinking", "drinking")))
    writer.add(TruthRecord((*[None] * 3, "writing")))
    for record in (model("int8"), model("fp32"), *(clip(frame, 0, 1) for frame in range(3))):
        writer.add(record)
    with pytest.raises(SessionFileError, match=r"s\.sqlite is full: .* at most 3 clips"):
        writer.add(clip(3, 0, 1))
    writer.close("stopped")
    with read_session(writer.path) as session:
        assert session.truth == ("eating", "drinking", "drinking")
        assert len(session.clips.ids) == 3
