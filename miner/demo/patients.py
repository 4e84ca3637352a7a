"""Made-up patients as DICOM objects, with the truth about every mark on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from pydicom.dataset import Dataset

from miner.demo.anatomy import Physique, Trunk
from miner.demo.annotations import Drawing, Figure, ImageTarget, Point, Producer, write, written_points
from miner.demo.canvas import Dice, Grid, Plane
from miner.demo.head import Head
from miner.demo.identity import make_person
from miner.demo.images import (
    SeriesIdentity,
    StudyIdentity,
    ct_slice,
    ct_template,
    localizer,
    mr_slice,
    secondary_capture,
    study_identity,
    target_of,
    text_mask,
)
from miner.demo.lesions import Lesion
from miner.demo.reports import measurement_report, words_report
from miner.demo.scenarios import SCENARIOS, Oddity, Region, Scenario, SeriesPlan, StateFault, StatePlan, StudyPlan
from miner.demo.states import presentation_state
from miner.errors import Reason
from miner.records import Kind

_SIZE = 512
_TILT_DEGREES = 15.0
_TABLE_ZERO_MM = 400.0


@dataclass(frozen=True, slots=True)
class DemoLesion:
    """One mark as drawn, and what must become of it.

    ``points``: corner frame of DICOM, pixels, in the order of :class:`miner.records.Bookmark`.
    ``length_mm``, ``short_mm``: of the points as written; ``true_long_mm``, ``true_short_mm``: of the lesion painted.
    ``kind`` is None and ``refusal`` says why where it is no bookmark; ``in_dl_info``: belongs into DL_info.csv.
    """

    kind: Kind | None
    place: str
    producer: str
    sop_uid: str
    state_uid: str
    points: tuple[Point, ...]
    length_mm: float | None
    short_mm: float | None
    true_long_mm: float
    true_short_mm: float
    refusal: Reason | None = None
    in_dl_info: bool = False


@dataclass(frozen=True, slots=True)
class DemoStudy:
    """One study: its objects, images first, and the truth."""

    patient_id: str
    study_uid: str
    objects: tuple[Dataset, ...]
    truth: tuple[DemoLesion, ...]


@dataclass(frozen=True, slots=True)
class _Series:
    """A series as built: where each lesion's middle slice is, and what the plan said."""

    plan: SeriesPlan
    objects: list[Dataset]
    lesions: tuple[Lesion, ...]
    keys: tuple[ImageTarget, ...]
    grid: Grid
    scale: float


def make_patients(count: int, seed: int = 0) -> Iterator[DemoStudy]:
    """Studies of ``count`` made-up patients, patient by patient, in order of time; a seed gives the same ones."""
    for number in range(count):
        scenario = _varied(SCENARIOS[number % len(SCENARIOS)], number, seed)
        person = make_person(number, sex=scenario.sex, age=scenario.age)
        physique = Physique(seed * 1000 + number * 10, scenario.scale, scenario.fat, scenario.contrast)
        for order, plan in enumerate(scenario.studies, 1):
            yield _study(plan, study_identity(person, order, plan.days), scenario, physique)


def _varied(scenario: Scenario, number: int, seed: int) -> Scenario:
    """From the thirteenth patient on, bodies and ages differ from the scenario's own."""
    if number < len(SCENARIOS):
        return scenario
    dice = Dice(seed * 7919 + number)
    return replace(
        scenario,
        age=round(dice.uniform(25, 88)),
        scale=round(scenario.scale * dice.uniform(0.95, 1.04), 3),
        fat=round(scenario.fat * dice.uniform(0.7, 1.3), 1),
        sex="MF"[number % 2],
    )


