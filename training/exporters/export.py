"""Write an exported file, read it back, and give it its name only when it answers rightly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.engines import GOLDEN_TOLERANCE, golden_deviation, load_engine
from core.engines.openvino import compile_graph, shared_core
from core.errors import INSTALL_TRAINING, DataError, EngineError, reason_of
from core.files import replacing
from core.modelfile import Model

Format = Literal["openvino", "onnx"]
ENDINGS: dict[Format, str] = {"openvino": ".xml", "onnx": ".onnx"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the files, and how far they are from the reference.

    Attributes:
        files: the file asked for, and for OpenVINO its weights.
        deviation: largest |logit - reference logit| as a share of the reference's spread.
        tolerance: what `deviation` was allowed to be.
    """

    files: tuple[Path, ...]
    deviation: float
    tolerance: float

    @property
    def file_mb(self) -> float:
        """Size of all files in MB (10^6 bytes)."""
        return sum(file.stat().st_size for file in self.files) / 1e6


class _FileEngine:
    """An exported file as OpenVINO reads and runs it."""

    name = "exported file"

    def __init__(self, path: Path, threads: int) -> None:
        # The reader of the runtime, not the converter tools, which report usage.
        compiled = compile_graph(shared_core().read_model(path), threads)
        self._request = compiled.create_infer_request()
        self._output = compiled.output(0)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer = self._request.infer([pixels[np.newaxis]])
        return np.array(answer[self._output][0], np.float32)


def export(model: Model, kind: Format, path: Path, threads: int = 2) -> Exported:
    """Write `model` to `path` in another format, for people who deploy elsewhere.

    The file is read back and must answer both golden clips as `core.engines.reference` does, within
    the tolerance that engines have: see `core.engines.GOLDEN_TOLERANCE`.

    Raises:
        DataError: the name has another ending, the package that writes it is missing, or it cannot
            be written.
        EngineError: the model is damaged, or the written file answers wrongly; nothing is kept.
    """
    ending = ENDINGS[kind]
    if path.suffix != ending:
        raise DataError(f"{path} must end in {ending} for --format {kind}; choose another --out.")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name the file to write with --out.")
    weights = path.with_suffix(".bin")
    if kind == "openvino" and weights.exists() and not path.exists():
        raise DataError(f"{weights} is there already and no {path.name}; choose another --out.")
    write = _writer(kind)
    # The model itself first, so that a damaged one is not taken for a faulty export.
    load_engine(model, "openvino", threads)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The last one entered gets its name first: no graph ever stands beside foreign weights.
    names = (path, weights) if kind == "openvino" else (path,)
    with ExitStack() as stack:
        partials = [stack.enter_context(replacing(name)) for name in names]
        try:
            write(model, partials[0])
            engine = _FileEngine(partials[0], threads)
            deviation = golden_deviation(engine, model)
            # It holds the weights open, or mapped.
            del engine
        except RuntimeError as error:
            reason = reason_of(error, line=-1)
            raise DataError(
                f"Cannot write {path} ({reason}); look whether there is room, or choose another "
                "--format."
            ) from error
        tolerance = GOLDEN_TOLERANCE[model.kind]
        if deviation > tolerance:
            raise EngineError(
                f"{path} was not written: read back, it is {deviation:.1%} off the reference, "
                f"{tolerance:.1%} allowed; choose another --format."
            )
        if kind == "openvino":
            # An older graph must not stand beside the new weights either.
            path.unlink(missing_ok=True)
    return Exported(names, deviation, tolerance)


def _writer(kind: Format) -> Callable[[Model, Path], None]:
    if kind == "openvino":
        from training.exporters.openvino_ir import write_ir

        return write_ir
    try:
        import onnx

        from training.exporters.onnx_graph import onnx_model
    except ImportError as error:
        raise DataError(
            f"Writing ONNX needs the package onnx; install it with {INSTALL_TRAINING}."
        ) from error
    return lambda model, path: onnx.save(onnx_model(model), path)
