"""The promise: of every canary in the source objects none is found in anything that the miner writes.

Real processes against a real Orthanc, with Prefect, all loggers at DEBUG and each record kept, killed in the middle.
Everything that they write is inside one tree: home, temporary files, caches, the project, every output. The spool is
the one place that holds received objects while a study is mined; it is searched too, once nothing is under way.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest
from PIL import Image

from miner.mining.project import open_project
from tests.canaries.canary import Canary, Kind
from tests.canaries.corpus import Corpus
from tests.canaries.failing import BURNED
from tests.canaries.people import Person
from tests.canaries.pipeline import Command, Pipeline, lay_out
from tests.canaries.scanner import Scan, Scanner
from tests.peers.network import free_port
from tests.peers.orthanc import Orthanc

pytestmark = pytest.mark.peer

WHOLE = ("mine", "--since", "all")


OCR = {"MINER_PIXELS__TEXT_SEARCH": "ocr"}
"""What a site turns on later."""


@dataclass
class Story:
    """What was run, and what the scans found. ``keys``: the project's key before and after its rotation."""

    pipeline: Pipeline
    after_the_kill: Scan
    spooled_at_the_kill: int
    at_the_end: Scan
    keys: list[Canary]
    forgotten: Person
    seconds: float


def _story(folder: Path, corpus: Corpus, scanner: Scanner, peer: Orthanc) -> Story:
    start = time.monotonic()
    pacs = {"HOST": peer.host, "PORT": str(peer.port), "AE_TITLE": peer.ae_title, "RETRIEVE": "get"}
    line = Pipeline(folder, {f"MINER_PACS__{name}": value for name, value in pacs.items()})
    line.pacs |= {"MINER_STORAGE__WARN_FREE_GIB": "0", "MINER_STORAGE__STOP_FREE_GIB": "0"}
    line.run("init", "init")
    line.killed("killed", "-v", *WHOLE, "--prefect", MINER_LIMITS__OBJECTS_PER_MINUTE="60")
    spooled = len(line.spooled())
    after_the_kill = scanner.tree(line.tree, passing_over=lambda path: path == line.spool)
    line.run("mined", "-v", *WHOLE, "--prefect")
    line.run("gone", "-v", *WHOLE, "--prefect", MINER_PACS__PORT=str(free_port()), MINER_LIMITS__ATTEMPTS="1")
    line.session(*_wrong_turns(line, corpus), *_first_release())
    peer.store(corpus.later)
    forgotten = next(person for person in corpus.people if person.label == "styles")
    first_key = _key(line.project)
    line.session(*_second_release(line, forgotten), **OCR)
    line.session(*_keeping(line), **OCR)
    keys = [first_key, _key(line.project)]
    line.interrupted("schedule", "-v", "schedule", mark="Serving")
    site = tomllib.loads((line.project / "config.toml").read_text())["site"]["name"]
    line.session(
        Command("destroyed", ("-v", "--json", "vault", "destroy", "--confirm", site)),
        Command("verified without a vault", ("-v", "--json", "audit", "verify", "--release", "second")),
        Command("resolved without a vault", ("-v", "vault", "resolve", "DL_info.csv:0")),
    )
    at_the_end = Scanner([*corpus.aviary.canaries, *keys]).tree(line.tree)
    return Story(line, after_the_kill, spooled, at_the_end, keys, forgotten, time.monotonic() - start)


def _key(project: Path) -> Canary:
    return Canary((project / "project.key").read_text().strip(), Kind.WORD, "project.key")


def _wrong_turns(line: Pipeline, corpus: Corpus) -> list[Command]:
    """What fails, and who is told what of it."""
    cohort = line.outside / "patients"
    cohort.write_text("\n".join(person.patient_id for person in corpus.people[-3:-1]))
    nobody = line.outside / "nobody"
    nobody.write_text("\n".join(person.accession[::-1] for person in corpus.people))
    files = [str(path) for path in sorted(lay_out(corpus, line.outside / "files"))]
    return [
        Command("cohort", ("-v", "mine", "--patients", str(cohort))),
        Command("nobody", ("-v", "mine", "--accessions", str(nobody))),
        Command("absent", ("-v", "mine", "--study", f"{corpus.people[0].study_uid}.9")),
        Command("dry", ("mine", "--dry-run", "--since", "all")),
        Command("redacted", ("-v", "--json", "bookmarks", "--redacted", *files)),
        Command("forgotten in vain", ("-v", "vault", "forget", "-", "--yes"), said=corpus.people[0].patient_id[::-1]),
        Command("resolved in vain", ("-v", "vault", "resolve", "000001_01_01_005.png"), secret_output=True),
    ]


