"""The same content at each release gives the same release, whatever was mined in between."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from miner.bookmarks import merge_versions
from miner.catalogue import Catalogue, Publication, ReleaseRow, RunInfo
from miner.dataset import ReleaseRules
from miner.dataset.compose import Composition, compose
from miner.deid import Surrogates
from miner.records import (
    AnnotationObject,
    Bookmark,
    Encoding,
    ImageReference,
    ImageStudy,
    Kind,
    Mark,
    MinedBookmark,
    MinedObject,
    MinedSeries,
    MinedSlice,
    MinedState,
    MinedStudy,
    Point,
    Shape,
    Traffic,
    WorkState,
)
from tests.dataset.making import key, make

SURROGATES = Surrogates(bytes(32))
IMAGE = ImageReference("1.2.3", "1.2.3.4")
STUDIES = ("S1", "S2", "S3")
BLOCK = (1, 999)
MADE = make(1)
NUMBERS = range(1, 61)


def corners(x: float, y: float) -> tuple[Point, ...]:
    """A pair of 20 x 10 pixels around a centre."""
    return ((x - 10, y), (x + 10, y), (x, y - 5), (x, y + 5))


@dataclass(frozen=True)
class State:
    """An annotation object: what it measures on the one image, and under which Tracking Unique Identifiers."""

    uid: str
    series: str
    created: str
    centres: tuple[tuple[float, float], ...]
    tracking: str = ""

    def read(self) -> AnnotationObject:
        marks = tuple(
            Mark(
                Shape.LINE, IMAGE, corners(*centre)[2 * axis : 2 * axis + 2], Encoding.GSPS_POLYLINE, 2 * number + axis
            )
            for number, centre in enumerate(self.centres)
            for axis in (0, 1)
        )
        return AnnotationObject(self.uid, "1.1", self.series, "1.2", self.created, (IMAGE,), marks, ())

    def bookmarks(self) -> Iterator[Bookmark]:
        for number, centre in enumerate(self.centres):
            orders = (2 * number, 2 * number + 1)
            yield Bookmark(
                Kind.RECIST,
                IMAGE,
                corners(*centre),
                Encoding.GSPS_POLYLINE,
                0.9,
                orders=orders,
                source_uid=self.uid,
                tracking=self.tracking,
            )


@dataclass
class Archive:
    """What each annotation study holds."""

    states: dict[str, list[State]] = field(default_factory=lambda: {study: [] for study in STUDIES})
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def change(self, chance: random.Random) -> None:
        """A state comes, goes, or is moved to another study."""
        held = [(study, state) for study in STUDIES for state in self.states[study]]
        what = chance.choice(["add", "add", "add", "delete", "move"]) if held else "add"
        if what == "add":
            self.add(chance)
            return
        study, state = chance.choice(held)
        self.states[study].remove(state)
        if what == "move":
            target = chance.choice(STUDIES)
            self.states[target].append(replace(state, series=f"1.9.{next(self.numbers)}"))

    def add(self, chance: random.Random) -> None:
        number, study = next(self.numbers), chance.choice(STUDIES)
        centres = tuple(
            (chance.choice([34.0, 58.0]) + chance.choice([0, 0, 1, 4, 7]), 48.0 + chance.choice([0, 0, 3]))
            for _ in range(chance.randint(0, 2))
        )
        series = f"1.8.{STUDIES.index(study)}.{chance.randint(1, 2)}"
        created = f"20200101{chance.choice([9, 10]):02d}{number:02d}00"
        tracking = chance.choice(["", "", "", "2.25.1", "2.25.2"])
        self.states[study].append(State(f"1.7.{number}", series, created, tuple(dict.fromkeys(centres)), tracking))

    def mined(self, study: str) -> MinedStudy:
        """What mining makes of one annotation study."""
        states = self.states[study]
        objects = [state.read() for state in states]
        merged = merge_versions([bookmark for state in states for bookmark in state.bookmarks()], objects)
        orders = {state.uid: int(state.created[8:]) for state in states}
        counts = {state.uid: 2 * len(state.centres) for state in states}
        return MinedStudy(
            key("study", study),
            MADE.patient.patient_key,
            WorkState.MINED,
            None,
            key(*states),
            [MinedObject(key(uid), "PR", None, marks, marks, 0, key("content", uid)) for uid, marks in counts.items()],
            [ImageStudy(MADE.study.study_key, MADE.patient.patient_key, MADE.study.order, "F", 61)],
            [volume()],
            [mined_bookmark(bookmark, orders) for bookmark in merged],
            (),
            Traffic(),
        )


def volume() -> MinedSeries:
    row = MADE.series
    stored = tuple(MinedSlice(number, key("instance", number), key("png", number) * 2, 1) for number in NUMBERS)
    place = (row.origin, row.orientation, 96, 96, row.value_rule, row.policy, row.refusals, key("numbering") * 2)
    return MinedSeries(row.series_key, row.study_key, row.modality, row.slices, row.spacing, *place, stored)


def mined_bookmark(bookmark: Bookmark, orders: dict[str, int]) -> MinedBookmark:
    states = [
        MinedState(
            SURROGATES.bookmark(IMAGE.sop_uid, None, state.kind, state.points),
            key(state.source_uid),
            orders[state.source_uid],
            SURROGATES.tracking(state.tracking) if state.tracking else "",
            state.points,
        )
        for state in (bookmark, *bookmark.history)
    ]
    own, *history = states
    return replace(
        MADE.bookmark,
        uid=states[-1].uid,
        points=bookmark.points,
        doubts=bookmark.doubts,
        merged=bookmark.merged,
        object_key=own.object_key,
        state_order=own.order,
        tracking_key=own.tracking_key,
        history_keys=tuple(state.object_key for state in history),
        history_orders=tuple(state.order for state in history),
        states=tuple(states) if history else (),
    )


class Project:
    """A catalogue that mines an archive and releases from it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        url = f"sqlite:///{folder / 'catalogue.sqlite'}"
        self.catalogue = Catalogue.create(url, site="s", patient_index_range=BLOCK)

    def mine(self, archive: Archive, studies: Sequence[str]) -> None:
        run = self.catalogue.begin_run(RunInfo("0", "0" * 64, "0" * 64, "113100"))
        for study in studies:
            self.catalogue.commit_study(run, archive.mined(study))
        self.catalogue.end_run(run, "done", {})

    def release(self, number: int) -> Composition:
        content = self.catalogue.release_content()
        composition = compose(content, ReleaseRules(), BLOCK)
        given = composition.identities
        release = ReleaseRow(number, "2026-01-01T00:00:00+00:00", "0", "0" * 64, "113100", key(number) * 2, {})
        new = (given.new_patients, given.new_studies, given.new_series)
        self.catalogue.publish(Publication(release, *new, composition.rows, content.chain_head, composition.merged))
        status = self.catalogue.status()
        assert sum(status.bookmarks.values()) == composition.counts["bookmarks"]
        assert self.catalogue.verify_rows() == []
        return composition


