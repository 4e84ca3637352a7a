"""What the probe learns of an archive's annotations, and what the doctor says of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.uid import CTImageStorage, XRayRadiationDoseSRStorage

from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.doctor import profile_findings
from miner.pacs import PacsProfile, Peer, probe
from miner.pacs.dimse.contexts import FIND, VERIFICATION
from tests.hospital import Hospital, ct_series, other_object, ruler_pair
from tests.pacs.conftest import peer_for
from tests.pacs.scripted import ScriptedScp


class Hiding(Behaviour):
    """Leaves a modality out of Modalities in Study, as some archives do with annotations."""

    def __init__(self, modality: str) -> None:
        self.modality = modality

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, dataset in answers:
            if dataset is not None and "ModalitiesInStudy" in dataset:
                listed = dataset.ModalitiesInStudy
                codes = [listed] if isinstance(listed, str) else list(listed)
                dataset.ModalitiesInStudy = [code for code in codes if code != self.modality]
            yield status, dataset


def profile_of(hospital: Hospital, *annotations: str) -> PacsProfile:
    return probe(Peer.of(hospital.settings), annotations or ("PR", "SR"))


def test_a_study_with_reports_alone_is_looked_into(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(ct_series("P2"), images, other_object(images[0], XRayRadiationDoseSRStorage, "SR"))
    assert profile_of(hospital).annotations_listed is True
    assert profile_of(hospital, "PR").annotations_listed is None, "there is nothing to judge by"
    assert profile_of(hospital).sop_classes is True


@pytest.mark.parametrize("hidden", ["PR", "SR"])
def test_an_archive_that_leaves_one_modality_out_is_not_trusted(hospital: Hospital, hidden: str) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]), other_object(images[0], XRayRadiationDoseSRStorage, "SR"))
    hospital.pacs.behaviour = Hiding(hidden)
    assert profile_of(hospital).annotations_listed is False


def test_the_doctor_says_what_missing_sop_classes_cost() -> None:
    words = [entry.words for entry in profile_findings(PacsProfile(echo=True, sop_classes=False))]
    assert any("dose reports too" in entry for entry in words)
    words = [entry.words for entry in profile_findings(PacsProfile(echo=True, sop_classes=True))]
    assert not any("dose reports" in entry for entry in words)


def test_the_doctor_says_where_reports_do_not_come_over_c_get(hospital: Hospital) -> None:
    assert profile_of(hospital).get_reports is True
    for sent, warned in ((False, True), (True, False), (None, False)):
        profile = PacsProfile(echo=True, get_offered=True, get_reports=sent)
        assert any("class of reports" in entry.words for entry in profile_findings(profile)) is warned


def test_what_the_association_tells(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    profile = profile_of(hospital)
    assert (profile.protocol, profile.echo, profile.tls, profile.identity) == ("dimse", True, False, None)
    assert profile.roots == ("study", "patient")
    assert (profile.get_offered, profile.move_offered, profile.storage_role) == (True, True, True)
    assert "1.2.840.10008.1.2.1" in profile.class_syntaxes[CTImageStorage]
    assert set(profile.get_syntaxes) == {uid for syntaxes in profile.class_syntaxes.values() for uid in syntaxes}
    assert (profile.positions, profile.sop_classes, profile.counts) == (True, True, True)
    assert profile.faults == ()


def test_the_probe_is_harmless(hospital: Hospital) -> None:
    hospital.add(*(ct_series(f"P{number}", f"S{number}", slices=2) for number in range(30)))
    profile_of(hospital)
    asked = hospital.pacs.requests
    assert asked.finds <= 25
    assert (asked.gets, asked.moves, asked.objects_sent) == (0, 0, 0)


def test_a_pacs_that_gives_no_role_is_told_from_one_without_c_get() -> None:
    with ScriptedScp(scp_role=False, find=lambda event: iter([(0x0000, None)])) as scp:
        profile = probe(peer_for(scp))
    assert (profile.get_offered, profile.storage_role, profile.move_offered) == (False, False, True)
    with ScriptedScp(services=(VERIFICATION, FIND), find=lambda event: iter([(0x0000, None)])) as scp:
        profile = probe(peer_for(scp))
    assert (profile.roots, profile.get_offered, profile.move_offered) == (("study",), False, False)
