"""What producers hide in private elements of presentation states, and how it is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import ExplicitVRBigEndian

from miner.bookmarks.elements import MalformedError
from miner.bookmarks.encodings import Reader
from miner.bookmarks.states import nested, weasis_model
from miner.bookmarks.states.blocks import (
    GRAPHIC_ANNOTATIONS,
    graphics_in,
    normal,
    private_elements,
    value_of,
)
from miner.bookmarks.states.joining import MAX_REFUSALS, with_refusals
from miner.errors import Reason
from miner.records import AnnotationObject

Join = Callable[[AnnotationObject, Any, Dataset, Reader], AnnotationObject]
"""(what was found so far, the element's value, the state, the reader of a state's standard elements) → all found."""


@dataclass(frozen=True, slots=True)
class PrivateModel:
    """One private element that holds drawings: its creator, group and offset within its block (PS3.5 7.8.1).

    ``join`` raises MalformedError where the element's value is not what it should be.
    """

    creator: str
    group: int
    offset: int
    join: Join


PRIVATE_MODELS: tuple[PrivateModel, ...] = (
    *(PrivateModel(*place, nested.join) for place in sorted(nested.SEQUENCES)),
    PrivateModel(weasis_model.CREATOR, weasis_model.GROUP, weasis_model.OFFSET, weasis_model.join),
)
"""The private elements that are read, in the order in which they add to what the state says itself."""

_CREATORS = frozenset(spelt.encode() for model in PRIVATE_MODELS for spelt in (model.creator, model.creator.upper()))


def hides_drawings(data: bytes, dataset: FileDataset) -> bool:
    """Whether a file's private elements need to be looked at, told from its octets without parsing it again.

    ``data``: the file, not deflated; ``dataset``: its standard elements. True where the name of a known creator
    occurs, or more Graphic Annotation Sequences than the state's own.
    """
    own = int("GraphicAnnotationSequence" in dataset)
    # explicit big endian is known by its UID; every private transfer syntax is little endian (PS3.5 A)
    big = dataset.file_meta.get("TransferSyntaxUID") == ExplicitVRBigEndian
    return any(creator in data for creator in _CREATORS) or data.count(GRAPHIC_ANNOTATIONS[big]) > own


def with_private_models(found: AnnotationObject, state: Dataset, read: Reader) -> AnnotationObject:
    """``found``, and what the private elements of the state say beyond it.

    ``read``: reads a state's standard elements alone. Graphics under an unknown creator are not guessed at: each
    Graphic Annotation Sequence there is a refusal, and so is a known element that cannot be read. Never raises.
    """
    elements = list(private_elements(state))
    known = set()
    for model in PRIVATE_MODELS:
        for element in elements:
            if (element.creator, element.group, element.offset) == (normal(model.creator), model.group, model.offset):
                known.add(element.tag)
                try:
                    found = model.join(found, value_of(state, element.tag), state, read)
                except MalformedError:
                    found = with_refusals(found, Reason.MALFORMED_GRAPHIC)
    hidden = 0
    for element in elements:
        if element.tag not in known:
            try:
                hidden += graphics_in(value_of(state, element.tag))
            except MalformedError:
                continue
    return with_refusals(found, Reason.UNKNOWN_GRAPHIC, min(hidden, MAX_REFUSALS))
