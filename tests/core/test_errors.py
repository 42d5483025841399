"""What is told of an error."""

from __future__ import annotations

import pytest

from core.errors import reason_of


@pytest.mark.parametrize(
    ("error", "first", "last"),
    [
        (RuntimeError("one\ntwo\n"), "one", "two"),
        (RuntimeError(), "RuntimeError", "RuntimeError"),
        (MemoryError("\n "), "MemoryError", "MemoryError"),
        (ValueError("x" * 500), "x" * 200, "x" * 200),
    ],
)
def test_one_line_of_an_error(error: Exception, first: str, last: str) -> None:
    assert reason_of(error) == first
    assert reason_of(error, line=-1) == last
