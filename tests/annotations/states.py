"""Whole presentation states, and small images for them to lie on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    AdvancedBlendingPresentationStateStorage,
    BlendingSoftcopyPresentationStateStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    generate_uid,
)

from tests.annotations.elements import image_reference
from tests.annotations.styles import STYLES, Sheet, View
from tests.annotations.styles.display import corners
from tests.annotations.truth import Drawing


def presentation_state(
    images: Sequence[Dataset],
    graphics: Mapping[str, Sequence[Drawing]],
    style: str,
    *,
    created: str = "20240102030405",
    window: tuple[float, float] | None = (50.0, 450.0),
    seed: str = "",
    sop_class: str = GrayscaleSoftcopyPresentationStateStorage,
) -> FileDataset:
    """A presentation state that holds ``graphics``, as one producer's viewer writes it.

    ``images``: the images that the state references, real or from :func:`ct_image`; each needs SOP class and instance,
    study and series UIDs, Rows, Columns and Pixel Spacing. ``graphics``: SOP Instance UID → what was drawn on it, in
    the pixel centres frame (x to the right, y down, 0.0 = centre of the first pixel). ``style``: a key of
    :data:`tests.annotations.STYLES`. ``created``: YYYYMMDDHHMMSS. ``window``: centre and width, None for none.
    ``seed``: other UIDs for one content, and in the style ``display`` another view. ``sop_class``: of softcopy
    presentation states, each of which references its images in its own way.

    The data set is ready to save (:func:`save`): file meta information is complete, patient and study are the first
    image's. Its UID follows from its content alone.
    """
    state = empty_state(images, created=created, window=window)
    uid = generate_uid(entropy_srcs=[style, created, seed, repr(sorted(graphics.items(), key=lambda kv: kv[0]))])
    items: list[Dataset] = []
    layers: dict[str, str] = {}
    views: dict[int, View] = {}
    count, random = 0, int(uid.rsplit(".", 1)[1])
    for number, image in enumerate(images):
        drawings = graphics.get(image.SOPInstanceUID, ())
        if not drawings:
            continue
        sheet = Sheet(image, alone=len(images) == 1, count=count, seed=(random, number))
        STYLES[style](sheet, drawings)
        if sheet.view is not None:
            views[number] = sheet.view
        items += sheet.items
        layers |= sheet.layers
        count = sheet.count
    if items:
        state.GraphicAnnotationSequence = Items(items)
        state.GraphicLayerSequence = Items([_layer(*layer, order) for order, layer in enumerate(layers.items(), 1)])
    _show(state, views)
    refer(state, sop_class)
    state.SOPInstanceUID = state.file_meta.MediaStorageSOPInstanceUID = uid
    state.SeriesInstanceUID = generate_uid(entropy_srcs=[uid, "series"])
    return state


def empty_state(
    images: Sequence[Dataset], *, created: str = "20240102030405", window: tuple[float, float] | None = None
) -> FileDataset:
    """A presentation state on these images without any graphic, to be edited further."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = GrayscaleSoftcopyPresentationStateStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    state = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    state.SpecificCharacterSet = "ISO_IR 192"
    state.SOPClassUID, state.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        setattr(state, keyword, images[0].get(keyword, "") if images else "")
    state.StudyInstanceUID = images[0].StudyInstanceUID if images else generate_uid()
    state.SeriesInstanceUID = generate_uid()
    state.Modality = "PR"
    state.InstanceNumber = 1
    state.ContentLabel = "MEASUREMENTS"
    state.PresentationCreationDate, state.PresentationCreationTime = created[:8], created[8:]
    state.ReferencedSeriesSequence = Items(_series(images))
    state.DisplayedAreaSelectionSequence = Items([_area(image) for image in images])
    if window is not None:
        voi = Dataset()
        voi.WindowCenter, voi.WindowWidth = window
        state.SoftcopyVOILUTSequence = Items([voi])
    state.PresentationLUTShape = "IDENTITY"
    return state


