"""A PACS that hands out whole series only is asked for each series once a study: counted where it sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from pydicom.dataset import Dataset

from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.demo.pacs_index import StoredObject
from miner.errors import Reason
from miner.mining import spares
from miner.mining.project import open_catalogue
from miner.pacs.profile import PacsProfile
from miner.records import WorkState
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.mining.test_spatial import in_space


class WholeSeries(Behaviour):
    """Answers IMAGE level with Success and nothing; counts what leaves at SERIES level, by SOP Instance UID."""

    def __init__(self, never: Sequence[Dataset] = (), late: Sequence[Dataset] = ()) -> None:
        self.sent: Counter[str] = Counter()
        self.never = {str(item.SOPInstanceUID) for item in never}
        self.late = {str(item.SOPInstanceUID) for item in late}

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        if request.level == "IMAGE":
            return ()
        kept = [item for item in objects if item.sop_uid not in self.never | self.late]
        if any(item.sop_uid in self.late for item in objects):
            self.late.clear()
        return kept

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, dataset in answers:
            if dataset is not None:
                self.sent[str(dataset.SOPInstanceUID)] += 1
            yield status, dataset


def learn(hospital: Hospital) -> None:
    """What an earlier run has found out."""
    with open_catalogue(hospital.settings) as catalogue:
        catalogue.store_profile(PacsProfile(image_retrieve=False).as_json())


def a_study() -> tuple[list[Dataset], list[Dataset]]:
    """Two states on one series, and a report in space on another."""
    marked, other = ct_series(slices=40), ct_series(series="2", slices=30)
    return [*marked, *other], [
        ruler_pair(marked[10]),
        ruler_pair(marked[30], x=40, name="second"),
        in_space(other, other[20]),
    ]


def test_a_series_is_sent_once_a_study(hospital: Hospital) -> None:
    images, annotations = a_study()
    hospital.add(images, annotations)
    learn(hospital)
    pacs = hospital.pacs.behaviour = WholeSeries()
    assert hospital.mine().outcomes == {WorkState.MINED: 1}
    everything = {str(item.SOPInstanceUID) for item in (*images, *annotations)}
    assert pacs.sent == dict.fromkeys(everything, 1)
    traffic = hospital.status().traffic
    assert traffic["objects_asked"] == traffic["objects_arrived"] <= len(everything)
    assert 0 < traffic["extra_octets"] < traffic["image_octets"] < traffic["octets"]
    hospital.release()
    assert not hospital.check().faults


def test_it_costs_no_more_than_once_more_to_find_out(hospital: Hospital) -> None:
    images, annotations = a_study()
    hospital.add(images, annotations)
    pacs = hospital.pacs.behaviour = WholeSeries()
    assert hospital.mine().outcomes == {WorkState.MINED: 1}
    assert max(pacs.sent.values()) <= 2
    assert pacs.sent.total() <= len(pacs.sent) + 40


def test_what_did_not_come_with_its_series_is_asked_for_again(hospital: Hospital) -> None:
    images = ct_series(slices=40)
    hospital.add(images, ruler_pair(images[10]))
    learn(hospital)
    pacs = hospital.pacs.behaviour = WholeSeries(late=[images[12]])
    assert hospital.mine().outcomes == {WorkState.MINED: 1}
    assert pacs.sent[str(images[12].SOPInstanceUID)] == 1


def test_what_never_comes_is_missing_by_name_where_it_is_needed_alone(hospital: Hospital) -> None:
    images = ct_series(slices=40)
    hospital.add(images, ruler_pair(images[10]))
    learn(hospital)
    hospital.pacs.behaviour = WholeSeries(never=[images[12], images[39]])
    report = hospital.mine()
    assert report.reasons == {f"partial: {Reason.NOT_RETRIEVED}": 1}
    (missing,) = hospital.status().missing
    assert missing["level"] == "object"
    traffic = hospital.status().traffic
    assert traffic["objects_asked"] - traffic["objects_arrived"] == 1


def test_a_series_too_large_to_be_laid_by_is_asked_for_as_it_is_needed(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spares, "MOST_OCTETS", 39 * 96 * 96 * 2)
    images = ct_series(slices=40)
    hospital.add(images, ruler_pair(images[10]))
    learn(hospital)
    pacs = hospital.pacs.behaviour = WholeSeries()
    assert hospital.mine().outcomes == {WorkState.MINED: 1}
    assert pacs.sent[str(images[10].SOPInstanceUID)] == 2


def test_a_series_that_is_done_with_leaves_the_disk(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for the rest of one series alone: the second finds it, since the first has made way."""
    monkeypatch.setattr(spares, "MOST_OCTETS", 45 * 96 * 96 * 2)
    one, two = ct_series(slices=40), ct_series(series="2", slices=40)
    hospital.add(one, two, ruler_pair(one[10]), ruler_pair(two[10], name="second"))
    learn(hospital)
    pacs = hospital.pacs.behaviour = WholeSeries()
    assert hospital.mine().outcomes == {WorkState.MINED: 1}
    assert set(pacs.sent.values()) == {1}
