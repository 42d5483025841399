"""Reads a checkpoint that anybody may have written; nothing in it is ever run.

PyTorch's own restricted unpickler builds tensors and plain containers and refuses every other name.
One more name is let in, because the paper's files hold it, and even that builds only a stand-in.
"""

from __future__ import annotations

import json
import re
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from core.errors import ModelFileError

# The paper's files with teacher and optimizer have 60 MB, the widest Kinetics student 170 MB.
LARGEST_BYTES = 2**30
_MOST_ENTRIES = 20_000
_LARGEST_HEADER_BYTES = 4 * 2**20
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in (2, 3, 4, 5))


class _StandIn:
    """Takes the place of an object that is of no use here."""

    def __setstate__(self, state: object) -> None:
        pass


# The paper's training code saves its loss beside the weights.
_ALLOWED = ("torch.nn.modules.loss.CrossEntropyLoss",)


def read_checkpoint(path: Path) -> Any:
    """The tensors, numbers, texts and containers of a .pth, .pt or .safetensors file.

    Raises:
        ModelFileError: it is missing, truncated, too large, no checkpoint, or needs more than
            tensors and plain containers.
    """
    kind = _kind_of(path)
    if kind == "safetensors":
        try:
            return load_safetensors(path.read_bytes())
        except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
            raise ModelFileError(f"{path} is damaged ({_reason(error)}); copy it again.") from error
    if kind == "zip":
        _check_archive(path)
    return _unpickle(path)


def is_model_file(path: Path) -> bool:
    """Whether it is a safetensors file with InCab's description in its header.

    Raises:
        ModelFileError: it is missing, truncated, too large, or no checkpoint at all.
    """
    if _kind_of(path) != "safetensors":
        return False
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except (OSError, ValueError, RecursionError):
        return False
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return isinstance(metadata, dict) and "incab" in metadata


def _kind_of(path: Path) -> str:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelFileError(f"{path} is a folder; name the checkpoint file in it.")
        # Reading a pipe or a device may wait, or go on, for ever.
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(f"{path} is no ordinary file; name a checkpoint file.")
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ModelFileError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise ModelFileError(f"Cannot read {path!r}: {error}.") from error
    if status.st_size > LARGEST_BYTES:
        raise ModelFileError(
            f"{path} has {status.st_size / 1e6:.0f} MB, more than the {LARGEST_BYTES / 1e6:.0f} MB "
            "that a checkpoint may have here."
        )
    # Looked at first: a header of such a length begins like an archive or a pickle does.
    header_bytes = int.from_bytes(head, "little") if len(head) == 8 else 0
    if 2 <= header_bytes <= min(status.st_size - 8, _LARGEST_HEADER_BYTES):
        return "safetensors"
    if head[:2] == b"PK":
        return "zip"
    if head[:2] in _PICKLES:
        return "pickle"
    raise ModelFileError(
        f"{path} is truncated or no checkpoint; name a .pth, .pt or .safetensors file."
    )


def _check_archive(path: Path) -> None:
    """A small archive may unpack to more than the memory holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelFileError(f"{path} is truncated ({_reason(error)}); copy it again.") from error
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > _MOST_ENTRIES or unpacked > LARGEST_BYTES:
        raise ModelFileError(
            f"{path} unpacks to {len(entries)} parts with {unpacked / 1e6:.0f} MB, more than a "
            "checkpoint may have here."
        )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ModelFileError(f"{path} is a compressed archive, no checkpoint; unpack it first.")
    # PyTorch writes checksums and does not look at them.
    try:
        with zipfile.ZipFile(path) as archive:
            spoilt = archive.testzip()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError) as error:
        raise ModelFileError(f"{path} is damaged ({_reason(error)}); copy it again.") from error
    if spoilt is not None:
        raise ModelFileError(
            f"{path} is damaged (a checksum is wrong), or was saved without checksums; "
            "copy it again, or save it again with them."
        )


def _unpickle(path: Path) -> Any:
    allowed: Any = [(_StandIn, name) for name in _ALLOWED]
    try:
        # Old files bring warnings that say nothing to their owner.
        with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    # Whatever bytes make of an unpickler: it may stumble in any way.
    except Exception as error:
        if wanted := re.search(r"GLOBAL (\S+)", str(error)):
            raise ModelFileError(
                f"{path} is refused: besides tensors it wants to load {wanted[1]}, which could run "
                "anything; ask its author for a plain state_dict."
            ) from error
        raise ModelFileError(
            f"{path} is truncated, damaged or no PyTorch checkpoint ({_reason(error)}); "
            "copy it again."
        ) from error


def _reason(error: Exception) -> str:
    # PyTorch's long advice, to load the file in an unsafe way, ends with what happened.
    told = re.split(r"WeightsUnpickler error:|Weights only load failed\.", str(error))[-1]
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:150].rstrip(".")


def as_float(tensor: object, name: str) -> Tensor:
    """A dense float32 copy of a checkpoint's tensor.

    Raises:
        ValueError: it is none.
    """
    if (
        not isinstance(tensor, Tensor)
        or tensor.is_quantized
        or tensor.layout != torch.strided
        or tensor.device.type != "cpu"
        or not tensor.is_floating_point()
    ):
        raise ValueError(f"{name} is no plain array of floats")
    return tensor.detach().to(torch.float32, copy=True).contiguous()
