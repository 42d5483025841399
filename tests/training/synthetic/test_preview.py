"""The contact sheet."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from core.errors import DataError
from training.synthetic.preview import write_contact_sheet


def test_contact_sheet_shows_the_chosen_activities(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    write_contact_sheet(path, 0, 2, activities=("drinking", "writing"), shots=3, size=64)
    sheet = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    assert sheet.shape == (64 + 14, 2 * 3 * 64)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        write_contact_sheet(tmp_path / "nowhere" / "a.png", activities=("drinking",), shots=1)


@pytest.mark.parametrize("name", ["sheet.txt", "sheet"])
def test_another_ending_is_named_before_anything_is_drawn(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must end in \.png"):
        write_contact_sheet(tmp_path / name)
