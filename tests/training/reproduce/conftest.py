from __future__ import annotations

import pytest

from tests.training.reproduce.rows import use_tiny_rows
from training.config import Recipe


@pytest.fixture
def tiny_rows(tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny_rows(tiny, monkeypatch)
