"""Sound annotation objects to start from: every style of the generator, and the real files where they are."""

from __future__ import annotations

from io import BytesIO

from pydicom.dataset import FileDataset

from tests.annotations import (
    STYLES,
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
    presentation_state,
)
from tests.annotations.private import nested_state, weasis_model_state
from tests.annotations.reports import REPORT_STYLES, report, writable
from tests.annotations.truth import Drawing
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
    """Name → file, one of each style."""
    for image in IMAGES:
        image.PatientName, image.PatientID = PATIENT, PATIENT
    first, second = (image.SOPInstanceUID for image in IMAGES)
    graphics = {first: DRAWN, second: ON_SECOND}
    found = {f"state {style}": presentation_state(IMAGES, graphics, style) for style in sorted(STYLES)}
    for style in REPORT_STYLES:
        kept = {uid: [one for one in drawn if writable(one, style)] for uid, drawn in graphics.items()}
        found[f"report {style}"] = report(IMAGES, {uid: drawn for uid, drawn in kept.items() if drawn}, style)
    found["nested"] = nested_state(IMAGES[:1], {first: DRAWN}, "sectra")
    found["weasis model"] = weasis_model_state(IMAGES[:1], {first: DRAWN})
    return {name: _bytes(dataset) for name, dataset in found.items()}


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
