"""Structured reports of the made-up patients: measurements as OHIF writes them (PS3.16 TID 1500), and words.

Coordinates on images (SCOORD, PS3.3 C.18.6) are in the corner frame, as in presentation states.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, BasicTextSRStorage, Comprehensive3DSRStorage

from miner.demo.annotations import Drawing, Figure, ImageTarget, Point
from miner.demo.identity import demo_uid
from miner.demo.images import StudyIdentity, base_object

Code = tuple[str, str, str]

LONGEST_CODE_VALUE = 16
"""Characters of a Code Value; a longer one stands in Long Code Value (PS3.3 8.1)."""

_TOOLS = {Figure.RECIST: "Bidirectional", Figure.LINE: "Length", Figure.ARROW: "ArrowAnnotate"}
_LONG: Code = ("103339001", "SCT", "Long axis")
_SHORT: Code = ("103340004", "SCT", "Short axis")
_LENGTH: Code = ("410668003", "SCT", "Length")
_LABEL: Code = ("111010", "DCM", "Center")
_MILLIMETRE: Code = ("mm", "UCUM", "millimeter")
_NO_UNIT: Code = ("1", "UCUM", "no units")
_FINDING: Code = ("121071", "DCM", "Finding")
_LESION: Code = ("52988006", "SCT", "Lesion")
_SITE: Code = ("363698007", "SCT", "Finding Site")
_SITES: dict[str, Code] = {
    "lung": ("39607008", "SCT", "Lung"),
    "left lung": ("39607008", "SCT", "Lung"),
    "liver": ("10200004", "SCT", "Liver"),
}


def measurement_report(study: StudyIdentity, number: int, drawings: Sequence[tuple[Drawing, str]]) -> Dataset:
    """A Comprehensive 3D SR with one measurement group a drawing; ``drawings``: each with the place of its lesion."""
    dataset = _report(study, Comprehensive3DSRStorage, study.sop_uid("state", number), 900 + number)
    dataset.SeriesDescription = "Measurements"
    dataset.ContentTime = f"{12 + number % 8:02d}3000"
    dataset.CurrentRequestedProcedureEvidenceSequence = DicomSequence([_evidence(drawing for drawing, _ in drawings)])
    groups = [_group(study, index, *entry) for index, entry in enumerate(drawings, 1)]
    dataset.ConceptNameCodeSequence = DicomSequence([_code(("126000", "DCM", "Imaging Measurement Report"))])
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    dataset.ContentTemplateSequence = DicomSequence([template])
    measured = _container(("126010", "DCM", "Imaging Measurements"), groups)
    dataset.ContentSequence = DicomSequence([measured])
    return dataset


def words_report(study: StudyIdentity, number: int) -> Dataset:
    """A Basic Text SR without any measurement."""
    dataset = _report(study, BasicTextSRStorage, study.sop_uid("report", number), 800 + number)
    dataset.ConceptNameCodeSequence = DicomSequence([_code(("11528-7", "LN", "Radiology Report"))])
    finding = _item("CONTAINS", "TEXT", _FINDING)
    finding.TextValue = f"No finding in {study.person.name}."
    dataset.ContentSequence = DicomSequence([finding])
    return dataset


def _report(study: StudyIdentity, sop_class: UID, uid: str, number: int) -> Dataset:
    dataset = base_object(study, sop_class, uid, "SR")
    dataset.SeriesInstanceUID = study.series_uid(number)
    dataset.SeriesNumber = number
    dataset.InstanceNumber = 1
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ReferencedPerformedProcedureStepSequence = DicomSequence([])
    dataset.PerformedProcedureCodeSequence = DicomSequence([])
    dataset.ValueType = "CONTAINER"
    dataset.ContinuityOfContent = "SEPARATE"
    return dataset


def _group(study: StudyIdentity, index: int, drawing: Drawing, place: str) -> Dataset:
    """One measurement group: the tool's name, the lesion's tracking UID, what and where it is, the numbers."""
    tracking = _item("HAS OBS CONTEXT", "TEXT", ("112039", "DCM", "Tracking Identifier"))
    tracking.TextValue = f"Cornerstone3DTools@^0.1.0:{_TOOLS[drawing.figure]}"
    unique = _item("HAS OBS CONTEXT", "UIDREF", ("112040", "DCM", "Tracking Unique Identifier"))
    unique.UID = demo_uid(study.person.patient_id, "tracking", study.number, index, place)
    findings = [_coded(_FINDING, _LESION)]
    if drawing.figure is Figure.ARROW:
        # What was typed beside an arrow stands in the meaning of a code that says so.
        findings = [_coded(_FINDING, ("CORNERSTONEFREETEXT", "CORNERSTONEJS", drawing.words))]
    elif place in _SITES:
        findings.append(_coded(_SITE, _SITES[place]))
    return _container(("125007", "DCM", "Measurement Group"), [tracking, unique, *findings, *_numbers(drawing)])


def _numbers(drawing: Drawing) -> list[Dataset]:
    match drawing.figure:
        case Figure.RECIST:
            long, short = drawing.points[:2], drawing.points[2:]
            return [_line(_LONG, long, drawing.image), _line(_SHORT, short, drawing.image)]
        case Figure.LINE:
            return [_line(_LENGTH, drawing.points, drawing.image)]
        case _:
            return [_number(_LABEL, 0.0, _NO_UNIT, drawing.points, drawing.image)]


def _line(concept: Code, points: Sequence[Point], image: ImageTarget) -> Dataset:
    return _number(concept, math.dist(*points) * image.spacing, _MILLIMETRE, points, image)


def _number(concept: Code, value: float, unit: Code, points: Sequence[Point], image: ImageTarget) -> Dataset:
    """A number inferred from a polyline, which is selected from an image. An arrow's polyline begins at its tip."""
    measured = Dataset()
    measured.NumericValue = f"{value:.6g}"
    measured.MeasurementUnitsCodeSequence = DicomSequence([_code(unit)])
    number = _item("CONTAINS", "NUM", concept)
    number.MeasuredValueSequence = DicomSequence([measured])
    drawn = _item("INFERRED FROM", "SCOORD")
    drawn.GraphicType = "POLYLINE"
    drawn.GraphicData = [coordinate for point in points for coordinate in point]
    selected = _item("SELECTED FROM", "IMAGE")
    selected.ReferencedSOPSequence = DicomSequence([_reference(image)])
    drawn.ContentSequence = DicomSequence([selected])
    number.ContentSequence = DicomSequence([drawn])
    return number


