"""Image objects of the made-up patients: CT slices in several encodings, a localizer, MR and a secondary capture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    SecondaryCaptureImageStorage,
)

from miner.demo.annotations import ImageTarget
from miner.demo.canvas import Plane
from miner.demo.identity import Person, demo_uid

_UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
_PADDING = -2000


class Storage(StrEnum):
    """How scanners store HU: signed with an offset, twelve bits unsigned, or HU themselves with padding outside."""

    SIGNED_OFFSET = "signed-offset"
    UNSIGNED_12 = "unsigned-12"
    SIGNED_HU = "signed-hu"


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Whose study, and when. ``number`` counts a patient's studies from 1."""

    person: Person
    number: int
    day: date

    @property
    def uid(self) -> str:
        """Study Instance UID."""
        return demo_uid(self.person.patient_id, "study", self.number)

    def series_uid(self, number: int) -> str:
        """Series Instance UID of the study's series ``number``."""
        return demo_uid(self.person.patient_id, "study", self.number, "series", number)

    def sop_uid(self, *parts: object) -> str:
        """SOP Instance UID of the object so named within the study."""
        return demo_uid(self.person.patient_id, "study", self.number, "object", *parts)


@dataclass(frozen=True, slots=True)
class SeriesIdentity:
    """One series of a study. ``window``: centre and width in HU."""

    study: StudyIdentity
    number: int
    description: str
    body_part: str
    spacing: float
    slice_mm: float
    window: tuple[float, float] = (40.0, 400.0)

    @property
    def uid(self) -> str:
        """Series Instance UID."""
        return self.study.series_uid(self.number)


def base_object(study: StudyIdentity, sop_class: UID, sop_uid: str, modality: str) -> Dataset:
    """Patient, study and equipment modules (PS3.3 C.7.1 to C.7.5), full of invented identifiers.

    They are there to be seen at the PACS and nowhere behind the de-identification.
    """
    person = study.person
    stamp = study.day.strftime("%Y%m%d")
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(sop_uid)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = sop_uid
    dataset.StudyDate = stamp
    dataset.SeriesDate = stamp
    dataset.ContentDate = stamp
    dataset.StudyTime = f"{8 + person.number % 9:02d}{(person.number * 17) % 60:02d}00"
    dataset.ContentTime = dataset.StudyTime
    dataset.AccessionNumber = f"DEMOACC{person.number:04d}{study.number:02d}"
    dataset.Modality = modality
    dataset.Manufacturer = "Made-up Imaging"
    dataset.InstitutionName = "Invented General Hospital"
    dataset.InstitutionAddress = "1 Nowhere Street, Exampletown"
    dataset.ReferringPhysicianName = "REFERRER^ROSA"
    dataset.StationName = "DEMOSTATION"
    dataset.StudyDescription = f"Demonstration of {person.name}"
    dataset.OperatorsName = "OPERATOR^OTTO"
    dataset.ManufacturerModelName = "Phantom 64"
    dataset.PatientName = person.name
    dataset.PatientID = person.patient_id
    dataset.PatientBirthDate = person.birth_date.strftime("%Y%m%d")
    dataset.PatientSex = person.sex
    dataset.PatientAge = f"{person.age_at(study.day):03d}Y"
    dataset.PatientAddress = f"{person.number + 1} Invented Lane, Exampletown"
    dataset.PatientComments = f"Call {person.name} at 000-{person.number:04d}"
    dataset.DeviceSerialNumber = f"SN-DEMO-{person.number % 3}"
    dataset.StudyInstanceUID = study.uid
    dataset.StudyID = f"S{study.number}"
    return dataset


def ct_template(series: SeriesIdentity, *, tilt: float = 0.0) -> Dataset:
    """All that the slices of one CT series share (PS3.3 C.8.2.1)."""
    dataset = base_object(series.study, CTImageStorage, "", "CT")
    cos, sin = round(math.cos(math.radians(tilt)), 6), round(math.sin(math.radians(tilt)), 6)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SeriesDescription = series.description
    dataset.BodyPartExamined = series.body_part
    dataset.SliceThickness = f"{series.slice_mm:g}"
    dataset.KVP = "120"
    dataset.ProtocolName = series.description
    dataset.GantryDetectorTilt = f"{tilt:g}"
    dataset.PatientPosition = "HFS"
    dataset.SeriesInstanceUID = series.uid
    dataset.SeriesNumber = series.number
    dataset.FrameOfReferenceUID = series.study.sop_uid("frame", series.number)
    dataset.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, cos, -sin]
    dataset.PixelSpacing = [f"{series.spacing:.6g}"] * 2
    dataset.WindowCenter, dataset.WindowWidth = (f"{value:g}" for value in series.window)
    dataset.RescaleType = "HU"
    return dataset


