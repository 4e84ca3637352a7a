"""Which image, or which frame of it, an item lies on; by every class of presentation state."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items

from miner.bookmarks.states.presentation_state import SOP_CLASSES
from miner.bookmarks.states.referencing import MULTI_FRAME
from miner.errors import ObjectError, Reason
from miner.records import AnnotationObject, ImageReference, Shape
from tests.annotations import STYLES, Line, Pair, ct_image, empty_state, presentation_state
from tests.annotations.elements import annotation, graphic, text
from tests.annotations.states import refer

Read = Callable[[FileDataset], AnnotationObject]
IMAGE, OTHER = ct_image(number=1), ct_image(number=2)
SECOND_SERIES = ct_image(number=3, series="2")
ENDS = ((10.0, 20.0), (40.0, 20.0))

VOLUMETRIC = [
    uid.GrayscalePlanarMPRVolumetricPresentationStateStorage,
    uid.CompositingPlanarMPRVolumetricPresentationStateStorage,
    uid.VolumeRenderingVolumetricPresentationStateStorage,
    uid.SegmentedVolumeRenderingVolumetricPresentationStateStorage,
    uid.MultipleVolumeRenderingVolumetricPresentationStateStorage,
]


def volume(sop_class: str = uid.EnhancedCTImageStorage) -> Dataset:
    image = ct_image(number=9)
    image.SOPClassUID = sop_class
    return image


def line_item(image: Dataset | None, frames: object = None) -> Dataset:
    item = annotation("L", image=image, graphics=[graphic("POLYLINE", ENDS)])
    if frames is not None:
        item.ReferencedImageSequence[0].ReferencedFrameNumber = frames
    return item


def state_of(*items: Dataset, images: tuple[Dataset, ...], frames: object = None) -> FileDataset:
    """``frames``: of the state's first image."""
    state = empty_state(images)
    state.GraphicAnnotationSequence = Items(items)
    if frames is not None:
        state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedFrameNumber = frames
    return state


def images_of(found: AnnotationObject) -> list[ImageReference]:
    return [mark.image for mark in found.marks]


def outcome(found: AnnotationObject) -> list[int | Reason | None]:
    """In the order of the object: the frame of each mark, the reason of each refusal."""
    things = {mark.order: mark.image.frame for mark in found.marks}
    refused = {refusal.order: refusal.reason for refusal in found.refused}
    return [{**things, **refused}[order] for order in range(len(things) + len(refused))]


# ------------------------------------------------------------------------------------------------------------- frames


@pytest.mark.parametrize(
    ("of_item", "of_state", "expected"),
    [
        (7, None, 7),
        ([7, 7], None, 7),
        ([7, 8], None, Reason.IMAGE_AMBIGUOUS),
        (None, 7, 7),
        (None, [7, 8], Reason.IMAGE_AMBIGUOUS),
        (8, [7, 8], 8),
        (9, [7, 8], 9),
        (None, None, Reason.IMAGE_AMBIGUOUS),
        (0, None, Reason.MALFORMED_GRAPHIC),
        (-1, None, Reason.MALFORMED_GRAPHIC),
    ],
)
def test_frames_of_a_volume(read: Read, of_item: object, of_state: object, expected: int | Reason) -> None:
    """A reference without frames is to all of them (Table 10-3): of a volume that is no single slice."""
    enhanced = volume()
    found = read(state_of(line_item(enhanced, of_item), images=(enhanced,), frames=of_state))
    assert outcome(found) == [expected]


def test_an_item_without_reference_lies_on_the_only_frame(read: Read) -> None:
    enhanced = volume()
    assert outcome(read(state_of(line_item(None), images=(enhanced,), frames=5))) == [5]
    assert outcome(read(state_of(line_item(None), images=(enhanced,), frames=[5, 6]))) == [Reason.IMAGE_AMBIGUOUS]
    assert outcome(read(state_of(line_item(None), images=(enhanced,)))) == [Reason.IMAGE_AMBIGUOUS]


def test_frames_of_one_volume_stay_apart(read: Read) -> None:
    enhanced = volume()
    found = read(state_of(line_item(enhanced, 3), line_item(enhanced, 4), images=(enhanced,)))
    assert outcome(found) == [3, 4]
    assert len(set(images_of(found))) == 2


@pytest.mark.parametrize("sop_class", sorted(MULTI_FRAME))
def test_every_class_of_volumes(read: Read, sop_class: str) -> None:
    enhanced = volume(sop_class)
    assert outcome(read(state_of(line_item(enhanced), line_item(enhanced, 2), images=(enhanced,)))) == [
        Reason.IMAGE_AMBIGUOUS,
        2,
    ]


def test_an_image_of_a_class_that_may_hold_one_frame_is_one(read: Read) -> None:
    angiography = volume(uid.XRayAngiographicImageStorage)
    assert outcome(read(state_of(line_item(angiography), images=(angiography,)))) == [None]


