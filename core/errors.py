"""Errors a person can act on: every message says what is wrong, where, and what to do."""

from __future__ import annotations


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


def quoted(text: str, most: int = 80) -> str:
    """Text from a file that anybody may have written, fit for a sentence: short and on one line."""
    shown = (letter if letter.isprintable() else "\ufffd" for letter in text[:most])
    return f"'{''.join(shown)}'"
