"""Presentation states nested in a private sequence of another object.

Philips modalities and workstations put whole presentation states as items of ``Philips Imaging DD 129`` (2001,xx00),
most often at (2001,9000): each item has a SOP class and instance of its own, Referenced Series Sequence, layers and
Graphic Annotation Sequence. Established by the private tag dictionary of The Cancer Imaging Archive, which calls the
element Presentation State Sequence and lists Graphic Annotation Sequence below it; by an object printed in the
documentation of the ``dicom`` package for Node.js (items of SOP class 1.2.840.10008.5.1.4.1.1.11.1); and by a
remark in GDCM's source about its missing VR in implicit transfer syntaxes. The dictionaries of pydicom, VTK-DICOM and
GDCM list a second sequence, (2001,xx01), of the same creator, whose items nobody describes: those with graphics are
read alike. The carriers seen are images (CR, MR), whose pixels are no business of this room; here the sequence is read
out of presentation states.
"""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import Tag

from miner.bookmarks.elements import MalformedError
from miner.bookmarks.encodings import Reader
from miner.bookmarks.states.blocks import graphics_in, normal, private_elements, sequences_in, value_of
from miner.bookmarks.states.joining import MAX_REFUSALS, joined, with_refusals
from miner.errors import ObjectError, Reason
from miner.records import AnnotationObject

SEQUENCES: frozenset[tuple[str, int, int]] = frozenset(
    {
        ("Philips Imaging DD 129", 0x2001, 0x00),
        ("Philips Imaging DD 129", 0x2001, 0x01),
    }
)
"""Private creator, group and offset of the sequences whose items are presentation states. A new one is a line here."""

MAX_NESTING = 3
"""States within states that are read. One level is all that was seen."""

MAX_ITEMS = 200_000
"""Items that are read for all nested states together, those that they share counted each time."""

INHERITED: tuple[tuple[str, ...], ...] = (
    ("ReferencedSeriesSequence", "BlendingSequence", "AdvancedBlendingSequence"),
    ("GraphicLayerSequence",),
    ("DisplayedAreaSelectionSequence", "ImageRotation", "ImageHorizontalFlip"),
)
"""What a nested state that has none of its own shares with the outer one; what belongs together comes together."""

_KNOWN = frozenset((normal(creator), group, offset) for creator, group, offset in SEQUENCES)


def join(found: AnnotationObject, value: Any, state: Dataset, read: Reader) -> AnnotationObject:
    """``found``, and what the states in a private sequence's ``value`` say beyond it.

    ``state``: the outer data set. ``read``: reads one presentation state without its private elements. Graphics that
    the outer object has too count once. What cannot be read is a refusal each. Raises MalformedError where the value
    is no sequence.
    """
    if not isinstance(value, DicomSequence):
        raise MalformedError("private sequence")
    states, unknown = _states(value)
    affordable = max(1, MAX_ITEMS // (1 + _shared_items(state)))
    read_states: list[AnnotationObject] = []
    broken = 0
    for inner in states[:affordable]:
        try:
            read_states.append(read(_completed(inner, state)))
        except (MalformedError, ObjectError):
            broken += 1
    found = joined(found, read_states)
    found = with_refusals(found, Reason.MALFORMED_GRAPHIC, broken)
    return with_refusals(found, Reason.UNKNOWN_GRAPHIC, min(unknown + len(states[affordable:]), MAX_REFUSALS))


def _states(value: DicomSequence) -> tuple[list[Dataset], int]:
    """The items that have graphics, each before the states within it, and how many graphics are not understood."""
    states: list[Dataset] = []
    unknown = 0
    pending = [(item, 1) for item in reversed(value)]
    while pending:
        item, depth = pending.pop()
        if "GraphicAnnotationSequence" in item:
            states.append(item)
        within: list[tuple[Dataset, int]] = []
        for element in private_elements(item):
            known = (element.creator, element.group, element.offset) in _KNOWN
            try:
                inner = value_of(item, element.tag)
            except MalformedError:
                continue
            if known and isinstance(inner, DicomSequence) and depth < MAX_NESTING:
                within += [(part, depth + 1) for part in inner]
            else:
                unknown += graphics_in(inner)
        pending += reversed(within)
    return states, unknown


def _shared_items(state: Dataset) -> int:
    """Items of the outer object's sequences that every nested state may share, and would be read anew for each."""
    count = 0
    tags = [Tag(keyword) for keywords in INHERITED for keyword in keywords]
    pending: list[Any] = [value_of(state, tag) for tag in tags if tag in state]
    while pending:
        part = pending.pop()
        if isinstance(part, DicomSequence):
            count += len(part)
            pending += [inner for item in part for inner in sequences_in(item)]
    return count


def _completed(inner: Dataset, state: Dataset) -> Dataset:
    """The nested state with what it lacks taken from the outer one."""
    for keywords in INHERITED:
        if not any(keyword in inner for keyword in keywords):
            _take(inner, state, keywords)
    # the object that can be asked for is the outer one; the nested state's own UID may be empty
    _take(inner, state, ("SOPInstanceUID",))
    return inner


def _take(inner: Dataset, state: Dataset, keywords: tuple[str, ...]) -> None:
    for keyword in keywords:
        if keyword in state:
            try:
                inner[keyword] = state[keyword]
            except Exception:
                raise MalformedError(keyword) from None
