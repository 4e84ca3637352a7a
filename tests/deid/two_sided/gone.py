"""What a release must not hold: texts, dates, UIDs and pictures of the source."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset

from tests.deid.two_sided.actions import Action, Ledger
from tests.deid.two_sided.people import FORMS, ROOT, SIZE, Study
from tests.deid.two_sided.release import Release, digest


def check_texts(studies: list[Study], release: Release, ledger: Ledger) -> None:
    """No planted text stands anywhere, in whatever case."""
    haystack = release.haystack.lower()
    for study in studies:
        for where, text in study.texts.items():
            ledger.check(Action.TEXT_REMOVED, text.lower().encode() not in haystack, f"{where} of {study.person}")


def check_dates(studies: list[Study], release: Release, ledger: Ledger) -> None:
    """No date of the source stands anywhere: as DICOM, ISO, with dots, slashes, or with its time of day."""
    words = set(re.findall(r"[0-9]+", release.haystack.decode("utf-8", "replace")))
    haystack = release.haystack
    for study in studies:
        for where, date in study.dates.items():
            year, month, day = date[:4], date[4:6], date[6:8]
            shapes = [f"{year}{s}{month}{s}{day}" for s in "-./"] + [f"{day}{s}{month}{s}{year}" for s in "-./"]
            gone = date not in words and date[:8] not in words
            gone = gone and not any(shape.encode() in haystack for shape in shapes)
            ledger.check(Action.DATE_SHIFTED, gone, f"{where} of {study.person}")
        time = f"{study.moment[8:10]}:{study.moment[10:12]}:{study.moment[12:14]}"
        ledger.check(Action.DATE_SHIFTED, time.encode() not in haystack, f"time of day of {study.person}")


def check_uids(studies: list[Study], release: Release, ledger: Ledger) -> None:
    """No UID of the source stands anywhere, nor the root of the institution that made them, nor its last part."""
    haystack = release.haystack
    ledger.check(Action.UID_CHANGED, ROOT.encode() not in haystack, "the institution's root")
    for study in studies:
        for found in sorted({found for entry in study.objects() for found in _uids(entry)}):
            gone = found.encode() not in haystack and found.rpartition(".")[2].encode() not in haystack
            ledger.check(Action.UID_CHANGED, gone, f"{found} of {study.person}")


def _uids(dataset: Dataset) -> Iterator[str]:
    """Every UID of the institution in an object, at any depth."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _uids(item)
        elif element.VR == "UI" and str(element.value).startswith(ROOT):
            yield str(element.value)


def check_hidden(studies: list[Study], release: Release, ledger: Ledger) -> None:
    """No picture that the gate is for is in the release, in any reading of its octets; unused bits are masked."""
    shown = {digest(values) for values in release.pictures.values()}
    for study in studies:
        for kind, image in study.hidden:
            readings = list(_readings(image))
            gone = not any(digest(reading + offset) in shown for reading in readings for offset in (0, 32768, 31744))
            ledger.check(Action.PIXELS_HIDDEN, bool(readings) and gone, f"{kind} of {study.person}")
    for name, values in release.pictures.items():
        small = values.shape == (SIZE, SIZE) and values.min() >= 32768 - 4096 and values.max() < 32768 + 4096
        ledger.check(Action.PIXELS_HIDDEN, bool(small), f"nothing out of the unused bits: {name}")


def _readings(image: Dataset) -> Iterator[np.ndarray]:
    data = image.PixelData
    if len(data) == 2 * SIZE * SIZE:
        yield np.frombuffer(data, "<u2").astype(np.int64).reshape(SIZE, SIZE)
    else:
        samples = np.frombuffer(data, "u1").astype(np.int64).reshape(SIZE, SIZE, 3)
        yield from (samples[..., channel] for channel in range(3))
        yield samples.sum(axis=2) // 3


assert any(form.garbage for form in FORMS)
