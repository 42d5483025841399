"""What is fuzzed: of each kind a good input, how it is spoiled, and what InCab does with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app import resources
from core.errors import InCabError
from core.modelfile import save_model
from core.video import VideoFile
from tests.conftest import Networks
from tests.robustness import fuzz_sessions, fuzz_texts
from tests.robustness.fuzz_models import spoil_model, use_model
from tests.robustness.fuzz_texts import SECRET
from tests.robustness.spoiling import spoil_bytes
from training.config import find_recipe

_FRAMES_AT_MOST = 200
PLAYLISTS = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile 'http://127.0.0.1:9/a.mp4'\n",
    b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9999 RTP/AVP 96\n"
    b"a=rtpmap:96 H264/90000\n",
    b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period>"
    b"<AdaptationSet mimeType='video/mp4'><Representation id='1'><BaseURL>http://127.0.0.1:9/a.mp4"
    b"</BaseURL></Representation></AdaptationSet></Period></MPD>",
)


@dataclass(frozen=True)
class Kind:
    """Writes input number N of its kind, and uses it."""

    ending: str
    make: Callable[[Path, random.Random], None]
    # A sentence when what was given was set aside without an error.
    use: Callable[[Path], str | None]


Spoil = Callable[[bytes, random.Random], bytes]


def _spoiled(goods: list[bytes], spoil: Spoil) -> Callable[[Path, random.Random], None]:
    return lambda path, chance: path.write_bytes(spoil(chance.choice(goods), chance)) and None


def _models(folder: Path) -> list[bytes]:
    networks, goods = Networks(), []
    for network in (networks.int8(), networks.fp32()):
        save_model(networks.model(network), folder / "good.safetensors")
        goods.append((folder / "good.safetensors").read_bytes())
    return goods


def _videos(folder: Path) -> list[bytes]:
    chance, goods = np.random.default_rng(0), []
    for name, code in (("good.mp4", "mp4v"), ("good.avi", "MJPG"), ("good.mkv", "mp4v")):
        path = str(folder / name)
        writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), 30, (64, 48))
        for _ in range(12):
            writer.write(chance.integers(0, 256, (48, 64, 3), np.uint8))
        writer.release()
        goods.append(Path(path).read_bytes())
    return goods


def _spoil_video(data: bytes, chance: random.Random) -> bytes:
    """Bytes, or a text that sends a decoder elsewhere."""
    if chance.random() < 0.05:
        return chance.choice(PLAYLISTS)
    return spoil_bytes(data, chance)


def _use_video(path: Path) -> None:
    with VideoFile(path) as video:
        for number, frame in enumerate(video):
            assert frame.image.ndim == 3
            if number == _FRAMES_AT_MOST:
                break
        video.seek(5)
        video.read()


def _make_session(folder: Path) -> Callable[[Path, random.Random], None]:
    good = folder / "good.sqlite"
    fuzz_sessions.write_good(good).close("stopped")
    data = good.read_bytes()

    def make(path: Path, chance: random.Random) -> None:
        path.write_bytes(data)
        chance.choice(list(fuzz_sessions.SPOILERS.values()))(path, chance)

    return make


def _use_session(path: Path) -> None:
    fuzz_sessions.use(path, path.with_name("case.json" if path.stat().st_size % 2 else "case.csv"))


def _make_address(path: Path, chance: random.Random) -> None:
    path.write_text(fuzz_texts.make_address(chance), encoding="utf-8", newline="")


def _use_address(path: Path) -> None:
    try:
        fuzz_texts.use_address(path.read_bytes().decode())
    except InCabError as error:
        if SECRET in str(error):
            raise AssertionError(f"it tells the password: {error}") from error
        raise


def make_kinds(folder: Path) -> dict[str, Kind]:
    """All kinds; what they need is written to the folder."""
    annotations = b"".join(resources.DEMO_ANNOTATIONS.read_bytes().splitlines(True)[:60])
    recipes = [find_recipe(name).read_bytes() for name in ("qd", "cabin_int8", "i3d")]
    settings = [fuzz_texts.good_settings(folder / "good.ini")]
    return {
        "model": Kind(".safetensors", _spoiled(_models(folder), spoil_model), use_model),
        "annotations": Kind(
            ".csv",
            _spoiled([annotations], fuzz_texts.spoil_annotations),
            fuzz_texts.use_annotations,
        ),
        "recipe": Kind(".toml", _spoiled(recipes, fuzz_texts.spoil_recipe), fuzz_texts.use_recipe),
        "session": Kind(".sqlite", _make_session(folder), _use_session),
        "settings": Kind(
            ".ini", _spoiled(settings, fuzz_texts.spoil_settings), fuzz_texts.use_settings
        ),
        "address": Kind(".txt", _make_address, _use_address),
        "video": Kind(".mp4", _spoiled(_videos(folder), _spoil_video), _use_video),
    }
