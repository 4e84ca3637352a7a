"""Files read within bounds: size as it is and inflated, items, steps of the parser."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from miner import limits
from miner.errors import ObjectError, Reason
from miner.part10 import BoundedStream, checked, inflated, is_over_limits, items_in, read_octets
from tests.hostile.crafting import DEFLATED, OBJECT, deflate, deflated_zeros, image, image_file, meta, part10


def reason(octets: bytes, most: int = limits.LARGEST_IMAGE) -> Reason:
    with pytest.raises(ObjectError) as caught:
        checked(octets, most)
    return caught.value.reason


def test_what_is_not_deflated_stays_as_it_is() -> None:
    assert checked(image_file(), 1 << 20) == image_file()
    assert checked(b"", 1) == b""


def test_what_is_deflated_is_inflated_once() -> None:
    read = pydicom.dcmread(BoundedStream(checked(image_file(syntax=DEFLATED), 1 << 20)))
    assert read == pydicom.dcmread(BoundedStream(image_file()))


def test_the_bound_holds_before_and_after_inflation() -> None:
    plain = image_file()
    assert len(checked(plain, len(plain))) == len(plain)
    assert reason(plain, len(plain) - 1) is Reason.OVER_LIMITS
    bomb = part10(deflated_zeros(image(), 1 << 30), meta(syntax=DEFLATED))
    assert len(bomb) < 2 << 20
    assert reason(bomb) is Reason.OVER_LIMITS
    assert len(inflated(bomb, 1_000)) < 2_000


def test_deflation_that_is_cut_off_is_damaged() -> None:
    """Else what stands before the cut would be read as a whole object."""
    cut = part10(deflate(image())[:-6], meta(syntax=DEFLATED))
    assert reason(cut) is Reason.DAMAGED_OBJECT


def test_items_are_counted_in_either_order_of_octets() -> None:
    assert items_in(b"\xfe\xff\0\xe0" * 3 + b"\xff\xfe\xe0\0" * 2) == 5
    assert reason(b"\xfe\xff\0\xe0" * (limits.MOST_ITEMS + 1)) is Reason.OVER_LIMITS


def test_the_parser_ends_after_so_many_steps() -> None:
    with pytest.raises(ObjectError) as caught:
        pydicom.dcmread(BoundedStream(image_file(), 20))
    assert caught.value.reason is Reason.OVER_LIMITS


def test_deflation_that_was_not_recognised_is_never_inflated_by_the_parser() -> None:
    """Without a group length, where File Meta Information ends is not known beforehand."""
    hidden = part10(deflated_zeros(image(), 1 << 30), meta(syntax=DEFLATED)[12:])
    with pytest.raises(ObjectError) as caught:
        pydicom.dcmread(BoundedStream(checked(hidden, limits.LARGEST_IMAGE)))
    assert caught.value.reason is Reason.DAMAGED_OBJECT


def test_what_the_parser_makes_of_a_bound_is_known_again() -> None:
    def through_the_parser(first: Exception) -> BaseException:
        try:
            try:
                raise first
            except Exception:
                raise OSError("No tag to read")  # noqa: B904 - as pydicom does
        except OSError as error:
            return error

    assert is_over_limits(through_the_parser(RecursionError()))
    assert is_over_limits(through_the_parser(ObjectError("", Reason.OVER_LIMITS)))
    assert not is_over_limits(through_the_parser(ValueError()))
    assert not is_over_limits(None)


def test_a_file_is_not_read_beyond_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "sparse.dcm"
    with path.open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(ObjectError) as caught:
        read_octets(path, 1 << 20)
    assert caught.value.reason is Reason.OVER_LIMITS
    assert OBJECT.decode() not in str(caught.value)
