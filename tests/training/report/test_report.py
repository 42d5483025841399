from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from core.errors import DataError
from training.commands.report import Report
from training.report.content import document
from training.report.document import Document, Table
from training.report.html import html_of
from training.report.markdown import write_markdown
from training.report.results import read_results
from training.report.tables import mean_of
from training.reproduce.predictions import PREDICTIONS_FILE

_VOID = {"meta"}


class Balance(HTMLParser):
    """Fails on a tag that is closed without being open, or left open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def made(finished_folder: Path) -> Document:
    return document(read_results(finished_folder))


def table(made: Document, section: str, number: int = 0) -> list[list[str]]:
    (found,) = [each for each in made.sections if each.title.startswith(section)]
    tables = [block for block in found.blocks if isinstance(block, Table)]
    return [[cell.text for cell in row] for row in tables[number].rows]


def test_table_2_has_ours_above_the_papers(made: Document) -> None:
    rows = table(made, "Table II:")
    names = [row[0] for row in rows]
    assert names[:4] == ["I3D (teacher)", "the paper", "3D MobileNet (baseline)", "the paper"]
    ours, papers = rows[names.index("KD")], rows[names.index("KD") + 1]
    # val 0, test 0, mean val, mean test, interval, MB, ms, FPS
    assert ours[1:6] == ["60.0", "70.0", "60.0", "70.0", "nothing varied"]
    assert ours[7:] == ["4.00", "250.0"]
    assert papers[1:] == ["64.5", "49.2", "61.8", "48.6", "", "3.60", "107.00", "9.3"]
    # The paper has no such row.
    assert names[-1] == "KD, quantized after training"


def test_table_1_marks_the_best_and_shows_the_papers(made: Document) -> None:
    assert table(made, "Table I:", 0) == [
        ["0.5", "60.0", "61.89"],
        ["1", "60.0", "60.54"],
        ["1.5", "60.0", "61.55"],
    ]
    assert [row[0] for row in table(made, "Table I:", 1)] == ["1", "3", "5", "7", "9"]
    assert len(table(made, "Table I:", 2)) == 6


def test_table_3_compares_class_by_class(made: Document) -> None:
    rows = table(made, "Table III")
    assert len(rows) == 5
    # I3D, MobileNet, KD, quantization, QD, difference, clips
    assert rows[0][1:] == ["90.0", "60.0", "70.0", "55.0", "65.0", "+5.0", "80"]


def test_the_page_needs_nothing_else_and_is_well_formed(made: Document) -> None:
    page = html_of(made)
    parser = Balance()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert not parser.seen & {"script", "link", "img", "iframe", "object"}
    assert not re.findall(r"(?:src|href)=\"(?!#)", page)
    assert set(re.findall(r"https?://[^\"\s<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in page
    assert "prefers-color-scheme:dark" in page
    for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(drawing)
    # What comes from a command line is text, not markup.
    assert "my &lt;store&gt;" in page


def test_every_colour_that_a_drawing_uses_is_defined(made: Document) -> None:
    page = html_of(made)
    assert set(re.findall(r"var\((--[a-z0-9_]+)\)", page)) <= set(re.findall(r"(--\w+):#", page))


def test_every_link_leads_to_a_section(made: Document) -> None:
    page = html_of(made)
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) == ids
    assert len(ids) == len(made.sections)


def test_markdown_has_its_drawings_beside_it(made: Document, tmp_path: Path) -> None:
    page, *drawings = write_markdown(made, tmp_path / "docs" / "results.md")
    text = page.read_text()
    assert [each.name for each in drawings] == [
        "results_claims.svg",
        "results_figure3.svg",
        "results_curves.svg",
    ]
    for drawing in drawings:
        assert f"]({drawing.name})" in text
        content = drawing.read_text()
        ElementTree.fromstring(content)
        defined = set(re.findall(r"(--\w+):#", content))
        assert set(re.findall(r"var\((--[a-z0-9_]+)\)", content)) <= defined
    widths: set[int] = set()
    for line in text.splitlines():
        if line.startswith("|"):
            widths.add(line.count("|"))
        else:
            assert len(widths) <= 1
            widths = set()
    assert "incab-train reproduce --data 'my <store>'" in text


def test_what_is_missing_is_said_and_no_number_stands_in(hand_made: Callable) -> None:
    made = hand_made()
    made.begin()
    empty = document(read_results(made.folder))
    rows = table(empty, "Table II:")
    ours = [row for row in rows if row[0] != "the paper"]
    assert not re.search(r"\d", "".join("".join(row[1:]) for row in ours))
    assert all(row[4] == "not measured" for row in ours)
    assert all(row[1] == "not measured" for row in table(empty, "Table I:", 2))
    assert not any(re.search(r"\d", "".join(row[1:])) for row in table(empty, "Table III"))
    page = html_of(empty)
    assert "Of 6 claims: 0 held, 0 not held, 6 not measured. 0 of 22 models" in page
    assert "not trained yet" in page


def test_answers_of_a_model_that_was_trained_again_count_no_more(hand_made: Callable) -> None:
    made = hand_made(tables=(2,), seeds=(0,)).finish()
    task = next(task for task in made.tasks() if task.name == "kd")
    model = task.folder(made.folder) / "model.safetensors"
    model.write_bytes(
        (task.needs.folder(made.folder) / "model.safetensors").read_bytes().replace(b"2.0", b"2.5")
    )
    run = read_results(made.folder).runs["kd", 0, 0]
    assert run.predictions is None
    assert run.test is None


def test_a_run_in_its_first_epochs_has_a_curve_and_no_figures(hand_made: Callable) -> None:
    made = hand_made(tables=(2,), seeds=(0,))
    made.begin()
    task = made.tasks()[0]
    made.train(task)
    (task.folder(made.folder) / "model.safetensors").unlink()
    results = read_results(made.folder)
    assert len(results.runs["i3d", 0, 0].epochs) == 3
    assert results.runs["i3d", 0, 0].val is None
    assert "<path" in html_of(document(results))


def test_the_command_writes_where_it_is_told(hand_made: Callable, tmp_path: Path) -> None:
    made = hand_made(tables=(2,), seeds=(0,)).finish()
    console = Console(quiet=True)
    Report(folder=made.folder).run(console)
    assert (made.folder / "report.html").is_file()
    assert (made.folder / "report.md").is_file()
    page, text = tmp_path / "a" / "p.html", tmp_path / "docs" / "results.md"
    Report(folder=made.folder, out=page, markdown=text).run(console)
    assert page.is_file()
    assert text.is_file()
    with pytest.raises(DataError, match="run incab-train reproduce first"):
        Report(folder=tmp_path).run(console)


@pytest.mark.parametrize(
    ("splits", "seeds", "over"),
    [
        pytest.param((0,), (0,), "over people.", id="one run"),
        pytest.param((0, 1), (0,), "over people and splits.", id="splits"),
        pytest.param((0,), (0, 1), "over people and seeds.", id="seeds"),
        pytest.param((0, 1), (0, 1), "over people, splits and seeds.", id="both"),
    ],
)
def test_intervals_say_what_they_are_over(
    hand_made: Callable,
    splits: tuple[int, ...],
    seeds: tuple[int, ...],
    over: str,
) -> None:
    folder = hand_made(splits=splits, seeds=seeds, tables=(2,)).finish().folder
    assert f"95 % interval {over}" in html_of(document(read_results(folder)))


def test_what_was_not_measured_is_in_no_interval_and_no_mean(hand_made: Callable) -> None:
    """Both seeds are trained, the first alone was asked about the test people."""
    folder = hand_made(seeds=(0, 1), tables=(2,)).finish().folder
    for path in folder.glob(f"runs/split0-seed1/*/{PREDICTIONS_FILE}"):
        path.unlink()
    results = read_results(folder)
    assert "95 % interval over people." in html_of(document(results))
    first, second = results.of("kd")
    assert second.test is None
    assert first.val is not None
    assert mean_of([first, second], "val") == first.val["mean_per_class_accuracy"]


def test_people_who_were_asked_in_another_split_before_are_named(
    hand_made: Callable,
) -> None:
    val = {0: [9, 2, 1], 1: [7]}
    folder = hand_made(splits=(0, 1), tables=(2,), val_people=val).finish().folder
    html = html_of(document(read_results(folder)))
    assert "Of the test people of split 1, 1 and 2 are validation people of split 0" in html
    assert "Of the test people of split 0" not in html
