"""What is remembered of engines: when it counts, and that it never gets in the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core import prober as prober_module
from core.errors import EngineError
from core.modelfile import Model, load_model, save_model
from core.probe import ProbeMode, ProbeResult
from core.prober import CACHE_FOLDER, FORMAT, ISA_LIMIT, Prober, cache_path

WRONG = "Engine openvino answers wrongly."


class Trials:
    """Stands for the child: answers each model after its file name and counts what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, tuple[str, ...]]] = []

    def __call__(
        self,
        model_paths: Sequence[Path],
        engine: str,
        threads: int,
        *,
        stopped: Callable[[], bool] = lambda: False,
    ) -> list[ProbeResult]:
        if stopped():
            raise EngineError("It was stopped.")
        self.asked.append((engine, threads, tuple(path.stem for path in model_paths)))
        return [
            replace(
                self._answer(path.stem, engine),
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in model_paths
        ]

    def _answer(self, name: str, engine: str) -> ProbeResult:
        if name == "wrong":
            return ProbeResult(engine=engine, problem=WRONG)
        if name == "late":
            return ProbeResult(engine=engine, problem="It took too long.", lasting=False)
        return ProbeResult(engine=engine, latency_ms=2.0 + len(self.asked))


@pytest.fixture
def trials() -> Trials:
    return Trials()


@pytest.fixture
def make(trials: Trials, tmp_path: Path) -> Callable[..., Prober]:
    """A new prober, as at another start of the application, on the same file."""

    def new(mode: ProbeMode = "once", threads: int = 1, **more: object) -> Prober:
        path = tmp_path / "kept" / "probe.json"
        return Prober(threads, mode, **{"path": path, "trial": trials, **more})

    return new


@pytest.fixture
def model(networks, tmp_path: Path) -> Callable[..., Model]:
    """`model(name, seed)`: a small model from a file of that name."""

    def made(name: str = "right", seed: int = 0) -> Model:
        path = tmp_path / f"{name}.safetensors"
        save_model(networks.model(networks.fp32(seed=seed)), path)
        return load_model(path)

    return made


def test_a_second_start_asks_nobody(make, model, trials: Trials) -> None:
    tried: list[str] = []
    first = make(trying=tried.append).probe([model()], "openvino")
    assert first == [ProbeResult(engine="openvino", latency_ms=3.0, sha256=model().sha256)]
    assert make(trying=tried.append).probe([model()], "openvino") == first
    assert trials.asked == [("openvino", 1, ("right",))]
    assert tried == ["openvino"]


def test_what_is_wrong_stays_left_out_with_its_reason(make, model, trials: Trials) -> None:
    make().probe([model("wrong")], "openvino")
    assert make().probe([model("wrong")], "openvino")[0].problem == WRONG
    assert len(trials.asked) == 1


def test_both_models_share_a_child_and_known_ones_need_none(make, model, trials: Trials) -> None:
    int8, fp32 = model("one", 1), model("two", 2)
    make().probe([int8, fp32, int8], "openvino")
    make().probe([fp32, model("three", 3), int8], "openvino")
    assert [names for _, _, names in trials.asked] == [("one", "two"), ("three",)]


@pytest.mark.parametrize("change", ["cpu", "isa", "limit", "version", "threads", "engine", "model"])
def test_anything_that_differs_is_another_question(
    change: str, make, model, trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ISA_LIMIT, raising=False)
    make().probe([model()], "openvino")
    threads, engine, seed = 1, "openvino", 0
    if change == "cpu":
        monkeypatch.setattr(prober_module, "cpu_name", lambda: "Another CPU")
    elif change == "isa":
        monkeypatch.setattr(prober_module, "cpu_isa", lambda: "AVX3")
    elif change == "limit":
        monkeypatch.setenv(ISA_LIMIT, "AVX2")
    elif change == "version":
        monkeypatch.setattr(prober_module, "installed_version", lambda package: "99.0")
    elif change == "threads":
        threads = 2
    elif change == "engine":
        engine = "eager"
    else:
        seed = 1
    make(threads=threads).probe([model(seed=seed)], engine)
    assert len(trials.asked) == 2
    make(threads=threads).probe([model(seed=seed)], engine)
    assert len(trials.asked) == 2


def test_running_out_of_time_is_not_remembered(make, model, trials: Trials) -> None:
    prober = make()
    for _ in range(2):
        assert prober.probe([model("late")], "openvino")[0].problem == "It took too long."
    assert len(trials.asked) == 1
    make().probe([model("late")], "openvino")
    assert len(trials.asked) == 2


def test_a_file_replaced_meanwhile_is_not_remembered(make, model, trials: Trials) -> None:
    loaded = model(seed=1)
    model(seed=2)  # the child finds this one under the same name
    make().probe([loaded], "openvino")
    make().probe([model(seed=1)], "openvino")
    assert len(trials.asked) == 2


def test_again_replaces_what_was_known(make, model, trials: Trials, tmp_path: Path) -> None:
    make().probe([model()], "openvino")
    prober = make("again")
    assert prober.probe([model()], "openvino")[0].latency_ms == 4.0
    prober.probe([model()], "openvino")
    assert len(trials.asked) == 2
    assert make().probe([model()], "openvino")[0].latency_ms == 4.0
    kept = json.loads((tmp_path / "kept" / "probe.json").read_text())
    assert len(kept["results"]) == 1


def test_never_asks_nobody_and_refuses_nothing(make, model, trials: Trials) -> None:
    make().probe([model("wrong")], "openvino")
    (result,) = make("never").probe([model("wrong")], "openvino")
    assert (result.problem, result.latency_ms) == (None, None)
    assert len(trials.asked) == 1


def test_the_reference_is_not_tried(make, model, trials: Trials) -> None:
    assert make().probe([model()], "reference")[0].problem is None
    assert trials.asked == []


def test_a_stopped_trial_is_told_and_not_remembered(make, model, trials: Trials) -> None:
    with pytest.raises(EngineError, match="stopped"):
        make(stopped=lambda: True).probe([model()], "openvino")
    make().probe([model()], "openvino")
    assert len(trials.asked) == 1


# The file


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b"[" * 100_000),
        b'{"format": "incab.probe/9", "results": [{}]}',
        b'{"format": "incab.probe/1", "results": {"a": 1}}',
        b'{"format": "incab.probe/1", "results": [1, null, {}, {"latency_ms": 1.0}]}',
    ],
)
def test_a_damaged_file_is_as_none(
    content: bytes, make, model, trials: Trials, tmp_path: Path
) -> None:
    path = tmp_path / "kept" / "probe.json"
    path.parent.mkdir()
    path.write_bytes(content)
    assert make().probe([model()], "openvino")[0].problem is None
    assert len(trials.asked) == 1
    make().probe([model()], "openvino")
    assert len(trials.asked) == 1