def _study(plan: StudyPlan, study: StudyIdentity, scenario: Scenario, physique: Physique) -> DemoStudy:
    series = [
        _series(series_plan, study, number, scenario, physique) for number, series_plan in enumerate(plan.series, 1)
    ]
    objects = [item for built in series for item in built.objects]
    truth: list[DemoLesion] = []
    for number, state_plan in enumerate(plan.states, 1):
        built = series[state_plan.series]
        state, marks = _state(state_plan, study, number, built)
        objects.append(state)
        truth += marks
    objects += [words_report(study, number) for number in range(1, plan.reports + 1)]
    return DemoStudy(study.person.patient_id, study.uid, tuple(objects), _superseded(truth))


def _superseded(truth: list[DemoLesion]) -> tuple[DemoLesion, ...]:
    """Of pairs drawn again at the same place, only the newest state's is a bookmark of its own."""
    newest: dict[tuple[Kind | None, str, tuple[Point, ...]], str] = {
        (mark.kind, mark.sop_uid, mark.points): mark.state_uid for mark in truth if mark.kind is Kind.RECIST
    }
    return tuple(
        replace(mark, refusal=Reason.SUPERSEDED, in_dl_info=False)
        if mark.refusal is None and newest.get((mark.kind, mark.sop_uid, mark.points), mark.state_uid) != mark.state_uid
        else mark
        for mark in truth
    )


# ------------------------------------------------------------------------------------------------------------- images


def _series(plan: SeriesPlan, study: StudyIdentity, number: int, scenario: Scenario, physique: Physique) -> _Series:
    head = plan.region is Region.HEAD
    scale = 1.0 if head else scenario.scale
    grid = Grid(_SIZE, round(scenario.field_of_view / _SIZE, 6))
    levels = _levels(plan, scale)
    lesions, slots = _placed(plan, levels, scale, study.person.number)
    body: Head | Trunk = Head(physique.seed, grid, lesions) if head else Trunk(physique, grid, lesions)
    series = SeriesIdentity(
        study=study,
        number=number,
        description=f"{plan.region.value.replace('_', ' ').title()} {plan.slice_mm:g} mm",
        body_part="" if plan.region is Region.CHEST_ABDOMEN else plan.region.value,
        spacing=grid.spacing,
        slice_mm=plan.slice_mm,
        window=plan.region.window,
    )
    planes = [body.slice_hu(level) for level in levels]
    if plan.oddity is Oddity.MR:
        objects = [
            mr_slice(series, plane, number=order, z=_TABLE_ZERO_MM - level)
            for order, (level, plane) in enumerate(zip(levels, planes, strict=True), 1)
        ]
        return _Series(plan, objects, (), (), grid, scale)
    slices = _ct_slices(plan, series, levels, planes)
    keys = [slices[slot] for slot in slots]
    objects = _with_oddity(plan, series, slices, levels=levels, planes=planes, near=slots)
    if plan.oddity is Oddity.CAPTURE:
        capture = secondary_capture(study, number + 50, planes[slots[0]], grid.spacing)
        objects = [*objects, capture]
        keys = [capture]
    return _Series(plan, objects, lesions, tuple(target_of(key) for key in keys), grid, scale)


def _levels(plan: SeriesPlan, scale: float) -> list[float]:
    """Levels of the slices in mm, head to feet; the lower half of an uneven series lies closer."""
    first, last = (level * scale for level in plan.region.levels)
    count = int((last - first) / plan.slice_mm) + 1
    if plan.oddity is not Oddity.UNEVEN:
        return [first + plan.slice_mm * k for k in range(count)]
    half = count // 2
    upper = [first + plan.slice_mm * k for k in range(half)]
    return upper + [upper[-1] + plan.slice_mm / 2 * k for k in range(1, count - half)]


