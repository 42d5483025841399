"""What only the onednn engine does; layers and networks are tested for all engines together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.engines import onednn
from core.engines.eager import EagerEngine
from core.engines.onednn import OneDnnEngine, float_layer
from core.engines.reference import accumulate
from core.errors import EngineError
from core.geometry import Geometry
from core.network import Branches, FloatConv, FloatNetwork, MaxPool, Quantization


@pytest.fixture(autouse=True)
def threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_a_float_layer_equals_the_reference(groups: int, relu: bool) -> None:
    random = np.random.default_rng(groups)
    conv = FloatConv(
        "conv",
        random.normal(0, 1, (12, 6 // groups, 3, 2, 3)).astype(np.float32),
        random.normal(0, 1, 12).astype(np.float32),
        Geometry((1, 2, 1), (1, 0, 1), groups),
        relu,
    )
    x = random.normal(0, 1, (6, 4, 7, 9)).astype(np.float32)
    padding = [(0, 0), *conv.geometry.pads]
    expected = accumulate(np.pad(x.astype(np.float64), padding), conv.weight, conv)
    expected += conv.bias.reshape(-1, 1, 1, 1)
    if relu:
        expected = np.maximum(expected, 0)
    with torch.inference_mode():
        got = float_layer(conv, x.shape)(torch.from_numpy(x)[None])[0].numpy()
    assert (got < 0).any() != relu
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_every_activation_is_a_plain_byte_channels_last(networks) -> None:
    """No quantized dtypes, which PyTorch will drop, and nothing to reorder between two layers."""
    engine = OneDnnEngine(networks.int8(), networks.spec.clip_shape, 1)
    x = torch.zeros(networks.spec.clip_shape, dtype=torch.uint8).permute(3, 0, 1, 2)[None]
    for layer in engine._layers:
        x = layer(x)
        assert x.dtype == torch.uint8
        assert not x.is_quantized
        assert x.is_contiguous(memory_format=torch.channels_last_3d)


def test_threads_are_as_asked(networks) -> None:
    for threads in (1, 2):
        OneDnnEngine(networks.int8(), networks.spec.clip_shape, threads)
        assert torch.get_num_threads() == threads


def test_zero_points_run_through_a_whole_network(networks) -> None:
    """Unlike OpenVINO, it pads grouped layers with a zero-point rightly."""
    network = networks.int8()
    zero = Quantization(network.convolutions[0].output.scale, 40)
    first = replace(network.convolutions[0], output=zero)
    second = replace(network.convolutions[1], input=zero)
    shifted = replace(network, convolutions=(first, second, *network.convolutions[2:]))
    clip = np.random.default_rng(0).integers(0, 128, networks.spec.clip_shape, np.uint8)
    plain, got = (
        OneDnnEngine(each, networks.spec.clip_shape, 1).logits(clip) for each in (network, shifted)
    )
    assert np.abs(got - plain).max() <= 0.03 * np.ptp(plain)


def test_a_network_with_branches_is_refused(networks) -> None:
    network = networks.fp32()
    assert isinstance(network, FloatNetwork)
    pool = MaxPool((3, 3, 3), Geometry((1, 1, 1), (1, 1, 1)))
    pooled = replace(network, stages=(network.stages[0], pool, *network.stages[1:]))
    EagerEngine(pooled, 1)
    with pytest.raises(EngineError, match="runs no network with branches or pools; choose openv"):
        OneDnnEngine(pooled, networks.spec.clip_shape, 1)
    branched = replace(network, stages=(Branches((network.stages[:1],)), *network.stages[1:]))
    with pytest.raises(EngineError, match="branches"):
        OneDnnEngine(branched, networks.spec.clip_shape, 1)


def test_one_frame_that_several_outputs_read_is_refused(networks) -> None:
    """What it gets wrong with VNNI; the property tests hold what is not refused to one step."""
    grey = type(networks)(replace(networks.spec, channels="grey"))
    network = grey.int8()
    OneDnnEngine(network, grey.spec.clip_shape, 1)
    with pytest.raises(EngineError, match=r"oneDNN pads conv0 wrongly \(one frame\)"):
        OneDnnEngine(network, (1, *grey.spec.clip_shape[1:]), 1)
    OneDnnEngine(networks.int8(), (1, *networks.spec.clip_shape[1:]), 1)
    OneDnnEngine(grey.fp32(), (1, *grey.spec.clip_shape[1:]), 1)


@pytest.mark.parametrize("kind", ["int8", "fp32"])
def test_uneven_padding_is_refused(networks, kind: str) -> None:
    network = getattr(networks, kind)()
    chain = "stages" if kind == "fp32" else "convolutions"
    first = network.convolutions[0]
    uneven = Geometry(first.geometry.stride, (1, 1, 1), 1, (1, 2, 2))
    layers = (replace(first, geometry=uneven), *network.convolutions[1:])
    with pytest.raises(EngineError, match="pads conv0 only alike on both sides"):
        OneDnnEngine(replace(network, **{chain: layers}), networks.spec.clip_shape, 1)


def test_a_pytorch_without_onednn_is_refused(networks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with pytest.raises(EngineError, match="built without oneDNN; choose another engine"):
        OneDnnEngine(networks.fp32(), networks.spec.clip_shape, 1)


def test_full_range_weights_are_measured_before_they_are_believed(
    networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = networks.int8(limit=127)
    monkeypatch.setattr(onednn, "saturates", lambda: True)
    with pytest.raises(EngineError, match=r"up to ±127 and needs a CPU with VNNI"):
        OneDnnEngine(network, networks.spec.clip_shape, 1)
    OneDnnEngine(networks.int8(), networks.spec.clip_shape, 1)
    monkeypatch.setattr(onednn, "saturates", lambda: False)
    OneDnnEngine(network, networks.spec.clip_shape, 1)
