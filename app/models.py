"""The models that are compared: each of its kind, and all fit for the same clips. No Qt."""

from __future__ import annotations

from pathlib import Path

from app.messages import ModelDescription, Slot
from core.clip import ClipSpec
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


def describe(slot: Slot, model: Model) -> ModelDescription:
    """What there is to say of a model in its place before it runs."""
    return ModelDescription(
        slot,
        model.kind,
        model.labels,
        model.path.name if model.path else "",
        model.file_bytes,
        model.sha256,
    )


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


Fitting = tuple[ClipSpec, tuple[str, ...]]


def why_not_beside(name: str, teacher: Fitting, students: Fitting) -> str | None:
    """Why a teacher cannot answer beside the students, or None when it can.

    Its pictures may have another size, and then it gets clips of its own from the same frames.

    Args:
        name: of the teacher, for the sentence.
        teacher: what it looks at, and its class names in index order.
        students: the same of the students.
    """
    (clip, labels), (spec, students_labels) = teacher, students
    if (clip.frames, clip.span_s) != (spec.frames, spec.span_s):
        return (
            f"{name} looks at {_seen(clip)} and the students at {_seen(spec)}; "
            "choose a teacher that looks at the same frames."
        )
    if labels != students_labels:
        return (
            f"{name} knows other activities than the students; choose a teacher with "
            "the same class list."
        )
    return None


def _seen(spec: ClipSpec) -> str:
    return f"{spec.frames} frames" + (f" of {spec.span_s:g} s" if spec.span_s else "")


def _name(model: Model) -> str:
    return str(model.path) if model.path else f"the {model.kind} model"
