"""Crafted files through everything that reads them: a reason or a sound result, within bounds, and nothing outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from miner.errors import Reason
from tests.hostile.crafting import LINE, Case, file_case, image_file, state_file
from tests.hostile.families import CASES, FAMILIES
from tests.hostile.measuring import Result, run_all, table
from tests.hostile.reading import DONE, Place, Reader

EVERY = 5
"""Of all cases, each so many-th is read in every run, from all families; the rest before a release."""


def _read(cases: Sequence[Case], folder: Path) -> list[Result]:
    results = run_all(cases, folder)
    print(table(results))
    assert [f"{result.name}: {fault}" for result in results for fault in result.faults] == []
    return results


def test_a_fifth_of_all_crafted_cases(tmp_path: Path) -> None:
    cases = CASES[::EVERY]
    assert len(cases) >= 200
    outcomes = {reading.outcome for result in _read(cases, tmp_path) for reading in result.readings}
    assert {DONE, Reason.DAMAGED_OBJECT, Reason.OVER_LIMITS, Reason.BROKEN_PIXELS} <= outcomes


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_crafted_cases(tmp_path: Path) -> None:
    """1,059; some fifteen minutes of processor time."""
    _read(CASES, tmp_path)


def test_what_is_sound_is_read(tmp_path: Path) -> None:
    """Else everything might be refused for a fault of the crafting, and nothing would be shown."""
    cases = [case for case in CASES if case.sound]
    for result in _read(cases, tmp_path):
        outcomes = {reading.reader: reading.outcome for reading in result.readings}
        assert DONE in (outcomes["image"], outcomes["annotations"]), (result.name, outcomes)


def test_every_family_is_there() -> None:
    for family in FAMILIES:
        assert sum(1 for _ in family.cases()) >= 20, family.__name__


# ------------------------------------------------------------------------------------------------- it is able to fail


def _crowding(place: Place) -> str:
    held = bytearray(1200 << 20)
    held[::4096] = b"x" * len(held[::4096])
    return DONE


def _hanging(place: Place) -> str:
    while True:
        pass


def _crashing(place: Place) -> str:
    raise KeyError("x")


def _printing(place: Place) -> str:
    print("Planted^Patient", flush=True)
    return DONE


def _writing(place: Place) -> str:
    (place.given / "new").touch()
    return DONE


def _writing_outside(place: Place) -> str:
    (place.given.parent / "outside" / "new").write_bytes(b"x")
    return DONE


def _reading_outside(place: Place) -> str:
    return (place.given.parent / "outside" / "canary").read_text()


def _starting(place: Place) -> str:
    subprocess.run([sys.executable, "--version"], check=False)
    return DONE


def _dying(place: Place) -> str:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
    return DONE


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        (_crowding, "MiB"),
        (_hanging, "takes more"),
        (_crashing, "KeyError"),
        (_printing, "printed"),
        (_writing, "changed files"),
        (_writing_outside, "outside"),
        (_reading_outside, "outside"),
        (_starting, "Popen"),
        (_dying, "died"),
    ],
)
def test_a_faulty_reader_is_found(reader: Reader, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.hostile.measuring.SECONDS", 1.0)
    case = file_case("any", image_file)
    (result,) = run_all([case], tmp_path, {"object": {"faulty": reader}})
    assert any(words in fault for fault in result.faults), result.faults


def test_the_same_cases_every_time(tmp_path: Path) -> None:
    chosen = [case for case in CASES if case.kind in ("object", "release")][::40]
    for case in chosen:
        written = []
        for turn in ("one", "other"):
            folder = tmp_path / turn / str(CASES.index(case))
            folder.mkdir(parents=True)
            case.write(folder)
            path = folder / "object.dcm"
            written.append(path.read_bytes() if path.exists() and path.stat().st_size < 1 << 28 else b"")
        assert written[0] == written[1], case.name


def test_ordinary_objects_are_far_from_every_bound(tmp_path: Path) -> None:
    """Three hundred lines on one image are read, and a slice of the usual size."""
    path = tmp_path / "slice.dcm"
    path.write_bytes(image_file(rows=512, columns=512))
    (tmp_path / "state.dcm").write_bytes(state_file(*[LINE] * 300))
    from miner.bookmarks import read_object
    from miner.deid import project

    assert project(path)[1] is not None
    assert len(read_object(tmp_path / "state.dcm").marks) == 300
