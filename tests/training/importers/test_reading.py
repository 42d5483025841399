"""Wrong, truncated, huge and hostile files: refused in a sentence, and nothing in them runs."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from core.modelfile import load_model
from tests.training.importers.published import MobileNet
from training.__main__ import main
from training.importers import reading
from training.importers.reading import read_checkpoint


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return MobileNet(5, 0.125).state_dict()


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`refused(path)`: the sentence; nothing may have been written."""

    def check(path: Path) -> str:
        before = set(tmp_path.iterdir())
        out = tmp_path / "out.safetensors"
        assert main(["import", str(path), "--out", str(out)]) == 1
        said = capsys.readouterr().err
        assert set(tmp_path.iterdir()) == before
        assert said.startswith("incab-train: ")
        assert said.count("\n") == 1
        assert "Traceback" not in said
        return said

    return check


class Command:
    """A pickle of it would run a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"touch {self.marker}",))


class Evaluation(Command):
    def __reduce__(self) -> tuple[object, ...]:
        return (eval, (f"open({str(self.marker)!r}, 'w')",))


@pytest.mark.parametrize("kind", [Command, Evaluation])
@pytest.mark.parametrize("form", ["archive", "legacy", "plain pickle", "beside good tensors"])
def test_a_pickle_that_would_run_a_command(
    tmp_path: Path, refused, state: dict[str, torch.Tensor], kind: type[Command], form: str
) -> None:
    marker, path = tmp_path / "it ran", tmp_path / "hostile.pth"
    hostile = kind(marker)
    if form == "plain pickle":
        path.write_bytes(pickle.dumps(hostile, protocol=2))
    else:
        content = {"state_dict": state, "extra": hostile} if "good" in form else {"x": hostile}
        torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    name = "eval" if kind is Evaluation else "system"
    said = refused(path)
    assert "is refused: besides tensors it wants to load" in said
    assert name in said
    assert not marker.exists()


def test_the_loss_in_the_papers_files_becomes_a_stand_in(tmp_path: Path) -> None:
    path, before = tmp_path / "paper.pth", set(torch.serialization.get_safe_globals())
    torch.save({"loss": torch.nn.CrossEntropyLoss(), "epoch": 3}, path)
    content = read_checkpoint(path)
    assert content["epoch"] == 3
    assert not isinstance(content["loss"], torch.nn.Module)
    # The door is closed again, and was open for this one name only.
    assert set(torch.serialization.get_safe_globals()) == before
    torch.save({"loss": torch.nn.MSELoss()}, path)
    with pytest.raises(Exception, match=r"load torch\.nn\.modules\.loss\.MSELoss"):
        read_checkpoint(path)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.999, 0.5, 0.01])
def test_truncated(
    tmp_path: Path, refused, state: dict[str, torch.Tensor], legacy: bool, share: float
) -> None:
    path = tmp_path / "cut.pth"
    torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=not legacy)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "truncated" in refused(path)


def test_a_flipped_bit(tmp_path: Path, refused, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "flipped.pth"
    torch.save({"state_dict": state}, path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "a checksum is wrong" in refused(path)


def test_huge_files(tmp_path: Path, refused, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.pth"
    path.touch()
    # Sparse: it takes no room on the disk.
    os.truncate(path, 3 * 2**30)
    assert "3221 MB" in refused(path)
    monkeypatch.setattr(reading, "LARGEST_BYTES", 10**7)
    bomb = tmp_path / "bomb.pth"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        for number in range(3):
            archive.writestr(f"a/data/{number}", bytes(4 * 2**20))
    assert bomb.stat().st_size < 10**5
    assert "unpacks to 4 parts with 13 MB" in refused(bomb)


def test_tensors_that_are_larger_than_their_file(
    tmp_path: Path, refused, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "strides.pth"
    torch.save({**state, "classifier.1.weight": torch.zeros(1).expand(10**6, 10**6)}, path)
    assert path.stat().st_size < 10**6
    assert "1e+12 values" in refused(path)
    # Within that limit, but a network of that width would take a gigabyte.
    torch.save({**state, "classifier.1.weight": torch.zeros(1).expand(5, 8192)}, path)
    assert "belongs to a width of 8" in refused(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"words, many words", b"\x80\x02}q."])
def test_no_checkpoint_at_all(tmp_path: Path, refused, content: bytes) -> None:
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    refused(path)


def test_places_that_are_no_files(tmp_path: Path, refused) -> None:
    assert "No such file" in refused(tmp_path / "nowhere.pth")
    assert "is a folder" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "no ordinary file" in refused(tmp_path / "pipe")


def test_keys_that_match_two_formats(
    tmp_path: Path, refused, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "two.pth"
    stem = torch.zeros(64, 3, 7, 7, 7)
    for content in (
        {"state_dict": state, "student_model_state_dict": state},
        {"state_dict": state, **state},
        {**state, "Conv3d_1a_7x7.conv3d.weight": stem},
        {"conv3d_1a_7x7.conv3d.weight": stem, "Conv3d_1a_7x7.conv3d.weight": stem},
    ):
        torch.save(content, path)
        assert "match two formats at once" in refused(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features.3.conv2.weight": torch.zeros(3, 3, 1, 1, 1)}, "3.conv2.weight is 3×3×1×1×1, "),
        ({"features.0.0.weight": torch.zeros(4, 2, 3, 3, 3)}, "no pictures of one or three"),
        ({"features.0.0.weight": "text"}, "is no tensor"),
        ({"features.3.bn1.running_var": torch.full((16,), -1.0)}, "NaN or infinity"),
        ({"features.3.bn1.weight": torch.full((16,), float("nan"))}, "NaN or infinity"),
        ({"features.3.bn1.running_var": torch.full((16,), float("inf"))}, "NaN or infinity"),
        ({"features.3.bn1.weight": torch.ones(16, dtype=torch.int32)}, "no plain array of floats"),
        ({"features.3.bn1.weight": torch.ones(16).to_sparse()}, "no plain array of floats"),
        ({"features.3.bn1.weight": torch.ones(16, device="meta")}, "no plain array of floats"),
        ({"features.14.conv1.weight": torch.zeros(1)}, "such as features.14.conv1.weight"),
        ({"classifier.1.weight": torch.zeros(5, 8)}, "a width of 0.0078125"),
        ({"classifier.1.bias": torch.zeros(6)}, "classifier.1.bias is 6, "),
    ],
)
def test_shapes_and_values_that_disagree(
    tmp_path: Path, refused, state: dict[str, torch.Tensor], change: dict[str, object], words: str
) -> None:
    path = tmp_path / "wrong.pth"
    torch.save({"state_dict": {**state, **change}}, path)
    assert words in refused(path)


def test_missing_tensors_and_networks_that_are_not_known(
    tmp_path: Path, refused, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "other.pth"
    torch.save({name: value for name, value in state.items() if "features.5." not in name}, path)
    assert "lacks 10 tensors such as features.5.conv1.weight" in refused(path)
    for content in ({"a": 1}, [1, 2], torch.zeros(3), {"layer1.0.weight": torch.zeros(3)}, {}):
        torch.save(content, path)
        assert "cannot be imported: it holds no" in refused(path)


def test_incabs_own_files(
    tmp_path: Path, networks, refused, capsys: pytest.CaptureFixture[str]
) -> None:
    own = networks.save_twins(tmp_path)[0]
    names = tmp_path / "names.txt"
    names.write_text("\n".join("abcde"))
    out = tmp_path / "out.safetensors"
    assert main(["import", str(own), "--out", str(out), "--labels", str(names)]) == 0
    before, after = load_model(own), load_model(out)
    assert after.labels == tuple("abcde")
    assert after.clip == before.clip
    assert after.parent == before.parent
    out.unlink()
    capsys.readouterr()
    content = own.read_bytes()
    assert main(["import", str(own), "--out", str(own)]) == 1
    assert "is the checkpoint itself" in capsys.readouterr().err
    assert own.read_bytes() == content
    own.write_bytes(own.read_bytes()[:-10])
    assert "damaged" in refused(own)


def test_a_runs_own_weights(finished: Path, imported, tmp_path: Path) -> None:
    out = tmp_path / "again.safetensors"
    assert main(["import", str(finished / "best.pt"), "--out", str(out)]) == 0
    again, exported = load_model(out), load_model(finished / "model.safetensors")
    assert again.labels == exported.labels
    assert again.clip == exported.clip
    for name in ("data", "split", "people", "people_elsewhere"):
        assert again.training[name] == exported.training[name]
    for name, logits in exported.golden.items():
        assert again.golden[name] == pytest.approx(logits, rel=1e-6)
