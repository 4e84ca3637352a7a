"""Made-up people with studies over the years: varied headers, known values, and a planted mark in whatever names them.

Everything follows from fixed seeds. What is expected of a release is noted down here, while the objects are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from tests.annotations import Pair, presentation_state
from tests.annotations.elements import image_reference

SIZE = 64
ROOT = "1.2.840.99999.7301"
"""The root of the made-up institution's UIDs: its mark in whatever it writes."""

Values = npt.NDArray[np.int64]
Ends = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Form:
    """How a scanner writes its values."""

    syntax: UID
    stored: int
    signed: bool
    slope: str
    intercept: str
    garbage: bool = False
    """something stands in the bits above those stored"""


FORMS = (
    Form(ExplicitVRLittleEndian, 12, False, "1", "-1024"),
    Form(ImplicitVRLittleEndian, 16, True, "1", "0"),
    Form(ExplicitVRBigEndian, 12, False, "1", "-1000"),
    Form(DeflatedExplicitVRLittleEndian, 16, False, "1", "-32768"),
    Form(RLELossless, 16, True, "1", "-1024"),
    Form(JPEGLSLossless, 12, False, "1", "-1024"),
    Form(JPEG2000Lossless, 16, True, "1", "0"),
    Form(ExplicitVRLittleEndian, 12, False, "1", "-1024", garbage=True),
    Form(ImplicitVRLittleEndian, 12, True, "1", "0", garbage=True),
    Form(ExplicitVRLittleEndian, 14, False, "0.5", "-1024.5"),
    Form(ExplicitVRLittleEndian, 16, True, "0.25", "100.25"),
    Form(ImplicitVRLittleEndian, 13, False, "1.5", "-1024"),
    Form(ExplicitVRLittleEndian, 16, False, "2", "-4096"),
    Form(ExplicitVRLittleEndian, 15, True, "1.000000E+00", "-1.024e3"),
)

AGES: tuple[tuple[str | None, str | None, int | None], ...] = (
    # Patient's Age, years between birth date and study (None: no birth date), expected
    *(("061Y", None, 61), ("000Y", None, 0), ("017Y", "40", 17), ("089Y", None, 89), ("090Y", None, 90)),
    *(("091Y", None, 90), ("120Y", None, 90), ("011M", None, 0), ("023M", None, 0), ("003W", None, 0)),
    *(("012D", None, 0), (None, "44", 44), ("", "89", 89), (None, "90", 90), (None, "101", 90), (None, None, None)),
    *(("999Y", None, None), ("unknown", "33", 33), ("1Y", None, 1), (None, "0", 0)),
)
SEXES = (("M", "M"), ("F", "F"), ("O", "O"), (None, "O"), ("", "O"), ("f", "F"), ("m ", "M"), ("SMITH^JOHN", "O"))
WINDOWS: tuple[tuple[object, object, tuple[float, float] | None], ...] = (
    (40, 400, (-160.0, 240.0)),
    ([-600, 40], [1500, 400], (-1350.0, 150.0)),
    ("50.5", "351", (-125.0, 226.0)),
    (None, None, None),
    ("300", "2000", (-700.0, 1300.0)),
)
SPACINGS = ((0.7, 0.7, 5.0), (0.8125, 0.78125, 2.5), (0.5, 0.65, 7.5), (0.976562, 0.976562, 3.0), (1.0, 0.9, 10.0))


@dataclass
class Series:
    """One series that a release is to hold. Slices head to feet; ``values`` are its Hounsfield values."""

    images: list[Dataset]
    values: list[Values]
    spacing: tuple[float, float, float]
    window: tuple[float, float] | None
    pairs: dict[int, Pair] = field(default_factory=dict)
    head: bool = False


@dataclass
class Study:
    """One study; ``hidden``: images that no release may hold, with the reason in a word."""

    uid: str
    person: str
    moment: str
    sex: str
    age: int | None
    series: list[Series] = field(default_factory=list)
    hidden: list[tuple[str, Dataset]] = field(default_factory=list)
    annotations: list[Dataset] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    def objects(self) -> Iterator[Dataset]:
        """Everything that the archive holds of it."""
        for entry in self.series:
            yield from entry.images
        yield from (image for _, image in self.hidden)
        yield from self.annotations


def uid(*words: object) -> str:
    """A UID of the institution that follows from the words alone."""
    return f"{ROOT}.{int.from_bytes(_digest(*words)[:9], 'big')}"


