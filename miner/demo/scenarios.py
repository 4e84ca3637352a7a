"""Who the made-up patients are: twelve scenarios, each with something that a miner must get right.

Positions of lesions are in mm at scale 1, frame of anatomy.py (head.py for the brain).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from miner.demo.annotations import Figure, Producer
from miner.demo.images import Storage
from miner.demo.lesions import Lesion

LIVER = Lesion("liver", (-84, -12, 250), 36, 26, 30, 58, 25)
NATIVE_LIVER = Lesion("liver", (-84, -12, 250), 36, 26, 30, 22, 25)
"""Without contrast medium the liver itself is darker."""

LEFT_LIVER = Lesion("liver, left lobe", (12, -52, 240), 24, 18, 20, 52, -20)
LUNG = Lesion("lung", (-86, -30, 132), 19, 14, 15, 38, 40)
LEFT_LUNG = Lesion("left lung", (96, 26, 168), 26, 20, 22, 34, -30)
MEDIASTINAL_NODE = Lesion("mediastinal lymph node", (-12, -8, 84), 18, 12, 20, 84, 15)
AORTIC_NODE = Lesion("para-aortic lymph node", (28, 16, 352), 23, 16, 26, 84, -35)
KIDNEY_CYST = Lesion("kidney cyst", (92, 50, 322), 28, 24, 26, 6, 60)
KIDNEY_MASS = Lesion("kidney mass", (-90, 52, 338), 32, 25, 30, 96, -50)
ADRENAL = Lesion("adrenal", (46, 30, 276), 25, 17, 20, 30, 30)
PELVIC_NODE = Lesion("pelvic lymph node", (36, 16, 508), 21, 14, 24, 78, 70)
BRAIN = Lesion("brain", (30, -30, 48), 22, 17, 18, 66, 35)


class Region(StrEnum):
    """Part of the body that a series covers."""

    CHEST = "CHEST"
    ABDOMEN = "ABDOMEN"
    PELVIS = "PELVIS"
    CHEST_ABDOMEN = "CHEST_ABDOMEN"
    HEAD = "HEAD"

    @property
    def levels(self) -> tuple[float, float]:
        """First and last level in mm at scale 1."""
        return _LEVELS[self]

    @property
    def window(self) -> tuple[float, float]:
        """Centre and width of its usual window in HU."""
        return {Region.CHEST: (-500.0, 1500.0), Region.HEAD: (40.0, 80.0)}.get(self, (40.0, 400.0))


_LEVELS = {
    Region.CHEST: (14.0, 254.0),
    Region.ABDOMEN: (186.0, 416.0),
    Region.PELVIS: (396.0, 572.0),
    Region.CHEST_ABDOMEN: (64.0, 384.0),
    Region.HEAD: (18.0, 138.0),
}


class Oddity(StrEnum):
    """What is unusual about a series."""

    LOCALIZER = "localizer"
    TILTED = "tilted"
    GAPPED = "gapped"
    UNEVEN = "uneven"
    BURNED_IN = "burned-in"
    CAPTURE = "capture"
    MR = "mr"


class StateFault(StrEnum):
    """What is wrong with an annotation object."""

    NO_GRAPHICS = "no-graphics"
    MISSING_IMAGE = "missing-image"
    POINT_OUTSIDE = "point-outside"


@dataclass(frozen=True, slots=True)
class Sketch:
    """One figure on the lesion ``lesion`` (its position in the series' tuple)."""

    figure: Figure
    lesion: int = 0


@dataclass(frozen=True, slots=True)
class StatePlan:
    """One presentation state, or one report, on one series."""

    producer: Producer
    sketches: tuple[Sketch, ...]
    series: int = 0
    fault: StateFault | None = None


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """One image series. ``growth`` enlarges its lesions: a follow-up."""

    region: Region
    lesions: tuple[Lesion, ...] = ()
    slice_mm: float = 5.0
    storage: Storage = Storage.SIGNED_OFFSET
    oddity: Oddity | None = None
    syntaxes: tuple[UID, ...] = (ExplicitVRLittleEndian,)
    growth: float = 1.0
    feet_first: bool = False


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """One study, ``days`` after the patient's first."""

    series: tuple[SeriesPlan, ...]
    states: tuple[StatePlan, ...] = ()
    days: int = 0
    reports: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One patient."""

    studies: tuple[StudyPlan, ...]
    sex: str = "F"
    age: int = 61
    scale: float = 1.0
    fat: float = 16.0
    contrast: bool = True
    field_of_view: float = field(default=400.0)


_RECIST, _LINE, _ARROW, _ELLIPSE, _POLYGON = (
    Figure.RECIST,
    Figure.LINE,
    Figure.ARROW,
    Figure.ELLIPSE,
    Figure.POLYGON,
)
_MANY_SYNTAXES = (
    ExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
)

SCENARIOS: tuple[Scenario, ...] = (
    # A follow-up: two studies, the lesions grown in between; measured in a presentation state, then in a report.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.CHEST_ABDOMEN, (LUNG, LIVER)),),
                (StatePlan(Producer.CLEARCANVAS, (Sketch(_RECIST, 0), Sketch(_RECIST, 1))),),
            ),
            StudyPlan(
                (SeriesPlan(Region.CHEST_ABDOMEN, (LUNG, LIVER), growth=1.3),),
                (StatePlan(Producer.OHIF, (Sketch(_RECIST, 0), Sketch(_RECIST, 1), Sketch(_ARROW, 1))),),
                days=91,
            ),
        ),
    ),
    # One state over several images; a patient of over 90 years.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.ABDOMEN, (LEFT_LIVER, KIDNEY_CYST, AORTIC_NODE), storage=Storage.UNSIGNED_12),),
                (StatePlan(Producer.WEASIS, (Sketch(_RECIST, 0), Sketch(_ELLIPSE, 1), Sketch(_LINE, 2))),),
            ),
        ),
        sex="M",
        age=93,
        scale=1.06,
        fat=24.0,
        field_of_view=440.0,
    ),
    # Ticks, arrow heads and a perpendicular tool that is not a RECIST pair.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.ABDOMEN, (LIVER, ADRENAL, AORTIC_NODE), storage=Storage.SIGNED_HU),),
                (
                    StatePlan(
                        Producer.IMPAX,
                        (Sketch(_RECIST, 0), Sketch(Figure.PERPENDICULAR, 1), Sketch(_ARROW, 1), Sketch(_LINE, 2)),
                    ),
                ),
            ),
        ),
        sex="M",
        age=70,
        fat=20.0,
        field_of_view=420.0,
    ),
    # Outlines and a text alone; a localizer in the same series.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.CHEST, (LEFT_LUNG, MEDIASTINAL_NODE), oddity=Oddity.LOCALIZER),),
                (
                    StatePlan(
                        Producer.SECTRA,
                        (
                            Sketch(_RECIST, 0),
                            Sketch(_POLYGON, 1),
                            Sketch(Figure.OPEN_POLYLINE, 0),
                            Sketch(Figure.TEXT, 1),
                        ),
                    ),
                ),
            ),
        ),
        age=48,
        scale=0.94,
        fat=12.0,
        field_of_view=380.0,
    ),
    # Compound graphics with their twins; slices in seven transfer syntaxes.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.PELVIS, (PELVIC_NODE,), syntaxes=_MANY_SYNTAXES),),
                (StatePlan(Producer.COMPOUND, (Sketch(_RECIST), Sketch(_ARROW))),),
            ),
        ),
        sex="M",
        age=66,
    ),
    # A head, and whole-pixel coordinates.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.HEAD, (BRAIN,)),),
                (StatePlan(Producer.BLUELIGHT, (Sketch(_RECIST), Sketch(_ELLIPSE))),),
            ),
        ),
        age=55,
        field_of_view=240.0,
    ),
    # A tilted gantry: bookmarks, but nothing for DL_info.csv.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.ABDOMEN, (NATIVE_LIVER,), oddity=Oddity.TILTED),),
                (StatePlan(Producer.CLEARCANVAS, (Sketch(_RECIST),)),),
            ),
        ),
        sex="M",
        age=59,
        contrast=False,
    ),
    # A slice is missing; beside it an older, complete study.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.ABDOMEN, (KIDNEY_MASS,), feet_first=True),),
                (StatePlan(Producer.WEASIS, (Sketch(_RECIST),)),),
            ),
            StudyPlan(
                (SeriesPlan(Region.ABDOMEN, (KIDNEY_MASS,), oddity=Oddity.GAPPED, growth=0.8),),
                (StatePlan(Producer.WEASIS, (Sketch(_RECIST),)),),
                days=180,
            ),
        ),
        age=74,
        fat=28.0,
        field_of_view=440.0,
    ),
    # Uneven spacing; the same lesion measured again in a later state.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.CHEST, (LUNG,)), SeriesPlan(Region.ABDOMEN, (ADRENAL,), oddity=Oddity.UNEVEN)),
                (
                    StatePlan(Producer.CLEARCANVAS, (Sketch(_RECIST),)),
                    StatePlan(Producer.CLEARCANVAS, (Sketch(_RECIST),)),
                    StatePlan(Producer.SECTRA, (Sketch(_RECIST),), series=1),
                ),
            ),
        ),
        sex="M",
        age=63,
    ),
    # A screenshot with a name on it, and a series with burned-in text.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.CHEST, (LEFT_LUNG,), oddity=Oddity.CAPTURE),),
                (StatePlan(Producer.CLEARCANVAS, (Sketch(_RECIST),)),),
            ),
            StudyPlan(
                (SeriesPlan(Region.ABDOMEN, (LIVER,), oddity=Oddity.BURNED_IN),),
                (StatePlan(Producer.CLEARCANVAS, (Sketch(_RECIST),)),),
                days=30,
            ),
        ),
        age=39,
        scale=0.92,
        fat=10.0,
        field_of_view=380.0,
    ),
    # States that say nothing, name an image that is nowhere, or point outside it; a report that is right.
    Scenario(
        (
            StudyPlan(
                (SeriesPlan(Region.CHEST, (LUNG, MEDIASTINAL_NODE)),),
                (
                    StatePlan(Producer.CLEARCANVAS, (), fault=StateFault.NO_GRAPHICS),
                    StatePlan(Producer.CLEARCANVAS, (Sketch(_RECIST),), fault=StateFault.MISSING_IMAGE),
                    StatePlan(Producer.CLEARCANVAS, (Sketch(_LINE),), fault=StateFault.POINT_OUTSIDE),
                    StatePlan(Producer.OHIF, (Sketch(_RECIST, 0), Sketch(_LINE, 1))),
                ),
            ),
        ),
        sex="O",
        age=81,
    ),
    # Nothing to mine: an MR without annotations and a study with a report; and a thin-sliced CT.
    Scenario(
        (
            StudyPlan((SeriesPlan(Region.ABDOMEN, slice_mm=20.0, oddity=Oddity.MR),)),
            StudyPlan((SeriesPlan(Region.PELVIS, slice_mm=20.0),), days=14, reports=1),
            StudyPlan(
                (SeriesPlan(Region.PELVIS, (PELVIC_NODE,), slice_mm=2.5, storage=Storage.UNSIGNED_12),),
                (StatePlan(Producer.IMPAX, (Sketch(_RECIST), Sketch(_POLYGON))),),
                days=40,
            ),
        ),
        age=52,
        scale=0.97,
    ),
)
"""One scenario per patient; patient 13 is of the first kind again, with another body."""
