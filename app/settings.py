"""What the window remembers, in an INI file that a person can read and delete."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from PySide6.QtCore import QByteArray, QSettings

from app.alerts import default_rules, rules_from_json, rules_to_json
from app.recent_sources import (
    RecentSource,
    recent_from_json,
    recent_to_json,
    still_there,
)
from app.recording.places import default_pictures_folder, default_recordings_folder
from core.alerts import AlertRule
from core.decisions import DecisionSettings

ThemeChoice = Literal["system", "dark", "light"]

# Files without a number are of version 1, which knew fewer things and nothing else.
_VERSION = 2
_VERSION_KEY = "meta/version"
_RECORDINGS, _PICTURES = "recordings/folder", "pictures/folder"

_log = logging.getLogger(__name__)


class Settings:
    """Looks and layout, how labels are decided, alert rules, the last sources, and whether to loop.

    A file that cannot be used is set aside under another name; `problem` then says so.
    """

    def __init__(self, path: Path | None) -> None:
        self.problem: str | None = None
        self._store = _open(path)
        file = Path(self._store.fileName())
        why = _why_unusable(file, self._store)
        if why is not None:
            del self._store
            self.problem = _set_aside(file, why)
            self._store = _open(path)
        self._store.setValue(_VERSION_KEY, _VERSION)

    # -- looks ---------------------------------------------------------------------------------

    @property
    def geometry(self) -> QByteArray:
        """What QWidget.saveGeometry() gave; empty at first."""
        return self._bytes("window/geometry")

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._store.setValue("window/geometry", geometry)

    @property
    def layout(self) -> QByteArray:
        """What QMainWindow.saveState() gave; empty at first."""
        return self._bytes("window/layout")

    @layout.setter
    def layout(self, layout: QByteArray) -> None:
        self._store.setValue("window/layout", layout)

    @property
    def theme(self) -> ThemeChoice:
        """Which theme was chosen."""
        value = self._store.value("window/theme")
        return value if value in get_args(ThemeChoice) else "system"

    @theme.setter
    def theme(self, theme: ThemeChoice) -> None:
        self._store.setValue("window/theme", theme)

    @property
    def hint_seen(self) -> bool:
        """Whether the hint for the first run was shown."""
        return self._flag("window/hint_seen")

    @hint_seen.setter
    def hint_seen(self, seen: bool) -> None:
        self._store.setValue("window/hint_seen", seen)

    # -- labels and alerts ---------------------------------------------------------------------

    @property
    def decisions(self) -> DecisionSettings:
        """How steady labels are."""
        usual = DecisionSettings()
        try:
            return DecisionSettings(
                smoothing_s=self._number("decisions/smoothing_s", usual.smoothing_s),
                enter_threshold=self._number("decisions/enter_threshold", usual.enter_threshold),
                leave_threshold=self._number("decisions/leave_threshold", usual.leave_threshold),
                dwell_s=self._number("decisions/dwell_s", usual.dwell_s),
            )
        except ValueError:
            return usual

    @decisions.setter
    def decisions(self, decisions: DecisionSettings) -> None:
        for name in ("smoothing_s", "enter_threshold", "leave_threshold", "dwell_s"):
            self._store.setValue(f"decisions/{name}", getattr(decisions, name))

    @property
    def alert_rules(self) -> tuple[AlertRule, ...]:
        """Which activities are noticed after how long."""
        value = self._store.value("alerts/rules")
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                return rules_from_json(value)
        return default_rules()

    @alert_rules.setter
    def alert_rules(self, rules: tuple[AlertRule, ...]) -> None:
        self._store.setValue("alerts/rules", rules_to_json(rules))

    @property
    def alert_sound(self) -> bool:
        """Whether an alert is heard; off at first."""
        return self._flag("alerts/sound")

    @alert_sound.setter
    def alert_sound(self, sound: bool) -> None:
        self._store.setValue("alerts/sound", sound)

    # -- sources -------------------------------------------------------------------------------

    @property
    def recent_sources(self) -> tuple[RecentSource, ...]:
        """The sources opened last that are still there, newest first."""
        value = self._store.value("source/recent")
        return still_there(recent_from_json(value)) if isinstance(value, str) else ()

    @recent_sources.setter
    def recent_sources(self, recent: tuple[RecentSource, ...]) -> None:
        self._store.setValue("source/recent", recent_to_json(recent))

    @property
    def driveact_root(self) -> Path | None:
        """The Drive&Act folder that was looked through last."""
        return _folder(self._store, "source/driveact_root")

    @driveact_root.setter
    def driveact_root(self, root: Path) -> None:
        self._store.setValue("source/driveact_root", str(root.absolute()))

    @property
    def folder(self) -> Path:
        """Where the file dialog begins."""
        value = self._store.value("source/folder")
        return Path(value) if isinstance(value, str) and Path(value).is_dir() else Path.home()

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._store.setValue("source/folder", str(folder))

    @property
    def loop(self) -> bool:
        """Whether files start again when they end."""
        return self._flag("playback/loop")

    @loop.setter
    def loop(self, loop: bool) -> None:
        self._store.setValue("playback/loop", loop)

    # -- recordings ----------------------------------------------------------------------------

    @property
    def recordings_folder(self) -> Path | None:
        """Where recordings go; None until one was chosen."""
        return _folder(self._store, _RECORDINGS)

    @recordings_folder.setter
    def recordings_folder(self, folder: Path) -> None:
        self._store.setValue(_RECORDINGS, str(folder.absolute()))

    @property
    def pictures_folder(self) -> Path | None:
        """Where pictures of the window go; None until one was chosen."""
        return _folder(self._store, _PICTURES)

    @pictures_folder.setter
    def pictures_folder(self, folder: Path) -> None:
        self._store.setValue(_PICTURES, str(folder.absolute()))

    # -- the file ------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget everything."""
        self._store.clear()
        self._store.setValue(_VERSION_KEY, _VERSION)

    def save(self) -> None:
        """Write everything to the file now."""
        self._store.sync()

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()

    def _flag(self, key: str) -> bool:
        return self._store.value(key) in (True, "true")

    def _number(self, key: str, usual: float) -> float:
        value = self._store.value(key)
        try:
            return float(value) if isinstance(value, (str, int, float)) else usual
        except ValueError:
            return usual


