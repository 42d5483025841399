"""What the window remembers, in an INI file that a person can read and delete."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from app.sources import Address, parse_source
from core.camera import without_credentials
from core.errors import SourceError


class Settings:
    """Window geometry, the last source and folder, and whether files loop."""

    def __init__(self, path: Path | None) -> None:
        if path is None:
            ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
            self._store = QSettings(ini, user, "InCab", "InCab")
        else:
            self._store = QSettings(str(path), QSettings.Format.IniFormat)

    @property
    def geometry(self) -> QByteArray:
        """What QWidget.saveGeometry() gave; empty at first."""
        value = self._store.value("window/geometry")
        return value if isinstance(value, QByteArray) else QByteArray()

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._store.setValue("window/geometry", geometry)

    @property
    def last_source(self) -> Address | None:
        """The source played last, without a stream's password; None when there is none."""
        value = self._store.value("source/last")
        try:
            return parse_source(value) if isinstance(value, str) else None
        except SourceError:
            return None

    @last_source.setter
    def last_source(self, address: Address) -> None:
        if isinstance(address, Path):
            self._store.setValue("source/folder", str(address.resolve().parent))
            self._store.setValue("source/last", str(address.resolve()))
        else:
            text = without_credentials(address) if isinstance(address, str) else str(address)
            self._store.setValue("source/last", text)

    @property
    def folder(self) -> Path:
        """Where the file dialog begins."""
        value = self._store.value("source/folder")
        return Path(value) if isinstance(value, str) and Path(value).is_dir() else Path.home()

    @property
    def loop(self) -> bool:
        """Whether files start again when they end."""
        return self._store.value("playback/loop") in (True, "true")

    @loop.setter
    def loop(self, loop: bool) -> None:
        self._store.setValue("playback/loop", loop)

    def save(self) -> None:
        """Write everything to the file now."""
        self._store.sync()
