"""The SOP classes that are ever retrieved, whatever the transport."""

from __future__ import annotations

from pydicom.uid import (
    AcquisitionContextSRStorage,
    AdvancedBlendingPresentationStateStorage,
    BasicTextSRStorage,
    BlendingSoftcopyPresentationStateStorage,
    ChestCADSRStorage,
    ColonCADSRStorage,
    ColorSoftcopyPresentationStateStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedSRStorage,
    EnhancedXRayRadiationDoseSRStorage,
    ExtensibleSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    MammographyCADSRStorage,
    MRImageStorage,
    PatientRadiationDoseSRStorage,
    ProcedureLogStorage,
    PseudoColorSoftcopyPresentationStateStorage,
    RadiopharmaceuticalRadiationDoseSRStorage,
    SimplifiedAdultEchoSRStorage,
    VariableModalityLUTSoftcopyPresentationStateStorage,
    XAXRFGrayscaleSoftcopyPresentationStateStorage,
    XRayRadiationDoseSRStorage,
)

IMAGE_CLASSES: tuple[str, ...] = (CTImageStorage, MRImageStorage, EnhancedCTImageStorage)
"""SOP classes of images that are retrieved."""

ANNOTATION_CLASSES: tuple[str, ...] = (
    GrayscaleSoftcopyPresentationStateStorage,
    ColorSoftcopyPresentationStateStorage,
    PseudoColorSoftcopyPresentationStateStorage,
    BlendingSoftcopyPresentationStateStorage,
    XAXRFGrayscaleSoftcopyPresentationStateStorage,
    AdvancedBlendingPresentationStateStorage,
    VariableModalityLUTSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    BasicTextSRStorage,
    EnhancedSRStorage,
    ComprehensiveSRStorage,
    Comprehensive3DSRStorage,
    ExtensibleSRStorage,
)
"""SOP classes of annotation objects that are retrieved: presentation states, key objects, structured reports."""

UNREAD_REPORT_CLASSES: tuple[str, ...] = (
    XRayRadiationDoseSRStorage,
    EnhancedXRayRadiationDoseSRStorage,
    RadiopharmaceuticalRadiationDoseSRStorage,
    PatientRadiationDoseSRStorage,
    MammographyCADSRStorage,
    ChestCADSRStorage,
    ColonCADSRStorage,
    SimplifiedAdultEchoSRStorage,
    AcquisitionContextSRStorage,
    ProcedureLogStorage,
)
"""Reports that hold no bookmark. They are asked for only where a PACS does not say at IMAGE level of which class an
object is: what cannot be received would count as not retrieved, and be asked for again by every run."""

OBJECT_CLASSES: tuple[str, ...] = ANNOTATION_CLASSES + UNREAD_REPORT_CLASSES

READ_CLASSES: frozenset[str] = frozenset(IMAGE_CLASSES + OBJECT_CLASSES)
"""Everything that is ever retrieved; other objects are named as refused before the PACS is asked."""