def test_a_damaged_entry_spoils_no_other(make, model, trials: Trials, tmp_path: Path) -> None:
    make().probe([model("one", 1), model("two", 2)], "openvino")
    path = tmp_path / "kept" / "probe.json"
    document = json.loads(path.read_text())
    document["results"][0]["latency_ms"] = "quick"
    path.write_text(json.dumps(document))
    make().probe([model("one", 1), model("two", 2)], "openvino")
    assert [names for _, _, names in trials.asked] == [("one", "two"), ("one",)]


@pytest.mark.parametrize("place", ["file/probe.json", "folder"])
def test_a_place_that_cannot_be_written_stops_nothing(
    place: str, make, model, trials: Trials, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    for _ in range(2):
        (result,) = make(path=tmp_path / place).probe([model()], "openvino")
        assert result.problem is None
    assert len(trials.asked) == 2
    assert not list(tmp_path.glob("*.partial*"))


def test_two_at_once_keep_each_others_results(make, model, trials: Trials) -> None:
    one, other = make(), make()
    one.probe([model("one", 1)], "openvino")
    other.probe([model("two", 2)], "openvino")
    make().probe([model("one", 1), model("two", 2)], "openvino")
    assert len(trials.asked) == 2


def test_the_file_does_not_grow_for_ever(
    make, model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "_MOST_KEPT", 2)
    for seed in range(4):
        make().probe([model(f"model{seed}", seed)], "openvino")
    kept = json.loads((tmp_path / "kept" / "probe.json").read_text())
    assert kept["format"] == FORMAT
    assert [entry["model"] for entry in kept["results"]] == [
        model("again", seed).sha256 for seed in (2, 3)
    ]


def test_it_lies_in_the_users_cache_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, cache_folder: Path, tmp_path: Path
) -> None:
    assert cache_path() == cache_folder / "probe.json"
    monkeypatch.delenv(CACHE_FOLDER)
    assert cache_path().name == "probe.json"
    assert "InCab" in cache_path().parts
    assert tmp_path not in cache_path().parents
