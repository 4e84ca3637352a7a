"""Presentation states and structured reports → bookmarks: what a radiologist measured, on which image, in which frame.

The way of one object: :func:`read_object` reads its graphics and texts into marks (units, compounds, labels);
:func:`recognise` makes the marks of one image into bookmarks (axis pairs, arrows, outlines; rulers and angles refused);
:func:`merge_versions` makes several measurements of one lesion into one, with its history.

Frame: (x, y) in pixels, origin at the centre of the first pixel. Nothing that a person typed leaves this room.
"""

from miner.bookmarks.history import LesionGroups, box_overlap, merge_versions, neighbours, one_lesion
from miner.bookmarks.reading import ENCODINGS, read_object
from miner.bookmarks.recognition import nearest_planes_all, place, plane_of_header, plane_of_instance, recognise
from miner.bookmarks.recognition.pairing import ACCEPTANCE

__all__ = [
    "ACCEPTANCE",
    "READER_VERSION",
    "LesionGroups",
    "box_overlap",
    "merge_versions",
    "nearest_planes_all",
    "neighbours",
    "one_lesion",
    "place",
    "plane_of_header",
    "plane_of_instance",
    "read_object",
    "readable_classes",
    "recognise",
]

READER_VERSION = "3"
"""Version of the rules in this room. A new one makes the next run read every study in its window again."""


def readable_classes() -> dict[str, str]:
    """SOP class → modality of its objects' series (PR, SR, KO), for every SOP class that :func:`read_object` reads."""
    return {uid: encoding.modality for encoding in ENCODINGS for uid in encoding.sop_classes}
