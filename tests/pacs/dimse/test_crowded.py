"""A PACS that takes fewer associations than are set: ours wait for each other, nothing fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from pynetdicom import AE, build_context

from miner.errors import AssociationRefused
from miner.pacs import Peer, connect
from miner.pacs.care import Bounds, Pace
from miner.pacs.dimse.contexts import VERIFICATION
from miner.records import DateWindow
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.pacs.conftest import settings_for
from tests.pacs.scripted import ScriptedScp
from tests.peers.faults import FAULTS, FaultyPacs


def test_the_bound_falls_to_what_the_pacs_takes() -> None:
    pace = Pace(Bounds(associations=3))
    with pace.association(), pace.association():
        assert pace.refused()
        assert (pace.associations, pace.crowded) == (1, True)
    with pace.association():
        assert not pace.refused(), "none of ours is in the way"
    assert pace.associations == 1


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    with Hospital(tmp_path) as hospital:
        for number in range(3):
            images = ct_series(f"P{number}", slices=2)
            hospital.add(images, ruler_pair(images[0]))
        hospital.pacs.stop()
        with FaultyPacs(hospital.pacs.folder, [FAULTS["OneAssociation"](Random(1))]) as pacs:
            peer = Peer(settings_for(pacs), pace=Pace(Bounds(associations=3)))
            start = threading.Barrier(3)

            def look() -> int:
                connection = connect(peer, attempts=4)
                start.wait()
                try:
                    return len(connection.find_studies(DateWindow(), ("PR",)))
                finally:
                    connection.close()

            with ThreadPoolExecutor(3) as pool:
                assert [future.result() for future in [pool.submit(look) for _ in range(3)]] == [3, 3, 3]
        assert peer.pace.associations < 3


def test_a_pacs_that_others_crowd_is_still_an_error() -> None:
    with ScriptedScp(maximum_associations=1) as scp:
        stranger = AE("STRANGER").associate(
            scp.host, scp.port, contexts=[build_context(VERIFICATION)], ae_title=scp.ae_title
        )
        assert stranger.is_established
        peer = Peer(settings_for(scp), pace=Pace(Bounds(associations=3)))
        with pytest.raises(AssociationRefused, match="no association free now"):
            connect(peer, attempts=1).echo()
        assert peer.pace.associations == 3
        stranger.abort()