def ct_slice(
    template: Dataset, series: SeriesIdentity, hu: Plane, *, number: int, z: float, storage: Storage, syntax: UID
) -> Dataset:
    """One CT slice.

    ``z``: its position in mm along the table (LPS, towards the head); ``hu``: shape (rows, columns).
    """
    dataset = _copy(template)
    size = hu.shape[0]
    uid = series.study.sop_uid("series", series.number, "image", number)
    dataset.SOPInstanceUID = uid
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    first = -(size - 1) / 2 * series.spacing
    dataset.InstanceNumber = number
    dataset.AcquisitionNumber = 1
    dataset.ImagePositionPatient = [f"{first:.4f}", f"{first:.4f}", f"{z:.4f}"]
    dataset.SliceLocation = f"{z:.4f}"
    _put_pixels(dataset, np.rint(hu).astype(np.int16), storage)
    encode(dataset, syntax)
    return dataset


def localizer(series: SeriesIdentity, columns: list[Plane], level_mm: float, z: float) -> Dataset:
    """A frontal scout view made from the column means of the slices, in the same series (PS3.3 C.8.2.1.1.1)."""
    dataset = _copy(ct_template(series))
    uid = series.study.sop_uid("series", series.number, "localizer")
    dataset.SOPInstanceUID = uid
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]
    dataset.InstanceNumber = 0
    first = -(columns[0].size - 1) / 2 * series.spacing
    dataset.ImagePositionPatient = [f"{first:.4f}", "0", f"{z:.4f}"]
    rows = np.repeat(np.stack(columns), max(round(level_mm / series.spacing), 1), axis=0)
    _put_pixels(dataset, np.rint(rows).astype(np.int16), Storage.SIGNED_OFFSET)
    return dataset


def secondary_capture(study: StudyIdentity, number: int, hu: Plane, spacing: float) -> Dataset:
    """A screenshot with the patient's name burned in (PS3.3 C.8.6.1)."""
    uid = study.sop_uid("capture", number)
    dataset = base_object(study, SecondaryCaptureImageStorage, uid, "OT")
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.SeriesInstanceUID = study.series_uid(number)
    dataset.SeriesNumber = number
    dataset.InstanceNumber = 1
    dataset.PixelSpacing = [f"{spacing:.6g}"] * 2
    dataset.BurnedInAnnotation = "YES"
    grey = np.clip((hu + np.float32(160)) * np.float32(255 / 400), 0, 255).astype(np.uint8)
    stamped = burn_in(grey, f"{study.person.name}  {study.person.patient_id}", 255)
    _describe(dataset, stamped.shape, allocated=8, stored=8, signed=False)
    dataset.PixelData = stamped.tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


def mr_slice(series: SeriesIdentity, hu: Plane, *, number: int, z: float) -> Dataset:
    """One T1-like MR slice of half the matrix, its grey values made from HU."""
    uid = series.study.sop_uid("series", series.number, "image", number)
    dataset = base_object(series.study, MRImageStorage, uid, "MR")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
    dataset.SeriesDescription = series.description
    dataset.BodyPartExamined = series.body_part
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
    dataset.SeriesInstanceUID = series.uid
    dataset.SeriesNumber = series.number
    dataset.InstanceNumber = number
    dataset.FrameOfReferenceUID = series.study.sop_uid("frame", series.number)
    dataset.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    half = hu[::2, ::2]
    first = -(half.shape[0] - 1) / 2 * series.spacing * 2
    dataset.ImagePositionPatient = [f"{first:.4f}", f"{first:.4f}", f"{z:.4f}"]
    dataset.PixelSpacing = [f"{series.spacing * 2:.6g}"] * 2
    dataset.SliceThickness = f"{series.slice_mm:g}"
    bands = [half < -300, half < -40, half < 20, half < 220]
    signal = np.select(bands, [10, 820, 240, 430], 90).astype(np.uint16)
    _describe(dataset, signal.shape, allocated=16, stored=12, signed=False)
    dataset.PixelData = signal.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def burn_in(grey: NDArray[np.uint8], words: str, value: int) -> NDArray[np.uint8]:
    """A copy of an 8-bit picture with ``words`` drawn into its top left corner."""
    picture = Image.fromarray(grey)
    ImageDraw.Draw(picture).text((8, 8), words, fill=value, font=ImageFont.load_default(18))
    return np.asarray(picture)


