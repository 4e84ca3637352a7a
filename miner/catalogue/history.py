"""The states of one lesion: which measurement its row holds, and which others it has had.

A row of ``bookmark`` holds one measurement and, in ``history_keys`` with ``history_orders`` beside them, the annotation
objects of the lesion's other states, newest first. A history only grows: an object that the archive no longer has is
still known to have been one. Until a release holds the row, it follows the newest state; from then on its measurement
stays, and a newer state is history too, told by an order above the row's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from miner.catalogue import encode
from miner.catalogue.canonical import canonical
from miner.catalogue.encode import RowValues
from miner.records import Doubt

FILLED = ("tracking_key", "finding", "finding_site")
"""Columns of a row that another state of its lesion may fill: no number of its measurement depends on them."""

DELETED = Doubt.DELETED_LATER.value


def states_of(row: RowValues) -> dict[str, int]:
    """Annotation object → order of every state of a row, its own first; 0 where the time is not known."""
    keys: list[str] = json.loads(row["history_keys"])
    orders: list[int] = json.loads(row["history_orders"])
    orders += [0] * (len(keys) - len(orders))
    return {row["object_key"]: row["state_order"], **dict(zip(keys, orders, strict=True))}


def with_states(row: RowValues, others: Iterable[RowValues]) -> RowValues:
    """A row with the states of other rows of the same lesion as further history; its measurement stays.

    What it does not say of the lesion (:data:`FILLED`) it takes from them.
    """
    others = list(others)
    known: dict[str, int] = {}
    for other in (*others, row):
        for key, order in states_of(other).items():
            known[key] = max(order, known.get(key, 0))
    own = known.pop(row["object_key"])
    history = sorted(known.items(), key=lambda state: -state[1])
    return {
        **row,
        **{name: next((entry[name] for entry in (row, *others) if entry[name]), "") for name in FILLED},
        "state_order": own,
        "history_keys": canonical([key for key, _ in history]),
        "history_orders": encode.orders_json(order for _, order in history),
    }


def as_published(row: RowValues, newer: RowValues) -> RowValues:
    """A published row after its study was mined again: its measurement stays, its history and its doubts follow.

    The newer row's doubts are about its own measurement. Where that is another state's, only whether the lesion was
    taken back later is said of the published one too.
    """
    kept = with_states(row, [newer])
    kept |= {name: newer[name] or row[name] for name in FILLED}
    if newer["object_key"] == row["object_key"]:
        return {**kept, "doubts": newer["doubts"]}
    doubts = [word for word in json.loads(row["doubts"]) if word != DELETED]
    doubts += [DELETED] * _is_deleted(newer)
    return {**kept, "doubts": canonical(doubts)}


def newer_states(row: RowValues) -> int:
    """How many states of a row's history are surely newer than the one that stands."""
    return encode.mined_bookmark(row).newer_states


def standing(rows: Iterable[RowValues]) -> RowValues:
    """Of several annotation studies' rows of one lesion the one that stands for it, with the states of all.

    The published one, else the newest; ties by the lowest key of the study.
    """
    head, *others = sorted(rows, key=_rank)
    return united(head, others) if others else head


def united(head: RowValues, others: Iterable[RowValues]) -> RowValues:
    """The row that stands for a lesion: with the states of the others, not deleted where one of them still holds it.

    ``others``: what further annotation studies measured of it.
    """
    others = list(others)
    doubts = json.loads(head["doubts"])
    if DELETED in doubts and not all(_is_deleted(row) for row in others):
        doubts.remove(DELETED)
    return {**with_states(head, others), "doubts": canonical(doubts)}


def _rank(row: RowValues) -> tuple[bool, int, str]:
    return (row["published_in"] is None, -row["state_order"], row["source_study_key"])


def _is_deleted(row: RowValues) -> bool:
    return DELETED in json.loads(row["doubts"])
