"""The report as Markdown, its drawings as SVG files beside it."""

from __future__ import annotations

from pathlib import Path

from core.files import replacing
from training.report.charts.drawing import standalone
from training.report.document import Block, Code, Document, Figure, Folded, Table, Text


def write_markdown(document: Document, path: Path) -> list[Path]:
    """Write `path` and `<stem>_<name>.svg` for each drawing that has a name; returns them all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    lines = [f"# {document.title}", "", document.subtitle, ""]
    for section in document.sections:
        blocks = [_block(block, path, written) for block in section.blocks]
        if any(blocks):
            lines += [f"## {section.title}", "", *(block for block in blocks if block)]
    with replacing(path) as partial:
        partial.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return [path, *written]


def _block(block: Block | Folded, path: Path, written: list[Path]) -> str:
    if isinstance(block, Folded):
        inner = "\n".join(filter(None, (_block(each, path, written) for each in block.blocks)))
        # What holds nothing but drawings for the browser is left to it.
        return f"### {block.title}\n\n{inner}" if inner else ""
    if isinstance(block, Text):
        return f"{block.text}\n"
    if isinstance(block, Code):
        return f"```\n{block.text}\n```\n"
    if isinstance(block, Table):
        return _table(block)
    return _figure(block, path, written)


def _table(table: Table) -> str:
    def row(values: list[str]) -> str:
        return f"| {' | '.join(value.replace('|', chr(92) + '|') for value in values)} |"

    rules = [
        "---" if column < table.text_columns else "---:" for column in range(len(table.headers))
    ]
    lines = [row(list(table.headers)), row(rules)]
    for cells in table.rows:
        lines.append(
            row(
                [
                    f"**{cell.text}**" if cell.tone == "strong" and cell.text else cell.text
                    for cell in cells
                ]
            )
        )
    caption = [f"{table.caption}:", ""] if table.caption else []
    return "\n".join([*caption, *lines, ""])


def _figure(figure: Figure, path: Path, written: list[Path]) -> str:
    if not figure.name:
        return ""
    file = path.with_name(f"{path.stem}_{figure.name}.svg")
    with replacing(file) as partial:
        partial.write_text(standalone(figure.svg), encoding="utf-8")
    written.append(file)
    return f"![{figure.name}]({file.name})\n\n{figure.caption}\n"
