"""Class names of a checkpoint: given, kept in it, lying beside it, or numbers for want of them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, cast

from core.errors import DataError

_LARGEST_BYTES = 64 * 2**20
_BESIDE = re.compile(r"label|kinetics|class", re.IGNORECASE)
_ENDINGS = (".txt", ".csv", ".json")
_COLUMNS = ("label", "name")


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names in index order.

    A .txt file has one on each line. A .csv file has them in its column "label" or "name": with a
    column "id" at that index, else in the order of their first appearance, as Kinetics' own lists
    of videos are used. A .json file is a list, or an object with the list "labels".

    Raises:
        DataError: it cannot be read or holds no list of names.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise DataError(f"{path} is too large for a list of class names.")
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".json":
            names = _from_json(json.loads(text))
        elif path.suffix == ".csv":
            names = _from_csv(text)
        else:
            names = [line.strip() for line in text.splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError, csv.Error) as error:
        raise DataError(
            f"{path} holds no class names ({error}); write one name on each line of a .txt file."
        ) from error
    return tuple(names)


def _from_json(content: object) -> list[str]:
    if isinstance(content, dict):
        content = cast("dict[str, Any]", content).get("labels")
    if not isinstance(content, list) or not all(isinstance(name, str) for name in content):
        raise ValueError('it is no list of names and has none called "labels"')
    return content


def _from_csv(text: str) -> list[str]:
    rows = csv.DictReader(text.splitlines())
    column = next((name for name in _COLUMNS if name in (rows.fieldnames or ())), None)
    if column is None:
        raise ValueError('it has no column "label" or "name"')
    found = list(rows)
    if not all(row[column] for row in found):
        raise ValueError("a row has no name")
    if "id" in (rows.fieldnames or ()):
        numbered = sorted((int(row["id"] or ""), row[column]) for row in found)
        if [number for number, _ in numbered] != list(range(len(numbered))):
            raise ValueError('its column "id" does not count from 0')
        return [name for _, name in numbered]
    return list(dict.fromkeys(row[column] for row in found))


def choose_labels(
    checkpoint: Path, classes: int, given: Path | None, kept: object
) -> tuple[tuple[str, ...], str]:
    """The class names of a network, and where they come from.

    Args:
        checkpoint: the file; label lists are looked for beside it.
        classes: K.
        given: a file named by the user, which goes before all others.
        kept: what the checkpoint itself holds, or None.

    Raises:
        DataError: the list that was given or kept does not name K different classes, or lists
            beside the checkpoint contradict each other.
    """
    if given is not None:
        labels = read_labels(given)
        _check(labels, classes, str(given))
        return labels, str(given)
    if kept is not None:
        if not isinstance(kept, (list, tuple)) or not all(isinstance(name, str) for name in kept):
            raise DataError(f"{checkpoint} holds no usable class names; give --labels FILE.")
        _check(tuple(kept), classes, f"the list in {checkpoint}")
        return tuple(kept), "the checkpoint"
    beside = _beside(checkpoint, classes)
    if len(set(beside.values())) > 1:
        names = " and ".join(path.name for path in beside)
        raise DataError(
            f"Beside {checkpoint} lie different lists of {classes} classes ({names}); "
            "choose one with --labels."
        )
    if beside:
        path, labels = next(iter(beside.items()))
        return labels, path.name
    numbered = tuple(f"class {index}" for index in range(classes))
    return numbered, "nowhere: no list lies beside the file, name it with --labels"


def _beside(checkpoint: Path, classes: int) -> dict[Path, tuple[str, ...]]:
    found: dict[Path, tuple[str, ...]] = {}
    for path in sorted(checkpoint.parent.iterdir()):
        if path.suffix not in _ENDINGS or not _BESIDE.search(path.name) or not path.is_file():
            continue
        try:
            labels = read_labels(path)
        except DataError:
            continue
        if len(labels) == classes == len(set(labels)):
            found[path] = labels
    return found


def _check(labels: tuple[str, ...], classes: int, where: str) -> None:
    if len(labels) != classes:
        raise DataError(
            f"{where} names {len(labels)} classes, the network knows {classes}; "
            "give its own list with --labels."
        )
    if len(set(labels)) != len(labels):
        raise DataError(f"{where} names a class twice; give another list with --labels.")
