from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.description import assemble, describe, tensors_of
from core.engines import load_engine
from core.engines.pixel_blocks import on_blocks
from core.engines.reference import ReferenceEngine
from core.geometry import Geometry
from core.modelfile import load_model, save_model
from core.network import (
    PIXELS,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Int8Network,
    Quantization,
    pixel_quantization,
)
from core.normalization import SIGNED_RANGE, UNIT_RANGE, Normalization

MEANS = Normalization((114.7748, 107.7354, 99.4750), 1.0)


def with_normalization(networks, kind: str, normalization: Normalization, seed: int = 0):
    """A model that reads bytes so; its first filters fit numbers of that size."""
    if kind == "fp32":
        network = networks.fp32(seed)
        first = network.stages[0]
        weight = np.float32(first.weight / (255 * normalization.scale))
        network = replace(
            network,
            stages=(replace(first, weight=weight), *network.stages[1:]),
            normalization=normalization,
        )
    else:
        network = networks.int8(seed)
        first, source = network.convolutions[0], pixel_quantization(normalization)
        scale = np.float32(first.weight_scale * PIXELS.scale / source.scale)
        first = replace(first, weight_scale=scale, input=source)
        network = replace(
            network,
            convolutions=(first, *network.convolutions[1:]),
            normalization=normalization,
        )
    return networks.model(network)


def test_bytes_as_numbers() -> None:
    pixels = np.array([[[0, 10, 255]]], np.uint8)
    assert UNIT_RANGE.apply(pixels).tolist() == [[[0.0, pytest.approx(10 / 255), 1.0]]]
    assert SIGNED_RANGE.apply(pixels)[0, 0] == pytest.approx([-1, 20 / 255 - 1, 1])
    assert MEANS.apply(pixels)[0, 0] == pytest.approx([-114.7748, -97.7354, 155.525])
    assert UNIT_RANGE.is_unit_range
    assert not SIGNED_RANGE.is_unit_range


@pytest.mark.parametrize(
    "fields",
    [
        {"mean": ()},
        {"mean": (-1.0,)},
        {"mean": (math.nan,)},
        {"scale": 0.0},
        {"scale": math.inf},
        {"scale": -1.0},
    ],
)
def test_what_makes_no_sense(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"the (means|scale) of pixels must be"):
        Normalization(**fields)