def _first_release() -> list[Command]:
    return [
        Command("doctor", ("-v", "--json", "doctor")),
        Command("status", ("-v", "--json", "status")),
        Command("status table", ("status",)),
        Command("release", ("-v", "release", "--out", "release")),
        Command("check", ("-v", "--json", "check", "release")),
        Command("verify", ("-v", "--json", "audit", "verify", "--release", "release")),
        Command("trace", ("-v", "--json", "audit", "trace", "DL_info.csv:0")),
        Command("no trace", ("-v", "audit", "trace", "DL_info.csv:99999")),
    ]


def _second_release(line: Pipeline, forgotten: Person) -> list[Command]:
    """A patient withdraws; a study comes into whose slices letters are drawn, and now they are searched."""
    name = next((line.project / "release" / "Images_png").rglob("*.png")).relative_to(line.project / "release")
    return [
        Command("resolved", ("-v", "--json", "vault", "resolve", str(name)), secret_output=True),
        Command("forgotten", ("-v", "--json", "vault", "forget", "-", "--yes"), said=forgotten.patient_id),
        Command("mined again", ("-v", *WHOLE)),
        Command("searched", ("-v", "--json", "quarantine", "search")),
        Command("quarantine", ("-v", "--json", "quarantine", "list")),
        Command("quarantine table", ("quarantine", "list", "--all")),
        Command("second", ("-v", "release", "--out", "second")),
        Command("check second", ("-v", "--json", "check", "second")),
        Command("verify second", ("-v", "--json", "audit", "verify", "--release", "second")),
    ]


def _keeping(line: Pipeline) -> list[Command]:
    """What the honest broker does with key, vault and catalogue; and a person with what waits in quarantine."""
    agent = pyrage.x25519.Identity.generate()
    waiting = re.findall(r"\b[0-9a-f]{32,64}\b", (line.tree / "output" / "quarantine.out").read_text())[0]
    restored = line.tree / "restored"
    secret = {"MINER_BACKUP_PASSPHRASE": "nine made-up words"}
    config = ("--config", str(restored / "config.toml"))
    return [
        Command("shown", ("-v", "quarantine", "show", waiting, "--out", str(line.outside / "sheet.png"))),
        Command("rejected", ("-v", "quarantine", "reject", waiting, "--note", "identifying-text")),
        Command("rotated", ("-v", "--json", "vault", "rotate")),
        Command("exported", ("-v", "--json", "vault", "export", "--out", "escrow.age", "--to", str(agent.to_public()))),
        Command("backup", ("-v", "--json", "backup", "backup.age"), environment=secret),
        Command("restored", ("-v", "--json", "restore", "backup.age", "--into", str(restored)), environment=secret),
        Command("status of restored", (*config, "-v", "--json", "status")),
        Command("verify restored", (*config, "-v", "--json", "audit", "verify", "--release", "second")),
    ]


