"""The profile: stored, read again by another version, and added to by use."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from miner.pacs.profile import PacsProfile

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_it_survives_being_stored() -> None:
    profile = PacsProfile(
        "dimse", True, roots=("study",), study_limits=(100, 500), class_syntaxes={"1.2": ("1.2.840.10008.1.2",)}
    )
    assert PacsProfile.of(json.loads(json.dumps(profile.as_json()))) == profile


def test_a_profile_of_an_earlier_version_is_read() -> None:
    stored = {"echo": True, "modalities_in_study": "honoured", "annotations_listed": True, "get_syntaxes": ["1.2"]}
    profile = PacsProfile.of(stored)
    assert (profile.echo, profile.modalities_in_study, profile.get_syntaxes) == (True, "honoured", ("1.2",))
    assert (profile.relational, profile.study_limits) == (None, ())
    assert PacsProfile.of(None) == PacsProfile()


@given(st.dictionaries(st.sampled_from([*PacsProfile().as_json(), "other"]), ANYTHING))
def test_what_does_not_fit_is_not_known(stored: dict[str, object]) -> None:
    profile = PacsProfile.of(stored)
    for name, value in PacsProfile().as_json().items():
        assert type(getattr(profile, name)) in (type(value), bool, int)


def test_what_is_learned_is_added() -> None:
    profile = PacsProfile(study_limits=(100,), modalities_listed=("PR", "SR"), get_offered=True)
    later = profile.with_learned({"study_limits": [7], "get_offered": False, "modalities_unlisted": ["PR"], "odd": 1})
    assert later.study_limits == (7, 100)
    assert later.get_offered is False
    assert (later.modalities_listed, later.modalities_unlisted) == (("SR",), ("PR",))
    assert later.echo is profile.echo
    assert later.with_learned({"longest_answer": 40}).with_learned({"longest_answer": 30}).longest_answer == 40


def test_a_new_probe_keeps_what_only_use_finds_out() -> None:
    earlier = PacsProfile(study_limits=(7,), image_limits=(300,), get_offered=False)
    profile = PacsProfile(study_limits=(100,), get_offered=True).with_limits_of(earlier)
    assert (profile.study_limits, profile.image_limits, profile.get_offered) == ((7, 100), (300,), True)
