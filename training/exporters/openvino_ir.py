"""A network as OpenVINO IR: the very graph of the default engine, in an .xml and a .bin file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino as ov

from core.engines.openvino import build_graph
from core.modelfile import Model
from training.exporters.metadata import OUTPUT_NAME, metadata_of


def write_ir(model: Model, xml: Path) -> None:
    """Write 1×T×H×W×C uint8 `pixels` to 1×K float32 `logits`, and its weights beside it as .bin.

    N is 1, for which OpenVINO plans best; the layout is marked, so `openvino.set_batch` changes it.
    The metadata is runtime information under "incab".

    Raises:
        RuntimeError: OpenVINO cannot write it.
    """
    graph: Any = build_graph(model.network, model.clip.clip_shape)
    graph.inputs[0].get_node().set_layout(ov.Layout("NDHWC"))
    graph.outputs[0].get_tensor().set_names({OUTPUT_NAME})
    for name, value in metadata_of(model).items():
        graph.set_rt_info(value, ["incab", name])
    # What it compresses when nothing is said are float weights, to 16 bits.
    ov.save_model(graph, xml, compress_to_fp16=False)