def mark(*words: object) -> str:
    """A text that stands nowhere by chance."""
    return "Zq" + _digest("mark", *words).hex()[:10]


def _digest(*words: object) -> bytes:
    return hashlib.sha256("/".join(map(str, words)).encode()).digest()


TEXTS = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName"),
    *("PatientMotherBirthName", "PatientAddress", "PatientTelephoneNumbers", "PatientComments", "Occupation"),
    *("MilitaryRank", "BranchOfService", "CountryOfResidence", "RegionOfResidence", "PatientReligiousPreference"),
    *("AdditionalPatientHistory", "AdmissionID", "AccessionNumber", "StudyID", "StudyDescription"),
    *("SeriesDescription", "ProtocolName", "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName"),
    *("StationName", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName"),
    *("NameOfPhysiciansReadingStudy", "RequestingPhysician", "DeviceSerialNumber", "SoftwareVersions"),
    *("ImageComments", "RequestedProcedureDescription", "PerformedProcedureStepDescription", "DetectorID", "PlateID"),
    *("ClinicalTrialSubjectID", "ContrastBolusAgent", "AcquisitionComments", "FrameComments", "CurrentPatientLocation"),
)
DATES = {
    **dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"), 0),
    "PerformedProcedureStepStartDate": 0,
    **{"LastMenstrualDate": -20, "DateOfLastCalibration": -3, "AdmittingDate": -1, "ScheduledStudyStartDate": -2},
}


def people() -> list[Study]:
    """Some fifty studies of 26 people, one of whom has two record numbers and two of whom share one."""
    studies = []
    for number in range(26):
        person = f"person {number}"
        for visit in range(1 + number % 3):
            studies.append(_study(number, person, visit))
    return studies


def _study(number: int, person: str, visit: int) -> Study:
    random = np.random.default_rng([number, visit])
    day = np.datetime64("2009-03-02") + int(37 * number + 211 * ((visit * 2 + number) % 3) + 13 * visit)
    date, time = (
        str(day).replace("-", ""),
        f"{7 + (number + visit) % 12:02d}{(7 * number) % 60:02d}{(11 * visit) % 60:02d}",
    )
    said_sex, sex = SEXES[number % len(SEXES)]
    said_age, born, age = AGES[(number + 7 * visit) % len(AGES)]
    study = Study(uid(person, visit), person, date + time, sex, age)
    common = Dataset()
    common.SpecificCharacterSet = "ISO_IR 192"
    common.StudyInstanceUID, common.StudyTime = study.uid, time
    with disable_value_validation():
        _name(common, study, number, visit)
        _date(common, study, day, born)
        if said_sex is not None:
            common.PatientSex = said_sex
        if said_age is not None:
            common.PatientAge = said_age
        for place in range(1 + (number + visit) % 2):
            _add_series(study, common, random, number=number, visit=visit, place=place)
        for kind in HIDDEN[(number + visit) % len(HIDDEN) :][:2]:
            _add_hidden(study, common, kind, random)
    return study


def _name(common: Dataset, study: Study, number: int, visit: int) -> None:
    for keyword in TEXTS:
        study.texts[keyword] = mark(study.uid, keyword)
        setattr(common, keyword, study.texts[keyword])
    common.PatientName = f"{study.texts['PatientName']}^Ada"
    record, issuer = mark(study.person, "record"), mark("issuer", number % 2)
    if number in (3, 4):  # two people share a number under two issuers
        record = mark("shared record")
        study.person = f"{issuer} holds it"
    if number == 5 and visit == 2:  # one person has a second number
        record = mark(study.person, "second record")
    study.texts["PatientID"], study.texts["IssuerOfPatientID"] = record, issuer
    common.PatientID, common.IssuerOfPatientID = record, issuer
    request = Dataset()
    for keyword in ("ScheduledProcedureStepDescription", "RequestedProcedureID", "ReasonForTheRequestedProcedure"):
        study.texts[f"nested {keyword}"] = mark(study.uid, "nested", keyword)
        setattr(request, keyword, study.texts[f"nested {keyword}"])
    common.RequestAttributesSequence = Items([request])
    study.texts["private"] = mark(study.uid, "private")
    common.add_new(0x00090010, "LO", "MADE UP")
    common.add_new(0x00091001, "LO", study.texts["private"])


