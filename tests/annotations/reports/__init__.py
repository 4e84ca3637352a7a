"""Structured reports in producers' styles, with exact truth: the same drawings as in presentation states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID, Comprehensive3DSRStorage, EnhancedSRStorage, generate_uid

from miner.records import Encoding
from tests.annotations.reports import cornerstone, dcmqi, dwv, templates
from tests.annotations.reports.document import document, measurement_report
from tests.annotations.reports.pages import Page
from tests.annotations.reports.space import in_patient, plane
from tests.annotations.scenes import is_square
from tests.annotations.truth import Drawing, Pair

__all__ = [
    "IN_SPACE",
    "REPORT_AGAINST_THE_STANDARD",
    "REPORT_CANNOT_WRITE",
    "REPORT_STYLES",
    "REPORT_STYLE_ENCODINGS",
    "RIGHT_ANGLES",
    "in_patient",
    "plane",
    "report",
    "writable",
]


@dataclass(frozen=True)
class ReportStyle:
    """One producer's way.

    ``root`` makes the content tree of some pages; ``cannot_write``: drawings without a tool; ``against_the_standard``:
    drawings whose way of writing breaks PS3.3, as the producer's does; ``right_angles``: its pairs have no other.
    """

    root: Callable[[Sequence[Dataset], Sequence[Page]], Dataset]
    sop_class: UID
    manufacturer: str
    cannot_write: frozenset[type[Drawing]]
    encodings: frozenset[Encoding]
    against_the_standard: frozenset[type[Drawing]] = frozenset()
    right_angles: bool = False


def _cornerstone(dialect: cornerstone.Dialect) -> ReportStyle:
    def root(images: Sequence[Dataset], pages: Sequence[Page]) -> Dataset:
        groups = cornerstone.groups(pages, dialect)
        return measurement_report(images, groups, library=True, context=True)

    encoding = Encoding.SR_SCOORD3D if dialect.in_space else Encoding.SR_TID1500
    return ReportStyle(
        root,
        dialect.sop_class,
        "OHIF",
        cornerstone.cannot_write(dialect),
        frozenset({encoding}),
        cornerstone.against_the_standard(dialect),
    )


def _dwv(images: Sequence[Dataset], pages: Sequence[Page]) -> Dataset:
    return measurement_report(images, dwv.groups(pages), library=False, context=False)


def _dcmqi(images: Sequence[Dataset], pages: Sequence[Page]) -> Dataset:
    return measurement_report(images, dcmqi.groups(pages), library=True, context=True)


def _planar(images: Sequence[Dataset], pages: Sequence[Page], *, in_space: bool) -> Dataset:
    return templates.tree(templates.planar(pages, in_space=in_space))


def _volumes(images: Sequence[Dataset], pages: Sequence[Page]) -> Dataset:
    return templates.tree(templates.volumes(pages))


_ON_IMAGES = frozenset({Encoding.SR_TID1500})
_IN_SPACE = frozenset({Encoding.SR_SCOORD3D})

_STYLES: dict[str, ReportStyle] = {
    "ohif": _cornerstone(cornerstone.OHIF),
    "cornerstone3d": _cornerstone(cornerstone.EARLY_3D),
    "cornerstone": _cornerstone(cornerstone.LEGACY),
    "dwv": ReportStyle(
        _dwv, Comprehensive3DSRStorage, "dwv", dwv.CANNOT_WRITE, _ON_IMAGES, dwv.AGAINST_THE_STANDARD, right_angles=True
    ),
    "highdicom": ReportStyle(
        partial(_planar, in_space=False), Comprehensive3DSRStorage, "highdicom", templates.NO_TOOL, _ON_IMAGES
    ),
    "volumetric": ReportStyle(
        _volumes, Comprehensive3DSRStorage, "highdicom", templates.CANNOT_WRITE_VOLUMES, _ON_IMAGES
    ),
    "scoord3d": _cornerstone(cornerstone.OHIF_IN_SPACE),
    "highdicom3d": ReportStyle(
        partial(_planar, in_space=True),
        Comprehensive3DSRStorage,
        "highdicom",
        templates.CANNOT_WRITE_IN_SPACE,
        _IN_SPACE,
    ),
    "dcmqi": ReportStyle(_dcmqi, EnhancedSRStorage, "QIICR", dcmqi.CANNOT_WRITE, frozenset()),
}

REPORT_STYLES: tuple[str, ...] = tuple(_STYLES)
"""Producers whose reports can be written."""

REPORT_STYLE_ENCODINGS: dict[str, frozenset[Encoding]] = {name: style.encodings for name, style in _STYLES.items()}
"""Style → how its bookmarks are encoded; empty for a style that writes none (segmentations)."""

REPORT_CANNOT_WRITE: dict[str, frozenset[type[Drawing]]] = {name: style.cannot_write for name, style in _STYLES.items()}
"""Style → drawings for which its producer has no tool."""

REPORT_AGAINST_THE_STANDARD: dict[str, frozenset[type[Drawing]]] = {
    name: style.against_the_standard for name, style in _STYLES.items()
}
"""Style → drawings that its producer writes against PS3.3: a strict reader refuses the whole report."""

RIGHT_ANGLES: frozenset[str] = frozenset(name for name, style in _STYLES.items() if style.right_angles)
"""Styles whose tool keeps the axes of a pair at a right angle (:func:`tests.annotations.scenes.squared`)."""

IN_SPACE: frozenset[str] = frozenset(name for name, style in _STYLES.items() if style.encodings == _IN_SPACE)
"""Styles whose marks must be placed on their slices (:func:`plane`)."""


def writable(drawing: Drawing, style: str) -> bool:
    """Whether the style's producer has a tool for this drawing."""
    oblique = isinstance(drawing, Pair) and _STYLES[style].right_angles and not is_square(drawing)
    return type(drawing) not in _STYLES[style].cannot_write and not oblique


def report(
    images: Sequence[Dataset],
    graphics: Mapping[str, Sequence[Drawing]],
    style: str,
    *,
    created: str = "20240102030405",
    seed: str = "",
) -> FileDataset:
    """A structured report that holds ``graphics``, as one producer writes it; ready to save.

    ``images``: as in :func:`tests.annotations.presentation_state`; styles in patient space (:data:`IN_SPACE`) also need
    position, orientation and frame of reference. ``graphics``: SOP Instance UID → what was drawn on it, in the pixel
    centres frame. ``style``: one of :data:`REPORT_STYLES`. ``created``: YYYYMMDDHHMMSS. ``seed``: other UIDs for one
    content. Raises ValueError for a drawing that the style's producer cannot write (:func:`writable`).
    """
    chosen = _STYLES[style]
    drawn = [drawing for found in graphics.values() for drawing in found]
    unknown = sorted({type(drawing).__name__ for drawing in drawn if not writable(drawing, style)})
    if unknown:
        raise ValueError(f"style {style} has no tool for {', '.join(unknown)}")
    if not drawn:
        raise ValueError("a report measures something")
    uid = generate_uid(entropy_srcs=["report", style, created, seed, repr(sorted(graphics.items()))])
    pages = [
        Page(image, tuple(graphics[image.SOPInstanceUID]), uid)
        for image in images
        if graphics.get(image.SOPInstanceUID)
    ]
    root = chosen.root(images, pages)
    return document(
        images, root, sop_class=chosen.sop_class, created=created, uid=uid, manufacturer=chosen.manufacturer
    )
