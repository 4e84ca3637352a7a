"""Answers to queries, page by page: whole, or an error."""

from __future__ import annotations

import copy
import dataclasses
import gzip
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from miner.errors import AssociationRefused, PacsError, Reason
from miner.pacs.dicomweb import search
from miner.pacs.retry import RequestRefusedError, ServiceNotOfferedError
from miner.records import DateWindow, PatientRef, SeriesRef, StudyRef
from tests.hospital import ct_series
from tests.pacs.dicomweb.conftest import EVERYTHING, ConnectWeb
from tests.pacs.dicomweb.service import Answer, Asked, Change, DicomwebService, rows


@pytest.fixture(scope="module")
def many() -> list[Dataset]:
    """One series of 250 tiny instances."""
    whole = []
    for number in range(250):
        item = Dataset()
        item.StudyInstanceUID, item.SeriesInstanceUID, item.SOPInstanceUID = "2.25.1", "2.25.2", f"2.25.{1000 + number}"
        item.SOPClassUID, item.Modality, item.InstanceNumber = (
            GrayscaleSoftcopyPresentationStateStorage,
            "PR",
            number + 1,
        )
        item.PatientID, item.StudyDate, item.StudyTime, item.AccessionNumber = "P", "20210304", "1200", "A"
        whole.append(item)
    return whole


SERIES = SeriesRef(StudyRef("2.25.1", PatientRef("P")), "2.25.2", "PR", 250)


def on_queries(change: Callable[[Asked, Answer], Answer], level: str = "instances") -> Change:
    return lambda asked, answer: change(asked, answer) if asked.parts[-1] == level else answer


def entries_of(answer: Answer) -> list[Any]:
    return list(json.loads(bytes(answer.body)))


