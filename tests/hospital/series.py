"""Small CT series with known values, and the simplest presentation state that holds a RECIST pair."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, GrayscaleSoftcopyPresentationStateStorage

SIZE = 96


def uid(*words: object) -> str:
    """A UID that follows from the words alone."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def _patient(target: Dataset, patient: str, study: str, day: str) -> None:
    target.SpecificCharacterSet = "ISO_IR 192"
    target.PatientName = f"Planted^{patient}"
    target.PatientID = patient
    target.PatientBirthDate = "19600203"
    target.PatientSex = "F"
    target.PatientAge = "061Y"
    target.StudyInstanceUID = uid(patient, study)
    target.StudyDate = day
    target.StudyTime = "101112"
    target.StudyID = study
    target.AccessionNumber = f"ACC{study}"
    target.ReferringPhysicianName = "Planted^Referrer"


def _finish(target: Dataset, sop_class: str, sop_uid: str) -> Dataset:
    target.SOPClassUID = sop_class
    target.SOPInstanceUID = sop_uid
    target.file_meta = FileMetaDataset()
    target.file_meta.MediaStorageSOPClassUID = sop_class
    target.file_meta.MediaStorageSOPInstanceUID = sop_uid
    target.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return target


def ct_series(
    patient: str = "P1",
    study: str = "S1",
    series: str = "1",
    *,
    slices: int = 24,
    spacing_z: float = 5.0,
    pixel_spacing: tuple[float, float] = (0.8, 0.8),
    day: str = "20210304",
) -> list[Dataset]:
    """``slices`` axial images of 96 x 96, numbered from the feet, HU = stored - 1024: a disc of tissue in air."""
    y, x = np.mgrid[:SIZE, :SIZE]
    inside = (x - SIZE / 2) ** 2 + (y - SIZE / 2) ** 2 < (0.42 * SIZE) ** 2
    images = []
    for index in range(slices):
        target = Dataset()
        _patient(target, patient, study, day)
        target.Modality = "CT"
        target.SeriesInstanceUID = uid(patient, study, series)
        target.SeriesNumber = series
        target.FrameOfReferenceUID = uid(patient, study, "frame")
        target.InstanceNumber = index + 1
        target.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        target.ImagePositionPatient = [-40.0, -40.0, -100.0 + spacing_z * index]
        target.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        target.PixelSpacing = list(pixel_spacing)
        target.SliceThickness = spacing_z
        target.Rows = target.Columns = SIZE
        target.SamplesPerPixel = 1
        target.PhotometricInterpretation = "MONOCHROME2"
        target.BitsAllocated, target.BitsStored, target.HighBit, target.PixelRepresentation = 16, 12, 11, 0
        target.RescaleSlope, target.RescaleIntercept = 1, -1024
        target.WindowCenter, target.WindowWidth = 40, 400
        stored = np.where(inside, 1024 + 40 + (x + y + index) % 7, 24)
        target.PixelData = stored.astype("<u2").tobytes()
        images.append(_finish(target, CTImageStorage, uid(patient, study, series, "image", index)))
    return images


def state_of(images: Sequence[Dataset], name: str = "state") -> Dataset:
    """An empty presentation state that references ``images`` (of one study), in a series of its own."""
    first = images[0]
    target = Dataset()
    _patient(target, first.PatientID, "x", first.StudyDate)
    target.StudyInstanceUID = first.StudyInstanceUID
    target.AccessionNumber = first.AccessionNumber
    target.Modality = "PR"
    target.SeriesInstanceUID = uid(first.StudyInstanceUID, name, "series")
    target.SeriesNumber = 900
    target.InstanceNumber = 1
    target.ContentLabel = "MEASURES"
    target.ContentCreatorName = "Planted^Radiologist"
    target.PresentationCreationDate, target.PresentationCreationTime = first.StudyDate, "120000"
    target.ReferencedSeriesSequence = []
    for series_uid in dict.fromkeys(image.SeriesInstanceUID for image in images):
        reference = Dataset()
        reference.SeriesInstanceUID = series_uid
        reference.ReferencedImageSequence = [_image(entry) for entry in images if entry.SeriesInstanceUID == series_uid]
        target.ReferencedSeriesSequence.append(reference)
    target.GraphicAnnotationSequence = []
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = "MEASURES", 1
    target.GraphicLayerSequence = [layer]
    return _finish(target, GrayscaleSoftcopyPresentationStateStorage, uid(first.StudyInstanceUID, name, "object"))


def _image(image: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = image.SOPClassUID
    reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return reference


def draw(state: Dataset, image: Dataset, *lines: Sequence[float], text: str = "") -> Dataset:
    """Add one item with polylines (x1, y1, x2, y2 … in DICOM's corner frame) on one image; returns the state."""
    item = Dataset()
    item.ReferencedImageSequence = [_image(image)]
    item.GraphicLayer = "MEASURES"
    item.GraphicObjectSequence = []
    for line in lines:
        graphic = Dataset()
        graphic.GraphicAnnotationUnits = "PIXEL"
        graphic.GraphicDimensions = 2
        graphic.NumberOfGraphicPoints = len(line) // 2
        graphic.GraphicData = list(line)
        graphic.GraphicType = "POLYLINE"
        graphic.GraphicFilled = "N"
        item.GraphicObjectSequence.append(graphic)
    if text:
        label = Dataset()
        label.BoundingBoxAnnotationUnits = "PIXEL"
        label.UnformattedTextValue = text
        label.BoundingBoxTopLeftHandCorner = [line[0] + 2, line[1] + 2]
        label.BoundingBoxBottomRightHandCorner = [line[0] + 20, line[1] + 8]
        label.BoundingBoxTextHorizontalJustification = "LEFT"
        item.TextObjectSequence = [label]
    state.GraphicAnnotationSequence.append(item)
    return state


def ruler_pair(image: Dataset, *, x: float = 48.0, y: float = 48.0, name: str = "state") -> Dataset:
    """A presentation state with one RECIST pair of 20 x 10 pixels on ``image``, centred at (x, y), corner frame."""
    return draw(state_of([image], name), image, (x - 10, y, x + 10, y), (x, y - 5, x, y + 5))


def other_object(image: Dataset, sop_class: str, modality: str, name: str = "other") -> Dataset:
    """An object of ``image``'s study in a series of its own that holds no measurement: a dose report, a selection."""
    target = Dataset()
    _patient(target, image.PatientID, "x", image.StudyDate)
    target.StudyInstanceUID = image.StudyInstanceUID
    target.AccessionNumber = image.AccessionNumber
    target.Modality = modality
    target.SeriesInstanceUID = uid(image.StudyInstanceUID, name, "series")
    target.SeriesNumber, target.InstanceNumber = 800, 1
    target.ContentDate, target.ContentTime = image.StudyDate, "120000"
    target.CompletionFlag, target.VerificationFlag = "COMPLETE", "UNVERIFIED"
    target.ValueType, target.ContinuityOfContent = "CONTAINER", "SEPARATE"
    root = Dataset()
    root.CodeValue, root.CodingSchemeDesignator, root.CodeMeaning = "113701", "DCM", "X-Ray Radiation Dose Report"
    target.ConceptNameCodeSequence = [root]
    return _finish(target, sop_class, uid(image.StudyInstanceUID, name, "object"))