@pytest.mark.parametrize("engine", ["openvino", "onednn", "eager", "reference"])
def test_padding_is_zero_behind_the_normalization(engine: str, networks) -> None:
    """A white corner: its window holds four pixels of (255 - 115)·1, and padding that adds nothing.

    Folded into the bias, the mean would have been taken from the padding as well.
    """
    if engine in ("onednn", "eager"):
        pytest.importorskip("torch")
    weight = np.ones((1, 1, 1, 3, 3), np.float32)
    conv = FloatConv("c", weight, np.zeros(1, np.float32), Geometry((1, 2, 2), (0, 1, 1)), False)
    linear = FloatLinear("classifier", np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    network = FloatNetwork((conv,), linear, Normalization((115.0,), 1.0))
    spec = replace(networks.spec, frames=1, resize=2, crop=2, channels="grey")
    model = replace(networks, spec=spec).model(network)
    pixels = np.full((1, 2, 2, 1), 255, np.uint8)
    assert load_engine(model, engine, 1).logits(pixels) == pytest.approx([4 * 140.0])


@pytest.mark.parametrize("normalization", [UNIT_RANGE, SIGNED_RANGE, MEANS])
@pytest.mark.parametrize("kind", ["fp32", "int8"])
def test_every_engine_reads_bytes_alike(networks, kind: str, normalization: Normalization) -> None:
    pytest.importorskip("torch")
    model = with_normalization(networks, kind, normalization)
    clip = np.random.default_rng(3).integers(0, 256, model.clip.clip_shape, np.uint8)
    expected = load_engine(model, "reference").logits(clip)
    tolerance = 1e-5 if kind == "fp32" else 0.02
    for engine in ("openvino", "onednn", *(["eager"] if kind == "fp32" else [])):
        got = load_engine(model, engine, 1).logits(clip)
        assert np.abs(got - expected).max() <= tolerance * np.ptp(expected), engine


@pytest.mark.parametrize("normalization", [SIGNED_RANGE, MEANS, Normalization((128.0,), 0.01)])
def test_quantized_pixels_are_far_from_ties(normalization: Normalization) -> None:
    quantization = pixel_quantization(normalization)
    reals = normalization.apply(np.arange(256, dtype=np.uint8)[:, np.newaxis])
    steps = reals / quantization.scale
    assert np.abs(np.mod(steps, 1) - 0.5).min() > 1e-3
    levels = np.rint(steps) + quantization.zero_point
    # The whole range fits, so that no pixel is cut by more than half a step.
    assert levels.min() >= -1
    assert levels.max() <= 256
    assert pixel_quantization(UNIT_RANGE) == PIXELS


def test_each_channel_has_its_own_table(networks) -> None:
    network = with_normalization(networks, "int8", MEANS).network
    assert isinstance(network, Int8Network)
    source = network.convolutions[0].input
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), np.uint8)
    reals = pixels - np.array(MEANS.mean)
    expected = np.clip(np.rint(reals / source.scale) + source.zero_point, 0, 255)
    assert np.array_equal(network.quantize_pixels(pixels), expected)
    plain = networks.int8()
    assert plain.quantize_pixels(pixels) is pixels


@pytest.mark.parametrize("kind", ["fp32", "int8"])
def test_grey_networks_on_blocks_read_bytes_alike(networks, kind: str) -> None:
    grey = replace(networks, spec=replace(networks.spec, channels="grey"))
    model = with_normalization(grey, kind, Normalization((127.5,), 2 / 255))
    assert on_blocks(model.network).normalization == model.network.normalization
    clip = np.random.default_rng(3).integers(0, 256, model.clip.clip_shape, np.uint8)
    expected = ReferenceEngine(model.network).logits(clip)
    got = load_engine(model, "openvino", 1).logits(clip)
    assert np.abs(got - expected).max() <= 0.02 * np.ptp(expected)


@pytest.mark.parametrize("kind", ["fp32", "int8"])
def test_it_is_part_of_the_model_file(networks, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.safetensors"
    save_model(with_normalization(networks, kind, MEANS), path)
    assert load_model(path).network.normalization == MEANS
    # Files written before there was one have none, and are read as p / 255.
    network = networks.fp32()
    assert "pixels" not in describe(network)[0]
    assert assemble("fp32", describe(network), tensors_of(network)).normalization == UNIT_RANGE


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        ({"mean": [1, 2], "scale": 1}, "means of 2 channels"),
        ({"mean": [1e9], "scale": 1}, "must be 0 to 255"),
        ({"mean": ["a"], "scale": 1}, "must be a number"),
        ({"mean": [1]}, "scale"),
        ({"scale": 1}, "mean"),
        (3, "not subscriptable"),
    ],
)
def test_damaged_descriptions(networks, tmp_path: Path, pixels: object, words: str) -> None:
    network = networks.fp32()
    described = [{"pixels": pixels}, *describe(network)]
    with pytest.raises((ValueError, LookupError, TypeError), match=words):
        assemble("fp32", described, tensors_of(network))


def test_an_int8_network_of_plain_pixels_takes_them_as_they_are(networks) -> None:
    network = networks.int8()
    first = replace(network.convolutions[0], input=Quantization(0.01, 3))
    with pytest.raises(ValueError, match="must be the pixel itself"):
        replace(network, convolutions=(first, *network.convolutions[1:]))
    replace(network, convolutions=(first, *network.convolutions[1:]), normalization=SIGNED_RANGE)
