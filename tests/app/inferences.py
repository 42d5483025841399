"""The model workers: the clips they are offered, what they said, and their answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pytestqt.qtbot import QtBot

from app.inference import Inference
from app.messages import Answer, ClipOffer, EngineReport, Models
from app.model_choice import Fault, ModelChoice, Stall
from core.clip import Clip, ClipSpec
from tests.app.doubles import SPEC


class Log:
    """What the models said, in order."""

    def __init__(self, inference: Inference) -> None:
        self.pairs: list[Models] = []
        self.said: list[tuple[str, str]] = []
        self.stalled: list[Stall] = []
        self.refused: list[str] = []
        self.changing: list[ModelChoice | None] = []
        self.reports: dict[str, EngineReport] = {}
        inference.described.connect(self.pairs.append)
        inference.ready.connect(self._on_ready)
        inference.faulted.connect(self._on_fault)
        inference.failed.connect(lambda slot, text: self.said.append((slot, f"failed: {text}")))
        inference.stalled.connect(self.stalled.append)
        inference.refused.connect(self.refused.append)
        inference.changing.connect(self.changing.append)

    def _on_ready(self, slot: str, report: EngineReport) -> None:
        self.reports[slot] = report
        self.said.append((slot, f"runs on {report.probed.engine}"))

    def _on_fault(self, slot: str, fault: Fault) -> None:
        self.said.append((slot, f"fault: {fault.sentence}"))

    def of(self, slot: str) -> list[str]:
        return [text for named, text in self.said if named == slot]


StartInference = Callable[..., tuple[Inference, Log]]


def offer(index: int, spec: ClipSpec = SPEC) -> ClipOffer:
    pixels = np.full(spec.clip_shape, 20, np.uint8)
    return ClipOffer(Clip(pixels, (index,), index / 30), 1, 0.0, spec)


def answered(
    qtbot: QtBot, inference: Inference, wanted: Callable[[Answer], bool], first: int = 0
) -> Answer:
    """Offer clips until an answer is as wanted."""
    found: list[Answer] = []
    index = first

    def next_clip() -> bool:
        nonlocal index
        inference.offer(offer(index))
        index += 1
        found.extend(answer for answer in inference.take_answers() if wanted(answer))
        return bool(found)

    qtbot.waitUntil(next_clip, timeout=20_000)
    return found[0]


def both(answer: Answer) -> bool:
    return set(answer.predictions) == {"int8", "fp32"}
