"""miner.broker.forget: a patient goes from rows, pictures and vault, and no later run brings the patient back."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from miner.audit import trace, verify
from miner.broker import resolve
from miner.broker.forget import Forgotten, find_patient, forget
from miner.catalogue import Catalogue
from miner.config import load
from miner.dataset.dl_info import read_rows
from miner.errors import DatabaseError, Reason, UsageError
from miner.mining import withdrawal
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue, open_project
from miner.mining.run import open_run
from miner.vault import Vault
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.hospital.project import release_files
from tests.hospital.series import draw, uid


def fill(hospital: Hospital, patients: int = 3) -> None:
    """A pair and a line for each of the patients P0, P1 …"""
    for number in range(patients):
        images = ct_series(f"P{number}")
        hospital.add(images, draw(ruler_pair(images[5 + number]), images[12], (20, 20, 40, 30)))


@pytest.fixture(scope="module")
def mined_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a hospital with two patients that were mined; nobody writes there any more."""
    folder = tmp_path_factory.mktemp("mined")
    with Hospital(folder) as hospital:
        fill(hospital, 2)
        hospital.mine()
    return folder


@pytest.fixture
def mined(mined_once: Path, tmp_path: Path) -> Iterator[Hospital]:
    """A copy of that hospital, with a PACS of its own."""
    shutil.copytree(mined_once, tmp_path, dirs_exist_ok=True)
    hospital = Hospital(tmp_path)
    hospital.pacs.start()
    config = tmp_path / "project" / "config.toml"
    config.write_text(re.sub(r"(?m)^port = .*$", f"port = {hospital.pacs.port}", config.read_text(), count=1))
    hospital.settings = load(config, {})
    try:
        yield hospital
    finally:
        hospital.pacs.stop()


def withdraw(hospital: Hospital, name: str, **how: Any) -> Forgotten:
    with open_project(hospital.settings, {}) as project:
        return forget(project, find_patient(project, name, **how))


def faults_of(hospital: Hospital, release: str | None = None) -> list[str]:
    with open_catalogue(hospital.settings) as catalogue:
        return verify(catalogue, hospital.settings.images, hospital.folder / release if release else None)


def indices(hospital: Hospital, release: str) -> dict[str, int]:
    """Patient ID → Patient_index of a release, by what its folders resolve to."""
    found = {}
    with open_project(hospital.settings, {}) as project:
        for row in read_rows(hospital.folder / release / "DL_info.csv"):
            found[resolve(project, row.file_name).levels["patient"]["patient_id"]] = row.patient_index
    return found


