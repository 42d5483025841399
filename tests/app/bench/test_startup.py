from __future__ import annotations

import sys

import pytest

import app.bench.startup
from app.bench.startup import _first_line_after_s
from core.errors import EngineError


def test_a_start_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.bench.startup, "_LONGEST_START_S", 0.2)
    with pytest.raises(EngineError, match="named no activity within"):
        _first_line_after_s([sys.executable, "-c", "import time; time.sleep(60)"])


def test_a_start_that_fails_says_why() -> None:
    with pytest.raises(EngineError, match="A replay failed: no such clip"):
        _first_line_after_s([sys.executable, "-c", "raise SystemExit('incab: no such clip')"])
