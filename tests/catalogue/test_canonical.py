from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.catalogue.canonical import canonical, digest, number
from miner.errors import PermanentError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_canonical_text_reads_back_and_is_a_fixed_point(value: object) -> None:
    text = canonical(value)
    assert text.isascii()
    assert canonical(json.loads(text)) == text


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_of_keys_does_not_matter(content: dict[str, int]) -> None:
    assert digest(dict(reversed(content.items()))) == digest(content)


def test_a_known_digest() -> None:
    assert canonical({"b": [1, 0.1, None], "a": "é"}) == '{"a":"\\u00e9","b":[1,0.1,null]}'
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert canonical(date(2026, 1, 31)) == '"2026-01-31"'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1.5: {2}}])
def test_what_is_not_data_is_refused(value: object) -> None:
    with pytest.raises(PermanentError):
        canonical({"x": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_must_be_finite(value: float) -> None:
    with pytest.raises(PermanentError):
        number(value)


def test_minus_zero_is_zero() -> None:
    assert str(number(-0.0)) == "0.0"
