"""The concepts that reports name their contents by, in every scheme that is known to be written for them.

The one place where a newcomer is added: a code is one entry of :data:`CODES`, a meaning one of :data:`MEANINGS`, a
viewer's tool one of :data:`TOOLS`. Codes of SNOMED's old form (``SRT``, ``SNM3``, ``99SDM``) are looked up as their
SNOMED CT counterparts (PS3.16 section 8.1), so only the latter stand here.

A code alone proves little: dcmjs writes ``G-D7FE``, Length, for lengths and for areas. Units and geometry decide
(:mod:`~miner.bookmarks.reports.quantities`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from pydicom.sr._snomed_dict import mapping as _snomed

from miner.bookmarks.public_codes import public_code
from miner.bookmarks.tools import Tool
from miner.records import Axis, Code


class Term(Enum):
    """What a concept name stands for."""

    MEASUREMENT_GROUP = auto()
    IMAGE_LIBRARY = auto()
    # of a group
    TRACKING_IDENTIFIER = auto()
    TRACKING_UID = auto()
    FINDING = auto()
    FINDING_SITE = auto()
    # coordinates that are no place of a finding
    REFERENCE_POINTS = auto()
    DRAWING_AID = auto()
    # regions that other objects hold
    REFERENCED_SEGMENT = auto()
    # measurements
    LONG_AXIS = auto()
    SHORT_AXIS = auto()
    LENGTH = auto()
    AROUND = auto()
    RADIUS = auto()
    AREA = auto()
    ANGLE = auto()
    COBB_ANGLE = auto()
    CALIBRATION = auto()


@dataclass(frozen=True, slots=True)
class Concept:
    """One coded entry (PS3.3 8.8) as written. It may hold what a person typed: compared, never kept, never shown."""

    scheme: str = field(repr=False)
    value: str = field(repr=False)
    meaning: str = field(default="", repr=False, compare=False)


CODES: Mapping[tuple[str, str], Term] = {
    ("DCM", "125007"): Term.MEASUREMENT_GROUP,
    ("DCM", "111028"): Term.IMAGE_LIBRARY,
    ("DCM", "126200"): Term.IMAGE_LIBRARY,  # Image Library Group
    ("DCM", "112039"): Term.TRACKING_IDENTIFIER,
    ("DCM", "112040"): Term.TRACKING_UID,
    ("DCM", "121071"): Term.FINDING,
    ("SCT", "363698007"): Term.FINDING_SITE,
    ("DCM", "122438"): Term.REFERENCE_POINTS,  # dwv: where a label stands; an arrow's tail
    ("DCM", "128773"): Term.DRAWING_AID,  # Reference Geometry; dwv: the plane that was shown
    ("DCM", "121191"): Term.REFERENCED_SEGMENT,
    ("DCM", "121214"): Term.REFERENCED_SEGMENT,  # Referenced Segmentation Frame
    ("DCM", "130488"): Term.REFERENCED_SEGMENT,  # Region in Space, of an RT structure set
    ("SCT", "103339001"): Term.LONG_AXIS,  # SRT G-A185
    ("SCT", "131187009"): Term.LONG_AXIS,  # Major Axis, SRT G-A193
    ("SCT", "103340004"): Term.SHORT_AXIS,  # SRT G-A186
    ("SCT", "131188004"): Term.SHORT_AXIS,  # Minor Axis, SRT G-A194
    ("SCT", "131189007"): Term.SHORT_AXIS,  # Perpendicular Axis, SRT G-A195
    ("SCT", "410668003"): Term.LENGTH,  # SRT G-D7FE
    ("SRT", "G-A22A"): Term.LENGTH,
    ("SCT", "81827009"): Term.LENGTH,  # Diameter, SRT M-02550
    ("SRT", "M-02551"): Term.LENGTH,
    ("SCT", "131192006"): Term.LENGTH,  # Diameter of Circumscribed Circle
    ("SCT", "103355008"): Term.LENGTH,  # Width, SRT G-A220
    ("SCT", "131197000"): Term.LENGTH,  # Depth, SRT G-D785
    ("DCM", "121206"): Term.LENGTH,  # Distance
    ("DCM", "121207"): Term.LENGTH,  # Height
    ("DCM", "121211"): Term.LENGTH,  # Path length
    ("DCM", "121227"): Term.LENGTH,  # Line segment length
    ("RADLEX", "RID50155"): Term.LENGTH,  # mean diameter
    ("IBSI", "L0JK"): Term.LENGTH,  # maximum 3D diameter
    ("SCT", "131190003"): Term.RADIUS,  # SRT G-A196
    ("SCT", "131191004"): Term.AROUND,  # Perimeter, SRT G-A197
    ("SCT", "74551000"): Term.AROUND,  # Circumference, SRT M-02560
    ("SCT", "42798000"): Term.AREA,  # SRT G-A166
    ("SCT", "131184002"): Term.AREA,  # Area of defined region, SRT G-A16A
    ("SCT", "1483009"): Term.ANGLE,  # SRT G-A160
    ("SCT", "285285000"): Term.COBB_ANGLE,
    ("SCT", "102304005"): Term.CALIBRATION,  # dcmjs: Calibration Ruler
}
"""(scheme, value) of a concept's name → what it stands for."""

