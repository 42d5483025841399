"""Whom a run has seen, itself or through those before it: accuracy on them would mean nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import DataError
from training.store import EVERYONE, Store


def people_of(store: Store, split: int, subset: str) -> set[int]:
    """The numbers of the people in one subset of one split."""
    return {store.chunks[position].participant_id for position in store.subset(split, subset)}


def seen_by(store: Store, split: int, described: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whom a run on this split has seen, itself or through those it starts from and learns from.

    `described` is what these say of their training.

    Returns:
        For the run's own description `people`, those of the store; and `people_elsewhere`, data,
        split and people of each before it that was trained on other data.
    """
    people = {subset: people_of(store, split, subset) for subset in ("train", "val")}
    elsewhere: list[dict[str, Any]] = []
    for each in described:
        for subset, known in people.items():
            known |= seen_people(each, store, subset)
        for entry in _entries(each):
            if not _is_of(entry, store) and entry not in elsewhere:
                elsewhere.append(entry)
    return {
        "people": {subset: sorted(known) for subset, known in people.items()},
        "people_elsewhere": elsewhere,
    }


def recorded_people(described: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a description that says whom a run has seen, for a copy of its weights."""
    names = ("data", "split", "people", "people_elsewhere")
    return {name: described[name] for name in names if name in described}


def seen_people(described: Mapping[str, Any], store: Store, subset: str) -> set[int]:
    """Whom of a store's people a run, its ancestors and its teachers had in one subset.

    A run of an InCab that recorded nobody had those of its split, if its data were the very same.
    """
    seen: set[int] = set()
    for entry in _entries(described):
        if _is_of(entry, store):
            people = entry.get("people")
            seen |= (
                set(people.get(subset) or ())
                if isinstance(people, Mapping)
                else people_of(store, entry["split"], subset)
            )
    return seen


def _entries(described: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Data, split and people of a run, and of those before it that had other data."""
    own = recorded_people(described)
    elsewhere = own.pop("people_elsewhere", None)
    before = elsewhere if isinstance(elsewhere, list) else []
    return [entry for entry in (own, *before) if isinstance(entry, dict) and "data" in entry]


def _is_of(entry: Mapping[str, Any], store: Store) -> bool:
    """Whether an entry's people are people of this store."""
    origin = store.description["origin"]
    if isinstance(entry.get("people"), Mapping):
        return _same_people(entry.get("data"), origin)
    return entry.get("data") == origin and "split" in entry


def _same_people(one: Any, other: Any) -> bool:
    """Whether equal numbers are equal persons: a synthetic one is its set's seed and its number."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return False
    made = [origin.get("synthetic") for origin in (one, other)]
    if all(isinstance(each, Mapping) for each in made):
        return made[0].get("seed") == made[1].get("seed")
    return made == [None, None]


def check_apart(
    described: Mapping[str, Any],
    name: Path,
    store: Store,
    split: int,
    subsets: Sequence[str] = ("val", "test"),
) -> None:
    """See to it that a run has not seen people whom `subsets` of this split keep apart.

    Nobody it trained on may be in them, and nobody who chose its best epoch in test; neither may
    those of whatever it started from or learned from.

    Raises:
        DataError: it has, and accuracy on them would mean nothing; or it knows other labels.
    """
    labels = described.get("labels")
    if labels is not None and tuple(labels) != store.labels:
        raise DataError(
            f"{name} was trained on {len(labels)} other labels than the {len(store.labels)} of "
            f"{store.folder}; use one that was trained on these."
        )
    trained, chosen = (seen_people(described, store, subset) for subset in ("train", "val"))
    shared: set[int] = set()
    for subset in subsets:
        seen = trained | chosen if subset in ("test", EVERYONE) else trained
        shared |= seen & people_of(store, split, subset)
    if shared:
        trained_on = (
            f"was trained on split {described.get('split', split)}"
            if _same_people(described.get("data"), store.description["origin"])
            else "started or learned from what was trained on this data"
        )
        some = ", ".join(f"vp{person}" for person in sorted(shared)[:3])
        more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
        if EVERYONE in subsets:
            advice = f"who are in {store.folder} too; name a subset, or data of other people."
        else:
            advice = (
                f"who are kept apart in split {split} ({' and '.join(subsets)}); "
                f"use a run on split {split} of this data."
            )
        raise DataError(f"{name} {trained_on} and has seen {some}{more}, {advice}")
