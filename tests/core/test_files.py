from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import core.files
from core.errors import sentence_of
from core.files import replacing


def test_the_file_appears_only_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    with replacing(path) as partial:
        assert partial.parent == tmp_path
        assert partial.suffix == ".csv"
        assert ".partial" in partial.name
        partial.write_text("complete")
        assert not path.exists()
    assert path.read_text() == "complete"
    assert list(tmp_path.iterdir()) == [path]


def test_an_older_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_full_disk_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are a Unix matter")
    path = tmp_path / "data.csv"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as refusal, replacing(path) as partial:
            partial.write_bytes(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    told = sentence_of(refusal.value)
    assert told.startswith(f"{path} cannot be written (File too large); make room")
    assert path.read_text() == "old"


def test_a_file_that_somebody_holds_for_a_moment_is_waited_for_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace, held = tmp_path / "data.csv", os.replace, [True, True]

    def replace_when_free(source: Path, target: Path) -> None:
        if held:
            held.pop()
            raise PermissionError(13, "Access is denied", str(source), None, str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_when_free)
    with pytest.raises(PermissionError) as refusal:
        write(path)
    assert sentence_of(refusal.value) == f"{path} cannot be used (Access is denied)."
    assert list(tmp_path.iterdir()) == []
    held.append(True)
    monkeypatch.setattr(sys, "platform", "win32")
    write(path)
    assert path.read_text() == "x"
    held.extend([True] * 100)
    monkeypatch.setattr(core.files, "_HELD_S", 0.1)
    with pytest.raises(PermissionError):
        write(path)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_everything_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "data.csv"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def write_nothing(path: Path) -> None:
    with replacing(path):
        pass


def write(path: Path) -> None:
    with replacing(path) as partial:
        partial.write_text("x")


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("old")
    with pytest.raises(FileNotFoundError):
        write_nothing(path)
    assert path.read_text() == "old"


def test_a_folder_in_the_way_stays_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "data"
    (path / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match="data"):
        write(path)
    assert list(tmp_path.iterdir()) == [path]
    assert (path / "inner").is_dir()


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "missing" / "data.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plain", ".hidden", "two.dots.csv", "größe 猫.json"])
def test_any_name(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