def _coded(concept: Code, value: Code) -> Dataset:
    item = _item("CONTAINS", "CODE", concept)
    item.ConceptCodeSequence = DicomSequence([_code(value)])
    return item


def _container(concept: Code, content: Iterable[Dataset]) -> Dataset:
    item = _item("CONTAINS", "CONTAINER", concept)
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = DicomSequence(content)
    return item


def _item(relationship: str, value_type: str, concept: Code | None = None) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, value_type
    if concept is not None:
        item.ConceptNameCodeSequence = DicomSequence([_code(concept)])
    return item


def _evidence(drawings: Iterable[Drawing]) -> Dataset:
    """The images that the report refers to, by study and series (PS3.3 C.17.2)."""
    images = list(dict.fromkeys(drawing.image for drawing in drawings))
    study = Dataset()
    study.StudyInstanceUID = images[0].study_uid
    study.ReferencedSeriesSequence = DicomSequence([])
    for series_uid in dict.fromkeys(image.series_uid for image in images):
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = DicomSequence(_reference(i) for i in images if i.series_uid == series_uid)
        study.ReferencedSeriesSequence.append(series)
    return study


def _reference(image: ImageTarget) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = image.sop_class_uid
    reference.ReferencedSOPInstanceUID = image.sop_uid
    return reference


def _code(code: Code) -> Dataset:
    value, item = code[0], Dataset()
    setattr(item, "CodeValue" if len(value) <= LONGEST_CODE_VALUE else "LongCodeValue", value)
    item.CodingSchemeDesignator, item.CodeMeaning = code[1:]
    return item
