"""Looks at everything that InCab needs of a machine, one thing after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from app.doctor.finding import Finding
from app.doctor.software import examine_libraries, examine_python


def examine(models: Sequence[Path], progress: Callable[[str], None]) -> Iterator[Finding]:
    """Every finding as it is made; `progress` is told what is looked at next."""
    yield examine_python()
    progress("loading the libraries")
    libraries = examine_libraries()
    yield from libraries
    if any(finding.verdict == "bad" for finding in libraries):
        sentence = "Not looked at: mend the libraries, then run `incab doctor` again."
        yield Finding("All else", "note", sentence)
        return
    # What follows needs the libraries itself.
    from app.doctor.display import examine_display
    from app.doctor.models import examine_models
    from app.doctor.storage import examine_folders
    from app.doctor.video import examine_cameras, examine_decoding

    progress("opening a window")
    yield examine_display()
    progress("decoding the demonstration clip")
    yield examine_decoding()
    progress("looking for cameras")
    yield from examine_cameras()
    progress("trying the engines")
    yield from examine_models(models)
    yield from examine_folders()
