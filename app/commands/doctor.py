"""`incab doctor`: what is wrong with this machine, in plain words."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from app import resources
from app.commands.common import EXIT_DONE, EXIT_FAILED


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Look for what would keep InCab from working here, and say what to do about it.

    Looks at Python, libraries, display, video decoding, cameras (each takes a picture, which is
    thrown away), engines, model files, and the folders InCab writes to. Changes nothing.
    """

    int8: Path = resources.INT8_MODEL
    """The int8 model file."""
    fp32: Path = resources.FP32_MODEL
    """The fp32 model file."""
    json: bool = False
    """Print JSON (schema incab.doctor/1, see docs/trouble.md) instead of lines."""
    debug: bool = False
    """Show a traceback when something fails."""

    def run(self) -> int:
        from rich.console import Console
        from rich.markup import escape

        from app.doctor.examine import examine
        from app.doctor.finding import Finding
        from app.facts import facts
        from app.log import log_folder
        from core.machine import installed_version

        console, status = Console(highlight=False, soft_wrap=True), Console(stderr=True)
        marks = {"good": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}
        findings: list[Finding] = []
        with status.status("looking at Python") as line:
            for finding in examine([self.int8, self.fp32], line.update):
                findings.append(finding)
                if not self.json:
                    mark, subject = marks[finding.verdict], f"{finding.subject}:"
                    console.print(f"{mark} [bold]{escape(subject)}[/] {escape(finding.sentence)}")
        bad = sum(finding.verdict == "bad" for finding in findings)
        if self.json:
            report = {
                "schema": "incab.doctor/1",
                "works": bad == 0,
                "machine": facts(),
                "findings": [asdict(finding) for finding in findings],
            }
            print(json.dumps(report, indent=2))
        elif bad:
            verdict = "One thing is" if bad == 1 else f"{bad} things are"
            console.print(f"\n{verdict} wrong here. The log is in {escape(str(log_folder()))}.")
        else:
            console.print(f"\nInCab {installed_version('incab')} works here.")
        return EXIT_FAILED if bad else EXIT_DONE
