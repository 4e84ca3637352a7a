"""`miner bookmarks`: what is read in given DICOM files, to learn a PACS's dialect and to report an unknown one.

Files are sorted (:mod:`~miner.dialect.files`), each annotation object is read and recognised
(:mod:`~miner.dialect.examination`) with the images that are given (:mod:`~miner.dialect.images`), listed
(:mod:`~miner.dialect.listing`) under names of its own (:mod:`~miner.dialect.redaction`), and drawn
(:mod:`~miner.dialect.drawing`). Needs no configuration, no PACS and no store, and keeps nothing.
"""

from miner.dialect.listing import Listing
from miner.dialect.looking import look_at

__all__ = ["Listing", "look_at"]