def statement(hospital: Hospital, release: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((hospital.folder / release / "release.json").read_bytes())
    return content


def everything_below(folder: Path) -> bytes:
    """Names and octets of all files, one after another."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\n".join(str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes() for path in files)


def keys_of(hospital: Hospital, patient: str) -> dict[str, str]:
    """Surrogates that only this patient has."""
    with open_project(hospital.settings, {}) as project:
        found = resolve(project, project.surrogates.study(uid(patient, "S1")))
        assert found.levels["patient"]["patient_id"] == patient
        return {
            "series": project.surrogates.series(uid(patient, "S1", "1")),
            "study": project.surrogates.study(uid(patient, "S1")),
        }


def test_a_patient_goes_and_does_not_come_back(hospital: Hospital) -> None:
    fill(hospital)
    hospital.mine()
    hospital.release("one")
    index = indices(hospital, "one")["P1"]
    keys = keys_of(hospital, "P1")
    done = withdraw(hospital, "P1")
    assert (done.patient_index, done.releases, done.again) == (index, (1,), False)
    assert done.counts["bookmarks"] == 2
    assert done.counts["studies"] == done.counts["series"] == 1
    assert done.counts["DL_info.csv"] == 1
    assert done.counts["bookmarks.csv"] == 2
    assert not (hospital.settings.images / keys["series"]).exists()
    assert faults_of(hospital) == []

    report = hospital.mine()
    assert report.passed_over == 1
    assert report.found == 2
    assert "withdrawn" not in " ".join(report.reasons)
    status = hospital.status()
    assert (status.withdrawn, status.passed_over, status.withdrawals_unfinished) == (1, 1, 0)
    assert status.study_reasons == {"refused: withdrawn": 1}
    assert status.patients == 2

    hospital.release("two")
    said = statement(hospital, "two")
    assert said["withdrawals"] == [
        {"patient_index": index, "releases": [1], "rows": {"DL_info.csv": 1, "bookmarks.csv": 2}}
    ]
    assert said["withdrawn_in_all"] == 1
    assert hospital.check("two").faults == ()
    assert faults_of(hospital, "two") == []
    del said["withdrawals"]
    (hospital.folder / "two" / "release.json").write_text(json.dumps(said))
    assert f"{index:06d}".encode() not in everything_below(hospital.folder / "two")
    assert faults_of(hospital, "one") == [
        f"{hospital.folder / 'one'}: holds 1 patient who was withdrawn since; "
        "it must not be used or given away any more"
    ]


def test_rows_close_up_and_release_json_says_where_they_went(hospital: Hospital) -> None:
    fill(hospital, 3)
    hospital.mine()
    hospital.release("one")
    one = {name: (hospital.folder / "one" / name).read_text().splitlines()[1:] for name in CSVS}
    first = read_rows(hospital.folder / "one" / "DL_info.csv")[0]
    withdraw(hospital, first.file_name)
    fill(hospital, 4)
    hospital.mine()
    hospital.release("two")
    two = {name: (hospital.folder / "two" / name).read_text().splitlines()[1:] for name in CSVS}
    moved = statement(hospital, "two")["moved_rows"]
    assert moved["DL_info.csv"] == [[number, number - 1] for number in range(1, 3)]
    assert len(moved["bookmarks.csv"]) == 4
    for name in CSVS:
        assert all(two[name][new] == one[name][old] for old, new in moved[name])
    assert len(two["DL_info.csv"]) == 3
    assert first.patient_index not in {row.patient_index for row in read_rows(hospital.folder / "two" / "DL_info.csv")}
    card = (hospital.folder / "two" / "README.md").read_text()
    assert "1 patient was withdrawn since the first release" in card
    assert faults_of(hospital, "two") == []
    hospital.release("three")
    later = statement(hospital, "three")
    assert (later["withdrawals"], later["withdrawn_in_all"]) == ([], 1)
    assert later["moved_rows"] == {"DL_info.csv": [], "bookmarks.csv": []}
    assert (hospital.folder / "three" / "README.md").read_text() == card
    assert faults_of(hospital, "three") == []


CSVS = ("DL_info.csv", "bookmarks.csv")


def test_the_same_releases_and_withdrawals_give_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        with Hospital(tmp_path / name) as hospital:
            fill(hospital, 2)
            hospital.mine()
            hospital.release("one")
            withdraw(hospital, "P1")
            if name == "b":
                hospital.mine()
            fill(hospital, 3)
            hospital.mine()
            hospital.release("two")
            found.append([release_files(hospital.folder / release) for release in ("one", "two")])
    assert found[0] == found[1]


def test_a_patient_of_no_release_is_counted_without_an_index(mined: Hospital) -> None:
    done = withdraw(mined, "P0")
    assert (done.patient_index, done.releases) == (None, ())
    mined.release("one")
    said = statement(mined, "one")
    assert (said["withdrawals"], said["withdrawn_in_all"]) == ([], 1)
    assert "withdrawn since" not in (mined.folder / "one" / "README.md").read_text()
    assert faults_of(mined, "one") == []


def test_everybody_withdrawn_gives_one_empty_release(mined: Hospital) -> None:
    mined.release("one")
    for patient in ("P0", "P1"):
        withdraw(mined, patient)
    mined.mine()
    mined.release("two")
    assert len(statement(mined, "two")["withdrawals"]) == 2
    assert read_rows(mined.folder / "two" / "DL_info.csv") == []
    assert mined.check("two").faults == ()
    assert faults_of(mined, "two") == []
    with pytest.raises(UsageError, match="nothing to release"):
        mined.release("three")


def test_an_index_is_never_given_again(tmp_path: Path) -> None:
    with Hospital(tmp_path, site={"name": "s", "patient_index_range": [1, 3]}) as hospital:
        fill(hospital, 2)
        hospital.mine()
        hospital.release("one")
        given = set(indices(hospital, "one").values())
        withdraw(hospital, "P0")
        fill(hospital, 3)
        hospital.mine()
        hospital.release("two")
        assert given | set(indices(hospital, "two").values()) == {1, 2, 3}
        fill(hospital, 4)
        hospital.mine()
        with pytest.raises(UsageError, match="has 0 left"):
            hospital.release("three")


def test_every_public_name_means_the_patient(hospital: Hospital) -> None:
    fill(hospital, 1)
    hospital.mine()
    hospital.release("one")
    with open_project(hospital.settings, {}) as project:
        row = read_rows(hospital.folder / "one" / "DL_info.csv")[0]
        chain = trace(project.catalogue, project.images, row.file_name)
        patient = resolve(project, row.file_name).levels["patient"]["patient_id"]
    names = {
        "file": row.file_name,
        "path": f"somewhere/Images_png/{row.file_name[:12]}/{row.key_slice:03d}.png",
        "folder": f"{row.file_name[:12]}/{row.key_slice:03d}.png",
        "uid": chain.bookmarks[0].uid,
        "index": f"patient:{row.patient_index:06d}",
        "patient": chain.patient_key,
        "study": chain.study_key,
        "store": f"images/{chain.series_key}/{row.key_slice:03d}.png",
        "id": f" {patient} ",
    }
    with open_project(hospital.settings, {}) as project:
        meant = {form: find_patient(project, name) for form, name in names.items()}
    assert {candidate.patient_key for candidate in meant.values()} == {chain.patient_key}
    assert {candidate.every_issuer for candidate in meant.values()} == {chain.patient_key}
    assert withdraw(hospital, names["file"]).counts["bookmarks"] == 2
    for name in names.values():
        again = withdraw(hospital, name)
        assert (again.again, again.counts["bookmarks"], again.identities, again.releases) == (True, 0, 0, (1,))
    with open_project(hospital.settings, {}) as project:
        for name in set(names) - {"id", "index", "folder"}:
            with pytest.raises(UsageError, match="was withdrawn"):
                trace(project.catalogue, project.images, names[name])
            with pytest.raises(UsageError):
                resolve(project, names[name])
    assert faults_of(hospital) == []


def test_nothing_of_the_patient_is_left_in_the_vault(hospital: Hospital) -> None:
    fill(hospital, 2)
    lost = ct_series("P0", "S2")
    hospital.add(ruler_pair(lost[3]))  # its image is missing: the vault knows it by name
    hospital.mine()
    withdraw(hospital, "P0")
    with open_project(hospital.settings, {}) as project, project.vault.identities() as (count, entries):
        values = [json.dumps(dict(entry.value)) for entry in entries]
    assert count == len(values) > 5
    for said in values:
        assert "P0" not in said
        for study in ("S1", "S2"):
            assert uid("P0", study) not in said
            assert uid("P0", study, "1") not in said


@pytest.mark.parametrize("how", ["patients", "study", "all", "dry-run"])
def test_no_kind_of_run_brings_the_patient_back(mined: Hospital, how: str) -> None:
    from miner.mining.start import dry_run

    withdraw(mined, "P0")
    late = ct_series("P0", "late")
    mined.add(late, ruler_pair(late[4]))
    if how == "dry-run":
        assert dry_run(mined.settings, Request(since="all")).studies == 1
        return
    request: dict[str, Any] = {
        "patients": {"patients": ("P0",), "since": None},
        "study": {"study_uid": uid("P0", "late"), "since": None},
        "all": {},
    }[how]
    sent = mined.pacs.requests.objects_sent
    report = mined.mine(**request)
    assert report.passed_over == (1 if how == "study" else 2)
    assert mined.pacs.requests.objects_sent == sent, "nothing is retrieved"
    with open_project(mined.settings, {}) as project:
        assert project.vault.resolve("study", project.surrogates.study(uid("P0", "late"))) is None
    assert mined.status().patients == 1
    assert faults_of(mined) == []


def test_one_who_was_never_mined_can_be_kept_out(hospital: Hospital) -> None:
    fill(hospital, 2)
    with pytest.raises(UsageError, match="opt_out") as refused:
        withdraw(hospital, "P0")
    assert "P0" not in str(refused.value)
    done = withdraw(hospital, "P0", unseen=True)
    assert done.counts["studies"] == 0
    report = hospital.mine()
    assert (report.found, report.passed_over) == (1, 1)
    assert hospital.status().withdrawn == 1
    assert faults_of(hospital) == []


def moved_to(patient: str, objects: list[Dataset]) -> list[Dataset]:
    """The objects as they are once the archive has filed them under another patient."""
    moved = [deepcopy(entry) for entry in objects]
    for entry in moved:
        entry.PatientID, entry.PatientName = patient, f"Planted^{patient}"
    return moved


def test_a_study_that_is_merged_into_a_withdrawn_patient_goes_too(hospital: Hospital) -> None:
    fill(hospital, 2)
    images = ct_series("P9")
    study = [*images, ruler_pair(images[4])]
    hospital.add(study)
    hospital.mine()
    hospital.release("one")
    index = indices(hospital, "one")["P9"]
    withdraw(hospital, "P0")
    hospital.release("two")
    hospital.remove(*study)
    hospital.add(moved_to("P0", study))
    report = hospital.mine()
    assert report.passed_over == 2
    assert any("Releases 1, 2 hold some of it" in words for words in report.warnings)
    assert hospital.status().study_reasons == {"refused: withdrawn": 2}
    assert faults_of(hospital) == []
    hospital.release("three")
    assert "P9" not in indices(hospital, "three")
    (told,) = statement(hospital, "three")["withdrawals"]
    assert told["releases"] == [1, 2]
    assert f"{index:06d}_".encode() not in everything_below(hospital.folder / "three")
    assert faults_of(hospital, "three") == []
    assert any("withdrawn since" in fault for fault in faults_of(hospital, "two"))


def test_a_withdrawn_study_stays_away_whoever_it_is_filed_under(hospital: Hospital) -> None:
    fill(hospital, 2)
    images = ct_series("P9")
    study = [*images, ruler_pair(images[4])]
    hospital.add(study)
    hospital.mine()
    withdraw(hospital, "P9")
    hospital.remove(*study)
    hospital.add(moved_to("P0", study))
    assert hospital.mine().passed_over == 1
    assert hospital.status().bookmarks == {"line": 2, "recist": 2}


def of_issuer(issuer: str, objects: list[Dataset]) -> list[Dataset]:
    for entry in objects:
        entry.IssuerOfPatientID = issuer
    return objects


def two_records(hospital: Hospital) -> tuple[list[Dataset], list[Dataset]]:
    """P0 with an issuer (S1) and without one (S2), each measured on its own images; returns these."""
    ours, others = of_issuer("H", ct_series("P0", "S1")), ct_series("P0", "S2")
    hospital.add(ours, of_issuer("H", [ruler_pair(ours[5])]), others, ruler_pair(others[8]))
    return ours, others


def test_annotations_of_others_on_the_patients_images(hospital: Hospital) -> None:
    """A state of another record's study lies on the patient's images too: it goes, the study's own stay."""
    ours, others = two_records(hospital)
    strange = ruler_pair(ours[15], x=40, name="strange")
    strange.StudyInstanceUID = others[0].StudyInstanceUID
    hospital.add(strange)
    hospital.mine()
    assert hospital.status().bookmarks == {"recist": 3}
    hospital.release("one")
    done = withdraw(hospital, "P0", issuer="H")
    assert (done.counts["studies"], done.counts["bookmarks"]) == (1, 2)
    assert hospital.status().studies == {"found": 1, "refused": 1}
    sent = hospital.pacs.requests.objects_sent
    assert hospital.mine().outcomes == {"mined": 1}
    assert hospital.pacs.requests.objects_sent - sent < 25, "no image of the patient is fetched"
    status = hospital.status()
    assert status.bookmarks == {"recist": 1}
    assert status.marks["withdrawn"] == 2
    assert len(list(hospital.settings.images.iterdir())) == 1
    hospital.release("two")
    assert len(read_rows(hospital.folder / "two" / "DL_info.csv")) == 1
    assert faults_of(hospital, "two") == []


def test_the_patients_annotations_on_images_of_others(hospital: Hospital) -> None:
    """A state of the patient's study lies on an image of another record: what it measured goes, all else stays."""
    ours, others = two_records(hospital)
    for name, image, x in (("copy", others[8], 30), ("strange", others[15], 40)):
        strange = of_issuer("H", [ruler_pair(image, x=x, name=name)])[0]
        strange.StudyInstanceUID = ours[0].StudyInstanceUID
        hospital.add(strange)
    hospital.mine()
    hospital.release("one")
    one = {row.file_name for row in read_rows(hospital.folder / "one" / "DL_info.csv")}
    done = withdraw(hospital, "P0", issuer="H")
    assert done.counts["bookmarks"] == 3
    assert faults_of(hospital) == []
    hospital.mine()
    hospital.release("two")
    two = {row.file_name for row in read_rows(hospital.folder / "two" / "DL_info.csv")}
    assert (len(one), len(two)) == (3, 1)
    assert two < one, "measured by the other record itself: it is published anew, under its own name"
    assert faults_of(hospital, "two") == []


def test_a_record_number_of_several_issuers_has_to_be_told_apart(hospital: Hospital) -> None:
    two_records(hospital)
    hospital.mine()
    with pytest.raises(UsageError, match="--issuer") as refused:
        withdraw(hospital, "P0")
    assert "H" not in str(refused.value).replace("The", "")
    with pytest.raises(UsageError, match="opt_out"):
        withdraw(hospital, "P0", issuer="elsewhere")
    assert withdraw(hospital, "P0", issuer="").counts["studies"] == 1
    assert hospital.status().patients == 1
    assert hospital.mine().passed_over == 1
    assert hospital.status().patients == 1, "the other issuer's patient is somebody else, and stays"


def test_a_record_number_without_its_issuer_is_kept_out_under_every_issuer(hospital: Hospital) -> None:
    """The archive names the issuer of one study and not of another: the same person does not come back by that."""
    ours = of_issuer("H", ct_series("P0", "S1"))
    hospital.add(ours, of_issuer("H", [ruler_pair(ours[5])]))
    hospital.mine()
    withdraw(hospital, "P0")
    for issuer, study in (("", "S2"), ("K", "S3")):
        images = of_issuer(issuer, ct_series("P0", study))
        hospital.add(images, of_issuer(issuer, [ruler_pair(images[5])]))
    report = hospital.mine()
    assert (report.found, report.passed_over) == (0, 3)
    assert hospital.status().withdrawn == 1, "one person, whatever the issuers"
    assert withdraw(hospital, "P0").again
    assert faults_of(hospital) == []


def test_a_release_that_was_cut_off_is_not_completed_with_the_patient(
    mined: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    from miner.dataset.writing import Partial

    def die(self: Partial, target: Path) -> None:
        self.let_go()
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "settle", die)
        with pytest.raises(SystemExit):
            mined.release("one")
    withdraw(mined, "P0")
    report = mined.release("one")
    assert (report.number, report.completed, report.withdrawn) == (2, False, 1)
    assert not list(mined.folder.glob(".one*"))
    assert faults_of(mined, "one") == []


def test_a_withdrawal_while_a_release_is_written_stops_it(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(hospital, 3)
    hospital.mine()
    withdraw(hospital, "P2")
    publish = Catalogue.publish

    def publish_late(self: Catalogue, publication: Any) -> None:
        withdraw(hospital, "P0")
        publish(self, publication)

    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "publish", publish_late)
        with pytest.raises(DatabaseError, match="again"):
            hospital.release("one")
    assert not list(hospital.folder.glob(".one*"))
    hospital.release("one")
    assert indices(hospital, "one").keys() == {"P1"}


def test_not_while_a_run_is_under_way(mined: Hospital) -> None:
    with open_run(mined.settings, Request(since="all")), pytest.raises(DatabaseError) as refused:
        withdraw(mined, "P0")
    assert refused.value.reason is Reason.CATALOGUE_BUSY
    assert mined.status().patients == 2


class Cut(BaseException):
    """A kill."""


def cut(*_: Any, **__: Any) -> Any:
    raise Cut


SEAMS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before the rows": lambda patch: patch.setattr(Catalogue, "withdraw", cut),
    "after the rows": lambda patch: patch.setattr(Catalogue, "finish_withdrawal", cut),
    "before the pictures": lambda patch: patch.setattr(withdrawal, "remove_pictures", cut),
    "between two folders": lambda patch: patch.setattr(withdrawal.shutil, "rmtree", cut),
    "before the vault": lambda patch: patch.setattr(Vault, "forget", cut),
    "after the vault": lambda patch: patch.setattr(Vault, "compact", cut),
    "before the end": lambda patch: patch.setattr("miner.catalogue.withdrawals.finish", cut),
}