def _date(common: Dataset, study: Study, day: np.datetime64, born: str | None) -> None:
    for keyword, days in DATES.items():
        study.dates[keyword] = str(day + days).replace("-", "")
        setattr(common, keyword, study.dates[keyword])
    if born is not None:
        year, month_and_day = int(str(day)[:4]) - int(born), study.dates["StudyDate"][4:]
        study.dates["PatientBirthDate"] = common.PatientBirthDate = f"{year}{month_and_day}"
    study.dates["AcquisitionDateTime"] = study.moment
    common.AcquisitionDateTime = f"{study.moment}.123456"


def _add_series(
    study: Study, common: Dataset, random: np.random.Generator, *, number: int, visit: int, place: int
) -> None:
    form = FORMS[(5 * number + 3 * visit + place) % len(FORMS)]
    spacing = SPACINGS[(number + visit + place) % len(SPACINGS)]
    center, width, window = WINDOWS[(number + 2 * place) % len(WINDOWS)]
    count = 6 + (number + visit) % 5
    head = number % 9 == 8
    entry = Series([], [], spacing, window, head=head)
    numbers = random.permutation(count) if number % 4 == 1 else np.arange(count)[:: 1 if number % 2 else -1]
    for at in range(count):
        image = _copy(common)
        image.Modality, image.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.SeriesInstanceUID = uid(study.uid, "series", place)
        if number % 7:
            image.FrameOfReferenceUID = uid(study.uid, "frame")
        image.DeviceUID = uid("device", number % 3)
        image.SeriesNumber, image.InstanceNumber = place + 1, int(numbers[at]) + 1
        image.ImagePositionPatient = [-120.5, -98.25, 812.0 - spacing[2] * at]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing = list(spacing[:2])
        if head:
            image.BodyPartExamined = "HEAD"
        elif number % 3:
            image.BodyPartExamined = "CHEST"
        if center is not None:
            image.WindowCenter, image.WindowWidth = center, width
        entry.values.append(_pixels(image, form, random))
        entry.images.append(_finished(image, CTImageStorage, uid(study.uid, place, at), form.syntax))
    study.series.append(entry)
    entry.pairs[count // 2] = _pair(random, spacing)
    if number % 2:
        entry.pairs[1] = _pair(random, spacing)
    for at, pair in entry.pairs.items():
        study.annotations.append(
            _state(study, common, entry.images[at], pair, words=f"{place} {at}", style=number + visit)
        )


def _pixels(image: Dataset, form: Form, random: np.random.Generator) -> Values:
    """Write a disc of tissue in air, with noise that makes each picture its own; returns its Hounsfield values."""
    y, x = np.mgrid[:SIZE, :SIZE]
    inside = (x - 31.5) ** 2 + (y - 31.5) ** 2 < 27**2
    wished = np.where(inside, 40 + random.integers(-30, 60, (SIZE, SIZE)), -1000 + random.integers(0, 20, (SIZE, SIZE)))
    slope, intercept = float(form.slope), float(form.intercept)
    low, high = (-(2 ** (form.stored - 1)), 2 ** (form.stored - 1) - 1) if form.signed else (0, 2**form.stored - 1)
    stored = np.clip(np.rint((wished - intercept) / slope), low, high).astype(np.int64)
    words = (stored & (2**form.stored - 1)).astype(np.uint32)
    if form.garbage:
        words |= random.integers(0, 2 ** (16 - form.stored), (SIZE, SIZE)).astype(np.uint32) << form.stored
    elif form.signed:
        words = (stored & 0xFFFF).astype(np.uint32)
    image.Rows = image.Columns = SIZE
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, form.stored, form.stored - 1
    image.PixelRepresentation = int(form.signed)
    image.RescaleSlope, image.RescaleIntercept = form.slope, form.intercept
    image.PixelData = words.astype(">u2" if form.syntax == ExplicitVRBigEndian else "<u2").tobytes()
    image["PixelData"].VR = "OW"
    return np.rint(stored * slope + intercept).astype(np.int64)


def _pair(random: np.random.Generator, spacing: tuple[float, ...] = (1.0, 1.0)) -> Pair:
    """Two axes that cross at right angles in millimetres, in pixels. ``spacing``: of rows, of columns."""
    centre = 26 + 10 * random.random(2)
    angle, long, short = 3.1 * random.random(), 5 + 3 * random.random(), 2.5 + 1.5 * random.random()
    scale = np.array([spacing[1], spacing[0]])
    ends = []
    for radius, turned in ((long, angle), (short, angle + np.pi / 2)):
        reach = radius * np.array([np.cos(turned), np.sin(turned)]) / scale
        ends.append(tuple((float(x), float(y)) for x, y in (centre - reach, centre + reach)))
    return Pair(*ends)  # type: ignore[arg-type]


STATE_STYLES = ("clearcanvas", "weasis", "agfa", "sectra", "compound")


def _state(study: Study, common: Dataset, image: Dataset, pair: Pair, *, words: str, style: int) -> Dataset:
    drawn = {str(image.SOPInstanceUID): [pair]}
    state: Dataset = presentation_state([image], drawn, STATE_STYLES[style % len(STATE_STYLES)], created=study.moment)
    for element in common:
        if element.tag not in state or element.keyword.startswith("Patient"):
            state.add(element)
    state.SOPInstanceUID = state.file_meta.MediaStorageSOPInstanceUID = uid(study.uid, "state", words)
    state.SeriesInstanceUID = uid(study.uid, "states", words)
    for keyword in ("ContentDescription", "ContentCreatorName", "SeriesDescription"):
        study.texts[f"state {words} {keyword}"] = mark(study.uid, words, keyword)
        setattr(state, keyword, study.texts[f"state {words} {keyword}"])
    layer = state.GraphicLayerSequence[0]
    study.texts[f"state {words} layer"] = layer.GraphicLayerDescription = mark(study.uid, words, "layer")
    note = Dataset()
    study.texts[f"state {words} note"] = note.UnformattedTextValue = mark(study.uid, words, "note")
    note.AnchorPoint, note.AnchorPointAnnotationUnits, note.AnchorPointVisibility = [5.0, 5.0], "PIXEL", "N"
    item = Dataset()
    item.GraphicLayer, item.TextObjectSequence = layer.GraphicLayer, Items([note])
    item.ReferencedImageSequence = Items([image_reference(image)])
    state.GraphicAnnotationSequence.append(item)
    return state


HIDDEN = ("screenshot", "dose sheet", "scout", "overlay", "burned in", "capture", "screenshot", "overlay")
CHANGES: dict[str, dict[str, Any]] = {
    "screenshot": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0},
    "dose sheet": {"ImageType": ["DERIVED", "SECONDARY", "OTHER", "DOSE_INFO"]},
    "scout": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    "overlay": {"OverlayRows": SIZE},
    "burned in": {"BurnedInAnnotation": "YES"},
    "capture": {"ConversionType": "WSD"},
}


