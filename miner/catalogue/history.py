"""The states of one lesion: which measurement its row holds, and which others it has had.

A row of ``bookmark`` holds one measurement and, in ``history_keys`` with ``history_orders`` beside them, the annotation
objects of the lesion's other states, newest first; ``states`` has what each of them measured. A row that no release
holds says what its study shows now, and nothing else. A published row changes with releases only: its measurement
stays, its history and its doubts are those of the last release. What its study shows now of the lesion stands beside
it, in ``present``. So a release is made of what releases fixed and of what the archive shows, never of what was mined
in between.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from miner.catalogue import encode
from miner.catalogue.canonical import canonical
from miner.catalogue.encode import RowValues
from miner.records import Doubt

FILLED = ("tracking_key", "finding", "finding_site")
"""Columns of a row that another state of its lesion may fill: no number of its measurement depends on them."""

DELETED = Doubt.DELETED_LATER.value

OF_THE_ROW = ("site", "source_study_key", "published_in", "present")
"""Columns that an entry of ``present`` has from the row that it stands in, or that it has not."""


def shown(row: RowValues) -> list[RowValues]:
    """What the study of a row shows now of its lesion, as rows that no release holds.

    A published row whose ``present`` is empty shows itself.
    """
    if row["published_in"] is None:
        return [row]
    bare = {**row, "published_in": None, "present": ""}
    return [bare] if row["present"] == "" else [{**bare, **entry} for entry in json.loads(row["present"])]


def filed(published: Iterable[RowValues], now: Iterable[RowValues]) -> list[RowValues]:
    """The rows of one study: its published ones, with what it shows now of their lesions, and the others.

    Args:
        published: its published rows.
        now: what it shows now, as :func:`shown` gives it.
    """
    published = sorted(published, key=lambda row: row["uid"])
    lesion_of: dict[str, str] = {row["uid"]: row["uid"] for row in published}
    for row in published:
        for uid in uids_of(row):
            lesion_of.setdefault(uid, row["uid"])
    present: dict[str, list[RowValues]] = defaultdict(list)
    others = []
    for row in sorted(now, key=lambda row: row["uid"]):
        if row["uid"] in lesion_of:
            present[lesion_of[row["uid"]]].append(row)
        else:
            others.append(row)
    return [{**row, "present": _present_json(row, present[row["uid"]])} for row in published] + others


def uids_of(row: RowValues) -> list[str]:
    """The uids of every measurement of a row's lesion."""
    return [row["uid"], *(state.uid for state in encode.mined_bookmark(row).states)]


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
    history = sorted(known.items(), key=lambda state: (-state[1], state[0]))
    return {
        **row,
        **{name: next((entry[name] for entry in (row, *others) if entry[name]), "") for name in FILLED},
        "state_order": own,
        "history_keys": canonical([key for key, _ in history]),
        "history_orders": encode.orders_json(order for _, order in history),
        "states": _all_states(row, others),
    }


def continued(row: RowValues, now: Iterable[RowValues]) -> RowValues:
    """A published row with what studies show now of its lesion: its measurement stays, history and doubts follow.

    Its doubts are those that its own object has now, as far as that is there; whether the lesion was taken back later
    is what all studies say that show it. Where none does any more, the row is as its last release left it.
    """
    now = sorted(now, key=_rank)
    if not now:
        return row
    newest = united(now[0], now[1:])
    kept = with_states(row, [newest])
    kept |= {name: newest[name] or row[name] for name in FILLED}
    own = next((entry for entry in now if entry["object_key"] == row["object_key"]), row)
    doubts = [word for word in json.loads(own["doubts"]) if word != DELETED]
    return {**kept, "doubts": canonical(doubts + [DELETED] * _is_deleted(newest))}


def newer_states(row: RowValues) -> int:
    """How many states of a row's history are surely newer than the one that stands."""
    return encode.mined_bookmark(row).newer_states


def standing(rows: Iterable[RowValues]) -> RowValues:
    """What stands for one uid: the published row, continued by what the studies show now; else the newest of those.

    Ties go to the lowest key of the study. ``rows``: the published one, and what studies show (:func:`shown`).
    """
    rows = list(rows)
    now = [row for row in rows if row["published_in"] is None]
    published = [row for row in rows if row["published_in"] is not None]
    if published:
        return continued(published[0], now)
    head, *others = sorted(now, key=_rank)
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


def _rank(row: RowValues) -> tuple[int, str, str]:
    return (-row["state_order"], row["source_study_key"], row["uid"])


def _all_states(row: RowValues, others: Sequence[RowValues]) -> str:
    """Newest first; of one object's one measurement, the row's own word goes before that of others."""
    states = {
        (state.object_key, state.uid): state
        for entry in (*reversed(others), row)
        for state in encode.mined_bookmark(entry).measured
    }
    ordered = sorted(states.values(), key=lambda state: (-state.order, state.object_key, state.uid))
    alone = len(ordered) == 1 and (ordered[0].object_key, ordered[0].uid) == (row["object_key"], row["uid"])
    return encode.states_json(() if alone else ordered)


def _present_json(row: RowValues, now: Sequence[RowValues]) -> str:
    if list(now) == [{**row, "published_in": None, "present": ""}]:
        return ""
    return canonical([{name: entry[name] for name in entry if name not in OF_THE_ROW} for entry in now])


def _is_deleted(row: RowValues) -> bool:
    return DELETED in json.loads(row["doubts"])
