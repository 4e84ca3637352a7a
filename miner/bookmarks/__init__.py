"""Presentation states → bookmarks: what a radiologist measured, on which image, in which frame.

The way of one object: :func:`read_object` reads its graphics and texts into marks (units, compounds, labels);
:func:`recognise` makes the marks of one image into bookmarks (axis pairs, arrows, outlines; rulers and angles refused);
:func:`merge_versions` makes several measurements of one lesion into one, with its history.

Frame: (x, y) in pixels, origin at the centre of the first pixel. Nothing that a person typed leaves this room.
"""

from miner.bookmarks.reading import read_object
from miner.bookmarks.recognition import recognise
from miner.bookmarks.recognition.pairing import ACCEPTANCE
from miner.bookmarks.versions import box_overlap, merge_versions, one_lesion

__all__ = [
    "ACCEPTANCE",
    "READER_VERSION",
    "box_overlap",
    "merge_versions",
    "one_lesion",
    "read_object",
    "recognise",
]

READER_VERSION = "1"
"""Version of the rules in this room. A new one makes the next run read every study in its window again."""
