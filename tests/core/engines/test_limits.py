from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.engines import ENGINE_NAMES, load_engine, supports
from core.engines.limits import refuse_what_float32_cannot_hold
from core.engines.reference import ReferenceEngine
from core.errors import EngineError
from core.modelfile import load_model
from core.network import Int8Network, Quantization


def with_output(network: Int8Network, layer: int, scale: float) -> Int8Network:
    """The network with another scale between two layers, the answer kept by the weights' scales."""
    convolutions = list(network.convolutions)
    before, after = convolutions[layer], convolutions[layer + 1]
    between = Quantization(scale)
    convolutions[layer] = replace(before, output=between)
    convolutions[layer + 1] = replace(after, input=between)
    return replace(network, convolutions=tuple(convolutions))


def test_trained_networks_are_far_from_the_limits(networks, shipped) -> None:
    network = load_model(shipped[0]).network
    assert isinstance(network, Int8Network)
    refuse_what_float32_cannot_hold(network)
    refuse_what_float32_cannot_hold(networks.int8())


@pytest.mark.parametrize("scale", [1e-31, 1e31])
def test_scales_out_of_range_are_refused_by_name(networks, scale: float) -> None:
    with pytest.raises(EngineError, match=r"conv2 has scales that only the reference .* 1e-30 to"):
        refuse_what_float32_cannot_hold(with_output(networks.int8(), 2, scale))


def test_a_weight_scale_out_of_range_is_refused(networks) -> None:
    network = networks.int8()
    linear = network.classifier
    tiny = np.full_like(linear.weight_scale, 1e-33)
    with pytest.raises(EngineError, match="classifier has scales"):
        refuse_what_float32_cannot_hold(
            replace(network, classifier=replace(linear, weight_scale=tiny))
        )


def test_output_steps_too_fine_for_the_sums_are_refused(networks) -> None:
    """A bias in float32 and a sum that cancels it leave a rest, which such a scale would show."""
    with pytest.raises(EngineError, match="conv1 has output steps too fine for its sums"):
        refuse_what_float32_cannot_hold(with_output(networks.int8(), 1, 1e-9))


def test_every_engine_refuses_but_the_reference(networks) -> None:
    network = with_output(networks.int8(), 2, 1e31)
    model = networks.model(network)
    for name in ENGINE_NAMES:
        if name == "reference":
            assert isinstance(load_engine(model, name), ReferenceEngine)
        elif supports(name, model):
            with pytest.raises(EngineError, match="conv2 has scales"):
                load_engine(model, name, threads=1)