@pytest.fixture(scope="module")
def story(
    corpus: Corpus, scanner: Scanner, running_orthanc: Orthanc, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    running_orthanc.clear()
    running_orthanc.store(corpus.files)
    folder = tmp_path_factory.mktemp("canaries")
    yield _story(folder, corpus, scanner, running_orthanc)
    shutil.rmtree(folder, ignore_errors=True)  # objects full of canaries: nobody's later scan is to meet them


def test_nothing_is_found_after_a_kill(story: Story) -> None:
    assert story.spooled_at_the_kill > 0
    assert not story.after_the_kill.finds, str(story.after_the_kill)
    assert story.pipeline.spool.stat().st_mode & 0o077 == 0


def test_nothing_is_found_at_the_end(story: Story, corpus: Corpus) -> None:
    canaries, places = corpus.aviary.canaries, corpus.aviary.places
    scan = story.at_the_end
    print(
        f"\n{len(canaries)} canaries in {len(places)} places; {scan.files} files with {scan.octets:,} octets: "
        f"{len(scan.finds)} finds; {story.seconds:.0f} s"
    )
    assert len(canaries) >= 1500
    assert len(places) >= 700
    assert not [find for find in scan.finds if find.canary not in story.keys], str(scan)


def test_everything_was_run_as_meant(story: Story, corpus: Corpus) -> None:
    """A pipeline that stands still leaks nothing either."""
    line = story.pipeline
    failed = {
        "killed": -signal.SIGKILL,
        "gone": 3,
        "no trace": 2,
        "resolved in vain": 2,
        "forgotten in vain": 2,
        "verify restored": 5,  # a backup holds no pictures, and that is said
        "schedule": 130,
        "resolved without a vault": 2,
    }
    assert line.statuses == {**dict.fromkeys(line.statuses, 0), **failed}
    faults = json.loads((line.tree / "output" / "verify restored.out").read_text())["faults"]
    assert {fault.rpartition(": ")[2] for fault in faults} == {"missing, though the catalogue has it"}
    status = json.loads((line.tree / "output" / "status.out").read_text())
    assert status["studies"]["mined"] >= len(corpus.valid)
    assert status["bookmarks"]["recist"] >= len(corpus.valid)
    assert status["runs"][0]["outcome"] == "interrupted"
    refused = {reason for reason in status["marks"] if reason != "used"}
    assert {"secondary-capture", "burned-in", "localizer", "unknown-graphic", "malformed-graphic"} <= refused
    assert not line.spooled()


def test_the_logs_were_on(story: Story) -> None:
    """Every record of every logger was written down, and so was searched."""
    said = "\n".join(path.read_text() for path in (story.pipeline.tree / "logs").iterdir())
    for logger in (
        "DEBUG miner.",
        "DEBUG pynetdicom.",
        "INFO sqlalchemy.",
        "INFO prefect.flow_runs",
        "DEBUG httpcore.",
    ):
        assert f" {logger}" in said, logger


def test_prefect_holds_our_sentences(story: Story) -> None:
    """Its database was at work, and knows how the run failed: in our words."""
    database = story.pipeline.project / "data" / "prefect" / "prefect.db"
    content = database.read_bytes() + database.with_name("prefect.db-wal").read_bytes() if database.exists() else b""
    assert b"nightly" in content
    assert b"pacs-unreachable" in content or b"cannot be reached" in content or b"does not answer" in content


def test_the_vault_holds_them_and_says_nothing_without_its_key(
    story: Story, corpus: Corpus, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = story.pipeline
    project = line.tree / "restored"  # the other one was destroyed
    vault = (project / "data" / "vault.sqlite").read_bytes()
    assert not scanner.text(vault)
    for name, value in line.pacs.items():
        monkeypatch.setenv(name, value)
    from miner.config import load

    with open_project(load(project / "config.toml")) as opened:
        for person in corpus.people:
            study = opened.vault.resolve("study", opened.surrogates.study(person.study_uid))
            if person == story.forgotten:
                assert study is None
                continue
            assert study is not None, person.label
            assert person.study_uid in study.value.values()
    resolved = (line.outside / "resolved.out").read_text()
    assert scanner.text(resolved.encode())


def test_the_key_is_nowhere_but_in_its_file(story: Story) -> None:
    """Neither the first nor the one that took its place; and with the vault it is destroyed."""
    line = story.pipeline
    old, new = story.keys
    assert old.value != new.value
    found = {(find.path, find.canary) for find in story.at_the_end.finds if find.canary in story.keys}
    assert found == {("restored/project.key", new)}
    assert (line.tree / "restored" / "project.key").stat().st_mode & 0o077 == 0
    assert not (line.project / "project.key").exists()
    assert not list((line.project / "data").glob("vault.sqlite*"))


def test_letters_in_pixels_wait_in_quarantine_and_reach_no_release(story: Story) -> None:
    project = story.pipeline.project
    sizes = {place: set() for place in ("data/images", "release", "second")}
    for place, found in sizes.items():
        for path in (project / place).rglob("*.png"):
            with Image.open(path) as image:
                found.add(image.size)
    assert (BURNED, BURNED) in sizes["data/images"]
    assert sizes["release"] == sizes["second"] == sizes["data/images"] - {(BURNED, BURNED)}


def test_a_folder_of_exported_files(
    corpus: Corpus, scanner: Scanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files and folders are canaries too; some files are cut short, some come twice with other content."""
    files = lay_out(corpus, tmp_path / "archive")
    for number, path in enumerate(files[::5]):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 3 // 4])
        copy = path.with_name(f"{path.stem}-{number}.dcm")
        copy.write_bytes(content[:-8] + b"XUBRIQEZ")
    named = Scanner(corpus.aviary.canaries)  # with the names, which were bred just now
    line = Pipeline(tmp_path / "run", {"MINER_PACS__PROTOCOL": "folder", "MINER_PACS__PATH": str(tmp_path / "archive")})
    line.pacs |= {"MINER_STORAGE__WARN_FREE_GIB": "0", "MINER_STORAGE__STOP_FREE_GIB": "0"}
    line.run("init", "init")
    line.run("mined", "-v", *WHOLE)
    line.run("doctor", "-v", "--json", "doctor")
    line.run("status", "--json", "status")
    scan = named.tree(line.tree)
    assert line.statuses["init"] == line.statuses["status"] == 0
    assert line.statuses["mined"] in (0, 4)
    assert json.loads((line.tree / "output" / "status.out").read_text())["bookmarks"]["recist"] > 0
    assert not scan.finds, str(scan)
    assert not line.spooled()
