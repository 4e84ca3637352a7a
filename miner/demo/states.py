"""Presentation states of the made-up patients (PS3.3 A.33.1)."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from miner.demo.annotations import Content, ImageTarget
from miner.demo.images import StudyIdentity, base_object


def presentation_state(
    study: StudyIdentity, number: int, targets: Sequence[ImageTarget], content: Content, *, window: tuple[float, float]
) -> Dataset:
    """A Grayscale Softcopy Presentation State over ``targets``. ``window``: centre and width in HU."""
    uid = study.sop_uid("state", number)
    dataset = base_object(study, GrayscaleSoftcopyPresentationStateStorage, uid, "PR")
    dataset.SeriesInstanceUID = study.series_uid(900 + number)
    dataset.SeriesNumber = 900 + number
    dataset.InstanceNumber = 1
    dataset.SeriesDescription = "Measurements"
    dataset.ContentLabel = "MEASUREMENTS"
    dataset.ContentDescription = f"Measured for {study.person.name}"
    dataset.PresentationCreationDate = study.day.strftime("%Y%m%d")
    dataset.PresentationCreationTime = f"{12 + number % 8:02d}3000"
    dataset.ContentCreatorName = "RADIOLOGIST^RUTH"
    dataset.ReferencedSeriesSequence = DicomSequence(_referenced_series(targets))
    dataset.DisplayedAreaSelectionSequence = DicomSequence([_displayed_area(targets)])
    voi = Dataset()
    voi.WindowCenter, voi.WindowWidth = (f"{value:g}" for value in window)
    dataset.SoftcopyVOILUTSequence = DicomSequence([voi])
    dataset.PresentationLUTShape = "IDENTITY"
    if content.items:
        dataset.GraphicAnnotationSequence = DicomSequence(content.items)
        dataset.GraphicLayerSequence = DicomSequence(
            _layer(order, name, description) for order, (name, description) in enumerate(content.layers.items(), 1)
        )
    return dataset


def _referenced_series(targets: Sequence[ImageTarget]) -> list[Dataset]:
    series: dict[str, list[Dataset]] = {}
    for target in dict.fromkeys(targets):
        reference = Dataset()
        reference.ReferencedSOPClassUID = target.sop_class_uid
        reference.ReferencedSOPInstanceUID = target.sop_uid
        series.setdefault(target.series_uid, []).append(reference)
    items = []
    for uid, references in series.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        item.ReferencedImageSequence = DicomSequence(references)
        items.append(item)
    return items


def _displayed_area(targets: Sequence[ImageTarget]) -> Dataset:
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [targets[0].columns, targets[0].rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelSpacing = [f"{targets[0].spacing:.6g}"] * 2
    return area


def _layer(order: int, name: str, description: str) -> Dataset:
    item = Dataset()
    item.GraphicLayer = name
    item.GraphicLayerOrder = order
    if description:
        item.GraphicLayerDescription = description
    return item
