"""Which models speak, and what is shown of what they say."""

from __future__ import annotations

import numpy as np
import pytest

from app.labelling import Labelling
from app.messages import Answer, ClipOffer, EngineReport, Recorded, Slot
from core.clip import Clip
from core.comparison import Prediction
from core.decisions import Decision
from core.probe import ProbeResult
from tests.app.doubles import BRIGHT, DARK, LABELS, SPEC

REPORT = EngineReport(ProbeResult(engine="openvino"))


def answer(
    time_s: float, name: str, slots: tuple[Slot, ...] = ("int8", "fp32"), **changes: object
) -> Answer:
    index = round(time_s * 30)
    clip = Clip(np.zeros(SPEC.clip_shape, np.uint8), tuple(range(index - 3, index + 1)), time_s)
    shares = np.full(len(LABELS), 0.01, np.float32)
    shares[LABELS.index(name)] = 0.95
    predictions = {slot: Prediction(index, time_s, shares, 1.0) for slot in slots}
    return Answer(ClipOffer(clip, 1, 0.0, SPEC), predictions, **changes)


def test_a_label_follows_its_own_model_only() -> None:
    labelling = Labelling()
    labelling.label(answer(1.0, BRIGHT), None)
    labelling.fault("int8")
    shown = labelling.label(answer(1.1, DARK), None)
    assert shown is not None
    index = {slot: decision.class_index for slot, decision in shown.decisions.items()}
    # One begins anew after its fault, the other does not change its mind over one clip.
    assert index == {"int8": LABELS.index(DARK), "fp32": LABELS.index(BRIGHT)}
    assert shown.truth is None


def test_nothing_is_shown_of_those_who_have_failed_since() -> None:
    labelling = Labelling()
    labelling.fault("int8")
    labelling.fail("fp32")
    assert labelling.label(answer(1.0, DARK), None) is None
    labelling.run("int8", REPORT)
    assert labelling.label(answer(1.0, DARK), None) is not None
    assert labelling.label(answer(1.0, DARK, ("fp32",)), None) is None


def test_it_is_known_whether_a_student_runs() -> None:
    labelling = Labelling()
    for slot in ("int8", "fp32", "teacher"):
        labelling.run(slot, REPORT)
    labelling.fault("int8")
    assert not labelling.nobody_runs
    labelling.fault("fp32")
    assert labelling.nobody_runs
    assert not labelling.all_failed
    labelling.fail("int8")
    labelling.fail("fp32")
    assert labelling.all_failed
    labelling.forget(("fp32",))
    assert not labelling.all_failed
    assert list(labelling.engines) == ["teacher"]


@pytest.mark.parametrize(("index", "truth"), [(30, DARK), (60, BRIGHT)])
def test_the_truth_is_that_of_the_clip(index: int, truth: str) -> None:
    known = (DARK,) * 45 + (BRIGHT,) * 45
    shown = Labelling().label(answer(index / 30, DARK), known)
    assert shown is not None
    assert shown.truth == truth


def test_a_recording_is_shown_as_it_was() -> None:
    decisions: dict[Slot, Decision] = {"int8": Decision(None, 0.3)}
    shown = Labelling().label(answer(1.0, DARK, recorded=Recorded(decisions, BRIGHT)), (DARK,) * 99)
    assert shown is not None
    assert (shown.decisions, shown.truth) == (decisions, BRIGHT)