def ct_image(
    *,
    columns: int = 512,
    rows: int = 512,
    spacing: tuple[float, float] = (0.7, 0.7),
    number: int = 1,
    series: str = "1",
) -> Dataset:
    """A CT image without pixels, its UIDs following from its series and number. ``spacing``: (row, column) in mm.

    It lies in patient space as an axial slice, 2.5 mm below the one of the number before.
    """
    image = Dataset()
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = generate_uid(entropy_srcs=["image", series, str(number)])
    image.SeriesInstanceUID = generate_uid(entropy_srcs=["series", series])
    image.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    image.Modality = "CT"
    image.PatientName, image.PatientID = "Test^Patient", "T-1"
    image.Rows, image.Columns = rows, columns
    image.PixelSpacing = [spacing[0], spacing[1]]
    image.InstanceNumber = number
    image.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame of reference", series])
    image.ImagePositionPatient = [-180.5, -171.25, 2.5 * number]
    image.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return image


def refer(state: FileDataset, sop_class: str) -> None:
    """Make a grayscale state one of another class of softcopy presentation states, which may reference otherwise."""
    state.SOPClassUID = state.file_meta.MediaStorageSOPClassUID = sop_class
    if sop_class == BlendingSoftcopyPresentationStateStorage:
        under, over = Dataset(), Dataset()
        under.BlendingPosition, over.BlendingPosition = "UNDERLYING", "SUPERIMPOSED"
        under.ReferencedSeriesSequence, over.ReferencedSeriesSequence = state.ReferencedSeriesSequence, Items([])
        state.BlendingSequence = Items([under, over])
        del state.ReferencedSeriesSequence
    elif sop_class == AdvancedBlendingPresentationStateStorage:
        for number, series in enumerate(state.ReferencedSeriesSequence, start=1):
            series.StudyInstanceUID, series.BlendingInputNumber = state.StudyInstanceUID, number
        state.AdvancedBlendingSequence = state.ReferencedSeriesSequence
        del state.ReferencedSeriesSequence


def show_as(area: Dataset, view: View, *, after: bool) -> None:
    """Write a view's corners into an item of a Displayed Area Selection Sequence."""
    first, last = corners(view, after=after)
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = list(first), list(last)


def _show(state: FileDataset, views: Mapping[int, View]) -> None:
    """The displayed areas, and the rotation and flip that all images of a state share; every other state names the
    corners of its areas as they are shown."""
    for number, view in views.items():
        show_as(state.DisplayedAreaSelectionSequence[number], view, after=view.last[0] % 2 == 0)
        if view.rotation or view.flipped:
            state.ImageRotation = view.rotation
            state.ImageHorizontalFlip = "Y" if view.flipped else "N"


def save(state: FileDataset, folder: Path) -> Path:
    """Write a state as a Part 10 file; the name says nothing."""
    path = folder / f"{len(list(folder.iterdir())):06d}.dcm"
    state.save_as(path, enforce_file_format=True)
    return path


def _series(images: Sequence[Dataset]) -> list[Dataset]:
    by_series: dict[str, list[Dataset]] = {}
    for image in images:
        by_series.setdefault(image.SeriesInstanceUID, []).append(image)
    found = []
    for uid, members in by_series.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        item.ReferencedImageSequence = Items([image_reference(member) for member in members])
        found.append(item)
    return found


def _area(image: Dataset) -> Dataset:
    area = Dataset()
    area.ReferencedImageSequence = Items([image_reference(image)])
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [int(image.Columns), int(image.Rows)]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelSpacing = [float(v) for v in image.PixelSpacing]
    return area


def _layer(name: str, description: str, order: int) -> Dataset:
    layer = Dataset()
    layer.GraphicLayer = name
    layer.GraphicLayerOrder = order
    if description:
        layer.GraphicLayerDescription = description
    return layer
