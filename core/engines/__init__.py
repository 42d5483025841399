"""Ways to run a network on this CPU, behind one small protocol."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.engines.limits import refuse_what_float32_cannot_hold
from core.engines.reference import ReferenceEngine
from core.errors import INSTALL_TRAINING, EngineError, reason_of
from core.golden import golden_clip
from core.modelfile import Model
from core.network import FloatNetwork, Int8Network

# OpenVINO's converter tools come along with `import openvino` and start a usage reporter that talks
# to a server. Without this package they take their own empty stand-in: nothing leaves the machine.
# It stands here because this file is always loaded before core.engines.openvino.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


class Engine(Protocol):
    """One network ready to run; used by one thread at a time."""

    name: str

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits."""
        ...


def _openvino(model: Model, threads: int) -> Engine:
    from core.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(model.network, model.clip.clip_shape, threads)


def _eager(model: Model, threads: int) -> Engine:
    try:
        from core.engines.eager import EagerEngine
    except ImportError as error:
        raise EngineError(
            f"The eager engine needs PyTorch; install it with {INSTALL_TRAINING}."
        ) from error
    return EagerEngine(model.network, threads)


def _onednn(model: Model, threads: int) -> Engine:
    try:
        from core.engines.onednn import OneDnnEngine
    except ImportError as error:
        raise EngineError(
            f"The onednn engine needs PyTorch; install it with {INSTALL_TRAINING}."
        ) from error
    return OneDnnEngine(model.network, model.clip.clip_shape, threads)


def _reference(model: Model, threads: int) -> Engine:
    return ReferenceEngine(model.network)


# Best first. OpenVINO is the fastest everywhere it was measured; the reference is exact and slow.
_MAKERS: dict[str, Callable[[Model, int], Engine]] = {
    "openvino": _openvino,
    "onednn": _onednn,
    "eager": _eager,
    "reference": _reference,
}
ENGINE_NAMES: tuple[str, ...] = tuple(_MAKERS)
DEFAULT_ENGINE = "openvino"

# How far logits may lie from the golden answer, as a share of the answer's spread (max - min).
# fp32 differs by summation order only. In int8 a rounding tie may fall the other way, and such
# single steps add up through 27 layers; 16-bit saturation is off by far more than this.
GOLDEN_TOLERANCE = {"fp32": 1e-3, "int8": 0.06}


def load_engine(model: Model, name: str = DEFAULT_ENGINE, threads: int = 2) -> Engine:
    """Make `model` ready to run, and let it prove itself on the golden answers.

    Raises:
        EngineError: no such engine, it cannot run this model, or its answers are wrong here.
    """
    if name not in _MAKERS:
        raise EngineError(f"There is no engine {name!r}; choose from {', '.join(ENGINE_NAMES)}.")
    if isinstance(model.network, Int8Network) and name != "reference":
        refuse_what_float32_cannot_hold(model.network)
    try:
        engine = _MAKERS[name](model, threads)
        check_golden(engine, model)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise EngineError(
            f"Engine {name} cannot run this {model.kind} model ({reason_of(error)}); "
            "choose another engine."
        ) from error
    return engine


def supports(name: str, model: Model) -> bool:
    """Whether an engine can run this kind of model at all."""
    return name != "eager" or isinstance(model.network, FloatNetwork)


def golden_deviation(engine: Engine, model: Model) -> float:
    """Largest |logit - golden logit| over all golden inputs, as a share of the answer's spread."""
    worst = 0.0
    for name, expected in model.golden.items():
        got = engine.logits(golden_clip(name, model.clip.clip_shape))
        if got.shape != expected.shape or not np.isfinite(got).all():
            return float("inf")
        # In float64: the spread of two float32 may be more than a float32 can hold.
        wanted = expected.astype(np.float64)
        spread = float(np.ptp(wanted)) or 1.0
        worst = max(worst, float(np.abs(got - wanted).max()) / spread)
    return worst


def check_golden(engine: Engine, model: Model) -> None:
    """Raise EngineError unless the engine reproduces the model's golden answers."""
    deviation = golden_deviation(engine, model)
    tolerance = GOLDEN_TOLERANCE[model.kind]
    if deviation > tolerance and engine.name == ReferenceEngine.name:
        # It gave the golden answers when the file was written, and it is the same on every CPU.
        raise EngineError(
            f"{model.path or 'This model'} is damaged: its golden answers are not its own; "
            "copy or export it again."
        )
    if deviation > tolerance:
        raise EngineError(
            f"Engine {engine.name} answers wrongly on this CPU ({deviation:.1%} off on the "
            f"{model.kind} model's golden inputs, {tolerance:.1%} allowed); choose another engine."
        )
