from __future__ import annotations

import numpy as np

from app.bench.rows import agreement


def test_agreement_is_measured_against_the_reference() -> None:
    expected = np.array([[0, 10, 5], [4, 0, 2]], np.float32)
    answers = np.array([[0, 9, 5], [1, 0, 2]], np.float32)
    assert agreement(answers, expected) == {"clips": 2, "top1": 0.5, "largest_deviation": 0.75}
    assert agreement(expected, expected)["top1"] == 1.0
