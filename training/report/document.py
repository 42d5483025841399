"""What a report consists of, told once and rendered twice: as HTML and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

# good, bad and open colour a verdict; quiet is for the paper's figures and for what is missing.
Tone = Literal["", "good", "bad", "open", "quiet", "strong"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `code` stands between backticks."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first `text_columns` columns hold words, the others numbers."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    text_columns: int = 1


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing as SVG; `name` is for a file beside the Markdown, empty for HTML only."""

    svg: str
    caption: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy."""

    text: str


Block = Text | Table | Figure | Code


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks that a reader opens when they want them."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block | Folded, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report."""

    title: str
    subtitle: str
    sections: tuple[Section, ...] = field(default_factory=tuple)


def cells(values: Sequence[str], tone: Tone = "") -> tuple[Cell, ...]:
    """Plain cells, all of one tone."""
    return tuple(Cell(value, tone) for value in values)
