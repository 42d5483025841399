from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from app.alerts import default_rules
from app.recording.places import default_recordings_folder
from app.settings import Settings, written_folders
from core.alerts import AlertRule
from core.decisions import DecisionSettings


def test_what_was_saved_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    settings = Settings(path)
    settings.folder = tmp_path
    settings.loop = True
    settings.geometry = QByteArray(b"\x00\x01geometry")
    settings.save()
    again = Settings(path)
    assert again.folder == tmp_path
    assert again.loop
    assert again.geometry == QByteArray(b"\x00\x01geometry")


def test_the_first_start_has_defaults(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "incab.ini")
    assert not settings.loop
    assert settings.geometry.isEmpty()
    assert settings.folder == Path.home()


def test_where_the_window_writes_is_read_without_touching_the_file(tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    usual = written_folders(path)
    assert usual.recordings == default_recordings_folder()
    assert usual.settings == tmp_path
    assert not path.exists()
    settings = Settings(path)
    settings.recordings_folder = tmp_path / "drives"
    settings.save()
    assert written_folders(path).recordings == tmp_path / "drives"
    assert written_folders(path).pictures == usual.pictures
    path.write_bytes(b"\x00\x01")
    assert written_folders(path).recordings == default_recordings_folder()
    assert path.read_bytes() == b"\x00\x01"


@pytest.mark.parametrize(
    "text", ["\x00\x01\x02", "[source]\nfolder=ftp://x/y\n", "[window]\ngeometry=5"]
)
def test_a_damaged_file_is_like_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    path.write_text(text)
    settings = Settings(path)
    assert settings.folder == Path.home()
    assert settings.geometry.isEmpty()


# -- looks, decisions, alerts ------------------------------------------------------------------


def test_looks_decisions_and_rules_make_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    settings = Settings(path)
    decisions = DecisionSettings(
        smoothing_s=0.25, enter_threshold=0.6, leave_threshold=0.2, dwell_s=1.5
    )
    rules = (AlertRule("writing", 2.5), AlertRule("looking_or_moving_around (e.g. searching)", 9))
    settings.theme = "light"
    settings.layout = QByteArray(b"\x00layout")
    settings.hint_seen = True
    settings.decisions = decisions
    settings.alert_rules = rules
    settings.alert_sound = True
    settings.save()
    again = Settings(path)
    assert (again.theme, again.layout, again.hint_seen) == ("light", b"\x00layout", True)
    assert (again.decisions, again.alert_rules, again.alert_sound) == (decisions, rules, True)
    assert again.problem is None
    again.alert_rules = ()
    again.save()
    assert Settings(path).alert_rules == ()
    again.reset()
    assert (again.theme, again.decisions) == ("system", DecisionSettings())
    assert again.alert_rules == default_rules()


@pytest.mark.parametrize(
    "text",
    [
        "[decisions]\nenter_threshold=0.2\nleave_threshold=0.9\n",
        "[decisions]\nsmoothing_s=fast\ndwell_s=-1\n",
        "[decisions]\nsmoothing_s=nan\ndwell_s=nan\n",
        "[alerts]\nrules=none\n",
        '[alerts]\nrules="[{\\"activity\\": 5}]"\n',
        "[window]\ntheme=pink\n",
    ],
)
def test_a_value_without_sense_is_the_usual_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    path.write_text(text)
    settings = Settings(path)
    assert settings.decisions == DecisionSettings()
    assert settings.alert_rules == default_rules()
    assert settings.theme == "system"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x00\x01\x02", "is damaged"),
        (b"\xff\xfe\x00garbage\xff", "is damaged"),
        (b"[window\ngeometry", "is damaged"),
        (b"[playback]\nloop=true\n\x00\x00\x00", "is damaged"),
        (b"not a settings file at all", "is damaged"),
        (b"[meta]\nversion=newest\n", "is damaged"),
        (b"[meta]\nversion=99\n[playback]\nloop=true\n", "was written by a newer InCab"),
    ],
)
def test_an_unusable_file_is_set_aside_and_said_so(
    content: bytes, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "incab.ini"
    path.write_bytes(content)
    settings = Settings(path)
    assert settings.problem is not None
    assert why in settings.problem
    assert not settings.loop
    assert (tmp_path / "incab.ini.set-aside").read_bytes() == content
    settings.loop = True
    settings.save()
    again = Settings(path)
    assert again.problem is None
    assert again.loop


def test_a_file_of_the_first_version_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "incab.ini"
    path.write_text("[playback]\nloop=true\n")
    settings = Settings(path)
    assert settings.loop
    assert settings.problem is None
    assert path.is_file()
