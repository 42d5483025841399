from __future__ import annotations

import pytest

from core import machine
from core.machine import cpu_isa, cpu_name


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


def test_the_cpu_has_a_name_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cpu_name()
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: None)
    assert cpu_name()
