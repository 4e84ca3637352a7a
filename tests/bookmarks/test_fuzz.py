"""Thousands of annotation objects made wrong: a reason for each, never a crash, a hang, a leak, an unsound bookmark."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from miner.bookmarks import read_object
from miner.errors import ObjectError, Reason
from miner.records import Bookmark, Encoding, ImageReference, Kind
from tests.fuzzing import judging
from tests.fuzzing.judging import judge_all, judge_file
from tests.fuzzing.originals import generated, real
from tests.fuzzing.wounds import wounded

BASE = 20_240_507


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    return list({**generated(), **real()}.values())


def test_originals_are_sound(tmp_path: Path) -> None:
    """Else the mutants would all be refused for one reason."""
    path = tmp_path / "original.dcm"
    for name, data in generated().items():
        path.write_bytes(data)
        wanted = {"no bookmark"} if "dcmqi" in name else {"bookmarks"}
        assert judge_file(path) in wanted, name


def test_mutants_follow_from_their_seed(originals: list[bytes]) -> None:
    assert [wounded(originals[0], seed) for seed in range(20)] == [wounded(originals[0], seed) for seed in range(20)]
    assert len({wounded(originals[0], seed) for seed in range(20)}) > 15


def test_two_thousand_mutants(originals: list[bytes]) -> None:
    verdict = judge_all(originals, range(BASE, BASE + 2_000))
    assert verdict.faults == []
    assert sum(verdict.outcomes.values()) == 2_000
    assert verdict.outcomes["bookmarks"] > 400, "the wounds are not all deadly"
    assert verdict.outcomes[Reason.DAMAGED_OBJECT] > 200, "nor all harmless"


@pytest.mark.long
def test_twenty_thousand_mutants(originals: list[bytes]) -> None:
    verdict = judge_all(originals, range(BASE + 100_000, BASE + 120_000))
    assert verdict.faults == []
    assert sum(verdict.outcomes.values()) == 20_000


# --------------------------------------------------------------------------------------------------- it is able to fail


@pytest.mark.parametrize(
    ("reader", "words"),
    [("crashing", "KeyError"), ("hanging", "hangs"), ("dying", "died"), ("leaking", "name"), ("losing", "gap")],
)
def test_a_faulty_reader_is_found(originals: list[bytes], reader: str, words: str) -> None:
    verdict = judge_all(originals, range(4), reader=reader, seconds=1.0, workers=1)
    assert verdict.faults
    assert any(words in fault for _, fault in verdict.faults), verdict.faults


@pytest.mark.parametrize(
    ("points", "length", "words"),
    [
        (((math.nan, 0.0), (1.0, 1.0)), 5.0, "not finite"),
        (((511.6, 0.0), (1.0, 1.0)), 5.0, "outside"),
        (((5.0, 0.0), (1.0, 1.0)), math.inf, "length"),
        (((5.0, 0.0), (1.0, 1.0)), 0.0, "length"),
        ((), 5.0, "without points"),
    ],
)
def test_an_unsound_bookmark_is_found(points: tuple[tuple[float, float], ...], length: float, words: str) -> None:
    bookmark = Bookmark(
        Kind.LINE, ImageReference("1.2", "1.2.3"), points, Encoding.GSPS_POLYLINE, 0.5, length_mm=length
    )
    with pytest.raises(AssertionError, match=words):
        judging._check(bookmark)


# ---------------------------------------------------------------------------------------------------------------- depth


def _nested(depth: int, tag: bytes) -> bytes:
    """A presentation state or report whose sequence holds itself ``depth`` times, in undefined lengths."""
    original = next(iter(generated().values()))
    opened = tag + b"SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return original + opened * depth + closed * depth


@pytest.mark.parametrize("depth", [50, 900, 5_000, 90_000])
@pytest.mark.parametrize("tag", [b"\x70\x00\x01\x00", b"\x40\x00\x30\xa7"], ids=["graphics", "content"])
def test_depth(tmp_path: Path, depth: int, tag: bytes) -> None:
    path = tmp_path / "deep.dcm"
    path.write_bytes(_nested(depth, tag))
    try:
        read_object(path)
    except ObjectError as error:
        assert error.reason is Reason.OVER_LIMITS
    else:
        assert depth < 1_000
