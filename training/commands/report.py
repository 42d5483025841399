"""`incab-train report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Report:
    """Turn a reproduction into one page for a browser, and into Markdown.

    The paper's tables and Figure 3 beside ours, the claims with their intervals, curves, confusion
    matrices, environment and commands. What is not trained or measured yet is said to be missing.

    Example: incab-train report runs/paper --markdown docs/results/report.md
    """

    folder: Positional[Path]
    """What incab-train reproduce has filled."""
    out: Path | None = None
    """The page (default: report.html in the folder)."""
    markdown: Path | None = None
    """The Markdown file (default: report.md in the folder); its drawings are put beside it."""
    debug: bool = False
    """Show a traceback when something fails."""

    def run(self, console: Console) -> None:
        from training.report.content import document
        from training.report.html import write_html
        from training.report.markdown import write_markdown
        from training.report.results import read_results

        made = document(read_results(self.folder))
        page = self.out or self.folder / "report.html"
        write_html(made, page)
        for path in (page, *write_markdown(made, self.markdown or self.folder / "report.md")):
            console.print(f"Wrote {path}", soft_wrap=True, highlight=False)
