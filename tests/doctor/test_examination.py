"""The whole examination of a project and its PACS, and the report that leaves the house."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmwrite
from sqlalchemy import Connection, Engine, event

from miner.console import plain
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.doctor import Examination, examination, examine
from miner.errors import ExitStatus
from miner.mining.project import open_catalogue
from miner.pacs import PacsProfile, probe
from miner.pacs.dimse import guests
from tests.hospital import Hospital, ct_series, new_project, ruler_pair
from tests.hospital.ward import Ward
from tests.pacs.dicomweb.service import Answer as HttpAnswer
from tests.pacs.dicomweb.service import DicomwebService
from tests.peers.network import LOOPBACK

THESE_DAYS = [f"{datetime.now(UTC) + timedelta(days=days):%A}".upper() for days in (-1, 0, 1)]
"""Today, in whatever time zone, and its neighbours: without them it is never within the hours."""

CANARIES = ("CANARYUS", "canary-site", "canary-user", "DEMOPACS", "127.0.0.1")


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Hospital]:
    """A hospital whose every name is a canary."""
    site = {"name": "canary-site"}
    pacs: dict[str, Any] = {"calling_ae_title": "CANARYUS", "user": "canary-user"}
    with Hospital(tmp_path / "canary-folder", site=site, pacs=pacs) as hospital:
        images = ct_series()
        hospital.add(images, ruler_pair(images[10]))
        yield hospital


class Refusing(Behaviour):
    """Refuses every query."""

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        yield 0xC000, None


class RefusingImages(Behaviour):
    """Refuses every query for the instances of a series."""

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        if request.level == "IMAGE":
            yield 0xC000, None
        else:
            yield from answers


def config_of(hospital: Hospital) -> Path:
    return hospital.settings.base / "config.toml"


def test_the_profile_is_stored_and_used(named: Hospital) -> None:
    report = examine(config_of(named), {})
    assert report.exit_status is ExitStatus.DONE
    assert report.profile is not None
    with open_catalogue(named.settings) as catalogue:
        assert catalogue.profile() == json.loads(json.dumps(report.profile.as_json()))


def test_limits_that_runs_have_found_are_kept(named: Hospital) -> None:
    with open_catalogue(named.settings) as catalogue:
        catalogue.store_profile({"study_limits": [7], "get_offered": False})
    report = examine(config_of(named), {})
    assert report.profile is not None
    assert (report.profile.study_limits, report.profile.get_offered) == ((7,), True)


@pytest.mark.parametrize("behaviour", [None, Refusing, RefusingImages])
def test_the_report_names_nobody(named: Hospital, behaviour: type[Behaviour] | None) -> None:
    """`miner --json doctor` is attached to bug reports."""
    if behaviour is not None:
        named.pacs.behaviour = behaviour()
    report = examine(config_of(named), {})
    document = json.dumps(plain(report.document()))
    for canary in (*CANARIES, "canary-folder", "P1", str(named.folder), str(Path.home())):
        assert canary.casefold() not in document.casefold(), canary
    assert any("DEMOPACS" in entry.words for entry in report.findings), "at the terminal, the PACS has its name"
    with open_catalogue(named.settings) as catalogue:
        stored = json.dumps(catalogue.profile())
    assert not any(canary in stored for canary in CANARIES)


def test_the_report_names_nobody_where_nothing_works(named: Hospital) -> None:
    named.pacs.stop()
    environment = {"MINER_STORAGE__ROOT": "/proc/canary-folder", "MINER_STORAGE__KEY": "/canary-folder/key"}
    report = examine(config_of(named), environment)
    assert report.exit_status is not ExitStatus.DONE
    document = json.dumps(plain(report.document()))
    for canary in (*CANARIES, "canary", str(named.folder)):
        assert canary.casefold() not in document.casefold(), canary


def test_a_pacs_that_answers_no_query_is_a_fault_and_its_profile_is_not_kept(named: Hospital) -> None:
    """A bad night of the PACS would else stand for what it does on all the others."""
    good = examine(config_of(named), {}).profile
    assert good is not None
    named.pacs.behaviour = Refusing()
    report = examine(config_of(named), {})
    assert report.exit_status is ExitStatus.UNAVAILABLE
    assert "nothing can be found" in words_on(report, "PACS", "fault")
    with open_catalogue(named.settings) as catalogue:
        assert PacsProfile.of(catalogue.profile()) == good


def words_on(report: Examination, subject: str, state: str) -> str:
    """What was found, in one string."""
    return " ".join(entry.words for entry in report.findings if (entry.subject, entry.state) == (subject, state))


def test_a_service_of_dicomweb_has_its_own_words(tmp_path: Path) -> None:
    with DicomwebService(ct_series(slices=3)) as service:
        project = new_project(tmp_path / "project", pacs={"protocol": "dicomweb", "url": service.url})
        report = examine(project.base / "config.toml", {})
        assert report.exit_status is ExitStatus.DONE
        assert words_on(report, "PACS", "ok") == f"The DICOMweb service at {service.url} answers."
        service.change = lambda asked, good: HttpAnswer(404)
        report = examine(project.base / "config.toml", {})
    assert report.exit_status is ExitStatus.UNAVAILABLE
    assert "nothing can be found" in words_on(report, "PACS", "fault")
    assert "pacs.url is the root" in words_on(report, "PACS", "warning")
    check_words(report, "folder", str(service.port))


def test_a_folder_has_its_own_words(tmp_path: Path) -> None:
    folder = tmp_path / "canary-export"
    folder.mkdir()
    project = new_project(tmp_path / "project", pacs={"protocol": "folder", "path": str(folder)})
    for number, item in enumerate(ct_series(slices=2)):
        dcmwrite(folder / f"Canary^{number}", item, enforce_file_format=True)
    (folder / "Canary^Name.dcm").write_text("no DICOM")
    report = examine(project.base / "config.toml", {})
    assert report.exit_status is ExitStatus.DONE
    assert words_on(report, "folder", "ok") == f"The folder {folder} can be read."
    assert "1 of the files" in words_on(report, "files", "warning")
    check_words(report, "PACS", "canary")
    folder.rename(tmp_path / "away")
    report = examine(project.base / "config.toml", {})
    assert report.exit_status is ExitStatus.UNAVAILABLE
    assert "is not there" in words_on(report, "folder", "fault")
    check_words(report, "PACS", "canary")


def check_words(report: Examination, strange: str, named: str) -> None:
    """No word of another way in, and in what is attached to a bug report no name."""
    assert strange not in {entry.subject for entry in report.findings}
    words = " ".join(entry.words for entry in report.findings)
    assert not [word for word in ("C-ECHO", "C-FIND", "C-GET", "AE title", "ORTHANC") if word in words]
    assert named.casefold() not in json.dumps(plain(report.document())).casefold()


@pytest.mark.parametrize("taken", [False, True])
def test_the_port_of_c_move_is_tried(tmp_path: Path, taken: bool) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        if not taken:
            other.close()
        with Hospital(tmp_path, pacs={"retrieve": "move", "move_port": port}) as hospital:
            hospital.add(ct_series(slices=2))
            report = examine(config_of(hospital), {})
    if taken:
        assert f"Port {port} (pacs.move_port) cannot be listened on" in words_on(report, "move port", "fault")
        assert report.exit_status is ExitStatus.UNAVAILABLE
    else:
        assert "can be listened on" in words_on(report, "move port", "ok")
        assert report.exit_status is ExitStatus.DONE
        socket.create_server((LOOPBACK, port)).close()  # nothing listens any more


@pytest.mark.parametrize(("sender", "state"), [("OTHER@store.example", "warning"), ("OTHER", "fault")])
def test_senders_of_c_move_are_looked_at(
    named: Hospital, monkeypatch: pytest.MonkeyPatch, sender: str, state: str
) -> None:
    resolve = guests._addresses
    monkeypatch.setattr(guests, "_addresses", lambda host: [] if host == "store.example" else resolve(host))
    environment = {"MINER_PACS__RETRIEVE": "move", "MINER_PACS__MOVE_PORT": "0", "MINER_PACS__MOVE_FROM": sender}
    report = examine(config_of(named), environment)
    assert "move_from" in words_on(report, "move port", state)
    assert report.exit_status is (ExitStatus.DONE if state == "warning" else ExitStatus.USAGE)
    assert "store.example" not in json.dumps(plain(report.document()))


def test_the_port_is_tried_also_where_the_pacs_is_not_there(named: Hospital) -> None:
    named.pacs.stop()
    with socket.create_server((LOOPBACK, 0)) as other:
        environment = {"MINER_PACS__RETRIEVE": "move", "MINER_PACS__MOVE_PORT": str(other.getsockname()[1])}
        report = examine(config_of(named), environment)
    assert words_on(report, "PACS", "fault")
    assert "cannot be listened on" in words_on(report, "move port", "fault")


def test_a_service_that_is_demanded_and_not_offered(named: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        examination, "probe", lambda *_: PacsProfile(protocol="dimse", study_level=True, get_offered=False)
    )
    report = examine(config_of(named), {"MINER_PACS__RETRIEVE": "get"})
    assert 'retrieve is "get", but C-GET is not offered' in words_on(report, "retrieve", "warning")
    assert "not offered for" not in words_on(examine(config_of(named), {}), "retrieve", "warning")


def test_a_catalogue_that_cannot_be_written_costs_nothing_of_the_report(
    named: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:

    def read_only(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    def probe_and_lock(*arguments: Any) -> PacsProfile:
        event.listen(Engine, "begin", read_only)
        return probe(*arguments)

    monkeypatch.setattr(examination, "probe", probe_and_lock)
    try:
        report = examine(config_of(named), {})
    finally:
        event.remove(Engine, "begin", read_only)
    assert words_on(report, "catalogue", "ok"), "it can be read"
    assert words_on(report, "PACS", "ok")
    assert "cannot be written" in words_on(report, "profile", "fault")
    assert report.exit_status is ExitStatus.UNAVAILABLE
    assert report.document()["profile"], "what was found is reported all the same"


@pytest.mark.parametrize(
    ("setting", "subject", "said"),
    [
        ({"MINER_LIMITS__PAUSED": "true"}, "limits", "[limits] paused is true"),
        (dict.fromkeys((f"MINER_HOURS__{day}" for day in THESE_DAYS), ""), "hours", "outside the [hours]"),
    ],
    ids=["paused", "hours"],
)
def test_a_run_that_would_wait_is_foretold(named: Hospital, setting: Any, subject: str, said: str) -> None:
    environment = {"MINER_SCHEDULE__TIMEZONE": "Europe/Berlin", **setting}
    report = examine(config_of(named), environment)
    assert said in words_on(report, subject, "warning")
    assert report.exit_status is ExitStatus.DONE
    assert words_on(report, "PACS", "ok"), "it is asked all the same"
    assert "Berlin" not in json.dumps(plain(report.document()))
    assert not words_on(examine(config_of(named), {}), subject, "warning")


@pytest.mark.parametrize(
    "values", [{"get_offered": False, "move_offered": False}, {"get_offered": False, "move_offered": True}]
)
def test_a_profile_of_what_cannot_be_mined_is_not_kept(
    named: Hospital, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    """Neither service is offered, or the port that C-MOVE needs is taken."""
    good = examine(config_of(named), {}).profile
    assert good is not None
    monkeypatch.setattr(examination, "probe", lambda *_: dataclasses.replace(good, **values))
    with socket.create_server((LOOPBACK, 0)) as other:
        report = examine(config_of(named), {"MINER_PACS__MOVE_PORT": str(other.getsockname()[1])})
    assert report.exit_status is ExitStatus.UNAVAILABLE
    with open_catalogue(named.settings) as catalogue:
        assert PacsProfile.of(catalogue.profile()) == good


def test_a_port_that_is_not_needed_is_not_tried(named: Hospital) -> None:
    """C-GET is offered: another program may have that port."""
    assert "move port" not in {entry.subject for entry in examine(config_of(named), {}).findings}


def test_the_report_says_which_software_it_is(named: Hospital) -> None:
    software = examine(config_of(named), {}).document()["software"]
    assert isinstance(software, dict)
    assert {"miner", "python", "pydicom", "pynetdicom"} <= software.keys()
    assert all(software.values())


def test_an_opt_out_list_that_others_may_read_is_a_warning_and_no_fault(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    ward.study("P1", "S1")
    config = ward.settings.base / "config.toml"
    assert not [entry for entry in examine(config, {}).findings if "chmod" in entry.words]
    ward.opt_out.chmod(0o644)
    report = examine(config, {})
    (found,) = (entry for entry in report.findings if "chmod" in entry.words)
    assert (found.subject, found.state) == ("opt-out list", "warning")
    assert report.exit_status is ExitStatus.DONE
