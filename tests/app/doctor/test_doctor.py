"""The doctor says in plain words what is wrong, and survives what it looks at."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from app.__main__ import EXIT_DONE, EXIT_FAILED, main
from app.doctor import display, examine, models, software, storage, video
from app.doctor.finding import Finding, run_child
from app.log import LOG_FOLDER
from app.settings import WrittenFolders
from core.camera_list import CameraDevice
from core.errors import SourceError
from core.probe import ProbeResult
from tests.app.doubles import FakeCamera


def test_a_child_that_crashes_is_an_answer() -> None:
    assert run_child("print('noise'); print('fine')", 30) == (True, "fine")
    well, said = run_child("import ctypes; ctypes.string_at(0)", 30)
    assert not well
    assert "SIGSEGV" in said
    assert run_child("import sys; sys.exit('it is broken')", 30) == (False, "it is broken")
    well, said = run_child("import time; time.sleep(60)", 0.2)
    assert not well
    assert "no answer" in said


def test_a_child_may_print_any_character(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows it would print in the system's code page."""
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    assert run_child("print('1920×1080, größe')", 30) == (True, "1920×1080, größe")


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert software.examine_python().verdict == "good"
    monkeypatch.setattr(software, "OLDEST_PYTHON", (9, 9))
    found = software.examine_python()
    assert found.verdict == "bad"
    assert "install 9.9 or newer" in found.sentence


def test_a_library_that_cannot_be_loaded_is_named_and_nothing_else_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_one.py").write_text("raise ImportError('libGL.so.1: cannot open')")
    monkeypatch.syspath_prepend(str(tmp_path))
    needed = (("numpy", "broken_one"), ("no-such-thing", "no_such_thing"), ("rich", "rich"))
    monkeypatch.setattr(software, "_NEEDED", needed)
    monkeypatch.setattr(software, "_OPTIONAL", ("rich", "rich"))
    found = list(examine.examine([], lambda what: None))
    assert [(one.subject, one.verdict) for one in found[1:3]] == [
        ("numpy", "bad"),
        ("no-such-thing", "bad"),
    ]
    assert "libGL.so.1" in found[1].sentence
    assert "not installed" in found[2].sentence
    assert "Not looked at" in found[-1].sentence


@pytest.mark.skipif(sys.platform != "linux", reason="display servers are named on Linux")
def test_a_display_that_is_missing_and_one_that_does_not_answer_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    missing = display.examine_display()
    assert missing.verdict == "note"
    assert "`incab replay`" in missing.sentence
    monkeypatch.setenv("DISPLAY", ":9977")
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    silent = display.examine_display()
    assert silent.verdict == "bad"
    assert "display" in silent.sentence
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert "no window will be seen" in display.examine_display().sentence


def test_the_bundled_clip_is_decoded_to_its_end() -> None:
    found = video.examine_decoding()
    assert found.verdict == "good"
    assert "1350" in found.sentence


def test_a_clip_that_breaks_off_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = video._DECODE.replace("in video)", "in list(video)[:7])")
    monkeypatch.setattr(video, "_DECODE", broken)
    found = video.examine_decoding()
    assert found.verdict == "bad"
    assert "7 of 1350" in found.sentence


def test_each_camera_takes_a_picture(camera: FakeCamera) -> None:
    devices = [CameraDevice(0, "Cabin cam")]
    camera.feed.put(100)
    (found,) = video.examine_cameras(lambda: devices, camera)
    assert found == Finding("Camera 0", "good", "Cabin cam delivers 64×48.")
    assert camera.closed
    camera.feed.put("The camera is busy.")
    (found,) = video.examine_cameras(lambda: devices, camera)
    assert found.verdict == "bad"
    assert "The camera is busy." in found.sentence


def test_a_camera_that_is_silent_or_refused_is_named(
    camera: FakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "_LONGEST_FIRST_PICTURE_S", 0.2)
    (found,) = video.examine_cameras(lambda: [CameraDevice(3, "Cabin cam")], camera)
    assert "no picture within" in found.sentence

    def refuse(number: int) -> FakeCamera:
        raise SourceError("No process can be started.")

    (found,) = video.examine_cameras(lambda: [CameraDevice(3, "Cabin cam")], refuse)
    assert "No process can be started." in found.sentence


