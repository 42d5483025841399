from __future__ import annotations

import pytest

from app.bench.scaling import thread_counts


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_scaling_goes_up_to_all_cores(cores: int, counts: list[int]) -> None:
    assert thread_counts(cores) == counts
