"""Reports that highdicom writes: TID 1410, 1411 and 1501 as the standard has them, on images and in patient space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highdicom.sr import (
    CoordinatesForMeasurement,
    CoordinatesForMeasurement3D,
    FindingSite,
    ImageRegion,
    ImageRegion3D,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForRegion,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from tests.annotations.reports.pages import Page, closed, degrees
from tests.annotations.reports.space import in_patient
from tests.annotations.truth import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
    Line,
    Note,
    OpenPath,
    Outline,
    Pair,
    Perpendicular,
    Point,
    Scale,
    Spot,
)

LONG_AXIS = Code("103339001", "SCT", "Long Axis")
SHORT_AXIS = Code("103340004", "SCT", "Short Axis")
LENGTH = Code("410668003", "SCT", "Length")
AREA = Code("42798000", "SCT", "Area")
LESION = Code("52988006", "SCT", "Lesion")
LUNG = Code("39607008", "SCT", "Lung")
MM = Code("mm", "UCUM", "millimeter")
SQUARE_MM = Code("mm2", "UCUM", "square millimeter")
CUBIC_MM = Code("mm3", "UCUM", "cubic millimeter")
DEGREES = Code("deg", "UCUM", "degree")

NO_TOOL: frozenset[type[Drawing]] = frozenset({Arrow, Curve, Perpendicular, CrossHair, Note, Scale, Cobb})
"""The templates know regions and measurements: a point of theirs is no arrow."""

CANNOT_WRITE_IN_SPACE: frozenset[type[Drawing]] = NO_TOOL | {Circle}
"""Patient space has no CIRCLE (PS3.3 C.18.9)."""

CANNOT_WRITE_VOLUMES: frozenset[type[Drawing]] = NO_TOOL | {Pair, Line, OpenPath, Spot, Angle}
"""A volume is made of closed regions."""

PlanarGroup = PlanarROIMeasurementsAndQualitativeEvaluations
Group = PlanarGroup | VolumetricROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations


def tree(groups: Sequence[Group]) -> Dataset:
    """The content tree of a TID 1500 report around these groups."""
    observer = ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes("Reader^First"))
    report = MeasurementReport(
        ObservationContext(observer_person_context=observer), codes.LN.CTUnspecifiedBodyRegion, list(groups)
    )
    return report[0]


def planar(pages: Sequence[Page], *, in_space: bool) -> list[Group]:
    """TID 1410 for a region, TID 1501 with measurements inferred from coordinates for lines and pairs."""
    return [_group(page, uid, drawing, in_space) for page in pages for uid, drawing in page.numbered()]


def volumes(pages: Sequence[Page]) -> list[Group]:
    """TID 1411: the n-th drawings of all images are the regions of one volume."""
    found: list[Group] = []
    for number in range(max((len(page.drawings) for page in pages), default=0)):
        held = [page for page in pages if len(page.drawings) > number]
        uid = generate_uid(entropy_srcs=["volume", held[0].seed, held[0].image.SOPInstanceUID, str(number)])
        found.append(
            VolumetricROIMeasurementsAndQualitativeEvaluations(
                TrackingIdentifier(uid, f"Volume {number}"),
                referenced_regions=[_region(page, page.drawings[number]) for page in held],
                finding_type=LESION,
                finding_sites=[FindingSite(LUNG)],
                measurements=[Measurement(codes.SCT.Volume, 1234.5, CUBIC_MM)],
            )
        )
    return found


def _group(page: Page, uid: str, drawing: Drawing, in_space: bool) -> Group:
    tracking = TrackingIdentifier(uid, "Lesion")
    match drawing:
        case Pair(long, short):
            measured = [(LONG_AXIS, long), (SHORT_AXIS, short)]
        case Line(ends):
            measured = [(LENGTH, ends)]
        case _:
            region = _region_3d(page, drawing) if in_space else _region(page, drawing)
            return PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking, region, finding_type=LESION, measurements=_numbers(page, drawing)
            )
    return MeasurementsAndQualitativeEvaluations(
        tracking,
        finding_type=LESION,
        finding_sites=[FindingSite(LUNG)],
        measurements=[
            Measurement(name, _rounded(page.mm(*ends)), MM, referenced_coordinates=[_coordinates(page, ends, in_space)])
            for name, ends in measured
        ],
    )


def _coordinates(
    page: Page, ends: Sequence[Point], in_space: bool
) -> CoordinatesForMeasurement | CoordinatesForMeasurement3D:
    image = page.image
    if in_space:
        return CoordinatesForMeasurement3D(
            "POLYLINE", np.asarray(in_patient(image, ends)), frame_of_reference_uid=image.FrameOfReferenceUID
        )
    source = SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID)
    return CoordinatesForMeasurement("POLYLINE", np.asarray(ends) + 0.5, source)


def _shape(drawing: Drawing) -> tuple[str, Sequence[Point]]:
    """Graphic type and points on an image."""
    match drawing:
        case Ellipse(major, minor):
            return "ELLIPSE", [*major, *minor]
        case Circle((x, y), radius):
            return "CIRCLE", [(x, y), (x + radius, y)]
        case Outline(vertices):
            return "POLYLINE", closed(vertices)
        case OpenPath(points):
            return "POLYLINE", points
        case Angle(first, vertex, last):
            return "POLYLINE", [first, vertex, last]
        case Spot(at):
            return "POINT", [at]
        case _:
            raise AssertionError("callers ask for writable drawings only")


def _region(page: Page, drawing: Drawing) -> ImageRegion:
    kind, points = _shape(drawing)
    image = page.image
    return ImageRegion(kind, np.asarray(points) + 0.5, SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID))


def _region_3d(page: Page, drawing: Drawing) -> ImageRegion3D:
    kind, points = _shape(drawing)
    kind = "POLYGON" if isinstance(drawing, Outline) else kind
    data = np.asarray(in_patient(page.image, points))
    return ImageRegion3D(kind, data, page.image.FrameOfReferenceUID)


def _numbers(page: Page, drawing: Drawing) -> list[Measurement]:
    match drawing:
        case Outline(vertices):
            return [Measurement(AREA, _rounded(page.square_mm(vertices)), SQUARE_MM)]
        case Angle(first, vertex, last):
            turn = _rounded(degrees(first, vertex, last))
            return [Measurement(Code("1483009", "SCT", "Angle"), turn, DEGREES)]
        case _:
            return []


def _rounded(value: float) -> float:
    return round(value, 6)