def test_without_cameras_it_is_a_note() -> None:
    (found,) = video.examine_cameras(list)
    assert found.verdict == "note"


class Trials:
    """Engines that do as the test says, by name."""

    def __init__(self, **problems: str) -> None:
        self.problems = problems

    def __call__(
        self, paths: Sequence[Path], engine: str, threads: int, *, stopped: object = None
    ) -> list[ProbeResult]:
        problem = self.problems.get(engine)
        latency_ms = None if problem else 2.0
        return [ProbeResult(engine=engine, latency_ms=latency_ms, problem=problem) for _ in paths]


def test_models_are_tried_on_every_engine(twin_files: tuple[Path, Path], tmp_path: Path) -> None:
    int8, fp32 = twin_files
    good = models.examine_models([int8, fp32], Trials())
    assert [found.verdict for found in good] == ["good", "good"]
    assert "OpenVINO 2.0 ms" in good[0].sentence
    noted = models.examine_models([int8], Trials(onednn="Engine onednn crashes."))
    assert noted[0].verdict == "note"
    assert "Left out: Engine onednn crashes." in noted[0].sentence
    all_wrong = {name: f"Engine {name} is wrong." for name in ("openvino", "onednn")}
    (bad,) = models.examine_models([int8], Trials(**all_wrong))
    assert bad.verdict == "bad"
    assert "Engine openvino is wrong. Engine onednn is wrong." in bad.sentence
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    found = models.examine_models([broken, fp32], Trials())
    assert [one.verdict for one in found] == ["bad", "good"]


def test_what_was_not_tried_is_not_called_right(twin_files: tuple[Path, Path]) -> None:
    def no_process(paths: Sequence[Path], engine: str, threads: int) -> list[ProbeResult]:
        return [ProbeResult(engine=engine, lasting=False) for _ in paths]

    (found,) = models.examine_models([twin_files[0]], no_process)
    assert found.verdict == "note"
    assert "No process could be started" in found.sentence


def test_folders_that_cannot_be_written_to_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {found.verdict for found in storage.examine_folders()} <= {"good", "note"}
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv(LOG_FOLDER, str(blocked))
    log = storage.examine_folders()[1]
    assert log.verdict == "bad"
    assert "$INCAB_LOG" in log.sentence
    folders = WrittenFolders(tmp_path / "new" / "recordings", blocked, tmp_path)
    monkeypatch.setattr(storage, "written_folders", lambda: folders)
    settings, recordings, pictures = storage.examine_folders()[2:]
    assert (settings.verdict, recordings.verdict, pictures.verdict) == ("good", "good", "bad")
    assert str(blocked) in pictures.sentence
    assert "choose another in the window" in pictures.sentence
    assert not (tmp_path / "new").exists(), "the doctor changes nothing"
    monkeypatch.setattr(storage, "FEW_MB", 1e12)
    notes = [found.subject for found in storage.examine_folders() if "long" in found.sentence]
    assert notes == ["Recordings folder"]
    monkeypatch.setattr(storage, "_TOO_FEW_MB", 1e12)
    assert "full" in storage.examine_folders()[0].sentence


def test_a_folder_on_a_drive_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)
    found = storage._examine("Pictures folder", Path("/gone/pictures"), "choose another.")
    assert found.verdict == "bad"
    assert "/gone/pictures cannot be written to (there is no /); choose" in found.sentence


def test_the_command_tells_and_its_exit_code_too(
    monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    found = [Finding("Python", "good", "New."), Finding("Cameras", "note", "None.")]

    def made_up(models: object, progress: object) -> list[Finding]:
        return found

    monkeypatch.setattr(examine, "examine", made_up)
    assert main(["doctor"]) == EXIT_DONE
    assert f"InCab {version('incab')} works here." in capsys.readouterr().out
    found.append(Finding("Display", "bad", "Qt cannot [open] a window."))
    assert main(["doctor"]) == EXIT_FAILED
    said = capsys.readouterr().out
    assert "Qt cannot [open] a window." in said
    assert "One thing is wrong here." in said
    assert main(["doctor", "--json"]) == EXIT_FAILED
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "incab.doctor/1"
    assert report["works"] is False
    assert report["findings"][-1]["verdict"] == "bad"
    assert report["machine"]["Python"]
