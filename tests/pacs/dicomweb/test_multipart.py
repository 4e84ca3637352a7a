"""Bodies of several parts, however they are cut into pieces on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.pacs.dicomweb.multipart import LONGEST_HEADER, LONGEST_PREAMBLE, MalformedError, boundary_of, parts


def body(contents: list[bytes], *, boundary: bytes = b"B", header: bytes = b"Content-Type: application/dicom") -> bytes:
    lines = [header, b""] if header else [b""]
    head = b"--" + boundary + b"\r\n" + b"".join(line + b"\r\n" for line in lines)
    return b"".join(head + content + b"\r\n" for content in contents) + b"--" + boundary + b"--\r\n"


def pieces(content: bytes, length: int) -> list[bytes]:
    return [content[start : start + length] for start in range(0, len(content), length)]


def read(chunks: list[bytes], boundary: bytes = b"B") -> list[bytes]:
    return [b"".join(part) for part in parts(chunks, boundary)]


@given(
    st.lists(st.binary(max_size=40).filter(lambda content: b"\r\n--B" not in b"\r\n" + content), max_size=4),
    st.integers(1, 80),
)
def test_parts_come_out_as_they_went_in_however_the_body_is_cut(contents: list[bytes], length: int) -> None:
    assert read(pieces(body(contents), length)) == contents


@given(st.integers(1, 60), st.data())
def test_a_body_that_ends_early_is_never_taken_for_whole(length: int, data: st.DataObject) -> None:
    whole = body([b"first part", b"second"])
    end = whole.rindex(b"--")  # from here on, only the mark of the end is missing
    cut = whole[: data.draw(st.integers(0, end + 1))]
    with pytest.raises(MalformedError):
        read(pieces(cut, length))


def test_octets_that_begin_like_a_delimiter_belong_to_the_part() -> None:
    content = b"\r\n--\r\n-\r\r\n--A\r\n"
    assert read(pieces(body([content]), 3)) == [content]


def test_a_part_without_a_header() -> None:
    assert read([body([b"content"], header=b"")]) == [b"content"]


def test_blanks_after_a_delimiter_and_a_preamble_before_the_first() -> None:
    plain = body([b"content"]).replace(b"--B\r\n", b"--B \t\r\n")
    assert read([b"This is a message of several parts.\r\n" + plain]) == [b"content"]


def test_the_header_of_a_part_is_bounded() -> None:
    with pytest.raises(MalformedError):
        read([body([b"x"], header=b"X: " + b"y" * LONGEST_HEADER)])


def test_what_comes_before_the_first_delimiter_is_bounded() -> None:
    with pytest.raises(MalformedError):
        read(pieces(b"x" * (LONGEST_PREAMBLE + 1000) + body([b"x"]), 500))


def test_another_boundary_than_the_one_that_was_named() -> None:
    with pytest.raises(MalformedError):
        read([body([b"x"], boundary=b"OTHER")])


def test_a_boundary_that_is_the_beginning_of_another_one() -> None:
    with pytest.raises(MalformedError):
        read([body([b"x"], boundary=b"Bxyz")])


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', b"abc"),
        ('Multipart/Related; Boundary="a b=c"; type=application/dicom', b"a b=c"),
        ("application/dicom", None),
        ("application/dicom; transfer-syntax=1.2.840.10008.1.2.1", None),
    ],
)
def test_boundary(content_type: str, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/html",
        "application/json",
        "multipart/related",
        "multipart/mixed; boundary=x",
        "multipart/related; b",
        f"multipart/related; boundary={'x' * 201}",
        "multipart/related; boundary=ü",
    ],
)
def test_a_body_that_holds_no_objects(content_type: str) -> None:
    with pytest.raises(MalformedError):
        boundary_of(content_type)
