"""Files that are no sessions, or no longer: one sentence each, and nothing of them is run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.recording.opening import opened
from app.recording.reader import read_session
from core.errors import SessionFileError
from tests.app.recording.doubles import clip, write_session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_session(tmp_path / "s.sqlite", [clip(frame, 0, 1) for frame in range(30)])


def refusal(path: Path) -> str:
    with pytest.raises(SessionFileError) as caught, read_session(path):
        pass
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def run_sql(*statements: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return run


def overwrite(start: int, data: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[start : start + len(data)] = data
        path.write_bytes(content)

    return change


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "no file"),
        (lambda path: (path.unlink(), path.mkdir()), "folder"),
        (lambda path: path.write_bytes(b""), "not a session"),
        (lambda path: path.write_text("frame,time_s\n" * 50), "not a session that InCab"),
        (run_sql("PRAGMA application_id = 1"), "but not a session"),
        (run_sql("PRAGMA user_version = 2"), "newer InCab"),
        (run_sql("PRAGMA user_version = 0"), "never was"),
        (run_sql("CREATE VIEW evil AS SELECT load_extension('x')"), "view 'evil'"),
        (run_sql("CREATE TRIGGER t AFTER UPDATE ON clip BEGIN SELECT 1; END"), "trigger 't'"),
        (run_sql("CREATE INDEX i ON clip (abs(frame))"), "index 'i'"),
        (run_sql("CREATE TABLE clips (x)"), "'clips'"),
        (run_sql("DROP TABLE event"), "'event' is missing"),
        (run_sql("ALTER TABLE clip ADD COLUMN y TEXT AS (abs(frame))"), "'clip'"),
        (run_sql("DELETE FROM session"), "what was recorded"),
        (run_sql("UPDATE model SET labels = '[]'"), "list of activities"),
        (run_sql("UPDATE model SET file_bytes = 0"), "model's size"),
        (run_sql("UPDATE answer SET best = 3"), "class"),
        (run_sql("UPDATE answer SET probabilities = x'00'"), "one probability for each"),
        (run_sql("UPDATE answer SET probabilities = x'007e007e007e'"), "probability"),
        (run_sql("UPDATE answer SET confidence = 9e999"), "confidence"),
        (run_sql("UPDATE clip SET time_s = -1"), "time"),
        (run_sql("UPDATE clip SET frame = 9223372036854775807"), "frame number"),
        (run_sql("UPDATE answer SET clip_id = clip_id + 99"), "belongs to no clip"),
        (run_sql("UPDATE session SET fps = 9e999"), "frame rate"),
        (run_sql("INSERT INTO truth VALUES (5, 3, 'x')"), "truth"),
        (overwrite(2 * 4096, b"\xff" * 2000), "damaged"),
        (cut, "damaged"),
    ],
)
def test_what_is_no_session_is_refused(path: Path, spoil: Callable, reason: str) -> None:
    spoil(path)
    assert reason in refusal(path)


def test_a_value_that_is_too_long_is_refused(path: Path) -> None:
    run_sql("UPDATE session SET source_name = hex(zeroblob(3000000))")(path)
    assert "too big" in refusal(path)


def test_control_characters_are_not_passed_on(path: Path) -> None:
    run_sql("UPDATE session SET source_name = 'a' || char(27) || '[2Jb'")(path)
    with read_session(path) as session:
        assert session.source.name == "a\ufffd[2Jb"


def test_control_characters_of_the_truth_are_not_passed_on(path: Path) -> None:
    run_sql("UPDATE clip SET truth = 'a' || char(27) || 'b'")(path)
    with read_session(path) as session:
        assert session.clips.truth_of(0) == "a\ufffdb"


def test_what_fails_where_it_is_used_says_nothing_of_the_file(path: Path) -> None:
    with pytest.raises(UnicodeEncodeError), read_session(path):
        "\u2713".encode("cp1252")


def test_nothing_can_be_written_through_it(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(SessionFileError, match="readonly"), opened(path) as connection:
        connection.execute("DELETE FROM clip")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["s.sqlite"]


def test_work_without_end_is_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.recording.opening._LONGEST_S", -1.0)
    monkeypatch.setattr("app.recording.opening._STEPS_BETWEEN_LOOKS", 10)
    assert "takes longer" in refusal(path)


def test_a_log_that_may_not_be_read_in_there_is_read_in_a_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import app.recording.opening as opening

    run_sql("PRAGMA journal_mode = WAL")(path)
    keeper = sqlite3.connect(path, isolation_level=None)
    keeper.execute("UPDATE session SET source_name = 'camera 7'")
    tried = opening._try

    def read_only_folder(file: Path, mode: str) -> sqlite3.Connection:
        if mode == "ro":
            raise sqlite3.OperationalError("unable to open database file")
        return tried(file, mode)

    monkeypatch.setattr(opening, "_try", read_only_folder)
    with read_session(path) as session:
        assert session.source.name == "camera 7"
    keeper.close()
