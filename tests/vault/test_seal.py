from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.errors import ConfigError
from miner.vault.seal import Seal

KEY = bytes(range(32))
values = st.dictionaries(st.text(), st.text(), max_size=5)


@given(values)
def test_what_is_sealed_opens_in_its_place_only(value: dict[str, str]) -> None:
    seal = Seal(KEY)
    sealed = seal.close("study", "ab", value)
    assert seal.open("study", "ab", sealed) == value
    assert Seal(KEY).open("study", "ab", sealed) == value
    for other in (("study", "ac"), ("patient", "ab"), ("stud", "yab"), ("studya", "b")):
        assert seal.open(*other, sealed) is None
    assert Seal(bytes(32)).open("study", "ab", sealed) is None


@given(values, st.data())
def test_a_changed_octet_does_not_open(value: dict[str, str], data: st.DataObject) -> None:
    seal = Seal(KEY)
    sealed = bytearray(seal.close("study", "ab", value))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    assert seal.open("study", "ab", bytes(sealed)) is None


@given(st.binary(max_size=40))
def test_any_octets_do_not_open(octets: bytes) -> None:
    assert Seal(KEY).open("study", "ab", octets) is None


def test_the_same_value_is_never_sealed_alike() -> None:
    seal = Seal(KEY)
    sealed = {seal.close("study", "ab", {"a": "b"}) for _ in range(1_000)}
    assert len(sealed) == 1_000
    assert len({octets[:12] for octets in sealed}) == 1_000


def test_the_length_does_not_tell_a_short_name_from_a_long_one() -> None:
    seal = Seal(KEY)
    assert len({len(seal.close("patient", "ab", {"patient_id": "x" * length})) for length in range(100)}) == 1


def test_the_key_does_not_leave() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Seal(KEY))
    with pytest.raises(ConfigError, match="32 bytes"):
        Seal(b"short")
