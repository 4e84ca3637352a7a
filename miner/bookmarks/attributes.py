"""Everything that is read out of an annotation object, at any depth, with its use.

:mod:`miner.bookmarks.elements` reads by keyword, nothing else does; a test traces what the readers ask for. Beside
these, private elements are read where they hold drawings (:mod:`miner.bookmarks.states.private`): coordinates only.
The skeleton of an object (`miner bookmarks --redacted`) shows lengths and forms of all elements, and has tables of its
own for what it shows of values.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.datadict import tag_for_keyword

from miner.records.attributes import Attribute, Use

CLEAN_GRAPHICS, CLEAN_STRUCTURED_CONTENT = "113103", "113104"

_UIDS = (
    *("SOPInstanceUID", "MediaStorageSOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("ReferencedSOPInstanceUID", "ReferencedFrameOfReferenceUID", "UID"),
)
_LINKS = (
    *("ReferencedImageSequence", "ReferencedSeriesSequence", "ReferencedSOPSequence"),
    *("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"),
)
_MOMENTS = (
    *("ContentDate", "ContentTime", "InstanceCreationDate", "InstanceCreationTime"),
    *("PresentationCreationDate", "PresentationCreationTime", "Date", "Time"),
)
_WRITERS = (
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions"),
    *("ImplementationClassUID", "ImplementationVersionName"),
)
_TEXTS = (
    *("UnformattedTextValue", "TextValue", "ContentLabel", "GraphicLayer", "GraphicLayerDescription", "CodeMeaning"),
)
_CLASSES = (
    *("SOPClassUID", "MediaStorageSOPClassUID", "ReferencedSOPClassUID", "TransferSyntaxUID", "SpecificCharacterSet"),
)
_GEOMETRY = (
    *("GraphicLayerSequence", "GraphicObjectSequence", "TextObjectSequence", "CompoundGraphicSequence"),
    *("BlendingSequence", "AdvancedBlendingSequence", "DisplayedAreaSelectionSequence", "SoftcopyVOILUTSequence"),
    *("AnchorPoint", "AnchorPointAnnotationUnits", "AnchorPointVisibility", "BoundingBoxAnnotationUnits"),
    *("BoundingBoxTopLeftHandCorner", "BoundingBoxBottomRightHandCorner", "CompoundGraphicInstanceID"),
    *("CompoundGraphicType", "CompoundGraphicUnits", "DisplayedAreaTopLeftHandCorner", "GraphicAnnotationUnits"),
    *("DisplayedAreaBottomRightHandCorner", "GraphicData", "GraphicDimensions", "GraphicFilled", "GraphicGroupID"),
    *("GraphicType", "ImageHorizontalFlip", "ImageRotation", "NumberOfGraphicPoints", "PresentationPixelAspectRatio"),
    *("PresentationPixelSpacing", "ReferencedFrameNumber", "RotationAngle", "WindowCenter", "WindowWidth"),
)
_CONTENT = (
    *("CodeValue", "CodingSchemeDesignator", "LongCodeValue", "URNCodeValue", "ConceptCodeSequence"),
    *("ConceptNameCodeSequence", "FloatingPointValue", "MeasuredValueSequence", "MeasurementUnitsCodeSequence"),
    *("NumericValue", "ReferencedContentItemIdentifier", "RelationshipType", "ValueType"),
)


def _declared() -> Iterator[Attribute]:
    for keywords, use, why, option in (
        (_UIDS, Use.SURROGATE, "links annotation, image and lesion", ""),
        (_LINKS, Use.SURROGATE, "which images an annotation is on", ""),
        (_MOMENTS, Use.JUDGED, "which of two states is the newer; as a rank without a date", ""),
        (_WRITERS, Use.JUDGED, "which software wrote it; as a word of a closed list", ""),
        (_TEXTS, Use.JUDGED, "a measurement, a word of the closed vocabulary; never the text", ""),
        (_CLASSES, Use.KEPT, "what kind of object it is, and how it is encoded", ""),
        (_GEOMETRY, Use.KEPT, "coordinates, and what they mean", ""),
        (_CONTENT, Use.KEPT, "numbers with their units, public codes of a closed list", ""),
        (("GraphicAnnotationSequence",), Use.KEPT, "coordinates of what was drawn", CLEAN_GRAPHICS),
        (("ContentSequence",), Use.KEPT, "numbers, coordinates and public codes of a report", CLEAN_STRUCTURED_CONTENT),
    ):
        for keyword in keywords:
            tag = tag_for_keyword(keyword)
            assert tag is not None, keyword
            yield Attribute(tag, use, why, option)


READ: tuple[Attribute, ...] = tuple(_declared())
"""Held against both editions of PS3.15 Table E.1-1 by a test."""