@pytest.mark.parametrize(
    ("seam", "finish"),
    [
        ("before the rows", ""),
        ("after the rows", "the next run"),
        ("between two folders", "the same command"),
        ("before the vault", "the next run"),
        ("before the end", "the same command"),
        pytest.param("after the rows", "the same command", marks=pytest.mark.long),
        pytest.param("before the pictures", "the same command", marks=pytest.mark.long),
        pytest.param("after the vault", "the same command", marks=pytest.mark.long),
        pytest.param("before the end", "the next run", marks=pytest.mark.long),
    ],
)
def test_whatever_a_kill_leaves_is_finished(
    mined: Hospital, monkeypatch: pytest.MonkeyPatch, seam: str, finish: str
) -> None:
    series = keys_of(mined, "P0")["series"]
    with monkeypatch.context() as patch:
        SEAMS[seam](patch)
        with pytest.raises(Cut):
            withdraw(mined, "P0")
    assert faults_of(mined) == []
    if seam == "before the rows":
        assert mined.status().patients == 2
        return
    assert mined.status().withdrawals_unfinished == 1
    if finish == "the same command":
        assert withdraw(mined, "P0").again
    else:
        mined.mine()
    status = mined.status()
    assert (status.withdrawals_unfinished, status.withdrawn, status.patients) == (0, 1, 1)
    assert not (mined.settings.images / series).exists()
    with open_project(mined.settings, {}) as project, project.vault.identities() as (_, entries):
        assert not any("P0" in entry.value.values() for entry in entries)
    assert mined.mine().passed_over == 1
    assert faults_of(mined) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from miner.broker.forget import find_patient, forget
