"""Errors a person can act on: every message says what is wrong, where, and what to do."""

from __future__ import annotations

import errno

# No space, no space for this user, and a limit on the size of one file (EDQUOT is not Windows').
_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)

# What brings PyTorch and the rest of what training needs; in the folder that InCab was cloned into.
INSTALL_TRAINING = 'python -m pip install --editable ".[train]"'


class InCabError(Exception):
    """A foreseeable failure; shown as one sentence, without a traceback."""


class AnnotationError(InCabError):
    """An annotation file cannot be used."""


class SourceError(InCabError):
    """A video file, camera or stream cannot be opened or read."""


class ModelFileError(InCabError):
    """A model file is missing, damaged, or not what it claims to be."""


class EngineError(InCabError):
    """An inference engine is missing, refuses a network, or answers wrongly."""


class SaturationError(EngineError):
    """An engine would saturate in the middle of this network's sums on this CPU."""


class DataError(InCabError):
    """Training data is missing, damaged, or does not fit what was asked for."""


class SessionFileError(InCabError):
    """A recorded session cannot be written, or is damaged or not what it claims to be."""


def sentence_of(error: InCabError | OSError) -> str:
    """What to tell a person; of what the system refused and nobody has put into words, too."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    where = error.filename or "Something"
    if error.errno in _NO_ROOM:
        return (
            f"{where} cannot be written ({error.strerror}); make room and call it again. What "
            "stood there before still does."
        )
    return f"{where} cannot be used ({error.strerror})."


def reason_of(error: BaseException, *, line: int = 0) -> str:
    """What a library's error says, fit for brackets: one line of it (-1 is the last), and short."""
    return (str(error).strip() or type(error).__name__).splitlines()[line][:200]


def quoted(text: str, most: int = 80) -> str:
    """Text from a file that anybody may have written, fit for a sentence: short and on one line."""
    shown = (letter if letter.isprintable() else "\ufffd" for letter in text[:most])
    return f"'{''.join(shown)}'"
