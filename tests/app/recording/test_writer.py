"""What is written is read again, survives being cut short, and never mixes with what was there."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.recording import schema
from app.recording.finish import finish, unfinished
from app.recording.limits import MOST_EVENT_LETTERS
from app.recording.opening import looks_like_session, opened
from app.recording.reader import read_session
from app.recording.records import EventRecord, SourceRecord
from app.recording.schema import APPLICATION_ID, TABLES, VERSION
from app.recording.tables import NONE
from app.recording.writer import SessionWriter
from core.errors import SessionFileError
from tests.app.recording.doubles import (
    CAMERA,
    LABELS,
    answer,
    clip,
    model,
    seen_elsewhere,
    write_session,
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    truth = (None, "eating", "eating", None, "drinking")
    path = write_session(tmp_path / "s.sqlite", [clip(5, 1, 2), clip(6, 1, 1)], truth=truth)
    assert [file.name for file in tmp_path.iterdir()] == ["s.sqlite"]
    assert path.stat().st_mode & 0o077 == 0
    with read_session(path) as session:
        assert session.source == CAMERA
        assert list(session.models.values()) == [model("int8"), model("fp32")]
        assert session.clips.frame.tolist() == [5, 6]
        assert session.clips.time_s.tolist() == [5 / 30, 6 / 30]
        assert [session.clips.truth_of(position) for position in (0, 1)] == ["drinking", None]
        int8, fp32 = session.answers.values()
        assert int8.best.tolist() == int8.label.tolist() == [1, 1]
        assert fp32.best.tolist() == [2, 1]
        assert fp32.label.tolist() == [NONE, NONE]
        assert fp32.confidence.tolist() == [0.5, 0.5]
        assert int8.latency_ms.tolist() == [2.5, 2.5]
        number = next(iter(session.models))
        stored = session.probabilities(0, number)
        np.testing.assert_allclose(stored, answer(1, 1).probabilities, rtol=2**-10)
        assert session.truth == truth
        assert session.counters == {"skipped": 3, "gaps": 1}
        assert session.events[0].text == "playing"
        assert session.closed
        assert session.record.end_reason == "stopped"


def test_a_model_that_failed_is_missing_in_that_clip(tmp_path: Path) -> None:
    alone = clip(6, 1, 1)
    alone = replace(alone, answers={"fp32": alone.answers["fp32"]})
    with read_session(write_session(tmp_path / "s.sqlite", [clip(5, 1, 2), alone])) as session:
        int8, fp32 = session.answers.values()
        assert int8.best.tolist() == [1, NONE]
        assert fp32.best.tolist() == [2, 1]
        assert session.probabilities(1, next(iter(session.models))) is None


def test_a_swapped_model_is_another_model(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path / "s.sqlite", CAMERA)
    for record in (model("int8"), model("int8"), model("fp32"), clip(1, 0, 0)):
        writer.add(record)
    other = model("int8", (*LABELS, "writing"))
    writer.add(other)
    more = clip(2, 0, 0)
    four = replace(more.answers["int8"], best=3, probabilities=np.float32([0, 0, 0, 1]))
    writer.add(replace(more, answers={"int8": four, "fp32": more.answers["fp32"]}))
    writer.close("stopped")
    with read_session(writer.path) as session:
        assert list(session.models.values()) == [model("int8"), model("fp32"), other]
        assert session.labels == (*LABELS, "writing")
        assert [answers.best.tolist() for answers in session.answers.values()] == [
            [0, NONE],
            [0, 0],
            [NONE, 3],
        ]


def test_what_was_committed_is_there_without_closing(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    writer = SessionWriter(path, CAMERA)
    for record in (model("int8"), model("fp32"), clip(1, 0, 0)):
        writer.add(record)
    writer.commit()
    writer.add(clip(2, 0, 0))
    assert seen_elsewhere(path) == {"frames": [1], "closed": False}
    assert unfinished(path)
    with pytest.raises(SessionFileError, match=r"in use|cannot be finished"):
        finish(path)
    writer.abandon()


@pytest.mark.parametrize("end", ["abandon", "close"])
def test_the_log_is_let_go_before_it_is_taken_away(tmp_path: Path, end: str) -> None:
    """On Windows SQLite could not take it away otherwise, and it would lie there."""
    writer = SessionWriter(tmp_path / "s.sqlite", CAMERA)
    connection, let_go = writer._connection, []

    class Broken:
        def execute(self, *asked: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        def close(self) -> None:
            let_go.append(not writer._sync._thread.is_alive())
            connection.close()

    writer._connection = Broken()
    if end == "abandon":
        writer.abandon()
    else:
        with pytest.raises(SessionFileError):
            writer.close("stopped")
    assert let_go == [True]


def test_a_killed_session_can_be_made_one_file(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path / "made.sqlite", CAMERA)
    for record in (model("int8"), model("fp32"), clip(1, 0, 0)):
        writer.add(record)
    writer.commit()
    # What a kill leaves: both files as they lie on the disk.
    path = tmp_path / "killed" / "s.sqlite"
    path.parent.mkdir()
    path.write_bytes(writer.path.read_bytes())
    Path(f"{path}-wal").write_bytes(Path(f"{writer.path}-wal").read_bytes())
    writer.abandon()
    finish(path)
    assert [file.name for file in path.parent.iterdir()] == ["s.sqlite"]
    with read_session(path) as session:
        assert session.clips.frame.tolist() == [1]


@pytest.mark.parametrize("taken", ["s.sqlite", "s.sqlite-wal"])
def test_nothing_that_is_there_is_touched(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_bytes(b"mine")
    with pytest.raises(SessionFileError, match="exists already"):
        SessionWriter(tmp_path / "s.sqlite", CAMERA)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {taken: b"mine"}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match=r"s\.sqlite cannot be written"):
        SessionWriter(tmp_path / "nowhere" / "s.sqlite", CAMERA)


def test_a_name_that_is_no_unicode_is_stored(tmp_path: Path) -> None:
    source = SourceRecord(kind="file", name="a\udcff.mp4", path="/a\udcff.mp4", width=2, height=2)
    with read_session(write_session(tmp_path / "s.sqlite", [], source)) as session:
        assert session.source.name == "a\\udcff.mp4"


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    path = write_session(tmp_path / "s.sqlite", [])
    assert looks_like_session(path)
    assert not looks_like_session(tmp_path / "missing")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()


def test_an_older_session_is_migrated_in_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_session(tmp_path / "s.sqlite", [clip(1, 0, 0)])
    before = path.read_bytes()
    added = "CREATE TABLE note (text TEXT) STRICT"
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    monkeypatch.setattr("app.recording.opening.VERSION", VERSION + 1)
    monkeypatch.setitem(schema.RELEASED, VERSION + 1, {**TABLES, "note": added})
    monkeypatch.setitem(schema.MIGRATIONS, VERSION, (added, "INSERT INTO note VALUES ('new')"))
    with opened(path) as connection:
        assert connection.execute("SELECT text FROM note").fetchall() == [("new",)]
        assert connection.execute("SELECT frame FROM clip").fetchall() == [(1,)]
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["s.sqlite"]


def test_every_version_that_was_released_has_a_way_to_the_present_one() -> None:
    assert set(schema.MIGRATIONS) == set(schema.RELEASED) - {VERSION}


def test_what_libraries_say_at_any_length_and_in_any_bytes_can_be_read_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "long.sqlite"
    writer = SessionWriter(path, CAMERA)
    writer.add(EventRecord(1.8e9, "fault", "é\udcff" + "x" * 5000, 0.5))
    writer.close("stopped")
    with read_session(path) as session:
        text = session.events[0].text
    assert text == ("é\\udcff" + "x" * 5000)[:MOST_EVENT_LETTERS]


def test_a_later_answer_stands_beside_the_earlier_ones_to_the_same_clip(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    writer = SessionWriter(path, CAMERA)
    for slot in ("int8", "fp32", "teacher"):
        writer.add(model(slot))
    late = {"teacher": answer(2, 2)}
    for record in (
        clip(5, 1, 2),
        clip(6, 1, 1),
        replace(clip(5, 0, 0), answers=late),
        # Another segment is another clip, and one that no student answered stands alone.
        replace(clip(6, 0, 0, segment=1), answers=late),
        # The same models once more: the frame was shown again.
        clip(6, 2, 2),
    ):
        writer.add(record)
    writer.close("stopped")
    with read_session(path) as session:
        assert session.clips.frame.tolist() == [5, 6, 6, 6]
        best = {session.models[n].slot: a.best.tolist() for n, a in session.answers.items()}
    assert best == {
        "int8": [1, 1, NONE, 2],
        "fp32": [2, 1, NONE, 2],
        "teacher": [2, NONE, 2, NONE],
    }