def _placed(
    plan: SeriesPlan, levels: list[float], scale: float, person: int
) -> tuple[tuple[Lesion, ...], tuple[int, ...]]:
    """The lesions, another size in every person, their middles moved into slices; and those slices' positions."""
    lesions, slots = [], []
    size = plan.growth * (0.88 + 0.06 * (person * 3 % 5))
    for lesion in plan.lesions:
        slot = min(range(len(levels)), key=lambda k, lesion=lesion: abs(levels[k] - lesion.level(scale)))  # type: ignore[misc]
        x, y, _ = lesion.centre
        lesions.append(
            replace(
                lesion,
                centre=(x, y, levels[slot] / scale),
                long_mm=round(lesion.long_mm * size, 2),
                short_mm=round(lesion.short_mm * size, 2),
                tall_mm=round(lesion.tall_mm * size, 2),
                angle=lesion.angle + person * 23 % 50 - 25,
            )
        )
        slots.append(slot)
    return tuple(lesions), tuple(slots)


def _ct_slices(plan: SeriesPlan, series: SeriesIdentity, levels: list[float], planes: list[Plane]) -> list[Dataset]:
    """The CT slices, head to feet; their instance numbers run the other way in a series scanned feet first."""
    template = ct_template(series, tilt=_TILT_DEGREES if plan.oddity is Oddity.TILTED else 0.0)
    if plan.oddity is Oddity.BURNED_IN:
        template.BurnedInAnnotation = "YES"
        written = text_mask(_SIZE, f"{series.study.person.name} {series.study.person.patient_id}")
        planes = [np.where(written, np.float32(1500), plane) for plane in planes]
    count = len(levels)
    return [
        ct_slice(
            template, series, plane,
            number=count - k if plan.feet_first else k + 1,
            z=_TABLE_ZERO_MM - level,
            storage=plan.storage,
            syntax=plan.syntaxes[k % len(plan.syntaxes)],
        )
        for k, (level, plane) in enumerate(zip(levels, planes, strict=True))
    ]  # fmt: skip


def _with_oddity(
    plan: SeriesPlan,
    series: SeriesIdentity,
    slices: list[Dataset],
    *,
    levels: list[float],
    planes: list[Plane],
    near: tuple[int, ...],
) -> list[Dataset]:
    """The objects that the PACS holds: one slice less (beside ``near[0]``), or a localizer more."""
    if plan.oddity is Oddity.GAPPED:
        return [item for k, item in enumerate(slices) if k != near[0] + 3]
    if plan.oddity is Oddity.LOCALIZER:
        columns = [np.asarray(plane.mean(axis=0), dtype=np.float32) for plane in planes]
        return [localizer(series, columns, plan.slice_mm, _TABLE_ZERO_MM - levels[0]), *slices]
    return slices


# -------------------------------------------------------------------------------------------------------------- marks


def _state(plan: StatePlan, study: StudyIdentity, number: int, built: _Series) -> tuple[Dataset, list[DemoLesion]]:
    drawings: list[Drawing] = []
    marks: list[DemoLesion] = []
    state_uid = study.sop_uid("state", number)
    for sketch in plan.sketches:
        lesion, target = built.lesions[sketch.lesion], built.keys[sketch.lesion]
        if plan.fault is StateFault.MISSING_IMAGE:
            target = replace(target, sop_uid=study.sop_uid("nowhere", number))
        points = written_points(plan.producer, _points(sketch.figure, lesion, built))
        if plan.fault is StateFault.POINT_OUTSIDE:
            points = (points[0], (built.grid.size + 40.0, points[1][1]))
        drawing = Drawing(sketch.figure, target, points, "see here" if sketch.figure in _WORDED else "")
        drawings.append(drawing)
        marks.append(_mark(drawing, lesion, plan, built, state_uid))
    if plan.producer is Producer.OHIF:
        places = [mark.place for mark in marks]
        return measurement_report(study, number, list(zip(drawings, places, strict=True))), marks
    targets = [drawing.image for drawing in drawings] or [target_of(built.objects[0])]
    content = write(plan.producer, drawings)
    return presentation_state(study, number, targets, content, window=built.plan.region.window), marks


_WORDED = (Figure.ARROW, Figure.TEXT)