def text_mask(size: int, words: str) -> NDArray[np.bool_]:
    """Where burned-in text lies in a square picture of ``size`` pixels."""
    return burn_in(np.zeros((size, size), dtype=np.uint8), words, 255) > 96


def target_of(dataset: Dataset) -> ImageTarget:
    """What a presentation state needs to know of an image."""
    return ImageTarget(
        str(dataset.StudyInstanceUID),
        str(dataset.SeriesInstanceUID),
        str(dataset.SOPClassUID),
        str(dataset.SOPInstanceUID),
        int(dataset.Rows),
        int(dataset.Columns),
        float(dataset.PixelSpacing[0]),
    )


def study_identity(person: Person, number: int, days: int) -> StudyIdentity:
    """A patient's ``number``-th study, ``days`` after the first."""
    return StudyIdentity(person, number, person.first_study + timedelta(days=days))


# ------------------------------------------------------------------------------------------------------------- pixels


def _copy(template: Dataset) -> Dataset:
    """A shallow copy: elements are replaced in it, never changed."""
    dataset = Dataset()
    for element in template:
        dataset.add(element)
    dataset.file_meta = FileMetaDataset()
    for element in template.file_meta:
        dataset.file_meta.add(element)
    # Elements are shared with the template, so those that change get new objects.
    for keyword in ("SOPInstanceUID", "ImageType", "ImageOrientationPatient"):
        if keyword in dataset:
            value = dataset[keyword].value
            delattr(dataset, keyword)
            setattr(dataset, keyword, value)
    uid = dataset.file_meta.TransferSyntaxUID
    del dataset.file_meta.TransferSyntaxUID, dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = uid
    return dataset


def _describe(dataset: Dataset, shape: tuple[int, ...], *, allocated: int, stored: int, signed: bool) -> None:
    """Image Pixel module (PS3.3 C.7.6.3)."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = shape[0], shape[1]
    dataset.BitsAllocated = allocated
    dataset.BitsStored = stored
    dataset.HighBit = stored - 1
    dataset.PixelRepresentation = int(signed)


def _put_pixels(dataset: Dataset, hu: NDArray[np.int16], storage: Storage) -> None:
    """Store HU in one of the ways that scanners do; stored × slope + intercept gives them back (PS3.3 C.11.1)."""
    intercept = 0 if storage is Storage.SIGNED_HU else -1024
    stored = hu - np.int16(intercept)
    if storage is Storage.UNSIGNED_12:
        stored = np.clip(stored, 0, 4095)
    if storage is Storage.SIGNED_HU:
        stored = np.where(_outside(hu.shape), np.int16(_PADDING), stored)
    bits = 12 if storage is Storage.UNSIGNED_12 else 16
    _describe(dataset, hu.shape, allocated=16, stored=bits, signed=storage is not Storage.UNSIGNED_12)
    if storage is Storage.SIGNED_HU:
        dataset.PixelPaddingValue = _PADDING
    dataset.RescaleIntercept = str(intercept)
    dataset.RescaleSlope = "1"
    dataset.PixelData = stored.astype("<i2").tobytes()
    dataset["PixelData"].VR = "OW"


def _outside(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels that the reconstruction circle leaves out."""
    y = np.arange(shape[0])[:, None] * 2 - shape[0] + 1
    x = np.arange(shape[1])[None, :] * 2 - shape[1] + 1
    return np.asarray(x * x + y * y > shape[0] * shape[0], dtype=np.bool_)


def encode(dataset: Dataset, syntax: UID) -> None:
    """Bring a fresh little endian data set into ``syntax``, in place. Raises what the encoder raises."""
    if syntax not in _UNCOMPRESSED:
        dataset.compress(syntax, generate_instance_uid=False)
        return
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        # pydicom writes the octets of OW as they are (PS3.5 7.3).
        dataset.PixelData = np.frombuffer(dataset.PixelData, dtype="<u2").astype(">u2").tobytes()
        dataset["PixelData"].VR = "OW"
