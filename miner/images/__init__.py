"""Slices: order and numbering, spacing and gaps, ranges, decoding, PNG values and files, facts of a key slice."""

from miner.images.body import body_mask, pixel_facts
from miner.images.decode import TRANSFER_SYNTAXES, decode
from miner.images.files import PARTIAL_SUFFIX, flush_folder, write_png
from miner.images.ordering import volumes
from miner.images.png import decode_png, encode_png
from miner.images.ranges import half_width, merge, window, within
from miner.images.values import OFFSET, to_values

__all__ = [
    "OFFSET",
    "PARTIAL_SUFFIX",
    "TRANSFER_SYNTAXES",
    "body_mask",
    "decode",
    "decode_png",
    "encode_png",
    "flush_folder",
    "half_width",
    "merge",
    "pixel_facts",
    "to_values",
    "volumes",
    "window",
    "within",
    "write_png",
]
