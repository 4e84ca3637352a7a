"""The two-sided proof: made-up people through a folder, a run and a release, then checked action by action.

Over 5,000 checks in the ten action types of MIDI-B (:mod:`tests.deid.two_sided.actions` says what each means here);
every one must hold, since deleting too much is a fault as well.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pydicom.config import disable_value_validation

from miner.dataset import ReleaseRules, check, write_release
from miner.errors import ExitStatus
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import open_run, run_in_process
from tests.deid.two_sided import gone, kept
from tests.deid.two_sided.actions import Action, Ledger
from tests.deid.two_sided.people import Study, mark, people
from tests.deid.two_sided.release import Release
from tests.hospital import new_project
from tests.hospital.project import NOW, release_files

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of writing what is wrong

FEWEST = 5_000
FEWEST_OF_EACH = 50


def released(studies: list[Study], folder: Path, seed: int) -> Path:
    """Export in some order, mine, release; returns the release's folder."""
    objects = [entry for study in studies for entry in study.objects()]
    random.Random(seed).shuffle(objects)
    (folder / "export").mkdir(parents=True)
    with disable_value_validation():
        for number, entry in enumerate(objects):
            entry.save_as(folder / "export" / f"{number:05d}", enforce_file_format=True)
    (folder / "project").mkdir()
    crosswalk = folder / "project" / "crosswalk.csv"
    second = mark("person 5", "second record")
    crosswalk.write_text(
        f"patient_id,issuer,study_uid,person_id,person_issuer\n{second},,,{mark('person 5', 'record')},{mark('issuer', 1)}\n"
    )
    crosswalk.chmod(0o600)
    settings = new_project(
        folder / "project",
        pacs={"protocol": "folder", "path": "../export"},
        selection={"crosswalk": "crosswalk.csv"},
        storage={"warn_free_gib": 0.0, "stop_free_gib": 0.0},
    )
    with open_run(settings, Request(since="all")) as run:
        report = run_in_process(run)
    assert report.exit_status is ExitStatus.DONE
    assert report.outcomes == {"mined": len(studies)}
    with open_catalogue(settings) as catalogue:
        rules = ReleaseRules.of(settings)
        write_release(catalogue, images=settings.images, out=folder / "release", settings=rules, now=NOW)
    assert check(folder / "release").faults == ()
    return folder / "release"


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return people()


@pytest.fixture(scope="module")
def ledger(studies: list[Study], tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """All checks, on one release; a second one out of another order of files must equal it."""
    ledger = Ledger()
    folder = released(studies, tmp_path_factory.mktemp("one"), seed=1)
    release = Release.read(folder)
    by_person = kept.check_lesions(studies, release, ledger)
    kept.check_pictures(studies, release, ledger)
    kept.check_people(by_person, release, ledger)
    for look in (gone.check_texts, gone.check_dates, gone.check_uids, gone.check_hidden):
        look(studies, release, ledger)
    again = release_files(released(studies, tmp_path_factory.mktemp("other"), seed=2))
    first = release_files(folder)
    for name in sorted({*first, *again}):
        ledger.check(Action.UID_CONSISTENT, first.get(name) == again.get(name), f"the same bytes again: {name}")
    print(f"\n{ledger}")
    return ledger


@pytest.mark.parametrize("action", Action)
def test_every_check_of_an_action_holds(action: Action, ledger: Ledger) -> None:
    assert ledger.failed[action] == []
    assert ledger.made[action] >= FEWEST_OF_EACH


def test_there_are_enough_of_them(ledger: Ledger) -> None:
    assert ledger.made.total() >= FEWEST
    assert sum(len(entries) for entries in ledger.failed.values()) == 0
