"""A killed call goes on when it is repeated; ten kills: rehearse_kills.py beside this file."""

from __future__ import annotations

import runpy
from pathlib import Path


def test_a_killed_call_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    script = runpy.run_path(str(Path(__file__).with_name("rehearse_kills.py")))
    assert script["rehearse"](tmp_path, kills=1) == []
