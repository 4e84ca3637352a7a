"""What an examination learns of archives that differ in one thing each, and what it costs them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydicom import Dataset

from miner.errors import PacsError, PacsUnreachable, Reason
from miner.pacs.profile import PacsProfile
from miner.pacs.queries.examine import MOST_QUERIES, ROWS, examine
from miner.pacs.retry import RequestRefusedError
from tests.pacs.queries.simulated import TODAY, Archive, Study, days_from, many

STUDIES = [
    Study("2.25.1", "20240614", "0800", ("CT",), "CANARY-1", "ACCESSION-1"),
    Study("2.25.2", "20240613", "0800", ("CT", "PR", "SR"), "CANARY-2", "ACCESSION-2"),
    Study("2.25.3", "20200101", "0800", ("CT", "SR"), "CANARY-3", "ACCESSION-3"),
]


def learned(studies: list[Study] | None = None, **faults: Any) -> PacsProfile:
    archive = Archive(STUDIES if studies is None else studies, **faults)
    asked: list[int | None] = []

    def noting(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        asked.append(limit)
        return archive(identifier, limit)

    profile = examine(noting, ("PR", "SR"), patient_root=archive.root == "patient", today=lambda: TODAY).profile
    assert len(asked) <= MOST_QUERIES
    assert all(limit is not None and limit <= ROWS for limit in asked), "each is bounded"
    assert "CANARY" not in json.dumps(profile.as_json())
    assert "2.25." not in json.dumps(profile.as_json())
    return profile


def test_an_honest_archive() -> None:
    profile = learned()
    assert (profile.study_level, profile.series_level, profile.image_level) == (True, True, True)
    matching = (profile.date_range, profile.study_uid, profile.patient_id, profile.wildcards)
    assert matching == ("honoured",) * 4
    assert (profile.modalities_in_study, profile.annotations_listed) == ("honoured", True)
    assert (profile.modalities_listed, profile.modalities_unlisted) == (("PR",), ())
    assert (profile.counts, profile.study_counts) == (True, True)
    assert {"StudyDate", "PatientID", "ModalitiesInStudy"} <= set(profile.study_keys)
    assert profile.series_keys == ("SeriesInstanceUID", "Modality", "NumberOfSeriesRelatedInstances")
    assert profile.image_keys == ("SOPInstanceUID", "InstanceNumber")
    assert (profile.sop_classes, profile.positions) == (False, False)
    assert profile.faults == ()


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({"ignored": {"ModalitiesInStudy"}}, {"modalities_in_study": "ignored", "annotations_listed": True}),
        ({"refused": {"ModalitiesInStudy"}}, {"modalities_in_study": "refused"}),
        ({"hidden": {"PR", "SR"}}, {"modalities_in_study": "unmatched", "annotations_listed": False}),
        ({"hidden": {"PR", "SR"}}, {"modalities_unlisted": ("PR", "SR"), "modalities_listed": ()}),
        ({"first_modality_only": True}, {"modalities_in_study": "unmatched", "modalities_listed": ()}),
        ({"unanswered": {"ModalitiesInStudy"}}, {"annotations_listed": False, "modalities_listed": ()}),
        ({"ignored": {"StudyDate"}}, {"date_range": "ignored"}),
        ({"ignored": {"StudyInstanceUID"}}, {"study_uid": "ignored"}),
        ({"ignored": {"PatientID"}}, {"patient_id": "ignored", "wildcards": "ignored"}),
        ({"wildcards": "literal"}, {"wildcards": "unmatched"}),
        ({"wildcards": "refused"}, {"wildcards": "refused"}),
        ({"unanswered": {"NumberOfSeriesRelatedInstances"}}, {"counts": False, "study_counts": True}),
        ({"unanswered": {"NumberOfStudyRelatedSeries"}}, {"counts": True, "study_counts": False}),
        ({"repeats": 3}, {"date_range": "honoured", "modalities_in_study": "honoured"}),
        ({"cap": 2}, {"modalities_in_study": "honoured", "annotations_listed": True}),
        ({"broadest_days": 100}, {"modalities_in_study": "honoured", "date_range": "honoured"}),
        (
            {"root": "patient", "relational": True},
            {"patient_level": True, "relational": True, "annotations_listed": True, "wildcards": "unknown"},
        ),
        (
            {"root": "patient", "relational": False},
            {"patient_level": True, "relational": False, "annotations_listed": True, "study_level": True},
        ),
    ],
    ids=lambda value: ",".join(f"{key}={sorted(one) if isinstance(one, set) else one}" for key, one in value.items())[
        :60
    ],
)
def test_what_differs_is_learned(faults: dict[str, Any], expected: dict[str, Any]) -> None:
    profile = learned(**faults)
    assert {name: getattr(profile, name) for name in expected} == expected


def test_an_empty_archive() -> None:
    profile = learned([])
    assert (profile.study_level, profile.series_level, profile.annotations_listed) == (True, None, None)
    assert profile.modalities_in_study == "unknown"


def test_a_big_archive_is_asked_for_a_few_rows() -> None:
    assert learned(many(500, lambda n: (days_from(TODAY, -n % 7), "0800"))).annotations_listed is True


def test_an_archive_without_annotations_leaves_open_whether_they_are_named() -> None:
    profile = learned([Study("2.25.1", "20240614", modalities=("CT",))])
    assert (profile.annotations_listed, profile.modalities_in_study) == (None, "honoured")


def test_what_fails_is_noted_once_and_the_rest_goes_on() -> None:
    archive = Archive(STUDIES)

    def failing(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        if identifier.QueryRetrieveLevel == "IMAGE":
            raise PacsError("The PACS was silent.", Reason.TIMED_OUT)
        return archive(identifier, limit)

    profile = examine(failing, ("PR",), today=lambda: TODAY).profile
    assert profile.faults == ("The PACS was silent.",)
    assert (profile.image_level, profile.date_range) == (False, "honoured")


LOST = PacsError("The PACS broke off a query.", Reason.FIND_FAILED)
SILENT = PacsError("The PACS was silent.", Reason.TIMED_OUT)
AWAY = PacsUnreachable("The PACS cannot be reached.")
REFUSAL = RequestRefusedError("The PACS refused a query.", Reason.FIND_FAILED)


@pytest.mark.parametrize(
    ("failure", "times", "expected"),
    [
        (REFUSAL, 1, "refused"),
        (LOST, 1, "unknown"),
        (LOST, 2, "refused"),
        (SILENT, 2, "unknown"),
        (AWAY, 2, "unknown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, PacsError) else value,
)
def test_a_bad_moment_is_not_taken_for_a_refusal(failure: PacsError, times: int, expected: str) -> None:
    """A key that is said to be refused costs a query per study from then on; some PACS abort where they refuse."""
    archive, left = Archive(STUDIES), times

    def failing(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        nonlocal left
        if left and identifier.get("StudyInstanceUID") and identifier.get("ModalitiesInStudy"):
            left -= 1
            raise failure
        return archive(identifier, limit)

    assert examine(failing, ("PR",), today=lambda: TODAY).profile.modalities_in_study == expected
    assert not left


@pytest.mark.parametrize(("failure", "expected"), [(REFUSAL, "refused"), (LOST, "honoured"), (AWAY, "honoured")])
def test_the_first_query_by_modality_may_fail(failure: PacsError, expected: str) -> None:
    archive, failed = Archive(STUDIES), []

    def failing(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        if not failed and identifier.get("ModalitiesInStudy"):
            failed.append(identifier)
            raise failure
        return archive(identifier, limit)

    assert examine(failing, ("PR",), today=lambda: TODAY).profile.modalities_in_study == expected


def test_a_pacs_that_cannot_be_asked_is_an_error() -> None:
    def absent(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        raise PacsUnreachable("nobody there")

    with pytest.raises(PacsUnreachable):
        examine(absent, ("PR",), today=lambda: TODAY)


def test_one_that_refuses_everything_is_described() -> None:
    def refusing(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        raise RequestRefusedError("refused", Reason.FIND_FAILED)

    profile = examine(refusing, ("PR",), today=lambda: TODAY).profile
    assert (profile.study_level, profile.faults) == (False, ("refused",))
