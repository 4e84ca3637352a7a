from __future__ import annotations

import pytest

from miner.bookmarks.tools import Tool, tool_of_description, tool_of_label


@pytest.mark.parametrize(
    ("description", "tool"),
    [
        ("Distance", Tool.DISTANCE),
        ("LINE", Tool.LINE),
        ("Arrow", Tool.ARROW),
        ("Perpendicular", Tool.PERPENDICULAR),
        ("Angle", Tool.ANGLE),
        ("Cobb Angle", Tool.COBB),
        ("Calibration Ruler", Tool.CALIBRATION),
        ("Measurement oval", Tool.ELLIPSE),
        ("leg length", Tool.LEG_LENGTH),
        ("cross-hair", Tool.CROSSHAIR),
        ("Bidirectional", Tool.BIDIRECTIONAL),
        ("", Tool.NONE),
        ("USER ANNOTATIONS", Tool.NONE),
        ("Dr Anglesey", Tool.NONE),
        ("Outlined", Tool.NONE),
        ("line of thought that somebody typed here long ago", Tool.NONE),
    ],
)
def test_descriptions(description: str, tool: Tool) -> None:
    assert tool_of_description(description) is tool


@pytest.mark.parametrize(
    ("label", "tool"),
    [
        ("Cobb : 12°", Tool.COBB),
        ("Angle = 34", Tool.ANGLE),
        ("Length : 12 mm", Tool.NONE),
        ("lesion at the angle of the jaw: 12 mm", Tool.NONE),
        ("central line tip", Tool.NONE),
    ],
)
def test_labels_name_only_tools_that_are_no_lesion(label: str, tool: Tool) -> None:
    assert tool_of_label(label) is tool
