from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.confusion import (
    confusion_matrix,
    confusion_svg,
    write_confusion,
    write_confusion_csv,
)

LABELS = ("eating", "drinking", "looking_or_moving_around (e.g. searching)", 'a "b" <c> & d')
TARGETS = np.array([0, 0, 0, 0, 1, 1, 3])
ANSWERS = np.array([0, 0, 0, 1, 1, 3, 3])


def test_rows_are_truth_and_columns_answers() -> None:
    matrix = confusion_matrix(TARGETS, ANSWERS, 4)
    assert matrix.tolist() == [[3, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_the_csv_can_be_read_back(tmp_path: Path) -> None:
    matrix = confusion_matrix(TARGETS, ANSWERS, 4)
    write_confusion_csv(matrix, LABELS, tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0][1:]) == LABELS
    assert [row[0] for row in rows[1:]] == list(LABELS)
    assert [[int(cell) for cell in row[1:]] for row in rows[1:]] == matrix.tolist()


def test_the_picture_names_every_class_twice_and_shows_shares() -> None:
    root = ElementTree.fromstring(
        confusion_svg(confusion_matrix(TARGETS, ANSWERS, 4), LABELS, "<x>")
    )
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "<x>"
    assert texts.count("eating") == 2
    assert texts.count("looking around") == 2
    assert texts.count('a "b" <c> & d') == 2
    assert sorted(text for text in texts if text and text.isdigit()) == [
        "100",
        "25",
        "50",
        "50",
        "75",
    ]


# Under pytest-qt's application, which later tests need to be a QApplication.
@pytest.mark.usefixtures("qapp")
def test_the_png_has_dark_squares_on_the_diagonal(tmp_path: Path) -> None:
    same = np.repeat(np.arange(4), 5)
    written = write_confusion(same, same, LABELS, tmp_path / "new" / "int8", "test")
    assert [path.name for path in written] == ["int8_confusion.csv", "int8_confusion.png"]
    image = cv2.imread(str(written[1]))
    assert image is not None
    dark = (image < 150).any(axis=2)
    # The last class: the square at the lower right corner, inside the margin.
    height, width = dark.shape
    assert dark[height - 60 : height - 50, width - 38 : width - 34].all()
    assert not dark[height - 60 : height - 50, width - 88 : width - 84].any()
    assert sorted((tmp_path / "new").iterdir()) == sorted(written)


@pytest.mark.usefixtures("qapp")
def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_confusion(TARGETS, ANSWERS, LABELS, tmp_path / "file" / "int8", "test")
