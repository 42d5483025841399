"""What a checkpoint holds: told by its keys alone, before any value is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from torch import Tensor

from core.clip import ClipSpec
from core.normalization import SIGNED_RANGE, UNIT_RANGE, Normalization

PartName = Literal["student", "float_student", "int_student", "teacher", "model"]
Architecture = Literal[
    "mobilenet", "int8 mobilenet", "i3d", "pytorch-i3d", "own mobilenet", "own i3d"
]

_PREFIX = "module."
_MOST_VALUES = 2**28


@dataclass(frozen=True, slots=True)
class Source:
    """Where a checkpoint comes from, and so what its network wants to see.

    Attributes:
        title: the project, as a person would call it.
        clip: frames, span, size and order of the channels.
        normalization: what the network reads bytes as.
        batch_norm_eps: with which the running variances were used.
        without_relu: convolutions that no ReLU follows, counted from 0, where no list of fused
            modules tells it.
    """

    title: str
    clip: ClipSpec
    normalization: Normalization
    batch_norm_eps: float
    without_relu: tuple[int, ...] = ()


_KINETICS_PICTURE = ClipSpec(span_s=None, keep_aspect=True)
KINETICS_I3D = Source("kinetics_i3d_pytorch", _KINETICS_PICTURE, SIGNED_RANGE, 1e-3)
PYTORCH_I3D = Source("pytorch-i3d", _KINETICS_PICTURE, SIGNED_RANGE, 1e-3)
# The means are ActivityNet's R, G and B, but OpenCV's pixels come as B, G, R: they were trained so.
EFFICIENT_3DCNNS = Source(
    "Efficient-3DCNNs",
    ClipSpec(span_s=None, resize=112, crop=112, channels="bgr", keep_aspect=True),
    Normalization((114.7748, 107.7354, 99.4750), 1.0),
    1e-5,
)
# Its own I3D leaves epsilon at PyTorch's default, although its start weights were made for 1e-3.
PAPER = Source("the paper's code", ClipSpec(channels="bgr"), SIGNED_RANGE, 1e-5)
OWN = Source("InCab", ClipSpec(), UNIT_RANGE, 1e-5)
OWN_I3D = Source("InCab", ClipSpec(), UNIT_RANGE, 1e-3)

_PAPERS_KEYS: dict[str, PartName] = {
    "student_model_state_dict": "student",
    "float_student_model_state_dict": "float_student",
    "int_student_model_state_dict": "int_student",
    "teacher_model_state_dict": "teacher",
    "model_state_dict": "model",
}
# The first layer's weight, a key that only this architecture has, in the order of a person's
# expectation.
SIGNATURES: dict[Architecture, str] = {
    "mobilenet": "features.0.0.weight",
    "i3d": "conv3d_1a_7x7.conv3d.weight",
    "pytorch-i3d": "Conv3d_1a_7x7.conv3d.weight",
    "own mobilenet": "features.0.conv.weight",
    "own i3d": "conv3d_1a_7x7.conv.weight",
}
_INT8_SIGNATURE = "quant.scale"
_BARE_SOURCES: dict[Architecture, Source] = {
    "mobilenet": EFFICIENT_3DCNNS,
    "i3d": KINETICS_I3D,
    "pytorch-i3d": PYTORCH_I3D,
    "own mobilenet": OWN,
    "own i3d": OWN_I3D,
    "int8 mobilenet": PAPER,
}


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One network of a checkpoint.

    Attributes:
        name: which of the paper's networks it is; "model" where a file holds only one.
        architecture: whose keys it has.
        source: what it wants to see.
        state: its tensors by name, without `module.` in front.
        groups: the modules that were fused, in the paper's quantized checkpoints.
    """

    name: PartName
    architecture: Architecture
    source: Source
    state: Mapping[str, Any]
    groups: tuple[tuple[str, ...], ...] | None = None


def recognise(content: object) -> dict[PartName, Part]:
    """The networks in what was read, by name.

    Raises:
        ValueError: there is none that InCab knows, or it fits two formats.
    """
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise ValueError("it holds no dictionary of tensors")
    entries = cast("Mapping[str, Any]", content)
    papers = [key for key in _PAPERS_KEYS if key in entries]
    wrapped = "state_dict" in entries
    # A lone number beside a state dict may be a tensor, too, but belongs to no layer.
    bare = any(isinstance(value, Tensor) and "." in key for key, value in entries.items())
    if wrapped + bool(papers) + bare > 1:
        found = [*(["state_dict"] if wrapped else []), *papers, *(["bare tensors"] if bare else [])]
        raise ValueError(f"its keys match two formats at once ({' and '.join(found)})")
    if papers:
        groups = _groups(entries.get("fuse_module"))
        return {
            _PAPERS_KEYS[key]: _part(_PAPERS_KEYS[key], entries[key], PAPER, groups)
            for key in papers
        }
    if wrapped:
        return {"model": _part("model", entries["state_dict"], None)}
    if bare:
        return {"model": _part("model", entries, None)}
    some = ", ".join(list(entries)[:3])
    raise ValueError(f"it holds no network that InCab knows (it has {some or 'nothing'})")


def choose(parts: Mapping[PartName, Part], wanted: PartName | None) -> Part:
    """The network asked for; else the student, in int8 where there is one.

    Raises:
        ValueError: there is none of that name.
    """
    if wanted is None:
        order: tuple[PartName, ...] = ("int_student", *get_args(PartName))
        return next(parts[name] for name in order if name in parts)
    if wanted not in parts:
        raise ValueError(f"it holds no {wanted}, only {', '.join(parts)}")
    return parts[wanted]


def _part(
    name: PartName,
    state: object,
    source: Source | None,
    groups: tuple[tuple[str, ...], ...] | None = None,
) -> Part:
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise ValueError("its state dict holds no tensors by name")
    tensors = dict(cast("Mapping[str, Any]", state))
    if tensors and all(key.startswith(_PREFIX) for key in tensors):
        tensors = {key.removeprefix(_PREFIX): value for key, value in tensors.items()}
    # Strides of zero let a small file describe more than the memory holds.
    values = sum(value.numel() for value in tensors.values() if isinstance(value, Tensor))
    if values > _MOST_VALUES:
        raise ValueError(f"its tensors have {values:.2g} values, allowed are {_MOST_VALUES:.2g}")
    found = [architecture for architecture, key in SIGNATURES.items() if key in tensors]
    if len(found) > 1:
        raise ValueError(f"its keys match two formats at once ({' and '.join(found)})")
    if not found:
        some = ", ".join(list(tensors)[:3])
        raise ValueError(f"it holds no network that InCab knows (its tensors begin with {some})")
    architecture = found[0]
    if architecture == "mobilenet" and _INT8_SIGNATURE in tensors:
        architecture = "int8 mobilenet"
    return Part(name, architecture, source or _BARE_SOURCES[architecture], tensors, groups)


def _groups(fused: object) -> tuple[tuple[str, ...], ...] | None:
    if fused is None:
        return None
    if not isinstance(fused, list) or not all(
        isinstance(group, (list, tuple)) and all(isinstance(name, str) for name in group)
        for group in fused
    ):
        raise ValueError("its fuse_module is no list of groups of names")
    return tuple(tuple(group) for group in fused)
