"""The generator of reports writes real structured reports: dcmtk reads them, and finds the drawings in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.annotations import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
    Line,
    Note,
    OpenPath,
    Outline,
    Pair,
    Perpendicular,
    Scale,
    Spot,
    ct_image,
)
from tests.annotations.reports import (
    REPORT_AGAINST_THE_STANDARD,
    REPORT_CANNOT_WRITE,
    REPORT_STYLE_ENCODINGS,
    REPORT_STYLES,
    RIGHT_ANGLES,
    in_patient,
    report,
    writable,
)
from tests.annotations.scenes import squared
from tests.peers.dcmtk import run

IMAGE = ct_image(spacing=(0.5, 0.8))
DRAWINGS: tuple[Drawing, ...] = (
    squared(Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)))),
    Line(((10.0, 20.0), (50.0, 60.0))),
    Arrow((300.0, 300.0), (330.0, 340.0)),
    Ellipse(((50.0, 300.0), (90.0, 300.0)), ((70.0, 290.0), (70.0, 310.0))),
    Circle((60.0, 60.0), 10.0),
    Outline(((400.0, 400.0), (420.0, 400.0), (420.0, 430.0))),
    Curve(((400.0, 100.0), (420.0, 100.0), (420.0, 130.0))),
    Angle((10.0, 100.0), (40.0, 100.0), (40.0, 140.0)),
    Cobb(((10.0, 200.0), (60.0, 210.0)), ((10.0, 260.0), (60.0, 240.0))),
    Perpendicular(((10.0, 300.0), (60.0, 300.0)), ((35.0, 280.0), (35.0, 300.0))),
    CrossHair((200.0, 200.0)),
    Scale(((15.0, 100.0), (15.0, 200.0))),
    OpenPath(((10.0, 10.0), (20.0, 30.0), (40.0, 30.0))),
    Spot((333.0, 222.0)),
    Note((50.0, 50.0)),
)


def dump(folder: Path, style: str, drawings: list[Drawing], *, whole: bool = True) -> tuple[int, str]:
    """dcmtk's reading of such a report: exit status and what it prints, coordinates in full."""
    path = folder / f"{style}.dcm"
    report([IMAGE], {IMAGE.SOPInstanceUID: drawings}, style).save_as(path, enforce_file_format=True)
    done = run("dsrdump", ["+Pc", "+Pl", path] if whole else [path], check=False)
    return done.returncode, done.stdout


@pytest.mark.peer
@pytest.mark.parametrize("style", REPORT_STYLES)
def test_dcmtk_reads_it(tmp_path: Path, style: str) -> None:
    sound = [d for d in DRAWINGS if writable(d, style) and type(d) not in REPORT_AGAINST_THE_STANDARD[style]]
    status, printed = dump(tmp_path, style, sound)
    assert status == 0
    assert printed.count("Measurement Group") == len(sound)
    assert printed.count("SCOORD") >= len(sound) * bool(REPORT_STYLE_ENCODINGS[style])


@pytest.mark.peer
@pytest.mark.parametrize("style", [style for style in REPORT_STYLES if REPORT_AGAINST_THE_STANDARD[style]])
def test_a_strict_reader_refuses_what_its_producer_writes_against_the_standard(tmp_path: Path, style: str) -> None:
    broken = [d for d in DRAWINGS if type(d) in REPORT_AGAINST_THE_STANDARD[style]]
    assert broken
    for drawing in broken:
        status, _ = dump(tmp_path, style, [drawing])
        assert status != 0, drawing


@pytest.mark.peer
def test_coordinates_are_in_the_corner_frame(tmp_path: Path) -> None:
    _, printed = dump(tmp_path, "ohif", [Line(((10.0, 20.0), (50.0, 60.25)), labelled=False)])
    assert "(POLYLINE,10.5/20.5,50.5/60.75)" in printed


@pytest.mark.peer
def test_coordinates_in_space_are_in_mm(tmp_path: Path) -> None:
    _, printed = dump(tmp_path, "scoord3d", [Line(((10.0, 20.0), (50.0, 60.0)))])
    left, top, z = (float(v) for v in IMAGE.ImagePositionPatient)
    ends = [(left + 10 * 0.8, top + 20 * 0.5, z), (left + 50 * 0.8, top + 60 * 0.5, z)]
    assert in_patient(IMAGE, [(10.0, 20.0), (50.0, 60.0)]) == [pytest.approx(end) for end in ends]
    assert f"{ends[0][0]:g}/{ends[0][1]:g}/{ends[0][2]:g}" in printed


@pytest.mark.parametrize("style", REPORT_STYLES)
def test_a_drawing_without_a_tool_is_never_left_out_in_silence(style: str) -> None:
    for drawing in DRAWINGS:
        if type(drawing) in REPORT_CANNOT_WRITE[style]:
            with pytest.raises(ValueError, match=type(drawing).__name__):
                report([IMAGE], {IMAGE.SOPInstanceUID: [drawing]}, style)


def test_a_tool_that_keeps_a_right_angle_writes_no_other() -> None:
    oblique = Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)))
    assert sorted(RIGHT_ANGLES) == ["dwv"]
    assert not writable(oblique, "dwv")
    assert writable(squared(oblique), "dwv")


def test_every_kind_of_drawing_is_written_by_some_style_or_by_none_on_purpose() -> None:
    never = {type(d) for d in DRAWINGS if not any(writable(d, style) for style in REPORT_STYLES)}
    assert never == {Curve, Perpendicular, CrossHair, Note}


@pytest.mark.parametrize("style", REPORT_STYLES)
def test_the_same_content_gets_the_same_uids_and_another_seed_others(style: str) -> None:
    drawn = {IMAGE.SOPInstanceUID: [d for d in DRAWINGS if writable(d, style)]}
    first, again, other = (report([IMAGE], drawn, style, seed=seed) for seed in ("", "", "x"))
    assert first.SOPInstanceUID == again.SOPInstanceUID != other.SOPInstanceUID
    if style not in ("highdicom", "highdicom3d"):  # highdicom stamps the time of writing
        assert first.to_json() == again.to_json()
