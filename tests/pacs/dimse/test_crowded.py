"""A PACS that takes fewer associations than are set: ours wait for each other, nothing fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage
from pynetdicom import AE, build_context, evt

from miner.errors import AssociationRefused
from miner.pacs import Peer, connect
from miner.pacs.care import Bounds, Pace
from miner.pacs.dimse.contexts import VERIFICATION
from miner.records import DateWindow, InstanceRef
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.pacs.conftest import settings_for
from tests.pacs.scripted import STUDY, ScriptedScp, asked_for, image, reference, with_meta
from tests.peers.faults import FAULTS, FaultyPacs


def test_the_bound_falls_to_what_the_pacs_takes() -> None:
    pace = Pace(Bounds(associations=3))
    with pace.association(), pace.association():
        assert pace.refused()
        assert (pace.associations, pace.crowded) == (1, True)
    with pace.association():
        assert not pace.refused(), "none of ours is in the way"
    assert pace.associations == 1


def test_the_bound_never_rises_by_a_rejection() -> None:
    pace = Pace(Bounds(associations=4))
    with pace.association(), pace.association():
        assert pace.refused()
    assert pace.associations == 1
    pace.set(Bounds(associations=4))
    with pace.association():
        assert not pace.refused()
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


def test_two_services_of_one_connection_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """C-GET for what is offered, C-MOVE for the rest: each lets go of its association before the other asks for one."""

    def get(event: evt.Event) -> Iterator[Any]:
        asked = asked_for(event)
        yield len(asked)
        for uid in asked:
            yield 0xFF00, with_meta(image(int(uid.rpartition(".")[2]) - 100))

    def move(event: evt.Event) -> Iterator[Any]:
        yield None, None

    state = InstanceRef(STUDY, "2.25.3", "2.25.4", GrayscaleSoftcopyPresentationStateStorage)
    with ScriptedScp(get=get, move=move) as scp:
        peer = Peer(settings_for(scp), pace=Pace(Bounds(associations=1)))
        connection = connect(peer, attempts=1)
        first = connection.fetch([reference(1), state], tmp_path / "first")
        assert (set(first.arrived), set(first.missing)) == ({reference(1).sop_uid}, {state.sop_uid})
        start = time.monotonic()
        assert connection.fetch([reference(2)], tmp_path / "second").arrived
        assert time.monotonic() - start < 10, "not only once the PACS, or we, find the other one idle"
        connection.close()