def test_the_class_in_the_items_reference_counts_where_the_state_does_not_list_the_image(read: Read) -> None:
    enhanced = volume()
    assert outcome(read(state_of(line_item(enhanced), images=(IMAGE,)))) == [Reason.IMAGE_AMBIGUOUS]


def test_texts_and_compounds_of_an_unknown_frame_are_refused_alike(read: Read) -> None:
    enhanced = volume()
    item = line_item(enhanced)
    item.TextObjectSequence = Items([text("30 mm", anchor=(40, 20), visible=False), text("nodule", anchor=(99, 99))])
    found = read(state_of(item, images=(enhanced,)))
    assert [(r.reason, r.shape) for r in found.refused] == [
        (Reason.IMAGE_AMBIGUOUS, Shape.LINE),
        (Reason.IMAGE_AMBIGUOUS, Shape.ARROW),
    ]


# ------------------------------------------------------------------------------------------------------- several images


@pytest.mark.parametrize("style", sorted(STYLES))
def test_without_item_references_several_images_are_ambiguous(read: Read, style: str) -> None:
    """Nothing is fanned out, nothing is lost: what was a mark with one image is a refusal with two."""
    drawn = {IMAGE.SOPInstanceUID: [Pair(((50, 50), (90, 60)), ((68, 70), (72, 42))), Line(((150, 150), (180, 160)))]}
    state = presentation_state([IMAGE], drawn, style)
    alone = read(state)
    assert alone.marks
    for item in state.GraphicAnnotationSequence:
        if "ReferencedImageSequence" in item:
            del item.ReferencedImageSequence
    assert len(read(state).marks) == len(alone.marks), "one image needs no reference"
    state.ReferencedSeriesSequence = empty_state([IMAGE, OTHER]).ReferencedSeriesSequence
    several = read(state)
    assert several.marks == ()
    assert [r.reason for r in several.refused if r.shape is not Shape.TEXT] == [Reason.IMAGE_AMBIGUOUS] * len(
        alone.marks
    )


# ---------------------------------------------------------------------------------------------- classes of states


@pytest.mark.parametrize("style", ["sectra", "display", "weasis"])
@pytest.mark.parametrize("sop_class", SOP_CLASSES)
def test_every_class_that_shares_the_modules(read: Read, sop_class: str, style: str) -> None:
    drawn = {IMAGE.SOPInstanceUID: [Line(ENDS)]}
    found = read(presentation_state([IMAGE], drawn, style, sop_class=sop_class))
    (mark,) = found.marks
    assert found.sop_class_uid == sop_class
    assert (mark.image.sop_uid, mark.image.series_uid) == (IMAGE.SOPInstanceUID, IMAGE.SeriesInstanceUID)
    assert all(p == pytest.approx(q, abs=1e-3) for p, q in zip(mark.points, ENDS, strict=True))


@pytest.mark.parametrize("sop_class", VOLUMETRIC)
def test_graphics_on_a_view_of_a_volume_are_not_read(read: Read, sop_class: str) -> None:
    state = presentation_state([IMAGE], {IMAGE.SOPInstanceUID: [Line(ENDS)]}, "sectra")
    state.SOPClassUID = state.file_meta.MediaStorageSOPClassUID = sop_class
    with pytest.raises(ObjectError) as caught:
        read(state)
    assert caught.value.reason is Reason.UNSUPPORTED_OBJECT


def blending(*inputs: tuple[Dataset, ...]) -> list[Dataset]:
    """Items of a Blending Sequence, each over its own images."""
    found = []
    for images in inputs:
        item = Dataset()
        item.ReferencedSeriesSequence = empty_state(images).ReferencedSeriesSequence
        found.append(item)
    return found


def test_graphics_of_a_blending_state_name_their_image(read: Read) -> None:
    state = state_of(line_item(IMAGE), line_item(SECOND_SERIES), line_item(None), images=(IMAGE,))
    refer(state, uid.BlendingSoftcopyPresentationStateStorage)
    state.BlendingSequence = Items(blending((IMAGE,), (SECOND_SERIES,)))
    found = read(state)
    assert images_of(found) == [
        ImageReference(image.SeriesInstanceUID, image.SOPInstanceUID, uid.CTImageStorage)
        for image in (IMAGE, SECOND_SERIES)
    ]
    assert [refusal.reason for refusal in found.refused] == [Reason.IMAGE_AMBIGUOUS]


def test_an_advanced_blending_state_may_name_whole_series(read: Read) -> None:
    state = state_of(line_item(IMAGE), line_item(None), images=(IMAGE, SECOND_SERIES))
    refer(state, uid.AdvancedBlendingPresentationStateStorage)
    del state.AdvancedBlendingSequence[1].ReferencedImageSequence
    found = read(state)
    assert [reference.sop_uid for reference in found.references] == [IMAGE.SOPInstanceUID]
    assert [image.sop_uid for image in images_of(found)] == [IMAGE.SOPInstanceUID]
    assert [refusal.reason for refusal in found.refused] == [Reason.IMAGE_AMBIGUOUS], "the other series is meant too"
