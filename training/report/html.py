"""The report as one HTML page that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from core.files import replacing
from training.report.document import Block, Code, Document, Figure, Folded, Table, Text
from training.report.palette import variables

_STYLE = """
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);
 font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header,main{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
h1{font-size:30px;line-height:1.2;margin:0 0 8px;letter-spacing:-.01em}
header p{color:var(--quiet);margin:0 0 18px;max-width:80ch}
nav{display:flex;flex-wrap:wrap;gap:6px 18px;margin-bottom:22px}
nav a{color:var(--accent);text-decoration:none}
nav a:hover{text-decoration:underline}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;
 padding:22px 26px 24px;margin:0 0 22px;scroll-margin-top:12px}
h2{font-size:20px;margin:0 0 10px}
p{margin:0 0 14px;max-width:84ch}
section>*:last-child,section>*:last-child>*:last-child{margin-bottom:0}
.scroll{overflow-x:auto;margin:0 0 16px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
table.narrow{width:auto;min-width:min(460px,100%)}
caption{text-align:left;font-weight:600;padding:4px 0 6px}
th{font-weight:600;color:var(--quiet);font-size:13px;vertical-align:bottom}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th.words,td.words{text-align:left}
td.words{white-space:normal}
td.words.good,td.words.bad,td.words.open{white-space:nowrap}
th:first-child,td:first-child{padding-left:0}
th:last-child,td:last-child{padding-right:0}
tr:last-child td{border-bottom:0}
tr.over td{border-bottom:0;padding-bottom:1px}
tr.under td{padding-top:1px;font-size:13px}
.quiet{color:var(--quiet)}.strong{font-weight:650}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}
td.words.good,td.words.bad,td.words.open{font-weight:600}
.side{display:grid;grid-template-columns:repeat(auto-fit,minmax(270px,1fr));gap:0 36px}
.side table.narrow{width:100%;min-width:0}
.side caption{white-space:normal}
figure{margin:8px 0 16px;overflow-x:auto}
figure svg{display:block;max-width:100%;height:auto}
figcaption{color:var(--quiet);font-size:13.5px;margin-top:10px;max-width:88ch}
details{border-top:1px solid var(--line);padding:10px 0}
details:last-child{padding-bottom:0}
summary{cursor:pointer;font-weight:600}
details>*:nth-child(2){margin-top:12px}
pre{background:var(--raised);border:1px solid var(--line);border-radius:8px;padding:12px 14px;
 overflow-x:auto;font-size:13px;line-height:1.5;margin:0 0 14px}
code{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace}
@media(max-width:640px){header,main{padding:0 12px}section{padding:16px}
 figure svg{min-width:720px}}
@media print{body{background:none}section{break-inside:avoid;border:0;padding:0}nav{display:none}}
"""


def write_html(document: Document, path: Path) -> None:
    """Write the page; it appears under its final name only when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(html_of(document), encoding="utf-8")


def html_of(document: Document) -> str:
    """The whole page."""
    links = "".join(
        f'<a href="#{_anchor(section.title)}">{escape(section.title.split(":")[0])}</a>'
        for section in document.sections
    )
    sections = "".join(
        f'<section id="{_anchor(section.title)}"><h2>{escape(section.title)}</h2>'
        f"{_blocks(section.blocks)}</section>"
        for section in document.sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(document.title)}</title>"
        f"<style>{variables(':root')}{_STYLE}</style></head><body>"
        f"<header><h1>{escape(document.title)}</h1><p>{_inline(document.subtitle)}</p>"
        f"<nav>{links}</nav></header><main>{sections}</main></body></html>\n"
    )


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _inline(text: str) -> str:
    """Escaped, with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))


def _blocks(blocks: tuple[Block | Folded, ...]) -> str:
    """Blocks one below the other; small tables that follow each other side by side."""
    parts: list[str] = []
    side: list[str] = []
    for block in blocks:
        if isinstance(block, Table) and block.caption:
            side.append(_block(block))
            continue
        if side:
            parts.append(f'<div class="side">{"".join(side)}</div>')
            side = []
        parts.append(_block(block))
    if side:
        parts.append(f'<div class="side">{"".join(side)}</div>')
    return "".join(parts)


def _block(block: Block | Folded) -> str:
    if isinstance(block, Folded):
        inner = "".join(_block(each) for each in block.blocks)
        return f"<details><summary>{escape(block.title)}</summary>{inner}</details>"
    if isinstance(block, Text):
        return f"<p>{_inline(block.text)}</p>"
    if isinstance(block, Code):
        return f"<pre><code>{escape(block.text)}</code></pre>"
    if isinstance(block, Figure):
        return f"<figure>{block.svg}<figcaption>{_inline(block.caption)}</figcaption></figure>"
    return _table(block)


def _table(table: Table) -> str:
    words = [' class="words"' if c < table.text_columns else "" for c in range(len(table.headers))]
    head = "".join(
        f"<th{kind}>{escape(name)}</th>" for kind, name in zip(words, table.headers, strict=True)
    )
    quiet = [all(cell.tone == "quiet" for cell in row) for row in table.rows]
    rows = []
    for number, row in enumerate(table.rows):
        # A quiet row belongs to the one above it.
        under = quiet[number]
        over = number + 1 < len(quiet) and quiet[number + 1] and not under
        kind = ' class="under"' if under else ' class="over"' if over else ""
        columns = []
        for column, cell in enumerate(row):
            names = ["words"] if column < table.text_columns else []
            if cell.tone and not under:
                names.append(cell.tone)
            elif under:
                names.append("quiet")
            look = f' class="{" ".join(names)}"' if names else ""
            columns.append(f"<td{look}>{escape(cell.text)}</td>")
        rows.append(f"<tr{kind}>{''.join(columns)}</tr>")
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    small = ' class="narrow"' if len(table.headers) <= 5 else ""
    return (
        f'<div class="scroll"><table{small}>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
