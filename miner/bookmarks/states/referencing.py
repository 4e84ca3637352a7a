"""Which image a Graphic Annotation item lies on (PS3.3 C.10.5, Table 10-3)."""

from __future__ import annotations

from pydicom import uid
from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, items
from miner.bookmarks.references import KnownImages, distinct
from miner.errors import Reason
from miner.records import ImageReference

MULTI_FRAME = frozenset(
    {
        uid.EnhancedCTImageStorage,
        uid.LegacyConvertedEnhancedCTImageStorage,
        uid.EnhancedMRImageStorage,
        uid.EnhancedMRColorImageStorage,
        uid.LegacyConvertedEnhancedMRImageStorage,
        uid.EnhancedPETImageStorage,
        uid.LegacyConvertedEnhancedPETImageStorage,
        uid.EnhancedUSVolumeStorage,
        uid.XRay3DAngiographicImageStorage,
        uid.XRay3DCraniofacialImageStorage,
        uid.BreastTomosynthesisImageStorage,
        uid.SegmentationStorage,
        uid.ParametricMapStorage,
    }
)
"""SOP classes whose images are volumes, one slice a frame."""


def image_of(annotation: Dataset, known: KnownImages, *, complete: bool = True) -> ImageReference | Reason:
    """The one image, or one frame, that an item lies on; IMAGE_AMBIGUOUS where it may be several.

    An item without references lies on all images of its state, so it has one image only where the state has; not even
    then unless ``complete``: some series of the state lists no images, which means all of it. An image without frames
    is all frames of it that the state references, and where that names none either, all that it has: of a volume that
    is no single slice. Other classes are taken as one frame: an image that turns out to have more is refused later.
    """
    try:
        named = items(annotation, "ReferencedImageSequence")
        images = distinct(known.named_by(annotation)) if named else known.references
    except MalformedError:
        return Reason.MALFORMED_GRAPHIC
    if named and not images:
        return Reason.MALFORMED_GRAPHIC
    if len(images) != 1 or not (named or complete):
        return Reason.IMAGE_AMBIGUOUS
    return _one_frame(images[0], known)


def _one_frame(image: ImageReference, known: KnownImages) -> ImageReference | Reason:
    """The image, or the only frame of it that its state references."""
    if image.frame is not None:
        return image
    frames = known.of_uid.get(image.sop_uid, ())
    if len(frames) > 1:
        return Reason.IMAGE_AMBIGUOUS
    if frames and frames[0].frame is not None:
        return frames[0]
    return Reason.IMAGE_AMBIGUOUS if image.sop_class_uid in MULTI_FRAME else image