def _add_hidden(study: Study, common: Dataset, kind: str, random: np.random.Generator) -> None:
    image = _copy(common)
    image.Modality, image.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.SeriesInstanceUID = uid(study.uid, "hidden", kind)
    image.SeriesNumber, image.InstanceNumber = 90, 1
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    image.PixelSpacing = [0.7, 0.7]
    _pixels(image, FORMS[0], random)
    for keyword, value in CHANGES[kind].items():
        if keyword.startswith("Overlay"):
            image.add_new(0x60000010, "US", value)
            image.add_new(0x60003000, "OW", random.bytes(SIZE * SIZE // 8))
        else:
            setattr(image, keyword, value)
    if kind == "screenshot":
        image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
        image.PixelData = random.bytes(3 * SIZE * SIZE)
    sop_class = SecondaryCaptureImageStorage if kind == "capture" else CTImageStorage
    image = _finished(image, sop_class, uid(study.uid, "hidden", kind, "image"), ExplicitVRLittleEndian)
    study.hidden.append((kind, image))
    study.annotations.append(_state(study, common, image, _pair(random), words=kind, style=0))


def _copy(common: Dataset) -> Dataset:
    copy = Dataset()
    for element in common:
        copy.add(element)
    return copy


def _finished(image: Dataset, sop_class: str, sop_uid: str, syntax: UID) -> Dataset:
    image.SOPClassUID, image.SOPInstanceUID = sop_class, sop_uid
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID, image.file_meta.MediaStorageSOPInstanceUID = sop_class, sop_uid
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax.is_compressed else syntax
    if syntax.is_compressed and syntax != DeflatedExplicitVRLittleEndian:
        image.compress(syntax, generate_instance_uid=False)
    else:
        image.file_meta.TransferSyntaxUID = syntax
    return image
