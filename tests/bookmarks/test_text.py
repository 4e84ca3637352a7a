from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.bookmarks.text import MAX_MEASUREMENTS, measurements
from miner.records import Unit

MM, CM, PX, DEG = Unit.MM, Unit.CM, Unit.PIXEL, Unit.DEGREE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.3 mm", [(12.3, MM)]),
        ("12.3mm", [(12.3, MM)]),
        ("12,3 mm", [(12.3, MM)]),
        ("12.3\u00a0mm", [(12.3, MM)]),
        ("1.23 cm", [(1.23, CM)]),
        ("45.6 pixels", [(45.6, PX)]),
        ("45 px", [(45, PX)]),
        ("45.6°", [(45.6, DEG)]),
        ("45,6 º", [(45.6, DEG)]),
        ("45 degrees", [(45, DEG)]),
        ("Length : 23.45 mm", [(23.45, MM)]),
        ("Länge : 23,45 mm", [(23.45, MM)]),
        ("12.3 x 8.1 mm", [(12.3, MM), (8.1, MM)]),
        ("12 × 8 mm", [(12, MM), (8, MM)]),
        ("12 mm x 8 mm", [(12, MM), (8, MM)]),
        ("1.2 x 0.8 x 0.7 cm", [(1.2, CM), (0.8, CM), (0.7, CM)]),
        ("L: 12.3 mm\r\nW: 8.1 mm", [(12.3, MM), (8.1, MM)]),
        ("12.3 mm8.1 mm", [(12.3, MM), (8.1, MM)]),
        ("12.3 mm23.4 mm", [(12.3, MM), (23.4, MM)]),
        ("1.234,5 mm", [(1234.5, MM)]),
        ("１２.３㎜", [(12.3, MM)]),
        ("١٢٫٣ mm", [(12.3, MM)]),
        ("Series 4 123.5 mm", [(123.5, MM)]),
        ("Length : 23.4 mm  Orientation : 45.0°", [(23.4, MM), (45, DEG)]),
    ],
)
def test_forms_that_viewers_write(text: str, expected: list[tuple[float, Unit]]) -> None:
    assert [(found.value, found.unit) for found in measurements(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nodule",
        "12",
        "12 x 8",
        "3.2 mm²",
        "3.2 mm2",
        "3.2 cm^2",
        "120 mmHg",
        "5 mm/s",
        "-34 HU",
        "0 mm",
        "v1.2.3 mm",
    ],
)
def test_what_is_no_length(text: str) -> None:
    assert measurements(text) == ()


@pytest.mark.parametrize("text", ["A=196px, ?=78.9, ?=22.69\r\nCalculation by ImageJ", "Area: 196 px"])
def test_an_area_in_pixels_is_no_length(text: str) -> None:
    assert measurements(text) == ()


def test_a_block_of_statistics_gives_its_sizes_only() -> None:
    text = "Mean: 2651.41  SD: 344.29\r\nMin: 1362.00 US  Max: 3614.00 US\r\nArea: 119.58 cm² (W: 12.68 cm H:12.01 cm)"
    assert [found.value for found in measurements(text)] == [12.68, 12.01]


def test_an_endless_text_is_bounded() -> None:
    assert len(measurements("1.5 mm " * 100_000)) == MAX_MEASUREMENTS
    assert measurements("1" * 1_000_000) == ()


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    for found in measurements(text):
        assert 0 <= found.value < float("inf")


@given(st.floats(0.1, 999), st.sampled_from(["{:.1f} mm", "{:.2f} mm", "Length : {:.2f} mm", "({:.1f} mm)"]))
def test_a_written_length_is_read_back(value: float, form: str) -> None:
    written = form.format(value)
    for text in (written, written.replace(".", ",")):
        (found,) = measurements(text)
        assert found.unit is MM
        assert found.value == pytest.approx(value, abs=0.051)


def test_a_record_number_before_a_unit_is_no_measurement() -> None:
    assert measurements("KX 483920175 mm, 19370214 mm, 12345 px") == ()
    assert [found.value for found in measurements("483920175 mm 12.5 mm")] == [12.5]
