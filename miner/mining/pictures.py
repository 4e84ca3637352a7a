"""Images of one volume: projected, judged by the gate, decoded once, written as PNG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from miner.deid import project
from miner.errors import ObjectError, Reason, RefusedError
from miner.images import decode, encode_png, to_values, write_png
from miner.mining.books import StudyBooks
from miner.mining.locate import Volume
from miner.mining.spool import StudySpool
from miner.records import EncodedPixels, ImageHeader, MinedSlice

POSITION_TOLERANCE_MM = 0.01
"""Position answered by the query against position in the object: beyond this, the numbering cannot be trusted."""


@dataclass(frozen=True)
class Image:
    """One received image that passed the gate. ``octets``: its size as received."""

    header: ImageHeader
    pixels: EncodedPixels
    octets: int


@dataclass
class StoredSlices:
    """What became of the slices that a volume's bookmarks need, by slice number."""

    written: dict[int, MinedSlice] = field(default_factory=dict)
    unusable: dict[int, Reason] = field(default_factory=dict)
    missing: dict[int, Reason] = field(default_factory=dict)
    key_values: dict[int, NDArray[np.uint16]] = field(default_factory=dict)

    def run_around(self, key: int, first: int, last: int) -> tuple[int, int]:
        """The slices around ``key`` within first..last that are all usable."""
        while any(number in self.unusable for number in range(first, key)):
            first += 1
        while any(number in self.unusable for number in range(key + 1, last + 1)):
            last -= 1
        return first, last


def read_image(volume: Volume, uid: str, path: Path) -> Image:
    """Project one received image and hold it against gate and geometry. Raises ObjectError with the reason."""
    header, pixels = project(path)
    if header.sop_uid != uid:
        raise ObjectError("A received image is not the one that was asked for.", Reason.DAMAGED_OBJECT)
    if header.gate:
        raise ObjectError("The pixel gate refuses an image.", header.gate[0])
    if pixels is None:
        raise ObjectError("An image has no pixel data.", Reason.NO_PIXELS)
    geometry = volume.geometry
    if geometry.rows and (header.rows, header.columns) != (geometry.rows, geometry.columns):
        raise ObjectError("An image has another size than its volume.", Reason.SIZE_MISMATCH)
    expected = volume.instances[uid].position
    if expected is not None and not _near(expected, header.position):
        raise ObjectError("An image lies elsewhere than the PACS answered.", Reason.SERIES_CHANGED)
    return Image(header, pixels, path.stat().st_size)


def _near(expected: tuple[float, ...], found: tuple[float, ...] | None) -> bool:
    return found is not None and bool(np.allclose(expected, found, rtol=0, atol=POSITION_TOLERANCE_MM))


def store_slices(
    volume: Volume,
    numbers: Iterable[int],
    keys: Mapping[int, Image],
    known: Mapping[int, str],
    folder: Path,
    spool: StudySpool,
    books: StudyBooks,
) -> StoredSlices:
    """Fetch, decode and write the slices ``numbers`` that the image store does not hold yet.

    Args:
        volume: the volume they belong to.
        numbers: slice numbers, from 1.
        keys: the key images, already received, by slice number; their values are kept for their pixel facts.
        known: sha-256 of the PNGs that the catalogue knows already, by slice number.
        folder: the volume's folder in the image store.
        spool: where received objects lie.
        books: the study's books.

    Raises:
        StorageError: a PNG could not be written.
    """
    result = StoredSlices()
    pattern = next(iter(keys.values())).header
    here = {number for number in known if (folder / f"{number:03d}.png").is_file()}
    for number, image in sorted(keys.items()):
        _store(result, volume, number, image, pattern, folder, here, books, keep=True)
    wanted = {
        volume.geometry.sop_uids[number - 1]: number
        for number in sorted(set(numbers))
        if number not in keys.keys() | here
    }
    fetched = spool.fetch([volume.instances[uid] for uid in wanted], books, images=True)
    for uid, number in wanted.items():
        if uid not in fetched.arrived:
            result.missing[number] = fetched.missing.get(uid, Reason.NOT_RETRIEVED)
            continue
        try:
            image = read_image(volume, uid, fetched.arrived[uid])
        except ObjectError as error:
            result.unusable[number] = error.reason
            continue
        _store(result, volume, number, image, pattern, folder, here, books, keep=False)
    return result


def _store(
    result: StoredSlices,
    volume: Volume,
    number: int,
    image: Image,
    pattern: ImageHeader,
    folder: Path,
    here: set[int],
    books: StudyBooks,
    *,
    keep: bool,
) -> None:
    try:
        values = _values(image, pattern)
    except (ObjectError, RefusedError) as error:
        result.unusable[number] = error.reason
        return
    if keep:
        result.key_values[number] = values
    books.count_used(image.octets)
    if number in here:
        return
    png = encode_png(values)
    folder.mkdir(parents=True, exist_ok=True)
    digest = write_png(folder / f"{number:03d}.png", png)
    instance_key = books.surrogates.instance(image.header.sop_uid)
    books.remember("instance", instance_key, sop_uid=image.header.sop_uid, series_uid=volume.series.series_uid)
    result.written[number] = MinedSlice(number, instance_key, digest, len(png))


def _values(image: Image, pattern: ImageHeader) -> NDArray[np.uint16]:
    """HU + 32768 (or stored + 32768) of one slice; it must be scaled and spaced like the volume's first key slice."""
    header = image.header
    if header.pixel_spacing != pattern.pixel_spacing:
        raise RefusedError("Pixel spacing changes within a series.", Reason.MIXED_SPACING)
    if header.has_rescale != pattern.has_rescale:
        raise RefusedError("Only some images of a series have a rescale.", Reason.MODALITY_LUT)
    stored = decode(image.pixels)
    return to_values(stored, slope=header.slope, intercept=header.intercept, has_rescale=header.has_rescale)
