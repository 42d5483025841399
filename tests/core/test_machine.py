from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import machine
from core.machine import cpu_isa, cpu_name, proc_value


@pytest.mark.parametrize(
    ("flags", "isa"),
    [
        ("fpu sse4_2 avx2 avx512f avx512_vnni amx_int8", "AMX"),
        ("fpu avx2 avx512f avx512_vnni", "AVX512-VNNI"),
        ("avx2 avx_vnni", "AVX2-VNNI"),
        ("avx2 avx512f", "AVX512"),
        ("fpu sse4_2 avx2", "AVX2"),
        ("fp asimd asimddp", "NEON-DOT"),
        ("fp asimd", "NEON"),
        ("fpu sse4_2 avx2x", None),
        (None, None),
    ],
)
def test_the_widest_instruction_set_is_named(
    monkeypatch: pytest.MonkeyPatch, flags: str | None, isa: str | None
) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: flags if key == "flags" else None)
    assert cpu_isa() == isa
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: flags if key == "Features" else None)
    assert cpu_isa() == isa


def test_values_are_read_as_linux_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(
        "processor\t: 0\nmodel name\t: A CPU: fast\nflags\t\t: fpu avx2\n\nflags\t: fpu\n"
    )
    assert proc_value(str(path), "model name") == "A CPU: fast"
    assert proc_value(str(path), "flags") == "fpu avx2"
    assert proc_value(str(path), "flag") is None
    assert proc_value(str(tmp_path / "missing"), "flags") is None


def test_the_cpu_has_a_name_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cpu_name()
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: None)
    assert cpu_name()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout="Apple M2\n"))
    assert cpu_name() == "Apple M2"
