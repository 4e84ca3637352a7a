"""What the doctor says of a profile."""

from __future__ import annotations

from typing import Any

import pytest

from miner.doctor import profile_findings
from miner.pacs import PacsProfile

HONEST = {
    "protocol": "dimse",
    "echo": True,
    "tls": True,
    "roots": ("study", "patient"),
    "study_level": True,
    "series_level": True,
    "image_level": True,
    "date_range": "honoured",
    "study_uid": "honoured",
    "patient_id": "honoured",
    "wildcards": "honoured",
    "modalities_in_study": "honoured",
    "annotations_listed": True,
    "counts": True,
    "sop_classes": True,
    "positions": True,
    "get_offered": True,
    "get_reports": True,
    "get_syntaxes": ("1.2.840.10008.1.2.1",),
    "move_offered": True,
}


def findings(state: str, **values: Any) -> list[str]:
    profile = PacsProfile(**{**HONEST, **values})
    return [entry.words for entry in profile_findings(profile) if entry.state == state]


def test_an_honest_archive_earns_no_warning() -> None:
    assert findings("warning") == []
    assert any("study and the patient root: STUDY, SERIES, IMAGE" in words for words in findings("ok"))
    assert any("Explicit VR Little Endian" in words for words in findings("ok"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"roots": ("patient",), "relational": False}, "a search asks every patient"),
        ({"study_limits": (100, 500)}, "STUDY level at 100 and 500 rows"),
        ({"image_limits": (300,)}, "IMAGE level at 300 rows"),
        ({"modalities_in_study": "refused"}, "a query per study"),
        ({"modalities_in_study": "ignored"}, "a query per study"),
        ({"annotations_listed": False}, "a query per study"),
        ({"annotations_listed": None}, "is seen while mining"),
        ({"date_range": "ignored"}, "lists the whole archive"),
        ({"study_uid": "ignored"}, "Study Instance UID is not matched"),
        ({"patient_id": "ignored"}, "--patients"),
        ({"wildcards": "unmatched"}, "Wild cards"),
        ({"counts": False}, "No number of instances"),
        ({"sop_classes": False}, "dose reports too"),
        ({"positions": False}, "fetched whole"),
        ({"positions": False, "metadata": True}, "without pixels"),
        ({"paging": False}, "pages"),
        ({"get_reports": False}, "class of reports"),
        ({"get_offered": False}, "Only C-MOVE"),
        ({"get_offered": False, "storage_role": False}, "role selection"),
        ({"image_retrieve": False}, "Single slices"),
        ({"as_stored": False}, "transcodes"),
        ({"identity": False}, "did not confirm the user"),
        ({"faults": ("The PACS was silent.",)}, "The PACS was silent."),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_costs_is_a_warning(values: dict[str, Any], said: str) -> None:
    assert any(said in words for words in findings("warning", **values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"roots": ()}, "C-FIND is not offered"),
        ({"get_offered": False, "move_offered": False}, "nothing can be retrieved"),
    ],
)
def test_without_what_nothing_can_be_mined_is_a_fault(values: dict[str, Any], said: str) -> None:
    (words,) = findings("fault", **values)
    assert said in words


@pytest.mark.parametrize(("get_offered", "hint"), [(True, True), (False, False)])
def test_where_c_move_is_demanded_the_port_is_needed(get_offered: bool, hint: bool) -> None:
    profile = PacsProfile(**{**HONEST, "get_offered": get_offered, "get_reports": False})
    found = [entry for entry in profile_findings(profile, retrieve="move") if entry.subject == "retrieve"]
    words = " ".join(entry.words for entry in found)
    assert "[pacs] move_port" in words
    assert "is offered: no port" not in words
    assert ("no port of ours would" in words) is hint
    assert not [entry for entry in found if entry.state == "warning"], "it is what the configuration asks for"


def test_where_c_get_is_demanded_it_is_not_told_to_move() -> None:
    found = profile_findings(PacsProfile(**HONEST), retrieve="get")
    assert any("no port of ours needs to be open" in entry.words for entry in found)


DIMSE_WORDS = ("C-ECHO", "C-FIND", "C-GET", "C-MOVE", "AE title", "association", "[pacs] tls", "move_port")


@pytest.mark.parametrize("protocol", ["dicomweb", "folder"])
def test_words_fit_the_way_in(protocol: str) -> None:
    """Whatever the profile holds, nobody who mines over HTTP or from files is told of C-GET."""
    bad = {"annotations_listed": False, "counts": False, "positions": False, "sop_classes": False, "as_stored": False}
    unasked = {"get_offered": None, "get_reports": None, "get_syntaxes": (), "move_offered": None, "roots": ()}
    for values in ({}, bad, {**bad, "tls": False, "paging": False, "wildcards": "ignored", "identity": False}):
        profile = PacsProfile(**{**HONEST, **unasked, **values, "protocol": protocol})
        for entry in profile_findings(profile):
            assert not [word for word in DIMSE_WORDS if word in entry.words], entry.words
            if protocol == "folder":
                assert not [word for word in ("ModalitiesInStudy", "PACS", "slices") if word in entry.words]


def test_a_folder_is_told_of_its_files() -> None:
    found = profile_findings(PacsProfile(protocol="folder", faults=("2 of the files cannot be read.",)))
    assert [entry.state for entry in found] == ["ok", "ok", "warning"]
    assert found[-1].words == "2 of the files cannot be read."


def test_a_profile_of_nothing_has_words() -> None:
    assert profile_findings(PacsProfile())
