"""The log tells what happened and on what machine, and never a secret."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

import app.log
from app.log import LOG_FOLDER, LOG_NAME, Log, log_folder, without_secrets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(LOG_FOLDER, str(tmp_path / "log"))
    return tmp_path / "log"


def test_it_begins_with_what_machine_this_is(folder: Path) -> None:
    with Log("incab replay"):
        logging.getLogger("app.session").info("session: playing")
        logging.getLogger("openvino").info("chatter")
    text = (folder / LOG_NAME).read_text()
    first, second = text.splitlines()
    for expected in ("incab replay starts", "Python: ", "CPU: ", "openvino 20", "cores: "):
        assert expected in first
    assert "session: playing" in second


def test_only_complaints_reach_the_terminal(folder: Path, capsys) -> None:
    with Log("incab"):
        logging.getLogger("app.session").info("session: playing")
        logging.getLogger("app.session").warning("rtsp://me:hunter2@cabin/1 is gone")
    assert capsys.readouterr().err == "WARNING app.session: rtsp://cabin/1 is gone\n"


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:hunter2@10.0.0.7:554/stream",
        "http://10.0.0.7:8080/video?user=admin&password=hunter2",
        "rtsp://admin:pa/hunter2@cabin/1",
        "'rtsps://hunter2@cabin/1'",
    ],
)
def test_no_secret_of_an_address_gets_there(address: str, folder: Path) -> None:
    with Log("incab"):
        try:
            raise OSError(f"cannot open {address}")
        except OSError:
            logging.getLogger("core.camera").exception("it broke: %s", address)
    text = (folder / LOG_NAME).read_text()
    assert "it broke" in text
    assert "Traceback" in text
    assert "hunter2" not in text
    assert "hunter2" not in without_secrets(f"see {address}, please")


def test_it_does_not_grow_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.log, "_LARGEST_BYTES", 2000)
    with Log("incab"):
        for number in range(200):
            logging.getLogger("app.session").info("line %d", number)
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [LOG_NAME, *(f"{LOG_NAME}.{n}" for n in (1, 2, 3))]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert "line 199" in files[0].read_text()


def test_where_no_new_file_can_be_begun_the_old_one_grows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """On Windows a file that another InCab has open cannot be renamed."""

    def held(source: str, target: str) -> None:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(app.log, "_LARGEST_BYTES", 2000)
    with Log("incab"):
        for number in range(100):
            logging.getLogger("app.session").info("line %d", number)
        older = (folder / f"{LOG_NAME}.1").read_text()
        monkeypatch.setattr(os, "rename", held)
        for number in range(100, 200):
            logging.getLogger("app.session").info("line %d", number)
    text = (folder / LOG_NAME).read_text()
    assert all(f"line {number}" in text for number in range(100, 200))
    assert (folder / f"{LOG_NAME}.1").read_text() == older
    assert capsys.readouterr().err == ""


def test_without_a_folder_to_write_to_incab_runs_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv(LOG_FOLDER, str(blocked))
    with Log("incab") as log:
        assert log.path is None
    assert "no log is kept" in capsys.readouterr().err


def test_it_leaves_logging_as_it_was(folder: Path) -> None:
    before = (list(logging.getLogger().handlers), logging.getLogger("app").level)
    with Log("incab"):
        assert logging.getLogger("app").level == logging.INFO
    assert (logging.getLogger().handlers, logging.getLogger("app").level) == before


def test_the_folder_is_the_systems_own_when_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOG_FOLDER)
    assert "InCab" in str(log_folder())
