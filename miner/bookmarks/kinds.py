"""What kind of object a file holds, told from its first bytes: files are sorted before any of them is read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from miner.bookmarks.elements import text
from miner.bookmarks.reading import READERS, quiet_pydicom
from miner.limits import LARGEST_ANNOTATION
from miner.part10 import BoundedStream

_PREFIX_AT = 128
_PREFIX = b"DICM"
_META = _PREFIX_AT + len(_PREFIX)
"""Where File Meta Information begins."""

_ANNOTATIONS = ("Presentation State", " SR Storage", "Key Object Selection", "Procedure Log", "Audio SR", "Text SR")
"""Parts of the names of the standard's SOP classes whose objects may say something about an image (PS3.4 B.5)."""


class FileKind(StrEnum):
    """What a file holds."""

    ANNOTATIONS = "annotation object"
    IMAGE = "image"
    UNKNOWN = "object of an unknown SOP class"
    OTHER = "other DICOM object"
    NO_DICOM = "no DICOM file"


@dataclass(frozen=True, slots=True)
class FileSort:
    """A file's kind; the public name of its SOP class, empty where the class is none of the standard's; its UID.

    ``sop_uid`` is the Media Storage SOP Instance UID, empty where the file meta information gives none.
    """

    kind: FileKind
    sop_class: str = ""
    sop_uid: str = ""


def sort_file(path: Path) -> FileSort:
    """What a file holds, from its file meta information (PS3.10 7.1) or, where that does not say, its data set.

    Nothing but the SOP class is looked at. Raises OSError where the file cannot be opened or read.
    """
    with path.open("rb") as file:
        begin = file.read(_META)
        if begin[_PREFIX_AT:] != _PREFIX:
            return FileSort(FileKind.NO_DICOM)
        begin += file.read(LARGEST_ANNOTATION - _META)
    with quiet_pydicom():
        try:
            meta = _file_meta(begin)
            return _of_class(_sop_class(begin, meta), text(meta, "MediaStorageSOPInstanceUID"))
        except Exception:  # what cannot be parsed is left to the reader of annotation objects, which says why
            return FileSort(FileKind.UNKNOWN)


def class_name(sop_class_uid: str) -> str:
    """The standard's name of a SOP class; empty where it is none of the standard's."""
    uid = UID(sop_class_uid)
    return uid.name if uid and not uid.is_private and uid.name != uid else ""


def _file_meta(begin: bytes) -> Dataset:
    stream = BoundedStream(begin)
    stream.seek(_META)
    return read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)


def _sop_class(begin: bytes, meta: Dataset) -> str:
    named = text(meta, "MediaStorageSOPClassUID")
    if named or text(meta, "TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:  # inflating here would be unbounded
        return named
    found = pydicom.dcmread(BoundedStream(begin), stop_before_pixels=True, specific_tags=["SOPClassUID"])
    return text(found, "SOPClassUID")


def _of_class(sop_class_uid: str, sop_uid: str) -> FileSort:
    name = class_name(sop_class_uid)
    if sop_class_uid in READERS or any(part in name for part in _ANNOTATIONS):
        return FileSort(FileKind.ANNOTATIONS, name, sop_uid)
    if not name:
        return FileSort(FileKind.UNKNOWN, sop_uid=sop_uid)
    return FileSort(FileKind.IMAGE if "Image Storage" in name else FileKind.OTHER, name, sop_uid)
