"""Which engine runs a model on this CPU: the first that answers rightly, or the one asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from core.engines import ENGINE_NAMES, Engine, load_engine, supports
from core.errors import EngineError, reason_of
from core.machine import cpu_isa
from core.modelfile import Model
from core.probe import ProbeResult
from core.prober import Prober

AUTOMATIC = "auto"
_WITH_INT8_DOT_PRODUCTS = ("AMX", "AVX512-VNNI", "AVX2-VNNI", "NEON-DOT")


@dataclass(frozen=True, slots=True, eq=False)
class EngineChoice:
    """An engine that is ready, and what was found out about it.

    Attributes:
        engine: loaded, and right on the golden answers.
        probed: its speed as tried beforehand.
        left_out: engines that would have been preferred, each with its problem.
    """

    engine: Engine
    probed: ProbeResult
    left_out: tuple[ProbeResult, ...] = ()


def candidates(model: Model, wanted: str) -> tuple[str, ...]:
    """The engines to try for a model, best first.

    A named engine is the only one, however slow it is; for a kind of model that it cannot run at
    all, as eager cannot run int8, the choice is automatic.

    Raises:
        EngineError: there is no engine of that name.
    """
    if wanted not in (AUTOMATIC, *ENGINE_NAMES):
        raise EngineError(
            f"There is no engine {wanted!r}; choose from {', '.join((AUTOMATIC, *ENGINE_NAMES))}."
        )
    if wanted != AUTOMATIC and supports(wanted, model):
        return (wanted,)
    return tuple(name for name in ENGINE_NAMES if supports(name, model))


def choose_engine(
    model: Model,
    wanted: str,
    prober: Prober,
    *,
    barred: Mapping[str, str] | None = None,
    loading: Callable[[str], None] = lambda engine: None,
) -> EngineChoice:
    """Load the best engine that is right here; one that crashes or is wrong is never loaded.

    Args:
        model: what it shall run.
        wanted: an engine's name, or AUTOMATIC.
        prober: what is known of engines on this machine.
        barred: engines that must not be loaded, each with the sentence that says why.
        loading: called with the engine's name just before it is loaded into this process.

    Raises:
        EngineError: none is right, each with its problem; or the prober was stopped.
    """
    left_out: list[ProbeResult] = []
    for name in candidates(model, wanted):
        if barred is not None and name in barred:
            left_out.append(ProbeResult(engine=name, problem=barred[name], lasting=False))
            continue
        (probed,) = prober.probe([model], name)
        if probed.problem is None:
            loading(name)
            try:
                engine = _load(model, name, prober.threads)
            except EngineError as error:
                probed = replace(probed, latency_ms=None, problem=str(error))
            else:
                return EngineChoice(engine, probed, tuple(left_out))
        left_out.append(probed)
    raise EngineError(" ".join(result.problem or "" for result in left_out))


def try_first_choices(models: Iterable[Model], wanted: str, prober: Prober) -> None:
    """Try the best candidate of every model, all those of one engine in one child.

    Not needed for a choice, but quicker than one child for each model.

    Raises:
        EngineError: there is no engine of that name; or the prober was stopped.
    """
    groups: dict[str, list[Model]] = {}
    for model in models:
        groups.setdefault(candidates(model, wanted)[0], []).append(model)
    for engine, group in groups.items():
        prober.probe(group, engine)


def _load(model: Model, name: str, threads: int) -> Engine:
    try:
        return load_engine(model, name, threads)
    except ImportError as error:
        raise EngineError(
            f"Engine {name} cannot be loaded ({reason_of(error)}); choose another engine."
        ) from error


def why_int8_gains_nothing(int8: ProbeResult, fp32: ProbeResult) -> str | None:
    """A sentence when int8 was measured not to be faster on the same engine, else None."""
    if int8.engine != fp32.engine or int8.latency_ms is None or fp32.latency_ms is None:
        return None
    if int8.latency_ms < fp32.latency_ms:
        return None
    isa = cpu_isa()
    lacking = f" ({isa}, no VNNI)" if isa and isa not in _WITH_INT8_DOT_PRODUCTS else ""
    return (
        f"int8 is not faster on this CPU{lacking}: "
        f"{int8.latency_ms:.1f} ms against {fp32.latency_ms:.1f} ms when tried."
    )