def _points(figure: Figure, lesion: Lesion, built: _Series) -> tuple[Point, ...]:
    """The figure on the middle slice of a lesion, in the corner frame."""
    axes = lesion.axes(built.grid, built.scale)
    centre = ((axes[0][0] + axes[1][0]) / 2, (axes[0][1] + axes[1][1]) / 2)
    shapes: dict[Figure, tuple[Point, ...]] = {
        Figure.PERPENDICULAR: (*axes[:2], centre, axes[3]),
        Figure.LINE: axes[:2],
        Figure.ARROW: (centre, (centre[0] - 46.0, centre[1] - 38.0)),
        Figure.POLYGON: _outline(axes, centre, 14, 14),
        Figure.OPEN_POLYLINE: _outline(axes, centre, 14, 8),
        Figure.TEXT: (centre,),
    }
    return shapes.get(figure, axes)


def _outline(axes: tuple[Point, ...], centre: Point, parts: int, count: int) -> tuple[Point, ...]:
    """``count`` of ``parts`` points around the ellipse with these half axes."""
    points = []
    for k in range(count):
        angle = 2 * math.pi * k / parts
        cos, sin = round(math.cos(angle), 6), round(math.sin(angle), 6)
        x = centre[0] + (axes[1][0] - centre[0]) * cos + (axes[3][0] - centre[0]) * sin
        y = centre[1] + (axes[1][1] - centre[1]) * cos + (axes[3][1] - centre[1]) * sin
        points.append((x, y))
    return tuple(points)


_KINDS = {
    Figure.RECIST: Kind.RECIST,
    Figure.LINE: Kind.LINE,
    Figure.ARROW: Kind.ARROW,
    Figure.ELLIPSE: Kind.ELLIPSE,
    Figure.POLYGON: Kind.POLYGON,
}
_NO_BOOKMARK = {
    Figure.OPEN_POLYLINE: Reason.OPEN_POLYLINE,
    Figure.PERPENDICULAR: Reason.TOOL_NOT_A_LESION,
    Figure.TEXT: Reason.TEXT_ONLY,
}
_TIPS_ONLY = frozenset({Producer.CLEARCANVAS, Producer.WEASIS, Producer.SECTRA})
"""Producers whose arrows are texts with an anchor: they write no tail."""


def _mark(drawing: Drawing, lesion: Lesion, plan: StatePlan, built: _Series, state_uid: str) -> DemoLesion:
    kind = _KINDS.get(drawing.figure)
    refusal = _refusal(drawing.figure, plan, built)
    points = drawing.points
    if drawing.figure is Figure.ARROW and plan.producer in _TIPS_ONLY:
        points = points[:1]
    measured = drawing.figure in (Figure.RECIST, Figure.LINE, Figure.ELLIPSE)
    plain = built.plan.oddity not in (Oddity.TILTED, Oddity.GAPPED, Oddity.UNEVEN)
    return DemoLesion(
        kind=kind,
        place=lesion.place,
        producer=plan.producer.value,
        sop_uid=drawing.image.sop_uid,
        state_uid=state_uid,
        points=points,
        length_mm=drawing.millimetres() if measured else None,
        short_mm=drawing.millimetres(2) if drawing.figure is Figure.RECIST else None,
        true_long_mm=lesion.long_mm,
        true_short_mm=lesion.short_mm,
        refusal=refusal,
        in_dl_info=refusal is None and kind is Kind.RECIST and plain,
    )


def _refusal(figure: Figure, plan: StatePlan, built: _Series) -> Reason | None:
    if plan.fault is StateFault.MISSING_IMAGE:
        return Reason.IMAGE_NOT_FOUND
    if plan.fault is StateFault.POINT_OUTSIDE:
        return Reason.POINT_OUTSIDE_IMAGE
    if built.plan.oddity in (Oddity.CAPTURE, Oddity.BURNED_IN):
        return Reason.IMAGE_REFUSED
    return _NO_BOOKMARK.get(figure)