class WrittenFolders(NamedTuple):
    """Where the window writes what a person wants to keep."""

    recordings: Path
    pictures: Path
    settings: Path


def written_folders(path: Path | None = None) -> WrittenFolders:
    """As the settings file says, which is not changed by looking."""
    store = _open(path)
    return WrittenFolders(
        _folder(store, _RECORDINGS) or default_recordings_folder(),
        _folder(store, _PICTURES) or default_pictures_folder(),
        Path(store.fileName()).parent,
    )


def _folder(store: QSettings, key: str) -> Path | None:
    value = store.value(key)
    return Path(value) if isinstance(value, str) and value else None


def _open(path: Path | None) -> QSettings:
    ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
    return QSettings(ini, user, "InCab", "InCab") if path is None else QSettings(str(path), ini)


def _why_unusable(file: Path, store: QSettings) -> str | None:
    """Why nothing of this file may be believed; None when it is fine or not there."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    # Qt takes almost anything for an INI file, and finds nothing in it.
    keys = store.allKeys()
    if store.status() is not QSettings.Status.NoError or b"\0" in content:
        return "is damaged"
    if content.strip() and not keys:
        return "is damaged"
    version = str(store.value(_VERSION_KEY, "1"))
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        return "is damaged"
    if int(version) > _VERSION:
        return "was written by a newer InCab"
    return None


def _set_aside(file: Path, why: str) -> str:
    """Rename the file and say so; begins anew without it."""
    aside = file.with_name(f"{file.name}.set-aside")
    try:
        file.replace(aside)
    except OSError as error:
        sentence = (
            f"The settings file {file} {why} and cannot be set aside ({error.strerror}); "
            "delete it to have settings remembered again."
        )
    else:
        sentence = f"The settings file {why}; it is kept as {aside}, and settings begin anew."
    _log.warning("%s", sentence)
    return sentence
