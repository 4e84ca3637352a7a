"""The second net beneath the pixel gate: a search for text in the decoded pixels of one slice.

The gate judges headers; a name that was burned into the pixels of an image whose header looks like a scanner's passes
it. So the slices that matter most are rendered as a person would look at them, and given to an optical character
recognition (PP-OCRv4 by `rapidocr-onnxruntime`: the models lie in the wheel, nothing is fetched, no network is used).
Only boxes come back. What is written in them never leaves :func:`find_text`: it is counted and dropped.

The package is optional (extra ``ocr``). It is loaded once per process, at the first search, and one search runs at a
time, on one thread of the processor: mining several studies at once must not take a whole machine.
"""

from __future__ import annotations

import functools
import importlib
import logging
import threading
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from miner.errors import ConfigError, ObjectError, Reason

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels from 0, ends inclusive."""

OFF, OCR = "off", "ocr"
"""Words of ``[pixels] text_search``."""

OFFSET = 32768
"""HU are stored as HU + 32768."""

LEAST_CHARACTERS = 2
"""Letters and digits in what must be read of a box: bone edges and vessels pass for one, a name never has one."""

LEAST_SCORE = 0.6
"""Mean confidence of the characters, 0..1. At 0.5 bone edges of real CT were taken for two letters, at 0.6 not."""

_AIR = -300.0
"""HU: only air and fat in air are below; values that are no HU are not, or rarely."""

_SIDE = 736
"""A slice is scaled up until its shorter side has so many pixels: letters of 9 pixels are found then."""

_lock = threading.Lock()


class _Engine(Protocol):
    def __call__(self, image: NDArray[np.uint8], *, use_cls: bool) -> tuple[list[Any] | None, Any]: ...


def require_text_search(word: str) -> None:
    """Raise ConfigError where ``[pixels] text_search`` asks for a search that cannot be made here; load nothing yet."""
    if word == OFF:
        return
    try:
        importlib.import_module("rapidocr_onnxruntime")
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "rapidocr_onnxruntime":
            raise ConfigError(
                'pixels.text_search = "ocr" needs the extra [ocr]: pip install "bookmark-miner[ocr]" '
                '(or set pixels.text_search = "off").'
            ) from None
        raise ConfigError(
            'pixels.text_search = "ocr": the extra [ocr] is installed but cannot be loaded '
            f"({type(error).__name__}{f', {error.name}' if error.name else ''}). Where a system library is missing: "
            "apt install libgl1 libglib2.0-0 (or put opencv-python-headless in the place of opencv-python)."
        ) from None
    _silence()


def find_text(values: NDArray[np.uint16]) -> tuple[Box, ...]:
    """Where text stands in one slice.

    Args:
        values: HU + 32768 (or stored + 32768), shape (rows, columns), as written to the image store.

    Returns:
        Boxes sorted from the top; none where no text was found.

    Raises:
        ObjectError: TEXT_SEARCH_FAILED, for whatever reason; what is known of the slice is then nothing.
    """
    try:
        with _lock:
            engine = _engine()
            found = {box for view in views(values) for box in _boxes(engine, view)}
    except Exception as error:
        # Its text may quote what was read: only the class of the error is told.
        raise ObjectError(
            f"The search for text in pixels failed ({type(error).__name__}).", Reason.TEXT_SEARCH_FAILED
        ) from None
    return _joined(found)


def views(values: NDArray[np.uint16]) -> tuple[NDArray[np.uint8], ...]:
    """The slice as a person would look at it, 8 bits: from its lowest to its highest value, and in a narrow window.

    Text is mostly burned in brighter than everything, and stands out in the first; in the second stands out what is
    just above the tissue below it. The narrow window is DeepLesion's soft tissue window (-175 to 275 HU) where there is
    air in the slice, so that its values are HU; else it leaves out a hundredth of the pixels at each end (MR).
    """
    plain = values.astype(np.float32) - OFFSET
    low, high = float(plain.min()), float(plain.max())
    narrow = (-175.0, 275.0) if low < _AIR else tuple(float(value) for value in np.percentile(plain, (1, 99)))
    return _window(plain, low, high), _window(plain, *narrow)


def _window(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    scaled: NDArray[np.float32] = np.clip((values - low) / max(high - low, 1.0), 0.0, 1.0) * 255.0
    return scaled.astype(np.uint8)


def _boxes(engine: _Engine, view: NDArray[np.uint8]) -> list[Box]:
    lines, _ = engine(np.repeat(view[:, :, np.newaxis], 3, axis=2), use_cls=False)
    rows, columns = view.shape
    boxes = []
    for corners, text, score in lines or ():
        if score < LEAST_SCORE or sum(letter.isalnum() for letter in text) < LEAST_CHARACTERS:
            continue
        x, y = [float(corner[0]) for corner in corners], [float(corner[1]) for corner in corners]
        boxes.append(
            (
                max(0, int(min(x))),
                max(0, int(min(y))),
                min(columns - 1, int(np.ceil(max(x)))),
                min(rows - 1, int(np.ceil(max(y)))),
            )
        )
    return boxes


def _joined(boxes: set[Box]) -> tuple[Box, ...]:
    """Boxes that overlap as one: both views find the same line."""
    left = sorted(boxes)
    joined: list[Box] = []
    while left:
        box = left.pop()
        for other in left:
            if box[0] <= other[2] and other[0] <= box[2] and box[1] <= other[3] and other[1] <= box[3]:
                left.remove(other)
                left.append(
                    (min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3]))
                )
                break
        else:
            joined.append(box)
    return tuple(sorted(joined, key=lambda box: (box[1], box[0], box)))


@functools.cache
def _engine() -> _Engine:
    """The recognition, loaded once per process, silent and on one thread."""
    package = importlib.import_module("rapidocr_onnxruntime")
    importlib.import_module("cv2").setNumThreads(1)
    runtime = importlib.import_module("onnxruntime")
    runtime.disable_telemetry_events()
    runtime.set_default_logger_severity(4)  # fatal errors only
    engine: _Engine = package.RapidOCR(
        intra_op_num_threads=1, inter_op_num_threads=1, det_limit_side_len=_SIDE, text_score=LEAST_SCORE
    )
    _silence()
    return engine


def _silence() -> None:
    """Take the handlers off that the package puts on its loggers at import: they write to standard error."""
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if name in ("RapidOCR", "OrtInferSession") or name.startswith("rapidocr"):
            logger.handlers.clear()
            logger.setLevel(logging.CRITICAL + 1)
            logger.propagate = False
