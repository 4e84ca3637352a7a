"""What a run knows to be missing of no known study makes it incomplete; a doubt does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from miner.errors import ExitStatus, Reason
from miner.mining.cohort import Request
from miner.mining.run import open_run, run_in_process
from miner.pacs import Peer
from miner.pacs.dimse.archive import DimsePacs
from tests.hospital import Hospital, ct_series, ruler_pair


class Doubting(DimsePacs):
    """What its queries could not settle: a doubt, and with ``sure`` a list of studies that cannot be asked for."""

    sure = False

    def notes(self) -> Sequence[str]:
        return ["Whether it cuts off its answers cannot be told."]

    def unseen(self) -> Mapping[Reason, int]:
        return {Reason.FIND_FAILED: 1} if self.sure else {}


@pytest.mark.parametrize("sure", [False, True])
def test_what_is_known_to_be_missing_is_not_done_and_a_doubt_is(hospital: Hospital, sure: bool) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))

    def open_pacs() -> Doubting:
        pacs = Doubting(Peer(hospital.settings.pacs))
        pacs.sure = sure
        return pacs

    with open_run(hospital.settings, Request(since="all"), open_pacs=open_pacs) as run:
        report = run_in_process(run)
    assert report.outcomes == {"mined": 1}
    assert any("cannot be told" in words for words in report.warnings)
    assert report.exit_status is (ExitStatus.INCOMPLETE if sure else ExitStatus.DONE)
    assert hospital.status().unseen == ({"find-failed": 1} if sure else {})