def test_three_levels(study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(study) as service:
        pacs = web(service)
        (found,) = pacs.find_studies(EVERYTHING, ("PR",))
        first = study[0]
        assert found == StudyRef(
            first.StudyInstanceUID, PatientRef("P1"), "20210304", "101112", first.AccessionNumber, ("CT", "PR")
        )
        series = {one.modality: one for one in pacs.find_series(found)}
        assert {code: one.instances for code, one in series.items()} == {"CT": 5, "PR": 1}
        instances = {one.sop_uid: one for one in pacs.find_instances(series["CT"])}
    assert set(instances) == {item.SOPInstanceUID for item in study[:5]}
    for item in study[:5]:
        one = instances[item.SOPInstanceUID]
        assert (one.rows, one.columns, one.instance_number) == (96, 96, item.InstanceNumber)
        assert one.position == tuple(map(float, item.ImagePositionPatient))
        assert one.orientation == tuple(map(float, item.ImageOrientationPatient))
        assert one.sop_class_uid == item.SOPClassUID
    assert service.connections == 1


def test_identifiers_stand_in_no_url_that_can_do_without(study: list[Dataset], web: ConnectWeb) -> None:
    """Logs of web servers keep URLs."""
    with DicomwebService(study) as service:
        pacs = web(service)
        (found,) = pacs.find_studies(EVERYTHING, ("PR",))
        for series in pacs.find_series(found):
            pacs.find_instances(series)
    sent = [value for asked in service.asked for key, values in asked.query.items() for value in [key, *values]]
    assert "P1" not in sent
    assert not any("Name" in value or "Birth" in value for value in sent)


def test_a_cohort_is_asked_for_by_its_keys(study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService([*study, *ct_series("P2", "S2", slices=1)]) as service:
        pacs = web(service)
        assert [one.patient.patient_id for one in pacs.find_studies(EVERYTHING, patient_id="P2")] == ["P2"]
        assert [one.accession for one in pacs.find_studies(EVERYTHING, accession="ACCS1")] == ["ACCS1"]
        assert pacs.find_studies(EVERYTHING, patient_id="P3") == []
        day = date(2021, 3, 4)
        assert len(pacs.find_studies(DateWindow(day, day), ("CT",))) == 2
        assert pacs.find_studies(DateWindow(date(2021, 3, 5), None), ("CT",)) == []


# ------------------------------------------------------------------------------------------------------------- pages


def capped(length: int, *, warned: bool) -> Change:
    """Never more rows than that in one page; with a warning, or without a word."""

    def change(asked: Asked, answer: Answer) -> Answer:
        entries = entries_of(answer)
        if len(entries) <= length:
            return answer
        short = rows(entries[:length])
        return short.with_headers(Warning='299 - "There are more."') if warned else short

    return on_queries(change)


@pytest.mark.parametrize("warned", [True, False])
@pytest.mark.parametrize("length", [100, 101, 200, 249])
def test_a_cap_is_found_without_being_configured(
    length: int, warned: bool, many: list[Dataset], web: ConnectWeb
) -> None:
    with DicomwebService(many, change=capped(length, warned=warned)) as service:
        pacs = web(service)
        assert len(pacs.find_instances(SERIES)) == 250
        assert pacs.learned()["paging"] is True


def test_a_small_cap_with_a_warning(many: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(many, change=capped(7, warned=True)) as service:
        assert len(web(service).find_instances(SERIES)) == 250


def test_a_whole_page_with_a_warning_is_read_on_and_believed(study: list[Dataset], web: ConnectWeb) -> None:
    """Some services warn of what they always warn of."""
    change = on_queries(lambda asked, answer: answer.with_headers(Warning='299 - "fuzzymatching is not supported"'))
    with DicomwebService(study, change=change) as service:
        pacs = web(service)
        (found,) = pacs.find_studies(EVERYTHING, ("PR",))
        for series in pacs.find_series(found):
            assert len(pacs.find_instances(series)) == series.instances


def test_a_warning_of_more_that_never_comes_is_an_error(many: list[Dataset], web: ConnectWeb) -> None:
    def change(asked: Asked, answer: Answer) -> Answer:
        if asked.kind == "headers":
            return Answer(404)
        return answer.with_headers(Warning='299 - "There are more."')

    with (
        DicomwebService(many, change=change) as service,
        pytest.raises(PacsError, match="says that it has more") as caught,
    ):
        web(service, attempts=1).find_instances(dataclasses.replace(SERIES, instances=None))
    assert caught.value.reason is Reason.FIND_FAILED


def test_offset_ignored_and_no_cap(many: list[Dataset], web: ConnectWeb) -> None:
    change = on_queries(lambda asked, answer: rows([entry(item) for item in many]))
    with DicomwebService(many, change=change) as service:
        pacs = web(service)
        assert len(pacs.find_instances(SERIES)) == 250
        assert pacs.learned()["paging"] is False


def test_offset_ignored_and_capped_names_what_is_missing(many: list[Dataset], web: ConnectWeb) -> None:
    def change(asked: Asked, answer: Answer) -> Answer:
        return Answer(404) if asked.kind == "headers" else rows([entry(item) for item in many[:100]])

    with (
        DicomwebService(many, change=change) as service,
        pytest.raises(PacsError, match="100 instances of a series that it says has 250"),
    ):
        web(service, attempts=1).find_instances(SERIES)


def test_the_headers_of_a_series_make_up_for_queries_that_are_cut_off(many: list[Dataset], web: ConnectWeb) -> None:
    change = on_queries(lambda asked, answer: Answer(413))
    with DicomwebService(many, change=change) as service:
        assert len(web(service).find_instances(SERIES)) == 250


def entry(item: Dataset) -> dict[str, Any]:
    return DicomwebService._entry(item, ["SOPClassUID", "InstanceNumber"])


def test_no_rows_and_a_warning_of_more_is_an_error(study: list[Dataset], web: ConnectWeb) -> None:
    """Never an empty archive."""
    change = lambda asked, good: rows([]).with_headers(Warning='299 service "There are more results"')  # noqa: E731
    with DicomwebService(study, change=change) as service, pytest.raises(PacsError, match="says that it has more"):
        web(service, attempts=1).echo()


@pytest.mark.parametrize("longest", [200, 100, 50])
def test_a_service_that_refuses_long_pages(longest: int, many: list[Dataset], web: ConnectWeb) -> None:
    def change(asked: Asked, answer: Answer) -> Answer:
        if asked.number("limit", 0) > longest:
            return Answer(400)
        return capped(longest, warned=True)(asked, answer)

    with DicomwebService(many, change=on_queries(change)) as service:
        assert len(web(service).find_instances(SERIES)) == 250


def test_rows_that_shift_while_they_are_read(many: list[Dataset], web: ConnectWeb) -> None:
    """An object that arrives in the middle of it moves the others by one place: no row may be passed over for it."""
    shifted = []

    def change(asked: Asked, answer: Answer) -> Answer:
        if asked.number("offset", 0) and not shifted:
            shifted.append(asked)
            service.objects.insert(0, with_uid(many[0], "2.25.999"))
            return capped(100, warned=True)(asked, service.answer(asked))
        return capped(100, warned=True)(asked, answer)

    with DicomwebService(many, change=on_queries(change)) as service:
        found = web(service).find_instances(SERIES)
    assert shifted
    assert {one.sop_uid for one in found} == {item.SOPInstanceUID for item in [*many, with_uid(many[0], "2.25.999")]}


def with_uid(item: Dataset, uid: str) -> Dataset:
    other = copy.deepcopy(item)
    other.SOPInstanceUID = uid
    return other


def test_an_order_that_never_stays_is_an_error(many: list[Dataset], web: ConnectWeb) -> None:
    def change(asked: Asked, answer: Answer) -> Answer:
        if asked.kind == "headers":
            return Answer(404)
        service.objects.append(service.objects.pop(0))
        return capped(100, warned=True)(asked, service.answer(asked)) if asked.parts[-1] == "instances" else answer

    with DicomwebService(many, change=change) as service, pytest.raises(PacsError, match="another order each time"):
        web(service, attempts=1).find_instances(SERIES)


def test_only_so_many_rows_are_asked_for_as_are_wanted(many: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(many) as service:
        web(service).echo()
    assert [asked.query["limit"] for asked in service.asked] == [["1"]]


def test_a_query_for_studies_is_cut_where_the_service_refuses_it_as_too_broad(
    study: list[Dataset], web: ConnectWeb
) -> None:
    def change(asked: Asked, answer: Answer) -> Answer:
        first, _, last = asked.query.get("StudyDate", ["19700101-20991231"])[0].partition("-")
        return answer if (last or first)[:6] == first[:6] else Answer(413)

    with DicomwebService(study, change=on_queries(change, "studies")) as service:
        window = DateWindow(date(2021, 1, 1), date(2021, 6, 30), undated=False)
        found = web(service).find_studies(window, ("PR",))
    assert len(found) == 1


# ----------------------------------------------------------------------------------------------- what is no answer


NOT_AN_ANSWER = {
    "nothing at all": Answer(200),
    "HTML": Answer(200, {"Content-Type": "text/html"}, b"<html>Log in, please</html>"),
    "a number": Answer(200, {"Content-Type": "application/json"}, b"17"),
    "an array of numbers": Answer(200, {"Content-Type": "application/json"}, b"[1, 2]"),
    "an error in JSON": Answer(200, {"Content-Type": "application/json"}, b'{"message": "internal"}'),
    "deep nesting": Answer(200, {"Content-Type": "application/json"}, b"[" * 200_000),
    "a huge number": Answer(200, {"Content-Type": "application/json"}, b"[{" + b"9" * 100_000),
    "not UTF-8": Answer(200, {"Content-Type": "application/json"}, b'[{"x": "\xff"}]'),
    "cut off": Answer(200, {"Content-Type": "application/json"}, b'[{"0020000D": {"vr": "UI"', length=500, drop=24),
    "a row without its key": Answer(200, {"Content-Type": "application/json"}, b'[{"00100020": {"vr": "LO"}}]'),
    "an array where a value belongs": Answer(
        200, {"Content-Type": "application/json"}, b'[{"0020000D": [1, {"Value": "x"}]}]'
    ),
}


@pytest.mark.parametrize("kind", NOT_AN_ANSWER)
def test_what_is_no_answer_is_never_taken_for_no_studies(kind: str, study: list[Dataset], web: ConnectWeb) -> None:
    with (
        DicomwebService(study, change=lambda asked, answer: NOT_AN_ANSWER[kind]) as service,
        pytest.raises(PacsError) as caught,
    ):
        web(service, attempts=1).find_studies(EVERYTHING, ("PR",))
    assert caught.value.reason is Reason.FIND_FAILED


@pytest.mark.parametrize(
    "answer",
    [Answer(204), rows([]), Answer(206, {"Content-Type": "application/dicom+json"}, b"[]")],
    ids=["204", "an empty array", "206"],
)
def test_no_studies(answer: Answer, web: ConnectWeb) -> None:
    with DicomwebService(change=lambda asked, good: answer) as service:
        assert web(service).find_studies(EVERYTHING, ("PR",)) == []


def test_a_large_answer_is_not_read_to_its_end(
    study: list[Dataset], web: ConnectWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PAGE_OCTETS", 100_000)
    sent = []

    def flood() -> Any:
        yield b"["
        for _ in range(10_000):
            sent.append(1)
            yield b'{"00080005": {"vr": "CS"}},' * 100

    def change(asked: Asked, answer: Answer) -> Answer:
        return Answer(200, {"Content-Type": "application/json"}, flood(), length=-1)

    with DicomwebService(study, change=change) as service, pytest.raises(PacsError, match="more octets"):
        web(service, attempts=1).find_studies(DateWindow(date(2021, 3, 4), date(2021, 3, 4), undated=False))
    assert len(sent) < 10_000


def test_compressed_answers_are_read_though_nobody_asked_for_them(study: list[Dataset], web: ConnectWeb) -> None:
    def change(asked: Asked, answer: Answer) -> Answer:
        return dataclasses.replace(answer, body=gzip.compress(bytes(answer.body))).with_headers(Content_Encoding="gzip")

    with DicomwebService(study, change=change) as service:
        assert len(web(service).find_studies(EVERYTHING, ("PR",))) == 1


def test_a_small_answer_that_unpacks_to_a_large_one(study: list[Dataset], web: ConnectWeb) -> None:
    packed = gzip.compress(b"[" + b"{}," * (50 << 20))
    assert len(packed) < 1 << 20
    answer = Answer(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, packed)
    with (
        DicomwebService(study, change=lambda asked, good: answer) as service,
        pytest.raises(PacsError, match="more octets"),
    ):
        web(service, attempts=1).echo()


def test_a_wrong_root_is_no_empty_archive(study: list[Dataset], web: ConnectWeb) -> None:
    with (
        DicomwebService(study, change=lambda asked, answer: Answer(404)) as service,
        pytest.raises(ServiceNotOfferedError, match=r"pacs\.url"),
    ):
        web(service).find_studies(EVERYTHING, ("PR",))
    assert service.count("query") == 1


PAGE = Answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Welcome</html>")


def test_a_root_that_is_a_web_page_is_asked_once(study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(study, change=lambda asked, answer: PAGE) as service:
        with pytest.raises(ServiceNotOfferedError, match=r"check that pacs\.url is the root") as caught:
            web(service).find_studies(EVERYTHING, ("PR",))
        assert service.url in str(caught.value)
    assert service.count("query") == 1


def test_a_web_page_between_good_answers_passes(study: list[Dataset], web: ConnectWeb) -> None:
    """A proxy's, while the service is started anew: the root is known to be right."""
    with DicomwebService(study) as service:
        pacs = web(service)
        assert len(pacs.find_studies(EVERYTHING, ("PR",))) == 1
        pages = iter([PAGE])
        service.change = lambda asked, answer: next(pages, answer)
        assert len(pacs.find_studies(EVERYTHING, ("PR",))) == 1
        assert next(pages, None) is None


@pytest.mark.parametrize("kind", ["a number", "an array of numbers"])
def test_what_is_no_answer_names_the_service(kind: str, study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(study, change=lambda asked, answer: NOT_AN_ANSWER[kind]) as service:
        with pytest.raises(PacsError, match=r"pacs\.url") as caught:
            web(service, attempts=1).find_studies(EVERYTHING, ("PR",))
        assert service.url in str(caught.value)


def test_404_below_a_study_that_exists_is_no_empty_study(study: list[Dataset], web: ConnectWeb) -> None:
    change = lambda asked, answer: Answer(404) if asked.parts[-1] == "series" else answer  # noqa: E731
    with DicomwebService(study, change=change) as service:
        pacs = web(service)
        with pytest.raises(ServiceNotOfferedError):
            pacs.find_series(StudyRef(study[0].StudyInstanceUID, PatientRef("P1")))
        assert pacs.find_series(StudyRef("2.25.404", PatientRef("P1"))) == []


def test_a_refused_modality_is_found_by_looking_into_every_study(study: list[Dataset], web: ConnectWeb) -> None:
    change = lambda asked, answer: Answer(400) if "ModalitiesInStudy" in asked.query else answer  # noqa: E731
    with DicomwebService([*study, *ct_series("P2", "S2", slices=1)], change=change) as service:
        found = web(service).find_studies(EVERYTHING, ("PR",))
    assert [one.patient.patient_id for one in found] == ["P1"]


# ------------------------------------------------------------------------------------------------------- positions


def test_positions_from_the_headers_where_queries_do_not_give_them(study: list[Dataset], web: ConnectWeb) -> None:
    with DicomwebService(study, positions=False) as service:
        pacs = web(service)
        (found,) = pacs.find_studies(EVERYTHING, ("PR",))
        series = {one.modality: one for one in pacs.find_series(found)}
        instances = pacs.find_instances(series["CT"])
        assert all(one.position and one.orientation for one in instances)
        assert service.count("headers") == 1
        pacs.find_instances(series["PR"])
        assert service.count("headers") == 1, "a presentation state has no position"
        learned = pacs.learned()
        assert (learned["positions"], learned["metadata"]) == (False, True)
        before = service.count("query")
        again = web(service, profile=learned)
        assert again.find_instances(series["CT"]) == instances
        assert (service.count("query"), service.count("headers")) == (before, 2)


def test_no_positions_anywhere(study: list[Dataset], web: ConnectWeb) -> None:
    change = lambda asked, answer: Answer(501) if asked.kind == "headers" else answer  # noqa: E731
    with DicomwebService(study, positions=False, change=change) as service:
        pacs = web(service)
        (found,) = pacs.find_studies(EVERYTHING, ("PR",))
        series = next(one for one in pacs.find_series(found) if one.modality == "CT")
        for _ in range(2):
            instances = pacs.find_instances(series)
            assert len(instances) == 5
            assert not any(one.position for one in instances)
        assert service.count("headers") == 1
        assert pacs.learned()["metadata"] is False


def test_headers_that_fail_today_are_asked_for_tomorrow(study: list[Dataset], web: ConnectWeb) -> None:
    change = lambda asked, answer: Answer(500) if asked.kind == "headers" else answer  # noqa: E731
    with DicomwebService(study, positions=False, change=change) as service:
        pacs = web(service, attempts=1)
        (found,) = pacs.find_studies(EVERYTHING, ("PR",))
        series = next(one for one in pacs.find_series(found) if one.modality == "CT")
        assert len(pacs.find_instances(series)) == 5
        assert "metadata" not in pacs.learned()


def test_credentials_refused_in_the_middle_are_no_empty_series(study: list[Dataset], web: ConnectWeb) -> None:
    change = on_queries(lambda asked, answer: Answer(401), "series")
    with DicomwebService(study, change=change) as service:
        pacs = web(service)
        (found,) = pacs.find_studies(EVERYTHING, ("PR",))
        with pytest.raises(AssociationRefused):
            pacs.find_series(found)


def test_forbidden_for_one_study_concerns_that_study(study: list[Dataset], web: ConnectWeb) -> None:
    change = on_queries(lambda asked, answer: Answer(403), "series")
    with DicomwebService(study, change=change) as service:
        pacs = web(service)
        (found,) = pacs.find_studies(EVERYTHING, ("PR",))
        with pytest.raises(RequestRefusedError):
            pacs.find_series(found)
