from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import training.agreement
from core.clip import Clip
from core.engines import load_engine
from core.errors import DataError, EngineError, SourceError
from core.modelfile import load_model
from training.agreement import Comparison, compare_with_reference, spread_clips
from training.commands.agree import Agree

FRAMES = 40
LABELS = ("drinking", "eating", "reading")


@pytest.fixture(scope="module")
def video(write_video: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(FRAMES)]
    return write_video(tmp_path_factory.mktemp("agree") / "noise.mp4", images)


def clip_at(frame: int) -> Clip:
    return Clip(np.zeros((1, 1, 1, 3), np.uint8), (frame,), frame / 10)


class Liar:
    """The reference's answers with the two best classes exchanged on every clip but the first."""

    name = "liar"

    def __init__(self, honest) -> None:
        self.honest = honest
        self.asked = 0

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        logits = self.honest.logits(pixels)
        self.asked += 1
        if self.asked > 1:
            second, first = np.argsort(logits)[-2:]
            logits[[second, first]] = logits[[first, second]]
        return logits


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model, name: str, threads: int = 1):
        engine = load_engine(model, "reference")
        return engine if name == "reference" else Liar(engine)

    monkeypatch.setattr(training.agreement, "load_engine", load)


def test_clips_are_spread_over_the_whole_video(networks, video: Path) -> None:
    spec = networks.spec
    every = [clip.frame_index for clip in spread_clips(video, spec, 31)]
    assert every == list(range(FRAMES - 31, FRAMES))
    assert [clip.frame_index for clip in spread_clips(video, spec, 3)] == [9, 24, 39]
    with pytest.raises(DataError, match=r"noise.mp4 has only 31 clips; ask for no more"):
        next(spread_clips(video, spec, 32))


def test_the_margin_is_between_the_two_best_of_the_reference() -> None:
    comparison = Comparison(LABELS)
    expected = np.array([4.0, 3.5, 0.0], np.float32)
    comparison.add(clip_at(5), expected, np.array([4.0, 3.5, 0.2], np.float32))
    comparison.add(clip_at(7), expected, np.array([3.0, 3.5, 0.0], np.float32))
    assert comparison.share == 0.5
    assert comparison.report() == {
        "clips": 2,
        "top1_agreement": 0.5,
        "largest_deviation": 0.25,
        "disagreements": [
            {
                "frame": 7,
                "time_s": 0.7,
                "reference": "drinking",
                "engine": "eating",
                "margin": 0.5,
                "margin_share": 0.125,
            }
        ],
    }


def test_an_answer_that_is_no_number_is_no_agreement() -> None:
    right = np.array([2, 1, 0], np.float32)
    for wrong in (np.array([2, np.nan, 0], np.float32), np.array([np.inf, 1, 0], np.float32)):
        with pytest.raises(EngineError, match=r"clip at 0\.5 s holds NaN or infinity"):
            Comparison(LABELS).add(clip_at(5), right, wrong)


def test_a_spread_beyond_float32_hides_no_deviation() -> None:
    comparison = Comparison(LABELS)
    far = np.array([3e38, -3e38, 0], np.float32)
    comparison.add(clip_at(5), far, far[[0, 2, 1]])
    assert comparison.largest_deviation == pytest.approx(0.5)


def test_a_video_too_short_for_one_clip(networks, write_video, tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    path = write_video(tmp_path / "short.mp4", [image] * 2)
    with pytest.raises(DataError, match="is too short for a single clip of 4 frames"):
        next(spread_clips(path, networks.spec, 1))


def test_real_engines_agree(networks, twin_files: tuple[Path, Path], video: Path) -> None:
    for path in twin_files:
        counted: list[int] = []
        compared = compare_with_reference(
            load_model(path), ("openvino", "onednn"), video, 6, 1, counted.append
        )
        assert counted == [1, 2, 3, 4, 5, 6]
        assert list(compared) == ["openvino", "onednn"]
        for comparison in compared.values():
            assert comparison.clips == 6
            assert comparison.share == 1
            assert comparison.largest_deviation < 0.03


def command(models: tuple[Path, ...], video: Path, **more) -> Agree:
    return Agree(models=models, video=video, clips=5, threads=1, **more)


def test_the_json_is_whole(twin_files: tuple[Path, Path], video: Path, capsys) -> None:
    command(twin_files, video, json=True).run(Console(stderr=True))
    report = json.loads(capsys.readouterr().out)
    assert report.keys() == {"schema", "video", "models"}
    assert report["schema"] == "incab.agreement/1"
    assert report["video"] == str(video)
    assert report["models"].keys() == {str(path) for path in twin_files}
    for by_engine in report["models"].values():
        assert by_engine["openvino"].keys() == {
            *("clips", "top1_agreement", "largest_deviation", "disagreements")
        }


@pytest.mark.usefixtures("lying")
def test_too_little_agreement_fails_after_listing_it(
    twin_files: tuple[Path, Path], video: Path, capsys
) -> None:
    with pytest.raises(EngineError, match=r"on only 20.00% of the clips; at least 99.5% are"):
        command(twin_files[:1], video).run(Console())
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("int8.safetensors on openvino: same activity on 20.00% of 5 clips")
    assert len(said) == 5
    assert all("instead of activity" in line and "margin" in line for line in said[1:])


def test_one_in_two_hundred_is_allowed() -> None:
    comparison = Comparison(LABELS)
    right, wrong = np.array([2, 1, 0], np.float32), np.array([1, 2, 0], np.float32)
    for frame in range(200):
        comparison.add(clip_at(frame), right, wrong if frame == 0 else right)
    assert comparison.share >= training.agreement.LEAST_AGREEMENT
    comparison.add(clip_at(200), right, wrong)
    assert comparison.share < training.agreement.LEAST_AGREEMENT


def test_a_missing_video_is_one_sentence(twin_files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        command(twin_files, tmp_path / "no.mp4").run(Console())


@pytest.mark.parametrize("wrong", [{"models": ()}, {"engine": ()}, {"clips": 0}, {"threads": 0}])
def test_useless_wishes_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="at least"):
        replace(Agree(models=(Path("m"),), video=Path("v")), **wrong)
