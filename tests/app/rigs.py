"""A source worker, and what it offered and said."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from app.capture import Capture, CaptureSetup
from app.messages import ClipOffer, SourceInfo
from app.sources import Address
from tests.app.doubles import SPEC, FakeCamera

STOPS_WITHIN_MS = 1000


class Rig:
    """A capture and what it offered."""

    def __init__(self, address: Address, camera: FakeCamera, **changes: object) -> None:
        self.offers: list[ClipOffer] = []
        setup = CaptureSetup(
            address=address,
            annotations=None,
            kinds=(SPEC,),
            labels=(),
            next_generation=itertools.count(1).__next__,
            offer=self.offers.append,
            open_live=camera,
        )
        self.capture = Capture(replace(setup, **changes))
        self.opened: list[SourceInfo] = []
        self.failures: list[str] = []
        self.capture.opened.connect(self._on_opened)
        self.capture.failed.connect(self._on_failed)

    def _on_opened(self, capture: Capture, info: SourceInfo) -> None:
        self.opened.append(info)

    def _on_failed(self, capture: Capture, text: str) -> None:
        self.failures.append(text)


MakeRig = Callable[..., Rig]
