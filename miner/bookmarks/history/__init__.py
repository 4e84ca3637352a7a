"""Several measurements of one lesion → one lesion with its history."""

from miner.bookmarks.history.lesions import LesionGroups, box_overlap, neighbours, one_lesion
from miner.bookmarks.history.versions import merge_versions

__all__ = ["LesionGroups", "box_overlap", "merge_versions", "neighbours", "one_lesion"]
