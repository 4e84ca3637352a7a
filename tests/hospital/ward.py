"""A ward whose patients have more than one record number: an export folder, and a project with a crosswalk."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from pydicom.dataset import Dataset

from miner.audit import verify
from miner.config import Settings
from miner.dataset import ReleaseRules, check, write_release
from miner.deid.crosswalk import COLUMNS
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import RunReport, open_run, run_in_process
from tests.hospital.project import NOW, new_project
from tests.hospital.series import ct_series, ruler_pair, uid

HEADER = ",".join(COLUMNS)


class Ward:
    """An export folder, and a project with a crosswalk and an opt-out list beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.export = folder / "export"
        self.export.mkdir()
        (folder / "project").mkdir()
        self.say_whose()
        self.opt_out = folder / "project" / "opt-out.txt"
        self.opt_out.write_text("")
        self.opt_out.chmod(0o600)
        self.settings: Settings = new_project(
            folder / "project",
            pacs={"protocol": "folder", "path": "../export"},
            selection={"crosswalk": "crosswalk.csv", "opt_out": "opt-out.txt"},
            storage={"warn_free_gib": 0.0, "stop_free_gib": 0.0},
        )

    def say_whose(self, *lines: str) -> None:
        """The crosswalk from now on."""
        path = self.folder / "project" / "crosswalk.csv"
        path.write_text("\n".join([HEADER, *lines, ""]))
        path.chmod(0o600)

    def study(self, number: str, name: str, *, issuer: str = "", day: str = "20210304", filed: str = "") -> str:
        """Export (again) study ``name``, with a measurement, under a record number; returns its UID.

        ``filed``: whose study it was when its UIDs were made; the number that it says is ``number``.
        """
        images = ct_series(filed or number, name, slices=6, day=day)
        objects: Iterable[Dataset] = [*images, ruler_pair(images[3])]
        for place, entry in enumerate(objects):
            entry.PatientID = number
            if issuer:
                entry.IssuerOfPatientID = issuer
            entry.save_as(self.export / f"{filed or number or 'nobody'}-{name}-{place}.dcm", enforce_file_format=True)
        return str(images[0].StudyInstanceUID)

    def images(self, number: str, name: str) -> list[Dataset]:
        """Export a study of images alone."""
        images = ct_series(number, name, slices=6)
        self._export(f"{number}-{name}", images)
        return images

    def reading(self, number: str, name: str, image: Dataset) -> str:
        """Export a study that holds nothing but a measurement on another study's image; returns its UID."""
        state = ruler_pair(image, name=name)
        state.PatientID, state.StudyInstanceUID = number, uid(number, name, "reading")
        self._export(f"{number}-{name}-reading", [state])
        return str(state.StudyInstanceUID)

    def _export(self, name: str, objects: Iterable[Dataset]) -> None:
        for place, entry in enumerate(objects):
            entry.save_as(self.export / f"{name}-{place}.dcm", enforce_file_format=True)

    def forget_the_crosswalk(self) -> None:
        """Take the key out of the configuration."""
        selection = self.settings.selection.model_copy(update={"crosswalk": ""})
        self.settings = self.settings.model_copy(update={"selection": selection})

    def mine(
        self, since: date | str | None = "all", patients: Sequence[str] = (), limit: int | None = None
    ) -> RunReport:
        """Run once."""
        with open_run(self.settings, Request(since=since, patients=tuple(patients), limit=limit)) as run:
            return run_in_process(run)

    def release(self, name: str = "release") -> list[tuple[int, int, int]]:
        """Patient_index, Study_index and split of each row of a new release, in which nothing is wrong."""
        out = self.folder / name
        with open_catalogue(self.settings) as catalogue:
            rules = ReleaseRules.of(self.settings)
            write_release(catalogue, images=self.settings.images, out=out, settings=rules, now=NOW)
        assert check(out).faults == ()
        with (out / "DL_info.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        return [(int(r["Patient_index"]), int(r["Study_index"]), int(r["Train_Val_Test"])) for r in rows]

    def faults(self) -> tuple[str, ...]:
        """What `miner audit verify` says."""
        with open_catalogue(self.settings) as catalogue:
            return tuple(verify(catalogue, self.settings.images))
