"""The two models that are compared: each of its kind, and both fit for the same clips. No Qt."""

from __future__ import annotations

from pathlib import Path

from core.errors import ModelFileError
from core.modelfile import Model, load_model


def load_named(path: Path, name: str) -> Model:
    """The model that an option of that name wants: int8 for "int8", fp32 for any other.

    Raises:
        ModelFileError: it cannot be read or is of the wrong kind.
    """
    model = load_model(path)
    wanted = "int8" if name == "int8" else "fp32"
    if model.kind != wanted:
        raise ModelFileError(f"{path} is an {model.kind} model; --{name} needs an {wanted} model.")
    return model


def why_not_comparable(int8: Model, fp32: Model) -> str | None:
    """Why two models cannot be shown the same clip and compared, or None when they can."""
    if int8.clip != fp32.clip:
        return (
            f"{_name(fp32)} wants other clips than {_name(int8)}; choose two models that look at "
            "the same number of frames, span and size."
        )
    if int8.labels != fp32.labels:
        return (
            f"{_name(fp32)} knows other activities than {_name(int8)}; choose two models with "
            "the same class list."
        )
    return None


def _name(model: Model) -> str:
    return str(model.path) if model.path else f"the {model.kind} model"
