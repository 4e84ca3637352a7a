"""Lesions of known size: ellipsoids painted into the made-up anatomy."""

from __future__ import annotations

from dataclasses import dataclass

from miner.demo.canvas import Canvas, Grid, turn


@dataclass(frozen=True, slots=True)
class Lesion:
    """An ellipsoid with its long axis in the axial plane.

    ``centre`` is where it lies in the anatomy at scale 1 (mm, frame of canvas.py). ``long_mm`` and ``short_mm`` are its
    true axes in the plane through its centre, ``tall_mm`` its extent along z; ``angle`` turns the long axis clockwise
    from the direction of the rows, in degrees.
    """

    place: str
    centre: tuple[float, float, float]
    long_mm: float
    short_mm: float
    tall_mm: float
    hu: float
    angle: float = 0.0

    def level(self, scale: float) -> float:
        """The level of its centre, in mm below the apex of the lungs, in a patient of this ``scale``."""
        return self.centre[2] * scale

    def axes(self, grid: Grid, scale: float) -> tuple[tuple[float, float], ...]:
        """The four end points in the plane through its centre: long axis, then short; corner frame of DICOM, pixels."""
        cos, sin = turn(self.angle)
        x, y = self.centre[0] * scale, self.centre[1] * scale
        half, other = self.long_mm / 2, self.short_mm / 2
        ends = (
            (x - half * cos, y - half * sin),
            (x + half * cos, y + half * sin),
            (x + other * sin, y - other * cos),
            (x - other * sin, y + other * cos),
        )
        return tuple(grid.corner_frame(*end) for end in ends)


def paint_lesion(canvas: Canvas, lesion: Lesion, scale: float) -> None:
    """Paint the section of a lesion; true sizes do not grow with the patient, so they are divided by ``scale``."""
    radii = (lesion.long_mm / 2 / scale, lesion.short_mm / 2 / scale, lesion.tall_mm / 2 / scale)
    rest = 1 - ((canvas.z - lesion.centre[2]) / radii[2]) ** 2
    if rest <= 0:
        return
    canvas.ellipsoid(lesion.centre, radii, lesion.hu, angle=lesion.angle, texture=5)
