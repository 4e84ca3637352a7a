"""Objects that are refused or cannot be read, full of canaries: what goes wrong must not say with whom."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, SecondaryCaptureImageStorage

from tests.canaries.annotated import state
from tests.canaries.attributes import Planted
from tests.canaries.canary import Aviary
from tests.canaries.people import Person
from tests.canaries.planting import plant
from tests.hospital import ruler_pair

BURNED = 256
"""Rows and columns of the images that have letters in them: no others of the corpus are as large."""


def refused_images(person: Person, images: Sequence[Dataset], attributes: Sequence[Planted], aviary: Aviary) -> None:
    """Turn the images of a series into ones that are refused, each for a reason of its own; in place."""
    spoilers = (_secondary_capture, _overlay, _localizer, _burned_in, _screenshot, _short_pixels, _broken_jpeg, _odd)
    for number, spoil in enumerate(spoilers):
        image = images[number]
        kind = f"{person.label} refused {spoil.__name__.strip('_')}"
        plant(image, [entry for entry in attributes if entry.tag >> 16 < 0x5000], kind, aviary)
        spoil(image, kind, aviary)


def _secondary_capture(image: Dataset, kind: str, aviary: Aviary) -> None:
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    image.ConversionType = "WSD"
    spell(image, f"{kind} pixels", aviary)


def _overlay(image: Dataset, kind: str, aviary: Aviary) -> None:
    image.add_new(0x60000010, "US", 96)
    image.add_new(0x60000011, "US", 96)
    image.add_new(0x60000022, "LO", aviary.word(f"{kind}.OverlayDescription"))
    image.add_new(0x60001500, "LO", aviary.word(f"{kind}.OverlayLabel"))
    image.add_new(0x60003000, "OW", aviary.word(f"{kind}.OverlayData").encode().ljust(1152, b"\0"))


def _localizer(image: Dataset, kind: str, aviary: Aviary) -> None:
    image.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER", aviary.word(f"{kind}.ImageType")]


def _burned_in(image: Dataset, kind: str, aviary: Aviary) -> None:
    image.BurnedInAnnotation = "YES"
    spell(image, f"{kind} pixels", aviary)


def _screenshot(image: Dataset, kind: str, aviary: Aviary) -> None:
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    word = aviary.word(f"{kind} pixels").encode()
    image.PixelData = (word * (96 * 96 * 3 // len(word) + 1))[: 96 * 96 * 3]


def _short_pixels(image: Dataset, kind: str, aviary: Aviary) -> None:
    image.PixelData = aviary.word(f"{kind}.PixelData").encode()


def _broken_jpeg(image: Dataset, kind: str, aviary: Aviary) -> None:
    """A codestream that is none: decoders quote what they stumble over."""
    frame = b"\xff\x4f\xff\x51" + aviary.word(f"{kind}.PixelData").encode() * 20 + b"\xff\xd9"
    image.PixelData = encapsulate([frame])
    image["PixelData"].is_undefined_length = True
    image["PixelData"].VR = "OB"
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless


def _odd(image: Dataset, kind: str, aviary: Aviary) -> None:
    """Names where numbers and codes are expected: parsers quote those."""
    image.RescaleType = aviary.word(f"{kind}.RescaleType")
    image.BodyPartExamined = aviary.word(f"{kind}.BodyPartExamined")
    image.PhotometricInterpretation = aviary.word(f"{kind}.PhotometricInterpretation")
    image.PatientSex = aviary.word(f"{kind}.PatientSex")


def burn_in(images: Sequence[Dataset], word: str) -> None:
    """Draw ``word`` into every slice of a series whose headers say nothing of it; each becomes 256 x 256."""
    for image in images:
        values = np.frombuffer(image.PixelData, dtype="<u2").reshape(image.Rows, image.Columns)
        large = np.full((BURNED, BURNED), values[0, 0], dtype="<u2")
        large[: image.Rows, : image.Columns] = values
        drawn = Image.new("L", (BURNED, BURNED))
        ImageDraw.Draw(drawn).text((20, 180), word, fill=255, font=ImageFont.load_default(28))
        large[np.asarray(drawn) > 127] = 3000
        image.Rows = image.Columns = BURNED
        image.PixelData = large.tobytes()


def spell(image: Dataset, place: str, aviary: Aviary) -> None:
    """A canary in the pixels, two octets a pixel and one a pixel."""
    pixels = np.frombuffer(image.PixelData, dtype="<u2").copy()
    word = aviary.word(place).encode()
    pixels[: len(word)] = np.frombuffer(word, dtype=np.uint8)
    pixels[96 : 96 + len(word) // 2] = np.frombuffer(word, dtype="<u2")
    image.PixelData = pixels.tobytes()


def broken_annotations(person: Person, images: Sequence[Dataset], aviary: Aviary) -> list[Dataset]:
    """Presentation states that cannot be read, or not wholly, with names where it hurts."""
    nowhere = state(person, images[2], aviary, "PR of no image")
    for entry in nowhere.ReferencedSeriesSequence[0].ReferencedImageSequence:
        entry.ReferencedSOPInstanceUID = aviary.uid(f"{person.label} PR of no image.ReferencedSOPInstanceUID")
    reference = nowhere.GraphicAnnotationSequence[0].ReferencedImageSequence[0]
    reference.ReferencedSOPInstanceUID = aviary.uid(f"{person.label} PR of no image graphic reference")

    odd = state(person, images[3], aviary, "PR of odd words")
    for graphic in odd.GraphicAnnotationSequence[0].GraphicObjectSequence:
        graphic.GraphicType = aviary.word(f"{person.label} PR of odd words.GraphicType")
        graphic.GraphicAnnotationUnits = aviary.word(f"{person.label} PR of odd words.GraphicAnnotationUnits")

    points = state(person, images[4], aviary, "PR of wrong points")
    points.GraphicAnnotationSequence[0].GraphicObjectSequence[0].NumberOfGraphicPoints = 7
    points.GraphicAnnotationSequence[0].GraphicObjectSequence[1].GraphicData = [float("nan")] * 4
    return [nowhere, odd, points]


def unreadable_state(person: Person, image: Dataset, aviary: Aviary) -> Dataset:
    """A state whose numbers are words: whoever converts them quotes them."""
    target = ruler_pair(image)
    person.sign(target, "PR of words for numbers", aviary)
    place = f"{person.label} PR of words for numbers"
    graphic = target.GraphicAnnotationSequence[0].GraphicObjectSequence[0]
    for keyword in ("GraphicData", "GraphicDimensions", "NumberOfGraphicPoints"):
        element = deepcopy(graphic[keyword])
        del graphic[keyword]
        graphic.add_new(element.tag, "OB", aviary.word(f"{place}.{keyword}").encode())
    return target
