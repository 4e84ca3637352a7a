"""Images of one volume: projected, judged by the gate, decoded once, written as PNG."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from miner.deid import is_head, project
from miner.errors import ObjectError, Reason, RefusedError
from miner.images import decode, encode_png, to_values, write_png
from miner.mining.books import StudyBooks
from miner.mining.locate import Volume
from miner.mining.spool import StudySpool, dataset_octets
from miner.records import EncodedPixels, ImageHeader, MinedSlice, SearchedSlice

POSITION_TOLERANCE_MM = 0.01
"""Position answered by the query against position in the object: beyond this, the numbering cannot be trusted."""


@dataclass(frozen=True)
class Image:
    """One received image that passed the gate. ``octets``: its size as received, that of the data set."""

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
    octets: int = 0
    """encoded size of the usable slices that were received"""
    searched: tuple[SearchedSlice, ...] = ()
    """those that were searched for text"""
    head: bool = False
    """whether a slice that is no key slice says that it shows the head"""

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
    return Image(header, pixels, dataset_octets(path))


def _near(expected: tuple[float, ...], found: tuple[float, ...] | None) -> bool:
    return found is not None and bool(np.allclose(expected, found, rtol=0, atol=POSITION_TOLERANCE_MM))


@dataclass(frozen=True)
class PictureStore:
    """The image store's folder of one volume. ``known``: sha-256 of PNGs in the catalogue, by slice number."""

    volume: Volume
    folder: Path
    known: Mapping[int, str]
    spool: StudySpool
    books: StudyBooks

    def store(self, numbers: Iterable[int], keys: Mapping[int, Image]) -> StoredSlices:
        """Fetch, decode and write the slices ``numbers`` that are not here yet.

        Args:
            numbers: slice numbers, from 1.
            keys: the key images, already received, by slice number; their values are kept for their pixel facts.

        Raises:
            StorageError: a PNG could not be written.
            StoppedError: the run was stopped.
        """
        result = StoredSlices()
        pattern = next(iter(keys.values())).header
        here = {number for number in self.known if self._path(number).is_file()}
        for number, image in sorted(keys.items()):
            self.spool.halt.check()
            values = self._usable_values(result, number, image, pattern)
            if values is not None:
                result.key_values[number] = values
                self._write(result, number, image, values, here=here)
        wanted = {self._uid(number): number for number in sorted(set(numbers) - keys.keys() - here)}
        instances = self.volume.instances
        fetched = self.spool.fetch(
            [instances[uid] for uid in wanted], self.books, images=True, series=instances.values()
        )
        for uid, number in wanted.items():
            self.spool.halt.check()
            if uid not in fetched.arrived:
                result.missing[number] = fetched.missing.get(uid, Reason.NOT_RETRIEVED)
                continue
            try:
                image = read_image(self.volume, uid, fetched.arrived[uid])
            except ObjectError as error:
                result.unusable[number] = error.reason
                continue
            result.head |= is_head(image.header.body_part)
            values = self._usable_values(result, number, image, pattern)
            if values is not None:
                self._write(result, number, image, values, here=here)
        return result

    def discard(self, stored: StoredSlices) -> None:
        """Remove what :meth:`store` has written, where no bookmark came of it: no row will name these files."""
        for number in stored.written:
            self._path(number).unlink(missing_ok=True)

    def withdraw_neighbours(self, stored: StoredSlices, keys: Collection[int]) -> None:
        """Remove what :meth:`store` has written, and forget what it missed, of all slices but ``keys``."""
        for number in stored.written.keys() - keys:
            self._path(number).unlink(missing_ok=True)
        for part in (stored.written, stored.unusable, stored.missing):
            for number in part.keys() - keys:
                del part[number]

    def _uid(self, number: int) -> str:
        return self.volume.geometry.sop_uids[number - 1]

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:03d}.png"

    def _usable_values(
        self, result: StoredSlices, number: int, image: Image, pattern: ImageHeader
    ) -> NDArray[np.uint16] | None:
        try:
            values = _values(image, pattern)
        except (ObjectError, RefusedError) as error:
            result.unusable[number] = error.reason
            return None
        result.octets += image.octets
        return values

    def _write(
        self, result: StoredSlices, number: int, image: Image, values: NDArray[np.uint16], *, here: set[int]
    ) -> None:
        if number in here:
            return
        png = encode_png(values)
        digest = write_png(self._path(number), png)
        uid = image.header.sop_uid
        instance_key = self.books.surrogates.instance(uid)
        series = self.volume.series
        self.books.remember(
            "instance", instance_key, sop_uid=uid, series_uid=series.series_uid, study_uid=series.study.study_uid
        )
        result.written[number] = MinedSlice(number, instance_key, digest, len(png))


def _values(image: Image, pattern: ImageHeader) -> NDArray[np.uint16]:
    """HU + 32768 (or stored + 32768) of one slice: sized, scaled and spaced like the volume's first key slice."""
    header = image.header
    if (header.rows, header.columns) != (pattern.rows, pattern.columns):
        raise RefusedError("An image has another size than its volume.", Reason.SIZE_MISMATCH)
    if header.pixel_spacing != pattern.pixel_spacing:
        raise RefusedError("Pixel spacing changes within a series.", Reason.MIXED_SPACING)
    if header.has_rescale != pattern.has_rescale:
        raise RefusedError("Only some images of a series have a rescale.", Reason.MODALITY_LUT)
    stored = decode(image.pixels)
    return to_values(stored, slope=header.slope, intercept=header.intercept, has_rescale=header.has_rescale)
