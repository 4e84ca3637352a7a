"""Two projects of one archive, of which one mines in between: their releases are equal."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from tests.hospital import Hospital, ct_series
from tests.hospital.project import release_files
from tests.hospital.series import uid
from tests.mining.test_lesion_history import IMAGES, a_state, elsewhere, lenient, released

STUDIES = ("S1", "S2", "S3")
SLOW = [pytest.param(seed, marks=pytest.mark.long) for seed in range(206, 226)]


class Both:
    """Two hospitals that hold the same, and their states of three studies, each measuring lesions on one image."""

    def __init__(self, often: Hospital, seldom: Hospital, chance: random.Random) -> None:
        self._hospitals = (lenient(often), lenient(seldom))
        self._chance = chance
        self._states: list[Dataset] = []
        self._numbers: Iterator[int] = count(1)
        self._add(*IMAGES, *(image for study in STUDIES[1:] for image in ct_series(study=study, series="9", slices=1)))
        for study in STUDIES:
            self._add(elsewhere(a_state(study, "090000", (48, 48), image=IMAGES[3], series=study), study))

    def change(self) -> None:
        """A state comes, goes, or is moved to another study."""
        what = self._chance.choice(["add", "add", "add", "delete", "move"]) if self._states else "add"
        if what == "add":
            self._states.append(self._new_state(next(self._numbers)))
            self._add(self._states[-1])
            return
        state = self._states.pop(self._chance.randrange(len(self._states)))
        for hospital in self._hospitals:
            hospital.remove(state)
        if what == "move":
            moved = elsewhere(deepcopy(state), self._chance.choice(STUDIES))
            moved.SeriesInstanceUID = uid("moved", next(self._numbers))
            self._states.append(moved)
            self._add(moved)

    def _new_state(self, number: int) -> Dataset:
        study = self._chance.choice(STUDIES)
        time = self._chance.choice([90000, 100000]) + 100 * number
        centres = [
            (self._chance.choice([34, 58]) + self._chance.choice([0, 0, 1, 4, 7]), 48 + self._chance.choice([0, 0, 3]))
            for _ in range(self._chance.randint(0, 2))
        ]
        series = self._chance.choice("uv") + study
        return elsewhere(a_state(f"state {number}", f"{time:06d}", *centres, series=series), study)

    def _add(self, *objects: Dataset) -> None:
        for hospital in self._hospitals:
            hospital.add([deepcopy(entry) for entry in objects])


@pytest.mark.parametrize("seed", [205, *SLOW])
def test_what_was_mined_in_between_has_no_say(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for name in ("often", "seldom"):
        (tmp_path / name).mkdir()
    with Hospital(tmp_path / "often") as often, Hospital(tmp_path / "seldom") as seldom:
        both = Both(often, seldom, chance)
        for name in ("one", "two", "three"):
            for _ in range(chance.randint(2, 5)):
                both.change()
                if chance.random() < 0.7:
                    often.mine()
            for hospital in (often, seldom):
                assert "failed" not in hospital.mine().outcomes
                released(hospital, name)
            assert release_files(often.folder / name) == release_files(seldom.folder / name), name