def told(composition: Composition) -> tuple[object, ...]:
    """All that a release tells."""
    return composition.csvs, composition.rows, composition.changes, composition.corrections, composition.merged


def scenario(seed: int, folder: Path, releases: int = 4) -> None:
    """One project mines now and then, in any order; the other one only before each release: equal releases."""
    chance = random.Random(seed)
    archive = Archive()
    often, seldom = Project(folder / "often"), Project(folder / "seldom")
    lesions: list[str] = []
    for number in range(1, releases + 1):
        for _ in range(chance.randint(2, 5)):
            archive.change(chance)
            often.mine(archive, chance.sample(STUDIES, chance.randint(0, 3)))
        if number == 1:
            archive.states["S1"].append(State("1.7", "1.8", "20200101080000", ((80.0, 80.0),)))
        often.mine(archive, chance.sample(STUDIES, 3))
        seldom.mine(archive, STUDIES)
        assert often.catalogue.release_content().bookmarks == seldom.catalogue.release_content().bookmarks, seed
        one, other = often.release(number), seldom.release(number)
        assert often.catalogue.release_content().bookmarks == seldom.catalogue.release_content().bookmarks, seed
        assert told(one) == told(other), (seed, number)
        rows = one.csvs["DL_info.csv"].decode().splitlines()
        places = [line.split('"')[1] for line in rows[1:]]
        assert places[: len(lesions)] == lesions, "a published row never moves"
        lesions = places
    for project in (often, seldom):
        assert project.catalogue.verify_chain() == []
        project.catalogue.close()


@pytest.mark.parametrize("seed", range(6))
def test_what_was_mined_in_between_has_no_say(tmp_path: Path, seed: int) -> None:
    scenario(seed, tmp_path)
