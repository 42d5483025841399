"""The contact sheet."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from core.activities import ACTIVITIES
from core.errors import DataError
from training.synthetic import preview
from training.synthetic.preview import write_contact_sheet

LOOKS = (0, 2, "inner_mirror", 1.0)


@pytest.fixture(autouse=True)
def _three_activities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "ACTIVITIES", ACTIVITIES[:3])


def test_contact_sheet_shows_each_activity(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    write_contact_sheet(path, *LOOKS)
    sheet = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    assert sheet.shape == (2 * (160 + 14), 2 * 5 * 160)
    assert (sheet[-100:, -800:] == 255).all()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        write_contact_sheet(tmp_path / "nowhere" / "a.png", *LOOKS)


@pytest.mark.parametrize("name", ["sheet.txt", "sheet"])
def test_another_ending_is_named_before_anything_is_drawn(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must end in \.png"):
        write_contact_sheet(tmp_path / name, *LOOKS)
