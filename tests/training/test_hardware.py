from __future__ import annotations

import pytest
import torch

import training.hardware as hardware
from core.errors import DataError
from training.hardware import (
    as_input,
    computes_bfloat16,
    find_device,
    keep_freed_memory,
)


def test_pixels_become_zero_to_one() -> None:
    clips = torch.arange(256, dtype=torch.uint8).reshape(2, 2, 2, 4, 8)
    x = as_input(clips)
    assert x.shape == clips.shape
    assert torch.equal((x * 255).round().to(torch.uint8), clips)
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)


@pytest.mark.parametrize("error", [TypeError, AttributeError, OSError])
def test_other_systems_keep_their_memory_as_they_like(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """ctypes.CDLL(None) is a TypeError on Windows; macOS and musl have no mallopt."""

    def missing(name: None) -> None:
        raise error

    monkeypatch.setattr(hardware.ctypes, "CDLL", missing)
    keep_freed_memory()


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == torch.device("cpu")
    with pytest.raises(DataError, match="--device cpu"):
        find_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DataError, match="2 GPUs"):
        find_device("auto", 2)


def test_sixteen_bits_only_where_the_processor_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for able, expected in (
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx512_f": True}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert computes_bfloat16("auto", cpu) is expected
        assert computes_bfloat16("bfloat16", cpu)
        assert not computes_bfloat16("float32", cpu)
