"""Which engine is taken: the first that is right, or the one that was named and no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from core import engine_choice
from core.engine_choice import (
    AUTOMATIC,
    candidates,
    choose_engine,
    try_first_choices,
    why_int8_gains_nothing,
)
from core.engines import ENGINE_NAMES
from core.engines.reference import ReferenceEngine
from core.errors import EngineError
from core.modelfile import Model, load_model
from core.probe import ProbeResult
from core.prober import Prober


class Loaded(ReferenceEngine):
    """Any engine, with the reference's answers."""

    def __init__(self, model: Model, name: str) -> None:
        super().__init__(model.network)
        self.name = name


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which engines were loaded; one named in `broken` fails then."""
    names: list[str] = []

    def load(model: Model, name: str, threads: int) -> Loaded:
        names.append(name)
        if name in broken:
            raise broken[name]
        return Loaded(model, name)

    broken.clear()
    monkeypatch.setattr(engine_choice, "load_engine", load)
    return names


broken: dict[str, Exception] = {}


@pytest.fixture
def prober(tmp_path: Path) -> Callable[..., Prober]:
    """`prober("openvino", …)`: one that finds these engines crashing."""

    def made(*crashing: str) -> Prober:
        def trial(
            paths: Sequence[Path], engine: str, threads: int, *, stopped: object = None
        ) -> list[ProbeResult]:
            asked.append((engine, len(paths)))
            crash = f"Engine {engine} crashes." if engine in crashing else None
            return [
                ProbeResult(engine=engine, latency_ms=None if crash else 2.0, problem=crash)
                for _ in paths
            ]

        asked.clear()
        return Prober(1, path=tmp_path / "probe.json", trial=trial)

    return made


asked: list[tuple[str, int]] = []


@pytest.fixture
def twins(twin_files: tuple[Path, Path]) -> tuple[Model, Model]:
    return load_model(twin_files[0]), load_model(twin_files[1])


def test_the_order_is_that_of_the_engines(twins: tuple[Model, Model]) -> None:
    int8, fp32 = twins
    assert candidates(fp32, AUTOMATIC) == ENGINE_NAMES
    assert candidates(int8, AUTOMATIC) == tuple(name for name in ENGINE_NAMES if name != "eager")


def test_a_named_engine_is_the_only_one_unless_it_cannot_run_the_kind(
    twins: tuple[Model, Model],
) -> None:
    int8, fp32 = twins
    assert candidates(fp32, "eager") == ("eager",)
    assert candidates(int8, "reference") == ("reference",)
    assert candidates(int8, "eager") == candidates(int8, AUTOMATIC)
    with pytest.raises(EngineError, match="no engine 'turbo'; choose from auto, openvino"):
        candidates(int8, "turbo")


def test_the_best_engine_is_taken_where_it_is_right(prober, twins, loaded: list[str]) -> None:
    choice = choose_engine(twins[0], AUTOMATIC, prober())
    assert choice.engine.name == "openvino"
    assert choice.probed.latency_ms == 2.0
    assert choice.left_out == ()
    assert loaded == ["openvino"]


def test_what_crashes_in_the_child_is_never_loaded_here(prober, twins, loaded: list[str]) -> None:
    choice = choose_engine(twins[0], AUTOMATIC, prober("openvino"))
    assert choice.engine.name == ENGINE_NAMES[1]
    assert [(r.engine, r.problem) for r in choice.left_out] == [
        ("openvino", "Engine openvino crashes.")
    ]
    assert loaded == [ENGINE_NAMES[1]]


@pytest.mark.parametrize("error", [EngineError("It is wrong now."), ImportError("no library")])
def test_what_turns_out_wrong_when_loaded_is_left_out_too(
    error: Exception, prober, twins, loaded: list[str]
) -> None:
    broken["openvino"] = error
    choice = choose_engine(twins[0], AUTOMATIC, prober())
    assert choice.engine.name == ENGINE_NAMES[1]
    (left_out,) = choice.left_out
    assert str(error) in str(left_out.problem)
    assert left_out.latency_ms is None


def test_a_named_engine_that_is_wrong_is_refused(prober, twins, loaded: list[str]) -> None:
    with pytest.raises(EngineError, match=r"^Engine openvino crashes\.$"):
        choose_engine(twins[0], "openvino", prober("openvino"))
    assert loaded == []


def test_where_nothing_is_right_every_reason_is_told(prober, twins, loaded: list[str]) -> None:
    broken["reference"] = EngineError("The file's answers are wrong.")
    with pytest.raises(EngineError) as caught:
        choose_engine(twins[1], AUTOMATIC, prober(*ENGINE_NAMES))
    told = str(caught.value)
    assert all(f"Engine {name} crashes." in told for name in ENGINE_NAMES[:-1])
    assert told.endswith("The file's answers are wrong.")


def test_both_models_are_tried_in_one_child(prober, twins, loaded: list[str]) -> None:
    one = prober()
    try_first_choices(twins, AUTOMATIC, one)
    for model in twins:
        choose_engine(model, AUTOMATIC, one)
    assert asked == [("openvino", 2)]
    assert loaded == ["openvino", "openvino"]


# int8 against fp32


def result(latency_ms: float | None, engine: str = "openvino") -> ProbeResult:
    return ProbeResult(engine=engine, latency_ms=latency_ms)


@pytest.mark.parametrize(
    ("isa", "lacking"), [("AVX2", " (AVX2, no VNNI)"), ("AVX512-VNNI", ""), (None, "")]
)
def test_an_int8_that_is_not_faster_is_told(
    isa: str | None, lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_choice, "cpu_isa", lambda: isa)
    assert why_int8_gains_nothing(result(5.06), result(4.2)) == (
        f"int8 is not faster on this CPU{lacking}: 5.1 ms against 4.2 ms when tried."
    )
    assert why_int8_gains_nothing(result(4.0), result(4.0)) is not None


@pytest.mark.parametrize(
    ("int8", "fp32"),
    [
        (result(1.7), result(6.5)),
        (result(None), result(6.5)),
        (result(9.0), result(None)),
        (result(9.0), result(6.5, "eager")),
    ],
)
def test_nothing_is_said_that_was_not_measured(int8: ProbeResult, fp32: ProbeResult) -> None:
    assert why_int8_gains_nothing(int8, fp32) is None
