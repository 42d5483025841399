"""Every engine that runs layers, fed the reference's own input: within one step, always."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.engines import load_engine
from core.engines.limits import LARGEST_SCALE, SMALLEST_SCALE
from core.engines.reference import run_convolution
from core.errors import EngineError
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import load_model
from core.network import LARGEST_EXACT_WEIGHT, Int8Network, Quantization
from tests.core.engines.random_layers import (
    DEEP_POINTWISE,
    GREY_STEM,
    POINT,
    POINTWISE,
    RUN_LAYER,
    SATURATES,
    STEM,
    Shape,
    build,
    follow,
    refused,
    shapes,
    steps_off,
)

ROOT = Path(__file__).resolve().parents[3]
X86 = platform.machine() in ("x86_64", "AMD64")
CHOSEN = "within_one_step or full_range"
ISA = os.environ.get("ONEDNN_MAX_CPU_ISA")
ISAS_WITHOUT_VNNI = ("AVX2", "AVX512_CORE")
WITHOUT_VNNI = X86 and ISA in ISAS_WITHOUT_VNNI
EXAMPLES = 10 if WITHOUT_VNNI else 25

every_engine = pytest.mark.parametrize("engine", RUN_LAYER)


@every_engine
@settings(max_examples=EXAMPLES)
@given(
    shapes(),
    st.sampled_from(["random", "random", "extreme", "alternating"]),
    st.sampled_from(["random", "bright", "dark"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_a_layer_is_within_one_step(
    engine: str,
    shape: Shape,
    weight_kind: str,
    input_kind: str,
    relu: bool,
    zero_channel: bool,
    seed: int,
) -> None:
    conv, x = build(shape, weight_kind, input_kind, relu=relu, zero_channel=zero_channel, seed=seed)
    assume(not refused(engine, conv, x))
    assert steps_off(engine, conv, x) <= 1


@every_engine
@pytest.mark.parametrize("weight_kind", ["random", "extreme", "alternating"])
def test_the_ends_of_a_student_are_within_one_step(engine: str, weight_kind: str) -> None:
    for shape in (GREY_STEM, DEEP_POINTWISE, replace(DEEP_POINTWISE, inputs=1536)):
        conv, x = build(shape, weight_kind, "bright")
        if not refused(engine, conv, x):
            assert steps_off(engine, conv, x) <= 1, shape


@every_engine
@settings(max_examples=EXAMPLES)
@given(
    shapes(),
    st.tuples(*[st.sampled_from([0, 1, 5, 128, 255]) | st.integers(0, 255)] * 2),
    st.sampled_from(["random", "bright"]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_zero_points_are_within_one_step(
    engine: str,
    shape: Shape,
    zero_points: tuple[int, int],
    input_kind: str,
    relu: bool,
    seed: int,
) -> None:
    conv, x = build(shape, input_kind=input_kind, zero_points=zero_points, relu=relu, seed=seed)
    assume(not refused(engine, conv, x))
    assert steps_off(engine, conv, x) <= 1


# Powers of ten, a little past what engines take.
exponents = st.floats(-31, 31)


@every_engine
@settings(max_examples=EXAMPLES // 2)
@given(
    shapes(),
    exponents,
    exponents,
    st.sampled_from([1e-6, 1e-3, 1, 1e3]),
    st.integers(0, 2**32 - 1),
)
def test_scales_at_the_limits_are_refused_or_within_one_step(
    engine: str, shape: Shape, input_power: float, output_power: float, stretch: float, seed: int
) -> None:
    """`stretch` makes outputs vanish or saturate: their scale against one that fits."""
    conv, x = build(shape, seed=seed)
    source, target = 10.0**input_power, 10.0**output_power
    multipliers = conv.input.scale * conv.weight_scale.astype(np.float64) / conv.output.scale
    scale = np.clip(multipliers * stretch * target / source, SMALLEST_SCALE, LARGEST_SCALE)
    conv = replace(
        conv,
        weight_scale=scale.astype(np.float32),
        input=Quantization(source),
        output=Quantization(target),
    )
    assume(not refused(engine, conv, x))
    assert steps_off(engine, conv, x) <= 1


@every_engine
@pytest.mark.parametrize("bias_limit", [0, 2**20, 2**24, 2**30])
def test_large_biases_are_within_one_step(engine: str, bias_limit: int) -> None:
    conv, x = build(Shape(16, 32, POINT), bias_limit=bias_limit)
    assert steps_off(engine, conv, x) <= 1


@every_engine
@pytest.mark.parametrize("output_scale", [1e-6, 1e6])
def test_saturated_and_vanished_outputs(engine: str, output_scale: float) -> None:
    conv, x = build(Shape(16, 32, POINT))
    conv = replace(conv, output=Quantization(output_scale))
    levels = RUN_LAYER[engine](conv, x)
    assert set(np.unique(levels)) <= {0, 255}
    np.testing.assert_array_equal(levels, run_convolution(conv, x))


@every_engine
def test_the_comparison_would_notice_one_wrong_weight(engine: str) -> None:
    conv, x = build(Shape(16, 32, POINT))
    wrong = conv.weight.copy()
    wrong[3, 5] += 40
    expected = run_convolution(replace(conv, weight=wrong), x)
    assert np.abs(RUN_LAYER[engine](conv, x).astype(np.int16) - expected).max() > 1


@every_engine
@pytest.mark.parametrize("source", ["demonstration", "carphone"])
def test_the_shipped_student_on_a_clip(
    engine: str, source: str, shipped: tuple[Path, Path], request: pytest.FixtureRequest
) -> None:
    network = load_model(shipped[0]).network
    assert isinstance(network, Int8Network)
    steps = follow(engine, network, request.getfixturevalue(source))
    assert len(steps) == 27
    assert max(steps) <= 1, steps


@every_engine
@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_every_layer_on_the_golden_inputs(engine: str, networks, name: str) -> None:
    assert max(follow(engine, networks.int8(), golden_clip(name, networks.spec.clip_shape))) <= 1


# CPUs without VNNI


@every_engine
def test_full_range_weights_are_right_or_known_to_be_wrong(engine: str) -> None:
    """±127 needs VNNI. An engine that cannot hold it must say so, not be a little wrong."""
    saturates = SATURATES[engine]()
    for shape in (STEM, GREY_STEM, POINTWISE, DEEP_POINTWISE):
        conv, x = build(shape, "extreme", "bright", limit=127)
        if refused(engine, conv, x):
            continue
        off = steps_off(engine, conv, x)
        assert saturates == (off > 1), shape
        if WITHOUT_VNNI:
            assert off > 20, shape


@every_engine
def test_a_full_range_model_is_refused_where_it_would_be_wrong(engine: str, networks) -> None:
    model = networks.model(networks.int8(limit=127))
    assert model.network.largest_weight == 127
    if SATURATES[engine]():
        with pytest.raises(EngineError, match=r"up to ±127 and needs a CPU with VNNI"):
            load_engine(model, engine, threads=1)
    else:
        load_engine(model, engine, threads=1)
    load_engine(networks.model(networks.int8(limit=LARGEST_EXACT_WEIGHT)), engine, threads=1)


@pytest.mark.skipif(not X86, reason="only x86 has CPUs with and without VNNI")
@pytest.mark.skipif(ISA is not None, reason="this process is limited already")
@pytest.mark.parametrize("isa", ISAS_WITHOUT_VNNI)
@pytest.mark.timeout(320)
def test_all_this_holds_without_vnni(isa: str) -> None:
    """The tests above once more in a process that may use no more than this instruction set."""
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", CHOSEN],
        cwd=ROOT,
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": isa},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-1000:]
    assert "passed" in process.stdout
