"""What we propose to a PACS: the presentation contexts of queries and retrievals (PS3.7 D.3.2, PS3.8 9.3.2.2).

Only what this software reads is proposed, and the reports that it must receive to see that it does not read them: some
60 contexts of the 128 that an association can hold. Images are
proposed with **one context per transfer syntax**: a context that offers several lets the PACS choose a compressed one
and then fail on every image it cannot compress. Presentation states, key objects and reports are uncompressed always.

Queries and retrievals are proposed in both information models, study root and patient root; :func:`in_root` leaves out
what the settings exclude.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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

STUDY_ROOT, PATIENT_ROOT = "study", "patient"
"""The information models by name, as ``pacs.query_root`` names them."""

IN_PATIENT_ROOT: Mapping[UID, UID] = {
    FIND: UID("1.2.840.10008.5.1.4.1.2.1.1"),
    MOVE: UID("1.2.840.10008.5.1.4.1.2.1.2"),
    GET: UID("1.2.840.10008.5.1.4.1.2.1.3"),
}
"""The same services in the Patient Root Query/Retrieve Information Model (PS3.4 C.6.1)."""

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
    """C-ECHO and C-FIND (PS3.4 A, C.6)."""
    return [build_context(VERIFICATION), *_in_both_roots(FIND)]


def move_contexts() -> list[PresentationContext]:
    """C-ECHO and C-MOVE (PS3.4 C.6)."""
    return [build_context(VERIFICATION), *_in_both_roots(MOVE)]


def get_contexts() -> list[PresentationContext]:
    """C-ECHO, C-GET and what we accept through it; goes with :func:`storage_roles` (PS3.4 C.6, C.4.3)."""
    return [build_context(VERIFICATION), *_in_both_roots(GET), *storage_contexts()]


def _in_both_roots(service: UID) -> list[PresentationContext]:
    return [build_context(model, list(UNCOMPRESSED)) for model in (service, IN_PATIENT_ROOT[service])]


def in_root(contexts: Iterable[PresentationContext], query_root: str) -> list[PresentationContext]:
    """Without the information model that ``pacs.query_root`` excludes; everything where it is ``auto``."""
    excluded: set[UID] = set()
    if query_root == STUDY_ROOT:
        excluded = set(IN_PATIENT_ROOT.values())
    elif query_root == PATIENT_ROOT:
        excluded = set(IN_PATIENT_ROOT)
    return [context for context in contexts if context.abstract_syntax not in excluded]


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
