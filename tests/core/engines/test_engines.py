from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

import core.engines
from core.engines import (
    ENGINE_NAMES,
    GOLDEN_TOLERANCE,
    check_golden,
    golden_deviation,
    load_engine,
    supports,
)
from core.errors import EngineError
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model


class Parrot:
    """An engine that gives the golden answers, disturbed."""

    name = "parrot"

    def __init__(self, model: Model, disturb=lambda logits: logits) -> None:
        self.answers = {
            golden_clip(name, model.clip.clip_shape).tobytes(): disturb(logits.copy())
            for name, logits in model.golden.items()
        }

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        return self.answers[pixels.tobytes()]


@pytest.fixture(params=["int8", "fp32"])
def model(request: pytest.FixtureRequest, networks) -> Model:
    return networks.model(getattr(networks, request.param)())


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_every_engine_gives_the_same_answer(model: Model, name: str) -> None:
    if not supports(name, model):
        with pytest.raises(EngineError):
            load_engine(model, name, threads=1)
        return
    engine = load_engine(model, name, threads=1)
    assert engine.name == name
    clip = np.random.default_rng(0).integers(0, 256, model.clip.clip_shape, np.uint8)
    expected = load_engine(model, "reference").logits(clip)
    spread = expected.max() - expected.min()
    assert np.abs(engine.logits(clip) - expected).max() <= GOLDEN_TOLERANCE[model.kind] * spread


def test_only_int8_on_eager_is_not_supported(networks) -> None:
    models = {kind: networks.model(getattr(networks, kind)()) for kind in ("int8", "fp32")}
    unsupported = [
        (name, kind) for name in ENGINE_NAMES for kind in models if not supports(name, models[kind])
    ]
    assert unsupported == [("eager", "int8")]


def test_an_unknown_engine_is_named_with_the_choice(model: Model) -> None:
    with pytest.raises(
        EngineError, match="no engine 'tpu'; choose from openvino, onednn, eager, reference"
    ):
        load_engine(model, "tpu")


@pytest.mark.parametrize("name", ["eager", "onednn"])
def test_without_torch_its_engines_say_what_to_install(
    networks, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, f"core.engines.{name}", raising=False)
    with pytest.raises(
        EngineError, match=rf"{name} engine needs PyTorch; install it with .*\[train\]"
    ):
        load_engine(networks.model(networks.fp32()), name)


# Deviation from the golden answers


def test_the_right_answers_deviate_by_nothing(model: Model) -> None:
    assert golden_deviation(Parrot(model), model) == 0


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_deviation_is_a_share_of_the_spread_in_the_worst_logit(model: Model, share: float) -> None:
    tolerance = GOLDEN_TOLERANCE[model.kind]

    def disturb(logits: np.ndarray) -> np.ndarray:
        logits[2] -= share * tolerance * (logits.max() - logits.min())
        return logits

    engine = Parrot(model, disturb)
    assert golden_deviation(engine, model) == pytest.approx(share * tolerance, rel=1e-2)
    if share < 1:
        check_golden(engine, model)
    else:
        with pytest.raises(EngineError, match="parrot answers wrongly on this CPU"):
            check_golden(engine, model)


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_each_golden_input_alone_can_convict(model: Model, name: str) -> None:
    engine = Parrot(model)
    pixels = golden_clip(name, model.clip.clip_shape).tobytes()
    engine.answers[pixels] = engine.answers[pixels][::-1]
    with pytest.raises(EngineError):
        check_golden(engine, model)


@pytest.mark.parametrize(
    "disturb",
    [
        lambda logits: logits * np.nan,
        lambda logits: np.where(np.arange(len(logits)) == 1, np.inf, logits),
        lambda logits: logits[:-1],
        lambda logits: logits[np.newaxis],
    ],
    ids=["NaN", "infinity", "too few", "one axis more"],
)
def test_what_is_no_answer_is_infinitely_wrong(model: Model, disturb) -> None:
    engine = Parrot(model, disturb)
    assert golden_deviation(engine, model) == np.inf
    with pytest.raises(EngineError):
        check_golden(engine, model)


def test_equal_logits_are_compared_by_their_value(model: Model) -> None:
    flat = replace(model, golden={name: np.ones(5, np.float32) for name in GOLDEN_NAMES})
    assert golden_deviation(Parrot(flat, lambda logits: logits + 0.25), flat) == 0.25


def test_a_spread_beyond_float32_switches_the_check_off_nowhere(model: Model) -> None:
    answers = np.array([3e38, -3e38, 0, 0, 0], np.float32)
    far = replace(model, golden=dict.fromkeys(GOLDEN_NAMES, answers))
    assert golden_deviation(Parrot(far), far) == 0
    assert golden_deviation(Parrot(far, lambda logits: logits[::-1]), far) == pytest.approx(0.5)


def test_a_reference_that_deviates_tells_of_a_damaged_file(model: Model) -> None:
    altered = {name: logits + np.float32(9) for name, logits in model.golden.items()}
    with pytest.raises(EngineError, match="This model is damaged: its golden answers are not its"):
        load_engine(replace(model, golden=altered), "reference")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("no such kernel\nat line 3"), "no such kernel"),
        (ValueError("too wide"), "too wide"),
        (MemoryError(), "MemoryError"),
    ],
    ids=["RuntimeError", "ValueError", "MemoryError"],
)
@pytest.mark.parametrize("when", ["made", "asked"])
def test_whatever_fails_in_an_engine_is_one_sentence(
    model: Model, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, when: str
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    def make(*arguments: object) -> Parrot:
        if when == "made":
            raise error
        parrot = Parrot(model)
        parrot.logits = fail
        return parrot

    monkeypatch.setitem(core.engines._MAKERS, "openvino", make)
    message = rf"^Engine openvino cannot run this .* model \({reason}\); choose another engine\.$"
    with pytest.raises(EngineError, match=message):
        load_engine(model, "openvino")
