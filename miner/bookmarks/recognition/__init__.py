"""All marks of one image → its bookmarks: axis pairs, arrows, outlines; rulers, angles and other tools refused."""

from miner.bookmarks.recognition.image import recognise

__all__ = ["recognise"]
