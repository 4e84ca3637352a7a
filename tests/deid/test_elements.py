from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.deid.elements import Element, Elements

TAG = 0x00281050  # Window Center, DS


def elements(octets: bytes, vr: str = "DS", *, little_endian: bool = True, tag: int = TAG) -> Elements:
    return Elements({tag: Element(vr, octets, little_endian)})


@pytest.mark.parametrize(
    ("octets", "values"),
    [
        (b"40", (40.0,)),
        (b" -0450 \0", (-450.0,)),
        (b"40\\80", (40.0, 80.0)),
        (b"40\\rubbish\\80", (40.0, None, 80.0)),
        (b"+1.5E+02\\.5\\5.", (150.0, 0.5, 5.0)),
        (b"nan\\inf\\1e999\\1_000\\0x10\\1,5", (None, None, None, None, None, None)),
        ("٣".encode(), (None,)),
        (b"\xff\xfe", (None,)),
        (b"", ()),
        (b"  ", ()),
    ],
)
def test_decimal_strings(octets: bytes, values: tuple[float | None, ...]) -> None:
    assert elements(octets).numbers(TAG) == values
    assert elements(octets, vr="LO").numbers(TAG) == values
    assert elements(octets, vr="").numbers(TAG) == values
    assert elements(octets, vr="UN").numbers(TAG) == values


@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize(("vr", "form"), [("US", "H"), ("SS", "h"), ("UL", "I"), ("FL", "f"), ("FD", "d")])
def test_binary_numbers_of_either_byte_order(vr: str, form: str, little_endian: bool) -> None:
    octets = struct.pack(f"{'<' if little_endian else '>'}2{form}", 40, 80)
    read = elements(octets, vr, little_endian=little_endian)
    assert read.numbers(TAG) == (40.0, 80.0)
    assert read.vector(TAG, 2) == (40.0, 80.0)
    assert read.vector(TAG, 3) is None
    assert elements(octets[:-1], vr, little_endian=little_endian).numbers(TAG) == ()


def test_a_binary_number_without_a_vr_takes_that_of_the_dictionary() -> None:
    rows = 0x00280010
    assert elements(b"\x00\x02", "", tag=rows).integer(rows) == 512
    assert elements(b"\x00\x02", "UN", tag=rows).integer(rows) == 512
    assert elements(b"512 ", "IS", tag=rows).integer(rows) == 512


def test_numbers_that_are_none() -> None:
    assert elements(struct.pack("<d", float("nan")), "FD").number(TAG) is None
    assert elements(b"1.5").integer(TAG) is None
    assert elements(b"7.0").integer(TAG) == 7
    assert elements(b"1\\x").vector(TAG, 2) is None
    assert elements(b"1\\x").vector(TAG, 1) is None


def test_absent_and_empty_are_not_present() -> None:
    assert not elements(b"").present(TAG) and not elements(b" \0").present(TAG)
    assert not Elements({}).present(TAG)
    assert elements(b"0").present(TAG)
    assert TAG in elements(b"") and TAG not in Elements({})
    assert Elements({}).texts(TAG) == () and Elements({}).text(TAG) == "" and Elements({}).number(TAG) is None


def test_an_element_does_not_show_its_value() -> None:
    assert "SMITH" not in repr(Element("PN", b"SMITH^JOHN", True))


@given(st.binary(max_size=64), st.sampled_from(["", "UN", "DS", "US", "FD", "XX", "SQ"]), st.integers(0, 0xFFFFFFFF))
def test_any_octets_are_read(octets: bytes, vr: str, tag: int) -> None:
    read = elements(octets, vr, tag=tag)
    read.texts(tag), read.numbers(tag), read.integer(tag), read.vector(tag, 3), read.present(tag)