from miner.config import load
from miner.mining import withdrawal
from miner.mining.project import open_project

def kill(project, patient_key, study_keys):
    os.kill(os.getpid(), signal.SIGKILL)

withdrawal.forget_identities = kill
with open_project(load(Path(sys.argv[1]), {}), {}) as project:
    forget(project, find_patient(project, "P0"))
"""


def test_killed_for_certain(mined: Hospital) -> None:
    config = mined.folder / "project" / "config.toml"
    died = subprocess.run([sys.executable, "-c", KILLED, str(config)], cwd=Path.cwd(), check=False, timeout=120)
    assert died.returncode == -signal.SIGKILL
    assert mined.status().withdrawals_unfinished == 1
    assert faults_of(mined) == []
    assert withdraw(mined, "P0").again
    assert mined.status().withdrawals_unfinished == 0
    assert mined.mine().passed_over == 1


def test_every_use_of_the_vault_is_an_event(hospital: Hospital) -> None:
    fill(hospital, 1)
    hospital.mine()
    with pytest.raises(UsageError):
        withdraw(hospital, "nobody")
    withdraw(hospital, "P0")
    with open_catalogue(hospital.settings) as catalogue:
        events = [event for event in catalogue.events() if event.payload.get("what") == "vault forget"]
        payloads = json.dumps([dict(event.payload) for event in catalogue.events()])
    assert len(events) == 2
    assert '"P0"' not in payloads
    assert "nobody" not in payloads


def test_one_whom_only_the_catalogue_knows_is_found(mined: Hospital) -> None:
    with open_project(mined.settings, {}) as project:
        with project.vault.identities() as (_, entries):
            places = [(entry.kind, entry.key) for entry in entries]
        project.vault.forget(places)
    assert withdraw(mined, "P0").counts["bookmarks"] == 2


def test_a_run_between_the_question_and_its_answer(mined: Hospital) -> None:
    """What the run has found of the patient goes too, also where nothing of it was mined yet."""
    late = ct_series("P0", "late")
    mined.add(late, ruler_pair(late[4]))
    with open_project(mined.settings, {}) as project:
        candidate = find_patient(project, "P0")
        with open_run(mined.settings, Request(since="all")) as run:
            run.discover()
        assert forget(project, candidate).counts["studies"] == 2
    assert mined.mine().outcomes == {"unchanged": 1}
    assert mined.status().study_reasons == {"refused: withdrawn": 2}


def test_a_row_is_no_name_of_a_patient(hospital: Hospital) -> None:
    with pytest.raises(UsageError, match="may change"):
        withdraw(hospital, "DL_info.csv:0")


def test_pictures_that_a_crash_left_without_rows_go_too(mined: Hospital) -> None:
    orphan = mined.settings.images / ("ab" * 16) / "001.png"
    orphan.parent.mkdir()
    orphan.write_bytes(b"a slice that no row names")
    withdraw(mined, "P0")
    assert not orphan.parent.exists()


def test_a_study_cannot_be_committed_for_a_withdrawn_patient(hospital: Hospital) -> None:
    fill(hospital, 1)
    hospital.mine()
    withdraw(hospital, "P0")
    fill(hospital, 1)

    def forgetful(self: withdrawal.Withdrawn, study: object) -> None:
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(withdrawal.Withdrawn, "patient_of", forgetful)
        patch.setattr(Catalogue, "withdrawn_studies", lambda self, keys: frozenset())
        report = hospital.mine()
    assert report.outcomes == {"refused": 1}
    assert report.reasons == {"refused: withdrawn": 1}
    assert list(hospital.settings.images.rglob("*.png")) == []
    assert hospital.status().bookmarks == {}
    assert faults_of(hospital) == []
