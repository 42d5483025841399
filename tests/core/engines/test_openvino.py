"""What only OpenVINO does; layers and networks are tested for all engines together."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from core.engines.openvino import OpenVinoEngine
from core.errors import EngineError
from core.geometry import Geometry
from core.network import Int8Network, Quantization


def test_grouped_padded_layers_with_a_zero_point_are_refused(networks) -> None:
    """oneDNN pads them wrongly at the border (measured: up to 255 steps off)."""
    network = networks.int8()
    zero = Quantization(network.convolutions[0].output.scale, 128)
    first = replace(network.convolutions[0], output=zero)
    random = np.random.default_rng(0)
    grouped = replace(
        network.convolutions[1],
        weight=random.integers(-63, 64, (8, 2, 3, 3, 3)).astype(np.int8),
        geometry=Geometry((2, 2, 2), (1, 1, 1), 4),
        input=zero,
    )
    rest = network.convolutions[2:]
    wrong = replace(network, convolutions=(first, grouped, *rest))
    with pytest.raises(EngineError, match="OpenVINO pads conv1 wrongly"):
        OpenVinoEngine(wrong, networks.spec.clip_shape, 1)
    depthwise = replace(network.convolutions[1], input=zero)
    fine = replace(network, convolutions=(first, depthwise, *rest))
    OpenVinoEngine(fine, networks.spec.clip_shape, 1)


def test_int8_layers_really_run_as_integers(networks) -> None:
    """Or all this would be a slow float network in disguise."""
    network = networks.int8()
    assert isinstance(network, Int8Network)
    engine = OpenVinoEngine(network, networks.spec.clip_shape, 1)
    runtime = engine._request.get_compiled_model().get_runtime_model()
    precisions = [
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in runtime.get_ops()
        if node.get_rt_info()["layerType"].astype(str) in ("Convolution", "GroupConvolution")
    ]
    assert len(precisions) == len(network.convolutions)
    assert set(precisions) <= {"u8", "i8"}


ENGINES_FREED_IN_ORDER = """
import os, signal, sys, time
from pathlib import Path
from core.engines.openvino import OpenVinoEngine
from core.modelfile import load_model
models = [load_model(Path(path)) for path in sys.argv[1:]]
engines = [OpenVinoEngine(model.network, model.clip.clip_shape, 1) for model in models]
while engines:
    del engines[0]
try:
    # Whoever started the tests in the background may have had it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), signal.SIGINT)
    # Any thread may be the one that is told of it; a pause of this one would not end then.
    while True:
        time.sleep(0.01)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal stacks")
def test_ctrl_c_after_two_engines_is_no_crash(twin_files) -> None:
    """OpenVINO's CPU plugin changes the thread's stack for signal handlers."""
    command = [sys.executable, "-c", ENGINES_FREED_IN_ORDER, *map(str, twin_files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
