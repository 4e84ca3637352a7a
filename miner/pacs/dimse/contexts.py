"""What we propose to a PACS: the presentation contexts of queries and retrievals (PS3.7 D.3.2, PS3.8 9.3.2.2).

Only what this software reads is proposed, and the reports that it must receive to see that it does not read them: some
60 contexts of the 128 that an association can hold. Images are
proposed with **one context per transfer syntax**: a context that offers several lets the PACS choose a compressed one
and then fail on every image it cannot compress. Presentation states, key objects and reports are uncompressed always.
"""

from __future__ import annotations

from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import build_context, build_role
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from miner.pacs.classes import IMAGE_CLASSES, OBJECT_CLASSES

VERIFICATION = UID("1.2.840.10008.1.1")
FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
MOVE = UID("1.2.840.10008.5.1.4.1.2.2.2")
GET = UID("1.2.840.10008.5.1.4.1.2.2.3")
"""The services: Verification, and the Study Root Query/Retrieve Information Model (PS3.4 A, C.6.2)."""

UNCOMPRESSED: tuple[str, ...] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)

IMAGE_SYNTAXES: tuple[str, ...] = (
    *UNCOMPRESSED,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
    JPEGExtended12Bit,
)
"""Transfer syntaxes in which images are taken as they are stored (what cannot be decoded is refused later, by name)."""


def query_contexts() -> list[PresentationContext]:
    """C-ECHO and C-FIND in the study root (PS3.4 A, C.6.2)."""
    return [build_context(VERIFICATION), build_context(FIND, list(UNCOMPRESSED))]


def move_contexts() -> list[PresentationContext]:
    """C-MOVE in the study root (PS3.4 C.6.2)."""
    return [build_context(VERIFICATION), build_context(MOVE, list(UNCOMPRESSED))]


def get_contexts() -> list[PresentationContext]:
    """C-GET in the study root and what we accept through it; goes with :func:`storage_roles` (PS3.4 C.6.2, C.4.3)."""
    get = build_context(GET, list(UNCOMPRESSED))
    return [build_context(VERIFICATION), get, *storage_contexts()]


def storage_contexts() -> list[PresentationContext]:
    """Storage contexts as a requestor proposes them: one per image class and transfer syntax."""
    images = [build_context(uid, syntax) for uid in IMAGE_CLASSES for syntax in IMAGE_SYNTAXES]
    return images + [build_context(uid, list(UNCOMPRESSED)) for uid in OBJECT_CLASSES]


def storage_roles() -> list[SCP_SCU_RoleSelectionNegotiation]:
    """Role selection for C-GET: we are the SCP of what is stored on the same association (PS3.7 D.3.3.4)."""
    return [build_role(uid, scp_role=True) for uid in (*IMAGE_CLASSES, *OBJECT_CLASSES)]


def listening_contexts() -> list[PresentationContext]:
    """What our own storage SCP accepts during a C-MOVE; as acceptor, every syntax of a class goes into one context."""
    images = [build_context(uid, list(IMAGE_SYNTAXES)) for uid in IMAGE_CLASSES]
    annotations = [build_context(uid, list(UNCOMPRESSED)) for uid in OBJECT_CLASSES]
    return [build_context(VERIFICATION), *images, *annotations]
