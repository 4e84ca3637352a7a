"""Every producer's way of writing annotations under one face: presentation states, private models, reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydicom.dataset import Dataset, FileDataset

from miner.records import Encoding
from tests.annotations import (
    LEFT_OUT,
    STYLE_ENCODINGS,
    STYLES,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
    Line,
    Outline,
    Pair,
    Perpendicular,
    Scale,
    presentation_state,
)
from tests.annotations.private import nested_state, weasis_model_state
from tests.annotations.reports import (
    REPORT_CANNOT_WRITE,
    REPORT_STYLE_ENCODINGS,
    REPORT_STYLES,
    RIGHT_ANGLES,
    report,
)
from tests.annotations.scenes import squared

Write = Callable[[Sequence[Dataset], Mapping[str, Sequence[Drawing]], str], FileDataset]

TRUNCATING = frozenset({"bluelight"})
"""Styles that cut coordinates to integers."""

_BARE_LINES: tuple[type[Drawing], ...] = (Perpendicular, CrossHair, Scale, Cobb)
"""Drawings that a producer without their tool would write as bare lines, which nothing tells from rulers."""

_TOOLS: dict[str, frozenset[type[Drawing]]] = {
    "weasis": frozenset({Perpendicular, CrossHair, Scale, Cobb}),
    "agfa": frozenset({Perpendicular, CrossHair, Scale, Cobb}),
    "bluelight": frozenset(),
}
"""Which of them a style has a tool for; else cross-hairs, rulers and Cobb angles, which carry ticks or an angle."""


@dataclass(frozen=True)
class Writer:
    """One producer. ``write(images, graphics, seed)``; ``can(drawing)``; ``encoding(drawing)``: how it ends up.

    ``images``: how many images one object may have drawings on; ``right_angles``: its tool keeps axes at one.
    """

    name: str
    write: Write
    can: Callable[[Drawing], bool]
    encoding: Callable[[Drawing], Encoding]
    images: int = 1_000
    right_angles: bool = False

    def as_drawn(self, drawing: Drawing) -> Drawing:
        """The drawing as the producer's tool lets one draw it."""
        return squared(drawing) if self.right_angles and isinstance(drawing, Pair) else drawing

    @property
    def tolerance(self) -> float:
        """Pixels within which a point must come back."""
        return 1.5 if self.name.split("/")[-1] in TRUNCATING else 1e-3


def writers() -> list[Writer]:
    """All of them, in a fixed order."""
    found = [_state(style) for style in STYLES]
    found += [_nested(style) for style in ("clearcanvas", "weasis", "compound")]
    found.append(Writer("weasis-model", _weasis_model, partial(_state_can, "weasis"), _private, images=1))
    found += [_report(style) for style in REPORT_STYLES if REPORT_STYLE_ENCODINGS[style]]
    return found


# -------------------------------------------------------------------------------------------------------------- states


def _state(style: str) -> Writer:
    def write(images: Sequence[Dataset], graphics: Mapping[str, Sequence[Drawing]], seed: str) -> FileDataset:
        return presentation_state(images, graphics, style, seed=seed)

    return Writer(style, write, partial(_state_can, style), partial(_state_encoding, style))


def _nested(style: str) -> Writer:
    def write(images: Sequence[Dataset], graphics: Mapping[str, Sequence[Drawing]], seed: str) -> FileDataset:
        return nested_state(images, graphics, style, seed=seed)

    return Writer(f"nested/{style}", write, partial(_state_can, style), partial(_state_encoding, style))


def _weasis_model(images: Sequence[Dataset], graphics: Mapping[str, Sequence[Drawing]], seed: str) -> FileDataset:
    return weasis_model_state(images, graphics)


def _state_can(style: str, drawing: Drawing) -> bool:
    if type(drawing) in LEFT_OUT.get(style, frozenset()):
        return False
    tools = _TOOLS.get(style, frozenset({CrossHair, Scale, Cobb}))
    return type(drawing) not in _BARE_LINES or type(drawing) in tools


def _state_encoding(style: str, drawing: Drawing) -> Encoding:
    """What a drawing becomes; a style of one encoding (display) writes everything so."""
    if len(STYLE_ENCODINGS[style]) == 1:
        return next(iter(STYLE_ENCODINGS[style]))
    if style == "compound" and (isinstance(drawing, Pair | Line | Arrow | Ellipse) or _is_upright_rectangle(drawing)):
        return Encoding.GSPS_COMPOUND
    if Encoding.GSPS_TEXT in STYLE_ENCODINGS[style] and isinstance(drawing, Arrow):
        return Encoding.GSPS_TEXT
    if isinstance(drawing, Circle):
        return Encoding.GSPS_CIRCLE
    if isinstance(drawing, Ellipse):
        return Encoding.GSPS_ELLIPSE
    return Encoding.GSPS_INTERPOLATED if isinstance(drawing, Curve) else Encoding.GSPS_POLYLINE


def _is_upright_rectangle(drawing: Drawing) -> bool:
    """From the top left vertex clockwise: what a compound RECTANGLE gives by two corners (PS3.3 C.10.5.1.3.4)."""
    if not isinstance(drawing, Outline) or len(drawing.vertices) != 4:
        return False
    (a, b), (c, d), (e, f), (g, h) = drawing.vertices
    return (b, c, f, g) == (d, e, h, a)


def _private(drawing: Drawing) -> Encoding:
    return Encoding.PRIVATE_MODEL


# ------------------------------------------------------------------------------------------------------------- reports


def _report(style: str) -> Writer:
    def write(images: Sequence[Dataset], graphics: Mapping[str, Sequence[Drawing]], seed: str) -> FileDataset:
        return report(images, graphics, style, seed=seed)

    def can(drawing: Drawing) -> bool:
        return type(drawing) not in REPORT_CANNOT_WRITE[style]

    def encoding(drawing: Drawing) -> Encoding:
        (only,) = REPORT_STYLE_ENCODINGS[style]
        return only

    return Writer(f"sr/{style}", write, can, encoding, right_angles=style in RIGHT_ANGLES)
