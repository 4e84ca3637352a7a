"""All marks of one image → its bookmarks: axis pairs, arrows, outlines; rulers, angles and other tools refused.

Marks in patient space are placed on their slice first (:mod:`~miner.bookmarks.recognition.placing`).
"""

from miner.bookmarks.recognition.image import recognise
from miner.bookmarks.recognition.placing import nearest_planes, nearest_planes_all, place, place_all
from miner.bookmarks.recognition.planes import plane_of_header, plane_of_instance

__all__ = [
    "nearest_planes",
    "nearest_planes_all",
    "place",
    "place_all",
    "plane_of_header",
    "plane_of_instance",
    "recognise",
]
