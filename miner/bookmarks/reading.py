"""One DICOM file → one annotation object. Files come from anywhere: whatever one holds ends as a record or a reason."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom import config as pydicom_config
from pydicom.dataset import FileDataset
from pydicom.tag import Tag

from miner.bookmarks.elements import MalformedError, text
from miner.bookmarks.encodings import ObjectEncoding, Reader
from miner.bookmarks.references import is_uid
from miner.bookmarks.reports import key_objects, report
from miner.bookmarks.states import presentation_state
from miner.bookmarks.states.private import hides_drawings
from miner.errors import ObjectError, Reason, StorageError, unforeseen
from miner.limits import LARGEST_ANNOTATION, MOST_MARKS, MOST_POINTS
from miner.part10 import BoundedStream, is_over_limits, over_limits, read_octets
from miner.records import AnnotationObject

ENCODINGS: tuple[ObjectEncoding, ...] = (presentation_state.ENCODING, report.ENCODING, key_objects.ENCODING)
"""The kinds of objects that are read. A new one is a module with an ``ENCODING``, and its name here."""

READERS: Mapping[str, Reader] = {uid: encoding.read for encoding in ENCODINGS for uid in encoding.sop_classes}
"""SOP class → its reading."""

TAGS: tuple[str, ...] = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SpecificCharacterSet",
    *sorted({tag for encoding in ENCODINGS for tag in encoding.tags}),
)
"""The only top-level elements that are ever taken out of a file, beside private ones that hold drawings."""

_TAGS = frozenset(Tag(keyword) for keyword in TAGS)
_ELEMENT_HEADER = 8
_QUIET = threading.Lock()


def read_object(path: Path) -> AnnotationObject:
    """What one annotation object says.

    Raises ObjectError, with UNSUPPORTED_OBJECT where its SOP class is none that we read, OVER_LIMITS where it is beyond
    the bounds of :mod:`miner.limits` or nested deeper than any, DAMAGED_OBJECT where it cannot be read; nothing else,
    whatever the file holds. Messages carry no value of the object. Raises StorageError where the file cannot be had
    from its disk, which says nothing of the object.
    """
    with quiet_pydicom():
        try:
            dataset = _annotations(path)
            return _within_limits(_reader_of(dataset)(dataset))
        except (ObjectError, StorageError):
            raise
        except MalformedError as error:
            reason = f"An annotation object cannot be read: its {error} is not what the standard says it is."
            raise ObjectError(reason, Reason.DAMAGED_OBJECT) from None
        except Exception as error:
            if is_over_limits(error):
                raise over_limits() from None
            reason = f"An annotation object cannot be read ({type(error).__name__}); send it again from its viewer."
            raise ObjectError(reason, Reason.DAMAGED_OBJECT) from None


def _within_limits(found: AnnotationObject) -> AnnotationObject:
    points = sum(len(mark.points) for mark in found.marks) + sum(len(mark.points) for mark in found.spatial)
    if len(found.marks) + len(found.refused) + len(found.spatial) > MOST_MARKS or points > MOST_POINTS:
        raise over_limits()
    return found


def parse(path: Path, tags: Sequence[str] | None) -> FileDataset:
    """The data set, of bounded size and complete. Top-level elements other than ``tags`` are skipped, not read.

    ``tags`` None: all of them, for :mod:`miner.bookmarks.skeleton`. Raises ObjectError, and whatever pydicom raises.
    """
    return _dataset(_octets(path), tags)


def _annotations(path: Path) -> FileDataset:
    """The elements that are read, and private ones where the file's octets show that they hold drawings."""
    data = _octets(path)
    dataset = _dataset(data, TAGS)
    if _class_of(dataset) in presentation_state.SOP_CLASSES and hides_drawings(data, dataset):
        dataset = _dataset(data, None)
        for tag in sorted(dataset.keys()):
            if not tag.is_private and tag not in _TAGS:
                del dataset[tag]
    return dataset


def _octets(path: Path) -> bytes:
    try:
        return read_octets(path, LARGEST_ANNOTATION)
    except OSError as error:
        error.filename = error.filename or str(path)  # only opening it names it
        raise unforeseen(error) from None


def _dataset(data: bytes, tags: Sequence[str] | None) -> FileDataset:
    stream = _Stream(data)
    dataset = pydicom.dcmread(stream, specific_tags=None if tags is None else list(tags))
    if stream.truncated:
        raise ObjectError("An annotation object ends in the middle; send it again.", Reason.DAMAGED_OBJECT)
    return dataset


class _Stream(BoundedStream):
    """Notices that a file ends in the middle, which pydicom passes over: it would leave out the graphics behind."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._size = len(data)
        self._ends = 0
        self._short = False

    def read(self, size: int | None = -1, /) -> bytes:
        """As in BoundedStream. A complete file ends with one empty read where the next element's 8 bytes would be."""
        self._short |= self.tell() > self._size
        data = super().read(size)
        if size is not None and len(data) < size:
            if size == _ELEMENT_HEADER and not data.strip(b"\0"):
                self._ends += 1
            else:
                self._short = True
        return data

    @property
    def truncated(self) -> bool:
        """An element, an item or a sequence was not read to its end."""
        return self._short or self._ends > 1


def _class_of(dataset: FileDataset) -> str:
    return text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")


def _reader_of(dataset: FileDataset) -> Reader:
    sop_class = _class_of(dataset)
    if not sop_class:
        raise ObjectError("An object does not say of which SOP class it is.", Reason.DAMAGED_OBJECT)
    reader = READERS.get(sop_class)
    if reader is None:
        raise ObjectError(
            "An object is of a SOP class that holds no bookmarks we can read; see the README for those we can.",
            Reason.UNSUPPORTED_OBJECT,
        )
    if not is_uid(text(dataset, "SOPInstanceUID")):
        raise ObjectError("An annotation object's SOP Instance UID is missing, or no UID.", Reason.DAMAGED_OBJECT)
    return reader


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Silence pydicom, whose warnings and log lines echo values of the object.

    Its switches belong to the whole process, hence the lock: a second thread must not restore them under the first.
    """
    logger = logging.getLogger("pydicom")
    with _QUIET, warnings.catch_warnings(), pydicom_config.disable_value_validation():
        warnings.simplefilter("ignore")
        disabled, logger.disabled = logger.disabled, True
        try:
            yield
        finally:
            logger.disabled = disabled
