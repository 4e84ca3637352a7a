"""Text burned into slices, as secondary software would: several faces, sizes, brightnesses and places."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WORDS = ("DOE^JANE 19540312", "MRN 0048231", "Smith, John M 67Y", "ACC 20190304-17", "ST MARY HOSPITAL", "12-03-1954")
SIZES = (9, 11, 14, 18, 24)
"""Height of the face in pixels."""
FACES = ("smooth", "bitmap", "stroke")
LEVELS = ("brightest", "1000 HU", "300 HU", "tissue + 300 HU")


@dataclass(frozen=True)
class Case:
    face: str
    size: int
    level: str
    place: str
    word: str


def cases(seed: int, *, sizes: tuple[int, ...] = SIZES) -> Iterator[Case]:
    """Every face, size, level and place, each with one of the words."""
    choice = random.Random(seed)
    for face, size, level, place in itertools.product(FACES, sizes, LEVELS, ("corner", "body")):
        yield Case(face, size, level, place, choice.choice(WORDS))


def burn(hounsfield: NDArray[np.float64], case: Case, seed: int = 0) -> NDArray[np.float64]:
    """The slice with the case's text in it."""
    mask = _mask(case)[: hounsfield.shape[0], : hounsfield.shape[1]]
    rows, columns = hounsfield.shape
    height, width = mask.shape
    y, x = 4, 4
    if case.place == "body":
        choice = random.Random(seed)
        y = (rows - height) // 2 + choice.randint(-rows // 8, rows // 8)
        x = max(0, min(columns - width, (columns - width) // 2 + choice.randint(-columns // 8, columns // 8)))
    burned = hounsfield.copy()
    below = burned[y : y + height, x : x + width]
    levels = {"brightest": 3071.0, "1000 HU": 1000.0, "300 HU": 300.0, "tissue + 300 HU": below + 300.0}
    burned[y : y + height, x : x + width] = below * (1 - mask) + levels[case.level] * mask
    return burned


def _mask(case: Case) -> NDArray[np.float64]:
    """How much of each pixel the text covers, 0..1."""
    if case.face == "bitmap":
        plain = Image.new("L", (6 * len(case.word) + 6, 13))
        ImageDraw.Draw(plain).text((2, 1), case.word, fill=255, font=ImageFont.load_default_imagefont())
        return np.kron(np.asarray(plain) / 255, np.ones((max(1, round(case.size / 11)),) * 2))
    if case.face == "stroke":
        import cv2  # comes with the extra [ocr]: Hershey's plotter letters, as scanners draw them

        scale, face = case.size / 30, cv2.FONT_HERSHEY_SIMPLEX
        (width, height), base = cv2.getTextSize(case.word, face, scale, 1)
        canvas = np.zeros((height + base + 6, width + 6), np.uint8)
        cv2.putText(canvas, case.word, (3, height + 3), face, scale, 255, 1, cv2.LINE_AA)
        return canvas / 255
    font = ImageFont.load_default(case.size)
    _, _, right, bottom = font.getbbox(case.word)
    canvas = Image.new("L", (int(right) + 4, int(bottom) + 4))
    ImageDraw.Draw(canvas).text((2, 2), case.word, fill=255, font=font)
    return np.asarray(canvas) / 255
