"""Sound annotation objects to start from: every style of the generator, and the real files where they are."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from pydicom.dataset import FileDataset

from tests.annotations import (
    Angle,
    Arrow,
    Circle,
    Curve,
    Ellipse,
    Line,
    Note,
    Outline,
    Pair,
    ct_image,
)
from tests.annotations.reports import REPORT_STYLE_ENCODINGS, REPORT_STYLES, report, writable
from tests.annotations.truth import Drawing
from tests.benchmarks.writers import Writer, writers
from tests.conftest import find_shared_data

PATIENT = "Planted^Patient"
"""Stands in every generated object: no message may ever carry it."""

IMAGES = [ct_image(number=number) for number in (1, 2)]
DRAWN: list[Drawing] = [
    Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)), labelled=True),
    Line(((200.0, 200.0), (240.0, 210.0)), labelled=True),
    Arrow((300.0, 300.0), (340.0, 340.0)),
    Ellipse(((50.0, 300.0), (90.0, 300.0)), ((70.0, 290.0), (70.0, 310.0))),
    Circle((60.0, 60.0), 10.0),
    Outline(((400.0, 400.0), (420.0, 400.0), (420.0, 430.0))),
    Curve(((400.0, 100.0), (430.0, 110.0), (420.0, 140.0), (395.0, 130.0))),
    Angle((300.0, 100.0), (320.0, 120.0), (350.0, 100.0)),
    Note((10.0, 10.0)),
]
ON_SECOND: list[Drawing] = [Line(((200.0, 300.0), (240.0, 310.0)))]


def generated() -> dict[str, bytes]:
    """Name → file, one of each producer, and reports that hold no coordinates."""
    for image in IMAGES:
        image.PatientName, image.PatientID = PATIENT, PATIENT
    first, second = (image.SOPInstanceUID for image in IMAGES)
    found: dict[str, bytes] = {}
    for writer in writers():
        drawn = {first: _fitting(writer, DRAWN), second: _fitting(writer, ON_SECOND)}
        images = IMAGES[: writer.images]
        kept = {image.SOPInstanceUID: drawn[image.SOPInstanceUID] for image in images}
        found[writer.name] = _bytes(writer.write(images, kept, ""))
    for style in (style for style in REPORT_STYLES if not REPORT_STYLE_ENCODINGS[style]):
        segments = {first: [drawing for drawing in DRAWN if writable(drawing, style)]}
        found[f"sr/{style}"] = _bytes(report(IMAGES, segments, style))
    return found


def _fitting(writer: Writer, drawings: Sequence[Drawing]) -> list[Drawing]:
    return [writer.as_drawn(drawing) for drawing in drawings if writer.can(drawing)]


def real() -> dict[str, bytes]:
    """Name → file of the real objects; none where the data are absent."""
    folder = find_shared_data()
    if folder is None:
        return {}
    paths = [*(folder / "presentation-states").rglob("*.dcm"), *(folder / "structured-reports").rglob("*.dcm")]
    small = [path for path in sorted(paths) if path.stat().st_size < 20_000]
    return {f"real {path.name}": path.read_bytes() for path in small}


def _bytes(dataset: FileDataset) -> bytes:
    dataset.PatientName, dataset.PatientID = PATIENT, PATIENT
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()
