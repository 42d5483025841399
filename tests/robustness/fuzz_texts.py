"""Hostile annotation CSVs, recipes, settings files and addresses of streams."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path

from app.log import without_secrets
from app.recent_sources import RecentSource, recent_to_json, with_newest
from app.settings import Settings
from app.sources import parse_source, title_of_source
from core.activities import ACTIVITY_NAMES
from core.annotations import HEADER, label_frames, read_annotations
from core.camera import STREAM_SCHEMES
from tests.robustness.spoiling import spoil_bytes
from training.config import Recipe, read_recipe

SECRET = "hunter2"
_CELLS = (
    "", "0", "-1", "1.5", "999999999999", "9" * 5000, "1e5", "٣", "\x00", "\x1b[2J", '"', '""',
    "'=cmd|x'!A1", "../../../etc/passwd", "/etc/passwd", "vp1/..", "vp1/../../x", "a" * 200_000,
    "nan", ACTIVITY_NAMES[0], "<img src=x>", "\r", "é\u202e", " ", ",", ";",
)  # fmt: skip


# Annotations


def spoil_annotations(data: bytes, chance: random.Random) -> bytes:
    """Rows nobody would write, or bytes that are none."""
    if chance.random() < 0.3:
        return spoil_bytes(data, chance)
    lines = data.decode().splitlines()
    for _ in range(chance.choice((1, 3, 10))):
        number = chance.randrange(len(lines))
        cells = lines[number].split(",")
        match chance.randrange(6):
            case 0 | 1:
                cells[chance.randrange(len(cells))] = chance.choice(_CELLS)
            case 2:
                del cells[chance.randrange(len(cells))]
            case 3:
                # Not so many that the peak of memory is the fuzzer's own.
                cells *= chance.choice((2, 300 if len(lines[number]) < 5000 else 2))
            case 4:
                lines.insert(number, lines[number])
            case _:
                cells = [chance.choice(_CELLS) for _ in HEADER]
        lines[number] = ",".join(cells) or ","
    if chance.random() < 0.01:
        lines += ["x"] * 3_000_000
    text = chance.choice(("\n", "\r\n", "\r", "\n\n")).join(lines)
    return text.encode(chance.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")), "replace")


def use_annotations(path: Path) -> None:
    """Read them as the window does."""
    labels = ACTIVITY_NAMES if path.stat().st_size % 2 else None
    annotations = read_annotations(path, labels)
    for problem in annotations.problems[:20]:
        assert len(problem) < 1000
        assert problem.isprintable(), problem
    for file_id in annotations.file_ids[:3]:
        label_frames(annotations.of_run(file_id), 1000)


# Recipes

_TOML_VALUES = (
    "0", "-1", "1e400", "nan", "inf", "-inf", "true", '"x"', '""', "[]", "[1, 'a']", "{}",
    "9" * 30, "9" * 5000, "1979-05-27", "0x7fffffffffffffff", "[" * 990 + "]" * 990,
    "{a=" * 400 + "1" + "}" * 400, "[" * 2000 + "]" * 2000,
    '"\\u0000"', "'../../etc/passwd'", "2.5", "[1e9]", "0o17",
)  # fmt: skip


def spoil_recipe(data: bytes, chance: random.Random) -> bytes:
    """Settings of other kinds and sizes, unknown ones, or bytes that are none."""
    if chance.random() < 0.3:
        return spoil_bytes(data, chance)
    lines = data.decode().splitlines()
    names = [*Recipe.__dataclass_fields__, "profiles", "__class__", "a.b", '"../x"', "x" * 10_000]
    for _ in range(chance.choice((1, 2, 6))):
        line = f"{chance.choice(names)} = {chance.choice(_TOML_VALUES)}"
        place = chance.randrange(len(lines))
        lines[place : place + chance.choice((0, 1))] = [line]
    if chance.random() < 0.2:
        lines.append(chance.choice(("[profiles]", "[profiles.quick", "[[profiles]]", "[a.b.c]",
                                    "." * 5000 + "a = 1", "a" + ".a" * 5000 + " = 1")))  # fmt: skip
    return "\n".join(lines).encode("utf-8", "replace")


def use_recipe(path: Path) -> None:
    """Read it with every profile that it has."""
    recipes = [read_recipe(path)]
    profiles = tomllib.loads(path.read_text(encoding="utf-8")).get("profiles", {})
    recipes += [read_recipe(path, profile=profile) for profile in profiles]
    assert all(recipe.clip.crop <= recipe.clip.resize for recipe in recipes)


# Settings

_INI_VALUES = (
    "@ByteArray(\\x0\\x1)", "@Variant(\\0\\0\\0\\x7f)", "@Invalid()", "@Rect(1 2 3)", "1e999",
    "nan", "[" * 5000, "{}", "[{}]", '"[{\\"source\\": 1}]"', '"[{\\"source\\": \\"..\\\\0\\"}]"',
    '"[{\\"activity\\": [], \\"after_s\\": \\"x\\"}]"', "9" * 6000, "../../..", "\\x0", "@", "-1",
    "true", '"[1, 2]"', '"' + "[" * 5000 + '"', "@DateTime(x)", "@Size(99999999999 1)", "rtsp://",
    '"[{\\"activity\\": \\"x\\", \\"after_s\\": 1e999, \\"enabled\\": true}]"', "http://[::1/",
    '"[{\\"activity\\": \\"x\\", \\"after_s\\": ' + "9" * 400 + ', \\"enabled\\": true}]"',
)  # fmt: skip


def good_settings(path: Path) -> bytes:
    """A file with everything in it."""
    settings = Settings(path)
    settings.folder = path.parent
    settings.recent_sources = (RecentSource(2), RecentSource("rtsp://cabin.local/stream"))
    settings.alert_rules = settings.alert_rules
    settings.decisions = settings.decisions
    settings.recordings_folder = settings.pictures_folder = settings.driveact_root = path.parent
    settings.loop, settings.theme, settings.alert_sound = True, "dark", True
    settings.save()
    return path.read_bytes()


def spoil_settings(data: bytes, chance: random.Random) -> bytes:
    """Values of other kinds, or bytes that are none."""
    if chance.random() < 0.4:
        return spoil_bytes(data, chance)
    lines = data.decode().splitlines()
    for _ in range(chance.choice((1, 2, 8))):
        place = chance.randrange(len(lines))
        name = lines[place].partition("=")[0]
        lines[place] = f"{name}={chance.choice(_INI_VALUES)}"
    return "\n".join(lines).encode()


def use_settings(path: Path) -> str | None:
    """Ask for everything that the window asks for; the sentence when the file was set aside."""
    settings = Settings(path)
    for name in (n for n, kind in vars(Settings).items() if isinstance(kind, property)):
        getattr(settings, name)
    for source in settings.recent_sources:
        title_of_source(source.address)
    settings.save()
    return settings.problem


# Addresses


def make_address(chance: random.Random) -> str:
    """Something that claims to be a stream, most with a password in it."""
    scheme = chance.choice(
        (*STREAM_SCHEMES, "file", "ftp", "concat", "subfile", "data", "javascript", "RTSP",
         "http", "pipe", "crypto+file", "hls+http", "gopher", "", "unix", "cache", "ffrtmphttp")
    )  # fmt: skip
    separator = chance.choice(("://", "://", "://", ":", ":/", ":///", ":\\\\", "%3A//"))
    user = chance.choice(("", f"{SECRET}@", f"me:{SECRET}@", f":{SECRET}@", f"m@e:{SECRET}@",
                          f"me:a/{SECRET}@", f"me:{SECRET}#@", f"me:{SECRET}?x@"))  # fmt: skip
    host = chance.choice(("cabin", "[::1]", "10.0.0.1:554", "", "host:99999999", "a" * 5000, "..",
                          "[::1", "%00", "host\r\nX: y", "ß", "\u202e", "\x1b[2J"))  # fmt: skip
    rest = chance.choice(("", "/", "/live", f"?password={SECRET}", f"/a?t={SECRET}#x", "/../../x",
                          f"#{SECRET}", "/%2e%2e/", "|file:/etc/passwd", "/ x"))  # fmt: skip
    address = f"{scheme}{separator}{user}{host}{rest}"
    if chance.random() < 0.2:
        place = chance.randrange(len(address) + 1)
        address = address[:place] + chr(chance.choice((0, 9, 10, 64, 58, 0x2028))) + address[place:]
    return address


def use_address(address: str) -> None:
    """Tell what it is; whatever is shown or remembered of a stream holds no password."""
    taken = parse_source(address)
    if isinstance(taken, str):
        assert taken.partition("://")[0].lower() in STREAM_SCHEMES
        remembered = with_newest((), taken, None)
        for text in (title_of_source(taken), recent_to_json(remembered), without_secrets(taken)):
            assert SECRET not in text
