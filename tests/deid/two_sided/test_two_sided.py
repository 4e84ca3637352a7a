"""The two-sided proof: made-up people through a folder, a run and a release, then checked action by action.

11,673 checks in the ten action types of MIDI-B (:mod:`tests.deid.two_sided.actions` says what each means here);
every one must hold, since deleting too much is a fault as well.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pydicom.config import disable_value_validation

from miner.dataset import ReleaseRules, check, write_release
from miner.errors import ExitStatus
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import open_run, run_in_process
from tests.deid.two_sided import actions, gone, kept
from tests.deid.two_sided import people as people_module
from tests.deid.two_sided import release as release_module
from tests.deid.two_sided.actions import Action, Ledger
from tests.deid.two_sided.people import SIZE, Study, mark, people
from tests.deid.two_sided.release import Release
from tests.hospital import new_project
from tests.hospital.project import NOW, release_files

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of writing what is wrong

Look = Callable[[list[Study], Release, Ledger], None]

MADE = {
    Action.TAG_RETAINED: 952,
    Action.TEXT_NOT_NULL: 714,
    Action.TEXT_RETAINED: 1760,
    Action.TEXT_REMOVED: 3523,
    Action.UID_CHANGED: 1448,
    Action.UID_CONSISTENT: 1310,
    Action.PATIENT_ID_CONSISTENT: 145,
    Action.DATE_SHIFTED: 698,
    Action.PIXELS_HIDDEN: 609,
    Action.PIXELS_RETAINED: 514,
}
"""How many checks of each action there are: a check that is no longer made must be seen."""

FEWEST = 5_000


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
    line = f"{second},,,{mark('person 5', 'record')},{mark('issuer', 1)}"
    crosswalk.write_text(f"patient_id,issuer,study_uid,person_id,person_issuer\n{line}\n")
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
def release(studies: list[Study], tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Release.read(released(studies, tmp_path_factory.mktemp("one"), seed=1))


def look_for_the_kept(studies: list[Study], release: Release, ledger: Ledger) -> None:
    """Lesions, pictures and people."""
    by_person = kept.check_lesions(studies, release, ledger)
    kept.check_pictures(studies, release, ledger)
    kept.check_people(by_person, release, ledger)


LOOKS = (look_for_the_kept, gone.check_texts, gone.check_dates, gone.check_uids, gone.check_hidden)


def looked_at(studies: list[Study], release: Release, looks: Iterable[Look] = LOOKS) -> Ledger:
    """Checks on one release."""
    ledger = Ledger()
    for look in looks:
        look(studies, release, ledger)
    return ledger


@pytest.fixture(scope="module")
def ledger(studies: list[Study], release: Release, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """All checks, on one release; a second one out of another order of files must equal it."""
    ledger = looked_at(studies, release)
    again = release_files(released(studies, tmp_path_factory.mktemp("other"), seed=2))
    first = release_files(release.folder)
    for name in sorted({*first, *again}):
        ledger.check(Action.UID_CONSISTENT, first.get(name) == again.get(name), f"the same bytes again: {name}")
    return ledger


@pytest.mark.parametrize("action", Action)
def test_every_check_of_an_action_holds(action: Action, ledger: Ledger) -> None:
    assert ledger.failed[action] == []
    assert ledger.made[action] == MADE[action]


def test_there_are_enough_of_them(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{ledger}")
    assert ledger.made.total() == sum(MADE.values()) >= FEWEST
    assert sum(len(entries) for entries in ledger.failed.values()) == 0


@pytest.mark.parametrize("module", [actions, gone, kept, people_module, release_module])
def test_what_is_checked_is_computed_by_nothing_of_the_package(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in named if name.partition(".")[0] == "miner"]


# ------------------------------------------------------------------------------------------- the checks are not blind


def _cell(release: Release, column: str, text: str) -> Release:
    """The release with one cell of one row of DL_info.csv changed."""
    rows = [{**row} for row in release.lesions]
    rows[7][column] = text
    return replace(release, lesions=rows)


def _word(release: Release, word: str) -> Release:
    return replace(release, haystack=release.haystack + word.encode())


def _pixel(release: Release) -> Release:
    name = next(iter(release.pictures))
    values = release.pictures[name].copy()
    values[3, 5] += 1
    return replace(release, pictures={**release.pictures, name: values})


def _secret(studies: list[Study], release: Release) -> Release:
    kind, image = studies[0].hidden[0]
    data = np.frombuffer(image.PixelData, "<u2" if kind != "screenshot" else "u1").astype(np.int64)
    picture = data[: SIZE * SIZE].reshape(SIZE, SIZE) if kind != "screenshot" else data.reshape(SIZE, SIZE, 3)[..., 0]
    return replace(release, pictures={**release.pictures, "Images_png/x/999.png": picture + 32768})


def _unlinked(release: Release) -> Release:
    notes = [{**row} for row in release.notes]
    notes[7]["File_name"] = notes[8]["File_name"]
    return replace(release, notes=notes)


def _unordered(studies: list[Study], release: Release) -> Release:
    rows = [{**row} for row in release.lesions]
    for row in rows:
        row["Study_index"] = str(9 - int(row["Study_index"]))
    return replace(release, lesions=rows)


def date(study: Study) -> datetime:
    """The day of a study."""
    return datetime.strptime(study.dates["StudyDate"], "%Y%m%d")


def typed(study: Study) -> str:
    """What somebody wrote beside a measurement."""
    return next(text for where, text in study.texts.items() if where.endswith("note"))


SPOILT: dict[str, tuple[Action, Callable[[list[Study], Release], Release]]] = {
    "no form": (Action.TAG_RETAINED, lambda s, r: _cell(r, "DICOM_windows", "")),
    "no sex": (Action.TEXT_NOT_NULL, lambda s, r: _cell(r, "Patient_gender", "")),
    "one year older": (Action.TEXT_RETAINED, lambda s, r: _cell(r, "Patient_age", "88")),
    "one slice off": (Action.TEXT_RETAINED, lambda s, r: _cell(r, "Key_slice_index", "1000")),
    "a name": (Action.TEXT_REMOVED, lambda s, r: _word(r, s[9].texts["PatientName"].upper())),
    "a typed note": (Action.TEXT_REMOVED, lambda s, r: _word(r, typed(s[9]))),
    "a UID": (Action.UID_CHANGED, lambda s, r: _word(r, s[5].uid)),
    "the end of a UID": (Action.UID_CHANGED, lambda s, r: _word(r, s[5].uid.rpartition(".")[2])),
    "another picture's name": (Action.UID_CONSISTENT, lambda s, r: _unlinked(r)),
    "a lesion lost": (Action.UID_CONSISTENT, lambda s, r: replace(r, lesions=r.lesions[:-1])),
    "another patient": (Action.PATIENT_ID_CONSISTENT, lambda s, r: _cell(r, "Patient_index", "77")),
    "another split": (Action.PATIENT_ID_CONSISTENT, lambda s, r: _cell(r, "Train_Val_Test", "9")),
    "a date": (Action.DATE_SHIFTED, lambda s, r: _word(r, " " + s[5].dates["StudyDate"])),
    "a date in words": (Action.DATE_SHIFTED, lambda s, r: _word(r, date(s[5]).strftime("%d.%m.%Y"))),
    "another order": (Action.DATE_SHIFTED, _unordered),
    "a screenshot": (Action.PIXELS_HIDDEN, _secret),
    "one pixel by one": (Action.PIXELS_RETAINED, lambda s, r: _pixel(r)),
}


GONE: dict[Action, tuple[Look, ...]] = {
    Action.TEXT_REMOVED: (gone.check_texts,),
    Action.UID_CHANGED: (gone.check_uids,),
    Action.PIXELS_HIDDEN: (gone.check_hidden,),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_release_is_seen(name: str, studies: list[Study], release: Release) -> None:
    action, spoil = SPOILT[name]
    looks = GONE.get(action, LOOKS[:1]) if action is not Action.DATE_SHIFTED else (*LOOKS[:1], gone.check_dates)
    assert looked_at(studies, spoil(studies, release), looks).failed[action]
