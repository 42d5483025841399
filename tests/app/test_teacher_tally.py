from __future__ import annotations

import numpy as np

from app.messages import Answer, ClipOffer, Slot
from app.tally import Tally
from core.clip import Clip, ClipSpec
from core.comparison import Prediction
from tests.app.doubles import LABELS, SPEC


def answer(index: int, generation: int = 1, **best: int) -> Answer:
    """What each model named in the clip that ends with a frame."""
    clip = Clip(np.zeros(SPEC.clip_shape, np.uint8), (index,), index / 30)
    predictions: dict[Slot, Prediction] = {
        slot: Prediction(index, index / 30, np.eye(len(LABELS), dtype=np.float32)[name], 2.0)
        for slot, name in best.items()
    }
    return Answer(ClipOffer(clip, generation, 90 + index / 30, ClipSpec()), predictions)


def test_only_answers_to_the_same_clip_are_compared_in_whatever_order_they_come() -> None:
    tally = Tally(clock=lambda: 100.0)
    assert tally.numbers(None, 0, True).teacher is None
    tally.add(answer(30, int8=1, fp32=2), None, LABELS)
    tally.add(answer(30, teacher=1), None, LABELS)
    tally.add(answer(31, int8=1, fp32=1), None, LABELS)
    tally.add(answer(32, int8=1, fp32=1), None, LABELS)
    # The same frame after a jump is another clip.
    tally.add(answer(32, 2, teacher=3), None, LABELS)
    tally.add(answer(33, teacher=3), None, LABELS)
    tally.add(answer(33, int8=3, fp32=3), None, LABELS)
    numbers = tally.numbers(None, 0, True)
    assert numbers.teacher is not None
    assert numbers.teacher.agreement == {"int8": 1.0, "fp32": 0.5}
    assert numbers.teacher.skipped == 1
    assert numbers.teacher.age_ms == (100 - 91.1) * 1000
    # The pair's own figures know nothing of the teacher.
    assert numbers.session.clips == 4
    assert numbers.session.agreement == 0.75


def test_answers_of_all_three_at_once_are_compared_once_and_nothing_was_skipped() -> None:
    tally = Tally(clock=lambda: 100.0)
    for index in range(3):
        tally.add(answer(index, int8=1, fp32=1, teacher=1 if index else 2), None, LABELS)
    numbers = tally.numbers(None, 0, False).teacher
    assert numbers is not None
    assert numbers.agreement == {"int8": 2 / 3, "fp32": 2 / 3}
    assert numbers.skipped == 0
    assert numbers.age_ms is None
    tally.forget_teacher()
    assert tally.numbers(None, 0, False).teacher is None
    assert tally.numbers(None, 0, False).models["teacher"].latency is None


def test_the_label_age_is_that_of_the_students() -> None:
    tally = Tally(clock=lambda: 100.0)
    tally.add(answer(240, int8=1, fp32=1), None, LABELS)
    tally.add(answer(210, teacher=1), None, LABELS)
    assert tally.numbers(None, 0, True).label_age_ms == 2000
    assert tally.numbers(None, 0, True).inferred_fps == 0 or tally.agreement.clips == 1
