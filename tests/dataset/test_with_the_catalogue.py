"""Releases out of the real catalogue: mined in any order, killed and resumed, the bytes are the same."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from miner.catalogue import Catalogue, RunInfo
from miner.dataset import ReleaseReport, ReleaseRules, check, rewrite_csvs, write_release
from miner.dataset.writing import Partial
from miner.errors import DatabaseError, Reason
from miner.records import (
    Doubt,
    ImageStudy,
    Kind,
    MinedObject,
    MinedSeries,
    MinedSlice,
    MinedStudy,
    Traffic,
    WorkState,
)
from tests.dataset.making import NOW, FakeCatalogue, Made, files_of, key, make, put

FIRST = [
    make(1, 1, key_slice=10),
    make(1, 1, key_slice=15, kind=Kind.ARROW),
    make(1, 2, key_slice=20),
    make(2, 1, key_slice=30),
    make(3, 1, key_slice=8, policy="head-key-slice-only"),
    make(4, 1, key_slice=8, kind=Kind.POLYGON),
    make(5, 1, key_slice=8, refusals=(Reason.GAPPED,)),
]
SECOND = [make(6, 1), make(2, 2), make(1, 3, key_slice=40), make(7, 1, kind=Kind.LINE)]


def mined_studies(made: Iterable[Made], images: Path) -> list[MinedStudy]:
    """One mined study for each study of images."""
    store = FakeCatalogue()
    put(store, images, made)
    studies = []
    for study in store.studies.values():
        series = [row for row in store.series.values() if row.study_key == study.study_key]
        keys = {row.series_key for row in series}
        bookmarks = [entry for entry in store.bookmarks.values() if entry.series_key in keys]
        objects = {entry.object_key: 0 for entry in bookmarks}
        for entry in bookmarks:
            objects[entry.object_key] += 1
        studies.append(
            MinedStudy(
                study.study_key,
                study.patient_key,
                WorkState.MINED,
                None,
                key("annotations", study.study_key),
                [
                    MinedObject(name, "PR", None, count, count, 0, key("content", name))
                    for name, count in objects.items()
                ],
                [ImageStudy(study.study_key, study.patient_key, study.order, study.sex, study.age)],
                [
                    MinedSeries(
                        row.series_key,
                        row.study_key,
                        row.modality,
                        row.slices,
                        row.spacing,
                        row.origin,
                        row.orientation,
                        row.columns,
                        row.rows,
                        row.value_rule,
                        row.policy,
                        row.refusals,
                        key("numbering", row.series_key),
                        tuple(
                            MinedSlice(number, key("instance", row.series_key, number), digest, 1)
                            for number, digest in row.stored.items()
                        ),
                    )
                    for row in series
                ],
                bookmarks,
                (),
                Traffic(),
            )
        )
    return studies


def commit(catalogue: Catalogue, studies: Sequence[MinedStudy]) -> None:
    run = catalogue.begin_run(RunInfo("0", "0" * 64, "0" * 64, "113100"))
    catalogue.offer(run, [study.study_key for study in studies])
    for study in studies:
        assert catalogue.claim(run, study.study_key)
        catalogue.commit_study(run, study)
    catalogue.end_run(run, "done", {})


def new_catalogue(folder: Path) -> Catalogue:
    folder.mkdir(parents=True, exist_ok=True)
    return Catalogue.create(f"sqlite:///{folder / 'catalogue.sqlite'}", site="s", patient_index_range=(1, 999))


def release(catalogue: Catalogue, images: Path, out: Path) -> ReleaseReport:
    return write_release(catalogue, images=images, out=out, settings=ReleaseRules(), now=NOW)


def test_the_same_content_gives_the_same_bytes_in_any_order(images: Path, tmp_path: Path) -> None:
    found = []
    for attempt in range(3):
        shuffled = random.Random(attempt)
        catalogue = new_catalogue(tmp_path / f"c{attempt}")
        place = tmp_path / f"r{attempt}"
        for number, batch in enumerate((FIRST, SECOND)):
            studies = mined_studies(batch, images)
            for study in shuffled.sample(studies, len(studies)):
                commit(catalogue, [study])
            report = release(catalogue, images, place / str(number))
            assert check(report.folder).faults == ()
            assert check(report.folder).notes == ()
        catalogue.close()
        changing = ("release.json", "MANIFEST.sha256")
        found.append({name: data for name, data in files_of(place).items() if not name.endswith(changing)})
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 100


def test_what_is_published_can_be_made_again(images: Path, tmp_path: Path) -> None:
    catalogue = new_catalogue(tmp_path / "c")
    commit(catalogue, mined_studies(FIRST, images))
    folder = release(catalogue, images, tmp_path / "one").folder
    commit(catalogue, mined_studies(SECOND, images))
    for name, data in rewrite_csvs(catalogue).items():
        assert data == (folder / name).read_bytes()
    assert catalogue.verify_chain() == []
    assert catalogue.verify_rows() == []


def test_a_study_mined_again_keeps_its_published_rows(images: Path, tmp_path: Path) -> None:
    """A later state of a lesion adds history and doubts; its row stays but for Possibly_noisy."""
    catalogue = new_catalogue(tmp_path / "c")
    studies = mined_studies(FIRST, images)
    commit(catalogue, studies)
    first = release(catalogue, images, tmp_path / "one").folder
    again = []
    for study in studies:
        marks = [replace(mark, doubts=(Doubt.TEXT_MISMATCH,), merged=2) for mark in study.bookmarks]
        again.append(replace(study, bookmarks=marks, annotations_digest=key("later", study.study_key)))
    run = catalogue.begin_run(RunInfo("0", "0" * 64, "0" * 64, "113100"))
    for study in again:
        catalogue.claim(run, study.study_key)
        catalogue.commit_study(run, study)
    catalogue.end_run(run, "done", {})
    report = release(catalogue, images, tmp_path / "two")
    assert {change.column for change in report.changes} == {"Possibly_noisy"}
    assert (first / "bookmarks.csv").read_bytes() == (report.folder / "bookmarks.csv").read_bytes()
    assert check(report.folder).faults == ()


def test_a_crash_between_publication_and_rename_is_completed(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = new_catalogue(tmp_path / "c")
    commit(catalogue, mined_studies(FIRST, images))

    def die(self: Partial, target: Path) -> None:
        self.let_go()
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "settle", die)
        with pytest.raises(SystemExit):
            release(catalogue, images, tmp_path / "one")
    report = release(catalogue, images, tmp_path / "one")
    assert (report.number, report.completed) == (1, True)
    assert check(report.folder).faults == ()
    assert len(catalogue.release_content().releases) == 1


def test_a_study_mined_while_a_release_is_written_stops_its_publication(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = new_catalogue(tmp_path / "c")
    studies = mined_studies(FIRST, images)
    commit(catalogue, studies)
    changed = replace(studies[0], bookmarks=studies[0].bookmarks[1:], annotations_digest=key("later"))
    changed = replace(
        changed, objects=[replace(changed.objects[0], marks=len(changed.bookmarks), used=len(changed.bookmarks))]
    )
    publish = Catalogue.publish

    def publish_late(self: Catalogue, publication: object) -> None:
        run = self.begin_run(RunInfo("0", "0" * 64, "0" * 64, "113100"))
        self.claim(run, changed.study_key)
        self.commit_study(run, changed)
        self.end_run(run, "done", {})
        publish(self, publication)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "publish", publish_late)
        with pytest.raises(DatabaseError, match="again"):
            release(catalogue, images, tmp_path / "one")
    assert not list(tmp_path.glob(".one*"))
    assert release(catalogue, images, tmp_path / "one").number == 1