MEANINGS: Mapping[str, Term] = {
    "measurement group": Term.MEASUREMENT_GROUP,
    "image library": Term.IMAGE_LIBRARY,
    "tracking identifier": Term.TRACKING_IDENTIFIER,
    "tracking unique identifier": Term.TRACKING_UID,
    "finding": Term.FINDING,
    "finding site": Term.FINDING_SITE,
    "long axis": Term.LONG_AXIS,
    "long axis diameter": Term.LONG_AXIS,
    "longest diameter": Term.LONG_AXIS,
    "longest axis": Term.LONG_AXIS,
    "major axis": Term.LONG_AXIS,
    "short axis": Term.SHORT_AXIS,
    "short axis diameter": Term.SHORT_AXIS,
    "minor axis": Term.SHORT_AXIS,
    "perpendicular axis": Term.SHORT_AXIS,
    "perpendicular diameter": Term.SHORT_AXIS,
    "length": Term.LENGTH,
    "diameter": Term.LENGTH,
    "distance": Term.LENGTH,
    "perimeter": Term.AROUND,
    "radius": Term.RADIUS,
    "area": Term.AREA,
    "angle": Term.ANGLE,
    "cobb angle": Term.COBB_ANGLE,
    "calibration ruler": Term.CALIBRATION,
}
"""Meanings in lower case, for private codes, and for measurements whose code says another thing than its meaning."""

AXES: Mapping[Term | None, Axis] = {Term.LONG_AXIS: Axis.LONG, Term.SHORT_AXIS: Axis.SHORT}

TOOLS: Mapping[str, Tool] = {
    "bidirectional": Tool.BIDIRECTIONAL,
    "length": Tool.DISTANCE,
    "height": Tool.DISTANCE,
    "ultrasounddirectional": Tool.DISTANCE,
    "ultrasounddirectionaltool": Tool.DISTANCE,
    "ellipticalroi": Tool.ELLIPSE,
    "circleroi": Tool.ELLIPSE,
    "rectangleroi": Tool.RECTANGLE,
    "planarfreehandroi": Tool.CONTOUR,
    "freehandroi": Tool.CONTOUR,
    "freehand": Tool.CONTOUR,
    "freehandmouse": Tool.CONTOUR,
    "splineroi": Tool.CONTOUR,
    "livewirecontour": Tool.CONTOUR,
    "arrowannotate": Tool.ARROW,
    "angle": Tool.ANGLE,
    "cobbangle": Tool.COBB,
    "probe": Tool.POINT,
    "keyimage": Tool.POINT,
    "calibration": Tool.CALIBRATION,
    "calibrationline": Tool.CALIBRATION,
}
"""Last part of a Tracking Identifier such as ``Cornerstone3DTools@^0.1.0:Bidirectional``, in lower case."""

OUTLINING = frozenset({"rectangleroi", "freehandroi", "freehand", "freehandmouse", "livewirecontour"})
"""Of these tools those that only draw closed outlines; not all of their versions repeat the first point."""

_OLD_SNOMED = frozenset({"SRT", "SNM3", "99SDM"})
_ALIASES = {"SNOMED-CT": "SCT", "NCIT": "NCIt", "RADLEX3.8": "RADLEX"}
_CORNERSTONE = "99CS3D"
"""Cornerstone3D's own scheme: with it, it names positions of texts and control points of curves."""


def canonical(concept: Concept) -> Concept:
    """The same concept as SNOMED CT, where it is written in SNOMED's old form, and its scheme's usual designator."""
    scheme = _ALIASES.get(concept.scheme, concept.scheme)
    if scheme not in _OLD_SNOMED:
        return Concept(scheme, concept.value, concept.meaning)
    modern = _snomed["SRT"].get(concept.value)
    return Concept("SCT", modern, concept.meaning) if modern else Concept("SRT", concept.value, concept.meaning)


def term_of(concept: Concept | None) -> Term | None:
    """What a concept name stands for, by its code, else by its meaning; None for one that is not in the tables.

    >>> term_of(Concept("SRT", "G-A186")), term_of(Concept("99ACME", "7", "Long Axis")), term_of(None)
    (<Term.SHORT_AXIS: 11>, <Term.LONG_AXIS: 10>, None)
    """
    if concept is None:
        return None
    if concept.scheme == _CORNERSTONE:
        return Term.DRAWING_AID
    known = canonical(concept)
    meant = MEANINGS.get(" ".join(concept.meaning.lower().replace("-", " ").replace("_", " ").split()))
    coded = CODES.get((known.scheme, known.value))
    if coded is Term.LENGTH and meant is not None:
        return meant  # Length stands for any measurement in some writers
    return coded if coded is not None else meant


def tool_name(tracking_identifier: str) -> str:
    """The viewer's tool at the end of its Tracking Identifier, if it is one of :data:`TOOLS`; else empty.

    >>> tool_name("Cornerstone3DTools@^0.1.0:Probe:KeyImage"), tool_name("Lesion 1")
    ('keyimage', '')
    """
    _, separator, name = tracking_identifier.rpartition(":")
    name = name.strip().lower()
    return name if separator and name in TOOLS else ""


def public(concept: Concept | None) -> Code | None:
    """A finding or a site that may be kept: a concept of SNOMED CT that stands in a closed table; else None.

    SNOMED CT alone: from its body structures a lesion gets its type, and codes of other schemes are used for nothing.
    A table, and not the form of a code: a number that a person typed under a public scheme's name may have its form.
    """
    if concept is None:
        return None
    known = canonical(concept)
    return Code("SCT", known.value) if known.scheme == "SCT" and public_code("SCT", known.value) else None
