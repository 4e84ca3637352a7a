from __future__ import annotations

import pytest

from miner.records import PatientRef, StudyRef
from miner.vault import Identity, study_ref

STUDY = Identity(
    "study",
    "ab" * 16,
    {
        "study_uid": "1.2.3",
        "patient_id": "4711",
        "issuer": "hospital",
        "study_date": "20200131",
        "study_time": "0703",
        "accession": "A1",
    },
)


def test_a_study_leads_back_to_the_pacs() -> None:
    assert study_ref(STUDY) == StudyRef("1.2.3", PatientRef("4711", "hospital"), "20200131", "0703", "A1")
    assert study_ref(Identity("study", "ab", {"study_uid": "1.2.3"})) == StudyRef("1.2.3", PatientRef(""))


@pytest.mark.parametrize("wrong", [Identity("series", "ab", {"study_uid": "1.2.3"}), Identity("study", "ab", {})])
def test_nothing_else_does(wrong: Identity) -> None:
    with pytest.raises(ValueError, match="identity of a study"):
        study_ref(wrong)


def test_an_identity_does_not_show_who_it_is() -> None:
    for shown in (repr(STUDY), str(STUDY), f"{STUDY}"):
        assert "4711" not in shown and "20200131" not in shown and "1.2.3" not in shown
        assert "ab" * 16 in shown
    assert hash(STUDY) == hash(Identity("study", "ab" * 16, {}))
