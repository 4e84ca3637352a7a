"""Our own port for C-MOVE is held by another program: that is said at once, and nothing further is tried."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from miner.errors import ExitStatus, PacsError
from tests.hospital import Hospital, ct_series, ruler_pair


def test_a_port_that_is_taken_ends_the_run(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with Hospital(tmp_path, pacs={"retrieve": "move", "move_port": port}) as hospital:
            for patient in ("P1", "P2"):
                images = ct_series(patient, slices=3)
                hospital.add(images, ruler_pair(images[1]))
            with pytest.raises(PacsError, match=r"pacs\.move_port") as raised:
                hospital.mine()
            assert raised.value.exit_status == ExitStatus.UNAVAILABLE
            assert hospital.status().studies == {"failed": 1, "found": 1}, "nothing further is tried"
