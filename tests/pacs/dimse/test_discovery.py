"""Discovery over the wire: the patient root alone, and limits that nobody has told us of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from miner.demo.pacs import LoopbackPacs
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.pacs import probe
from miner.records import DateWindow
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.pacs.conftest import Connect, peer_for

EVERYTHING = DateWindow()


class CutOff(Behaviour):
    """Answers no more than so many rows, and says Success."""

    def __init__(self, most: int) -> None:
        self.most = most

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for number, (status, dataset) in enumerate(answers):
            if dataset is not None and number >= self.most:
                return
            yield status, dataset


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[LoopbackPacs]:
    with LoopbackPacs(tmp_path / "pacs") as pacs:
        for number in range(5):
            images = ct_series(f"P{number}", f"S{number}", slices=4)
            for item in (*images, ruler_pair(images[1])):
                if number == 4:
                    item.StudyDate = ""
                pacs.add(item)
        yield pacs


def test_the_patient_root_alone(archive: LoopbackPacs, connected: Connect, spool: Path) -> None:
    """Row 5: found patient by patient, listed and fetched with the patient among the parents."""
    pacs = connected(archive, query_root="patient")
    studies = pacs.find_studies(EVERYTHING, ("PR",))
    assert len(studies) == 5
    assert pacs.learned()["relational"] is False
    (images,) = [series for series in pacs.find_series(studies[0]) if series.modality == "CT"]
    wanted = pacs.find_instances(images)
    assert len(wanted) == 4
    assert all(instance.patient_id == studies[0].patient.patient_id for instance in wanted)
    assert len(pacs.fetch(wanted, spool).arrived) == 4


def test_what_the_probe_learns_of_the_patient_root(archive: LoopbackPacs) -> None:
    profile = probe(peer_for(archive, query_root="patient"))
    assert (profile.roots, profile.relational, profile.patient_level) == (("patient",), False, True)
    assert (profile.modalities_in_study, profile.annotations_listed) == ("honoured", True)
    assert profile.faults == ()


@pytest.mark.parametrize("root", ["study", "patient"])
@pytest.mark.parametrize("most", [2, 3, 4])
def test_a_limit_at_every_level_is_found(archive: LoopbackPacs, connected: Connect, root: str, most: int) -> None:
    archive.behaviour = CutOff(most)
    pacs = connected(archive, query_root=root)
    studies = pacs.find_studies(EVERYTHING, ("PR",))
    assert len(studies) == 5
    for study in studies:
        series = pacs.find_series(study)
        assert sorted(one.modality for one in series) == ["CT", "PR"]
        assert [len(pacs.find_instances(one)) for one in series if one.modality == "CT"] == [4]
    if root == "study":
        assert pacs.learned()["study_limits"] == [most]


def test_releases_are_equal_from_either_root(tmp_path: Path) -> None:
    releases = []
    for root in ("study", "patient"):
        with Hospital(tmp_path / root, pacs={"query_root": root}) as hospital:
            for patient in ("P1", "P2"):
                images = ct_series(patient)
                hospital.add(images, ruler_pair(images[10]))
            assert hospital.mine().outcomes == {"mined": 2}
            hospital.release()
            releases.append((hospital.folder / "release" / "DL_info.csv").read_bytes())
    assert releases[0] == releases[1]
