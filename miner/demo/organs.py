"""Organs that need nothing but their place: vessels, airways, stomach, kidneys, pelvic organs (frame of canvas.py)."""

from __future__ import annotations

from miner.demo.canvas import Canvas, Mask, Tube, chain

FAT, MUSCLE, SKIN, LUNG, BLOOD = -102.0, 56.0, 40.0, -858.0, 42.0
"""HU without contrast medium."""

CARINA, DOME, KIDNEYS = 96.0, 190.0, 322.0
"""Levels in mm below the apex of the lungs."""

AORTA = chain(
    (2, -22, 150, 15), (-14, -30, 100, 16), (-8, -26, 68, 14), (17, -8, 60, 12.5), (24, 22, 66, 12), (25, 38, 110, 12),
    (18, 36, 220, 11), (6, 28, 290, 10), (2, 24, 396, 8.5),
)  # fmt: skip
"""From its root over the arch down to where it parts."""

GREAT_VEINS = (
    *chain((-24, -14, 20, 8.5), (-24, -16, 130, 9.5)),
    *chain((26, -16, 18, 6.5), (-20, -22, 44, 7.5)),
    *chain((-24, -6, 178, 11), (-24, 14, 205, 12), (-22, 24, 280, 11), (-16, 32, 404, 10)),
)
"""Superior vena cava, left brachiocephalic vein, inferior vena cava."""

PULMONARY = (
    *chain((10, -34, 138, 14), (12, -32, 102, 13), (40, 0, 98, 9), (46, 10, 118, 7)),
    *chain((12, -30, 104, 12), (-20, -4, 108, 10), (-44, 4, 116, 7)),
)
"""Pulmonary trunk and its two branches."""

COLON = (  # pieces of the large bowel, and the number of haustra in each
    (Tube((-100, 14, 458), (-102, 10, 332), 23, 19), 5), (Tube((-102, 0, 330), (-52, -58, 334), 17, 17), 4),
    (Tube((-52, -58, 334), (52, -60, 324), 16, 16), 5), (Tube((58, -56, 318), (100, 4, 280), 16, 15), 4),
    (Tube((101, 14, 280), (104, 24, 444), 14, 15), 8), (Tube((104, 24, 448), (34, 14, 486), 14, 14), 4),
    (Tube((30, 4, 488), (-24, -6, 496), 14, 14), 3), (Tube((-24, 8, 494), (0, 44, 484), 14, 14), 2),
)  # fmt: skip


def airways(canvas: Canvas) -> None:
    """Trachea and the large bronchi."""
    tubes = (
        *chain((-4, 6, -40, 8.5), (-6, 8, CARINA - 4, 8.5)),
        *chain((-6, 8, CARINA - 4, 7), (-34, 10, CARINA + 20, 6), (-52, 16, CARINA + 60, 3.5)),
        *chain((-6, 8, CARINA - 4, 6.5), (38, 12, CARINA + 28, 5.5), (54, 22, CARINA + 66, 3)),
        *chain((-32, 8, CARINA + 16, 4.5), (-62, -6, CARINA + 6, 2.5)),
        *chain((38, 10, CARINA + 24, 4), (64, -12, CARINA + 16, 2.5)),
    )
    canvas.tubes(tubes, 40, grow=1.6)
    canvas.tubes(tubes, -985)


def stomach(canvas: Canvas, inner: Mask) -> None:
    """The stomach: a wall, fluid, and gas above it."""
    centre, radii = (54.0, -26.0, 240.0), (42.0, 36.0, 44.0)
    if canvas.ellipsoid(centre, radii, 78, within=inner, wobble=0.06):
        canvas.ellipsoid(centre, radii, 16, within=inner, shrink=4.5, wobble=0.06, texture=14)
        # Gas lies on top of fluid: the patient is supine.
        canvas.ellipsoid((54.0, -42.0, 240.0), (28.0, 13.0, 32.0), -930, within=inner)


def kidney(canvas: Canvas, side: int, level: float, contrast: bool) -> None:
    """One kidney in its fat: cortex, medulla, sinus; ``side`` -1 is the right one, ``level`` its middle."""
    centre, radii, angle = (side * 66.0, 40.0, level), (29.0, 33.0, 58.0), side * -28.0
    fat = (radii[0] + 8, radii[1] + 7, radii[2] + 10)
    if not canvas.ellipsoid(centre, fat, FAT, angle=angle):
        return
    canvas.ellipsoid(centre, radii, 188 if contrast else 36, angle=angle, wobble=0.03)
    canvas.ellipsoid(centre, radii, 152 if contrast else 34, shrink=7.5, angle=angle, texture=26)
    sinus = (side * 54.0, 33.0, level)
    canvas.ellipsoid(sinus, (17.0, 12.0, 34.0), FAT + 12, angle=angle)
    canvas.ellipsoid((side * 52.0, 33.0, level), (9.0, 5.0, 22.0), 18, angle=angle)
    if contrast:
        canvas.tube(Tube((side * 50.0, 30.0, level - 4), (side * 8.0, 26.0, level - 12), 4.0, 4.0), 150)


def pelvic_organs(canvas: Canvas) -> None:
    """Bladder, rectum, the organ between them, and the muscles of the pelvic floor."""
    for side in (-1, 1):
        if 470 < canvas.z < 560:
            canvas.ellipse((side * 62, 18), (10, 34), MUSCLE, angle=side * -14, texture=12)
        canvas.ellipsoid((side * 62, 52, 540), (40, 20, 60), MUSCLE, texture=12, angle=side * -20)
        canvas.ellipsoid((side * 70, -18, 600), (44, 40, 52), MUSCLE, texture=16, wobble=0.08)
        canvas.ellipsoid((side * 40, 20, 604), (30, 44, 48), MUSCLE - 4, texture=16, wobble=0.08)
    canvas.ellipsoid((0, -28, 528), (44, 33, 36), 52)
    canvas.ellipsoid((0, -28, 528), (44, 33, 36), 6, shrink=3)
    canvas.ellipsoid((0, 10, 540), (25, 19, 30), 62, texture=16)
    canvas.ellipsoid((0, 48, 510), (22, 19, 60), 58, wobble=0.05)
    canvas.ellipsoid((0, 48, 510), (22, 19, 60), -20, shrink=4, texture=110)
    canvas.ellipsoid((0, 42, 500), (10, 7, 36), -880)
