"""The interface against dcmtk's archive: it ignores Modalities in Study and answers nothing but keys at IMAGE level."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pydicom import dcmread

from miner.errors import PacsError, Reason
from miner.pacs import probe
from miner.records import DateWindow
from tests.pacs.conftest import Connect, peer_for
from tests.peers.dcmtk import DcmQrScp, echoscu, findscu

pytestmark = pytest.mark.peer


@pytest.fixture
def archive(dcmqrscp: DcmQrScp, slices: list[Path], states: list[Path]) -> DcmQrScp:
    dcmqrscp.store([*slices, *states])
    return dcmqrscp


def test_peers_agree(archive: DcmQrScp, connected: Connect, tmp_path: Path) -> None:
    assert echoscu(archive.port, called=archive.ae_title)
    keys = ["QueryRetrieveLevel=STUDY", "StudyInstanceUID"]
    by_dcmtk = findscu(archive.port, keys, called=archive.ae_title, folder=tmp_path)
    found = connected(archive).find_studies(DateWindow())
    assert {study.study_uid for study in found} == {dcmread(path).StudyInstanceUID for path in by_dcmtk}


def test_modalities_are_found_through_the_series(
    archive: DcmQrScp, connected: Connect, slices: list[Path], states: list[Path]
) -> None:
    pacs = connected(archive)
    annotated = {study.study_uid for study in pacs.find_studies(DateWindow(), ("PR",))}
    assert annotated == {dcmread(path).StudyInstanceUID for path in states}
    pictured = {study.study_uid for study in pacs.find_studies(DateWindow(), ("CT",))}
    assert pictured == {dcmread(slices[0]).StudyInstanceUID}


@pytest.mark.parametrize("service", ["get", "move"])
def test_fetch(archive: DcmQrScp, connected: Connect, slices: list[Path], spool: Path, service: str) -> None:
    pacs = connected(archive, retrieve=service)
    (study,) = pacs.find_studies(DateWindow(), ("CT",))
    (series,) = pacs.find_series(study)
    wanted = pacs.find_instances(series)
    assert len(wanted) == len(slices)
    assert all(one.position is None for one in wanted)
    absent = dataclasses.replace(wanted[0], sop_uid="2.25.404")
    fetched = pacs.fetch([*wanted, absent], spool)
    assert fetched.missing == {"2.25.404": Reason.NOT_RETRIEVED}
    stored = {header.SOPInstanceUID: header for header in map(dcmread, slices)}
    assert set(fetched.arrived) == set(stored)
    for uid, path in fetched.arrived.items():
        assert dcmread(path).PixelData == stored[uid].PixelData


def test_unknown_move_destination(archive: DcmQrScp, connected: Connect, spool: Path) -> None:
    pacs = connected(archive, retrieve="move", calling_ae_title="NEWCOMER")
    (study,) = pacs.find_studies(DateWindow(), ("CT",))
    (series,) = pacs.find_series(study)
    with pytest.raises(PacsError, match="NEWCOMER") as caught:
        pacs.fetch(pacs.find_instances(series), spool)
    assert caught.value.reason is Reason.MOVE_DESTINATION_UNKNOWN


def test_probe(archive: DcmQrScp) -> None:
    profile = probe(peer_for(archive))
    assert profile.modalities_in_study == "ignored"
    assert profile.counts is False
    assert profile.get_offered is True
