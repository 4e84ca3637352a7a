"""C-GET and C-MOVE of the loopback PACS (PS3.4 C.4.2, C.4.3): selection, sub-operations, cancelling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

from miner.demo.pacs_behaviour import CANCEL, PENDING, Answer, RequestCounter
from miner.demo.pacs_find import parent_keys
from miner.demo.pacs_index import UNIQUE_KEYS, ObjectIndex, StoredObject
from miner.demo.pacs_match import texts
from miner.demo.transcode import NotAcceptedError, transcoded

AcceptedSyntaxes = Callable[[str], frozenset[UID]]
"""The transfer syntaxes in which the receiver takes a SOP class, by SOP Class UID."""

_MOST_CONTEXTS = 128
"""Presentation context ids are the odd numbers up to 255 (PS3.8 9.3.2.2)."""


def select(index: ObjectIndex, identifier: Dataset, *, patient_root: bool) -> list[StoredObject] | None:
    """The objects that a retrieve identifier names; None where it breaks the hierarchy (PS3.4 C.4.2.1.4.1).

    Above its level one value per unique key, at its level one value or a list of UIDs.
    """
    level = str(identifier.get("QueryRetrieveLevel", ""))
    parents = parent_keys(identifier, level, patient_root=patient_root)
    if parents is None or UNIQUE_KEYS[level] not in identifier:
        return None
    wanted = [value for value in texts(identifier[UNIQUE_KEYS[level]]) if value]
    if not wanted:
        return None
    keys: dict[str, Sequence[str]] = {above: [value] for above, value in parents.items()}
    return index.under({**keys, level: wanted})


def sub_operations(
    objects: Iterable[StoredObject],
    accepted: AcceptedSyntaxes,
    counter: RequestCounter,
    cancelled: Callable[[], bool],
) -> Iterator[Answer]:
    """One pending answer per object to send, read from disk when its turn comes.

    An object that cannot be sent is handed on as its SOP Instance UID alone: pynetdicom counts that as a failed
    sub-operation and names it in the failed list (PS3.4 C.4.3.1.3.2).
    """
    for item in objects:
        if cancelled():
            yield CANCEL, None
            return
        try:
            dataset = transcoded(pydicom.dcmread(item.path), accepted(item.sop_class_uid))
        except (NotAcceptedError, OSError):
            yield PENDING, _name_only(item)
            continue
        counter.add(objects_sent=1, octets_sent=item.octets)
        yield PENDING, dataset


def _name_only(item: StoredObject) -> Dataset:
    dataset = Dataset()
    dataset.SOPInstanceUID = item.sop_uid
    return dataset


def storage_contexts(objects: Iterable[StoredObject]) -> list[PresentationContext]:
    """What a C-MOVE proposes to its destination: per SOP class one context as stored, one uncompressed."""
    wanted: dict[tuple[str, tuple[UID, ...]], None] = {}
    for item in objects:
        wanted[(item.sop_class_uid, (ExplicitVRLittleEndian, ImplicitVRLittleEndian))] = None
        if item.transfer_syntax not in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
            wanted[(item.sop_class_uid, (item.transfer_syntax,))] = None
        else:
            wanted[(item.sop_class_uid, (ImplicitVRLittleEndian,))] = None
    return [build_context(sop_class, list(syntaxes)) for sop_class, syntaxes in list(wanted)[:_MOST_CONTEXTS]]
