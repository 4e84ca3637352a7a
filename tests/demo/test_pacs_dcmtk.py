"""The loopback PACS with dcmtk's tools as its clients."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from miner.demo.pacs import LoopbackPacs
from tests.peers import dcmtk
from tests.peers.loopback import loopback_environment

pytestmark = pytest.mark.peer


def run(tool: str, pacs: LoopbackPacs, *options: str) -> str:
    done = dcmtk.run(tool, [*options, "-aec", pacs.ae_title, pacs.host, str(pacs.port)], check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_echoscu(pacs: LoopbackPacs) -> None:
    run("echoscu", pacs)
    assert pacs.requests.echoes == 1


def test_findscu(pacs: LoopbackPacs) -> None:
    keys = ("QueryRetrieveLevel=STUDY", "StudyInstanceUID", "ModalitiesInStudy=PR", "StudyDate=20200101-20201231")
    output = run("findscu", pacs, "-S", *(part for key in keys for part in ("-k", key)))
    assert "1.2.1" in output
    assert "1.2.2" not in output
    assert r"CT\PR" in output


def test_getscu(pacs: LoopbackPacs, tmp_path: Path) -> None:
    run("getscu", pacs, "-S", "-od", str(tmp_path), "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1")
    got = {str(pydicom.dcmread(path).SOPInstanceUID) for path in tmp_path.iterdir() if path.is_file()}
    assert got == {"1.2.1.1.1", "1.2.1.1.2", "1.2.1.1.3", "1.2.1.1.4", "1.2.1.2.1"}


@pytest.fixture
def storescp(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "received"
    folder.mkdir()
    command = [dcmtk.tool_path("storescp"), "-aet", "DEST", "-od", str(folder), str(port)]
    process = subprocess.Popen(command, env=loopback_environment(tmp_path))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port, folder
    process.terminate()
    process.wait(20)


def test_movescu(pacs: LoopbackPacs, storescp: tuple[int, Path]) -> None:
    port, folder = storescp
    pacs.destinations["DEST"] = ("127.0.0.1", port)
    run("movescu", pacs, "-S", "-aem", "DEST", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1")
    assert len(list(folder.iterdir())) == 5


def test_storescu(tmp_path: Path, make_object: Any) -> None:
    path = tmp_path / "one.dcm"
    make_object().save_as(path, enforce_file_format=True)
    with LoopbackPacs(tmp_path / "objects") as pacs:
        dcmtk.storescu(pacs.port, [path], called=pacs.ae_title)
        assert len(pacs) == 1
