"""miner.mining.run: one run at a time, killable at any point, and twice is once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from miner.audit import verify
from miner.dataset.dl_info import read_rows
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.errors import (
    ConfigError,
    DatabaseError,
    ExitStatus,
    PacsUnreachable,
    Reason,
    SchemaError,
    StorageError,
    UsageError,
)
from miner.mining.project import open_catalogue
from miner.mining.run import open_run
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.hospital.project import release_files
from tests.hospital.series import draw


def fill(hospital: Hospital, patients: int = 3) -> None:
    """A few patients with a pair and a line each."""
    for number in range(patients):
        images = ct_series(f"P{number}")
        state = draw(ruler_pair(images[5 + number]), images[12], (20, 20, 40, 30))
        hospital.add(images, state)


def faults_of(hospital: Hospital, release: str | None = None) -> list[str]:
    with open_catalogue(hospital.settings) as catalogue:
        folder = hospital.folder / release if release else None
        return verify(catalogue, hospital.settings.images, folder)


def test_mining_twice_changes_nothing(hospital: Hospital) -> None:
    fill(hospital)
    hospital.mine()
    hospital.release("one")
    sent = hospital.pacs.requests.objects_sent
    report = hospital.mine()
    assert report.outcomes == {"unchanged": 3}
    assert hospital.pacs.requests.objects_sent == sent, "nothing is retrieved twice"
    hospital.release("two")
    assert release_files(hospital.folder / "one") == release_files(hospital.folder / "two")
    assert faults_of(hospital, "two") == []


def test_second_release_keeps_every_published_row(hospital: Hospital) -> None:
    fill(hospital)
    hospital.mine()
    hospital.release("one")
    for number in range(3, 9):
        images = ct_series(f"P{number}")
        hospital.add(images, ruler_pair(images[8]))
    late = ct_series("P0")
    hospital.add(ruler_pair(late[18], x=40, name="late"))
    hospital.mine()
    hospital.release("two")
    one = read_rows(hospital.folder / "one" / "DL_info.csv")
    two = read_rows(hospital.folder / "two" / "DL_info.csv")
    assert len(one) == 3
    assert len(two) == 10
    for before, after in zip(one, two, strict=False):
        assert replace(after, slice_range=before.slice_range).cells() == before.cells()
        assert after.slice_range[0] <= before.slice_range[0] <= before.slice_range[1] <= after.slice_range[1]
    assert [row.slice_range for row in two[:3]] != [row.slice_range for row in one], "the late lesion's range touches"
    uids = [
        [line.split(",")[0] for line in (hospital.folder / name / "lesions.csv").read_text().splitlines()[1:]]
        for name in ("one", "two")
    ]
    assert uids[1][:3] == uids[0]
    assert hospital.check("two").faults == ()
    assert faults_of(hospital, "two") == []


def test_order_of_arrival_leaves_no_trace(tmp_path: Path) -> None:
    contents = []
    for name, order in (("forwards", range(5)), ("backwards", reversed(range(5)))):
        with Hospital(tmp_path / name) as hospital:
            for number in order:
                images = ct_series(f"P{number}")
                hospital.add(images, ruler_pair(images[8]))
                hospital.mine()
            hospital.release()
            contents.append(release_files(tmp_path / name / "release"))
    assert contents[0] == contents[1]


def test_late_annotations_are_found_within_the_look_back(hospital: Hospital) -> None:
    today = date.today().strftime("%Y%m%d")
    images = ct_series(day=today)
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    hospital.add(ruler_pair(images[4], x=40, name="late"))
    report = hospital.mine(since=None)
    assert report.outcomes == {"mined": 1}
    assert hospital.status().bookmarks == {"recist": 2}


def test_first_run_asks_for_a_start(hospital: Hospital) -> None:
    with pytest.raises(UsageError, match="--since"):
        hospital.mine(since=None)
    assert hospital.status().runs == ()


def test_second_run_at_the_same_time_is_refused(hospital: Hospital) -> None:
    fill(hospital, 1)
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom miner.config import load\n"
        "from miner.mining.cohort import Request\nfrom miner.mining.run import open_run\n"
        "with open_run(load(Path(sys.argv[1])), Request(since='all')):\n"
        "    print('open', flush=True)\n    time.sleep(60)\n"
    )
    config = str(hospital.settings.base / "config.toml")
    with subprocess.Popen([sys.executable, "-c", script, config], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(DatabaseError) as caught:
            hospital.mine()
        assert caught.value.reason is Reason.CATALOGUE_BUSY
        assert caught.value.exit_status is ExitStatus.UNAVAILABLE
        holder.kill()
    assert hospital.mine().outcomes == {"mined": 1}, "a dead holder is taken over at once"


class KillAfter(Behaviour):
    """Kills a process once so many objects were sent to it."""

    def __init__(self, objects: int, signum: int) -> None:
        self.left = objects
        self.signum = signum
        self.pid = 0

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            if self.left == 0 and self.pid:
                os.kill(self.pid, self.signum)
                self.pid = 0
            self.left -= 1
            yield answer


def run_command(hospital: Hospital, behaviour: Behaviour | None = None) -> int:
    """`miner mine --since all` in a process of its own; its exit status."""
    config = str(hospital.settings.base / "config.toml")
    command = [sys.executable, "-m", "miner", "-q", "--config", config, "mine", "--since", "all"]
    hospital.pacs.behaviour = behaviour or Behaviour()
    # Of tests that a shell started with `&` the processes would ignore SIGINT: they inherit that.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            if isinstance(behaviour, KillAfter):
                behaviour.pid = process.pid
            _, words = process.communicate(timeout=120)
    finally:
        signal.signal(signal.SIGINT, inherited)
    assert "Traceback" not in words
    return process.returncode


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("objects", [1, 20, 33])
def test_interrupted_run_goes_on_and_the_release_is_equal(tmp_path: Path, signum: int, objects: int) -> None:
    with Hospital(tmp_path / "whole") as whole:
        fill(whole)
        whole.mine()
        whole.release()
    with Hospital(tmp_path / "cut") as cut:
        fill(cut)
        status = run_command(cut, KillAfter(objects, signum))
        assert status == (-signal.SIGKILL if signum == signal.SIGKILL else ExitStatus.INTERRUPTED)
        assert run_command(cut) == ExitStatus.DONE
        cut.release()
        assert cut.check().faults == ()
        assert faults_of(cut, "release") == []
        assert not list(cut.settings.spool.iterdir()), "the spool is empty after a run"
        with open_catalogue(cut.settings) as catalogue:
            known = {f"{entry.series_key}/{entry.number:03d}.png" for entry in catalogue.known_slices()}
        stored = {
            str(path.relative_to(cut.settings.images)) for path in cut.settings.images.rglob("*") if path.is_file()
        }
        assert stored == known, "nothing is left of what the catalogue does not know"
    assert release_files(tmp_path / "whole" / "release") == release_files(tmp_path / "cut" / "release")


def test_unreachable_pacs_names_host_and_port(hospital: Hospital) -> None:
    hospital.pacs.stop()
    with pytest.raises(PacsUnreachable, match=f"{hospital.settings.pacs.host}.*{hospital.settings.pacs.port}"):
        hospital.mine()
    assert hospital.status().runs[-1]["outcome"] == Reason.UNREACHABLE


def test_newer_schema_is_refused(hospital: Hospital) -> None:
    import sqlite3

    with sqlite3.connect(hospital.settings.root / "catalogue.sqlite") as database:
        database.execute("UPDATE catalogue_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="newer"):
        hospital.mine()


def test_too_little_space_stops_before_anything_is_asked(hospital: Hospital) -> None:
    fill(hospital, 1)
    storage = hospital.settings.storage.model_copy(update={"stop_free_gib": 1e6, "warn_free_gib": 1e6})
    settings = hospital.settings.model_copy(update={"storage": storage})
    hospital.settings = settings
    with pytest.raises(StorageError, match="make room"):
        hospital.mine()
    assert hospital.pacs.requests.associations == 0


def test_low_space_is_warned_of(hospital: Hospital) -> None:
    fill(hospital, 1)
    storage = hospital.settings.storage.model_copy(update={"warn_free_gib": 1e6})
    hospital.settings = hospital.settings.model_copy(update={"storage": storage})
    report = hospital.mine()
    assert len(report.warnings) == 1
    assert "GiB" in report.warnings[0]
    assert report.outcomes == {"mined": 1}


def test_limit_and_cohort_leave_the_watermark_honest(hospital: Hospital) -> None:
    fill(hospital, 3)
    report = hospital.mine(study_uid=ct_series("P1")[0].StudyInstanceUID, since=None)
    assert report.outcomes == {"mined": 1}
    assert hospital.status().watermark is None
    assert hospital.mine(limit=1).outcomes == {"mined": 1}
    assert hospital.status().studies == {"mined": 2, "found": 1}
    hospital.mine(since=None)
    assert hospital.status().studies == {"mined": 3}


def test_watermark_never_jumps_over_days_that_nobody_looked_at(hospital: Hospital) -> None:
    fill(hospital, 1)
    hospital.mine(since=date(2021, 1, 1), until=date(2021, 12, 31))
    assert hospital.status().watermark == "2021-12-31"
    hospital.mine(since=date(2023, 1, 1), until=date(2023, 6, 30))
    assert hospital.status().watermark == "2021-12-31", "2022 was never looked at"
    hospital.mine(since=date(2021, 12, 1), until=date(2022, 6, 30))
    assert hospital.status().watermark == "2022-06-30"
    hospital.mine(since=date(2020, 1, 1), until=date(2020, 2, 1))
    assert hospital.status().watermark == "2022-06-30", "an earlier window does not move it back"


def test_patients_and_accessions(hospital: Hospital) -> None:
    fill(hospital, 3)
    assert hospital.mine(patients=("P2",), since=None).found == 1
    assert hospital.mine(accessions=("ACCS1",), since=None).found == 3
    assert hospital.mine(patients=("nobody",), since=None).found == 0


def test_a_fault_of_ours_loses_no_other_study(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    import miner.mining.run as module

    fill(hospital, 3)
    real = module.mine_study
    calls: list[int] = []

    def sometimes(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError("Planted^Name")
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "mine_study", sometimes)
    report = hospital.mine()
    assert report.outcomes == {"mined": 2, "failed": 1}
    assert report.exit_status is ExitStatus.INCOMPLETE
    assert hospital.status().study_reasons == {f"failed: {Reason.INTERNAL}": 1}
    assert hospital.mine().outcomes["mined"] == 1


def test_several_associations_mine_the_same(tmp_path: Path) -> None:
    contents = []
    for associations in (1, 3):
        with Hospital(tmp_path / str(associations), limits={"associations": associations}) as hospital:
            fill(hospital, 5)
            assert hospital.mine().outcomes == {"mined": 5}
            hospital.release()
            contents.append(release_files(hospital.folder / "release"))
    assert contents[0] == contents[1]


def test_missing_opt_out_list_takes_no_lease(hospital: Hospital) -> None:
    selection = hospital.settings.selection.model_copy(update={"opt_out": "nowhere.txt"})
    broken = hospital.settings.model_copy(update={"selection": selection})
    hospital.settings, whole = broken, hospital.settings
    with pytest.raises(ConfigError, match="opt_out"):
        hospital.mine()
    hospital.settings = whole
    hospital.mine()


def test_heartbeat_and_lease_are_given_back(hospital: Hospital) -> None:
    from miner.mining.cohort import Request

    for _ in range(2):
        with open_run(hospital.settings, Request(since="all")) as run:
            run.project.catalogue.heartbeat(run.number)
    assert [run["outcome"] for run in hospital.status().runs] == ["done", "done"]


def test_site_and_block_may_be_edited_until_the_first_run(hospital: Hospital) -> None:
    fill(hospital, 1)
    site = hospital.settings.site.model_copy(update={"name": "north", "patient_index_range": (500, 600)})
    hospital.settings = hospital.settings.model_copy(update={"site": site})
    hospital.mine()
    assert hospital.release().counts["lesions"] == 1
    (row,) = read_rows(hospital.folder / "release" / "DL_info.csv")
    assert 500 <= row.patient_index <= 600
    assert faults_of(hospital, "release") == []
    moved = hospital.settings.site.model_copy(update={"name": "south"})
    hospital.settings = hospital.settings.model_copy(update={"site": moved})
    with pytest.raises(UsageError, match="name or patient_index_range"):
        hospital.mine()
