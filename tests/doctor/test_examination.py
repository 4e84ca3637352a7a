"""The whole examination of a project and its PACS, and the report that leaves the house."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miner.console import plain
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.doctor import examine
from miner.errors import ExitStatus
from miner.mining.project import open_catalogue
from tests.hospital import Hospital, ct_series, ruler_pair

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


@pytest.mark.parametrize("behaviour", [None, Refusing])
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


def test_the_report_says_which_software_it_is(named: Hospital) -> None:
    software = examine(config_of(named), {}).document()["software"]
    assert isinstance(software, dict)
    assert {"miner", "python", "pydicom", "pynetdicom"} <= software.keys()
    assert all(software.values())
