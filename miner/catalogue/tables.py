"""The tables of the catalogue, as typed SQLAlchemy models.

Every row carries ``site``. Keys are surrogates (32 hex digits). Column types are written out, because the type that
SQLAlchemy derives from an annotation differs between its versions. Lists and nested records are canonical JSON in a
text column. Instants are ISO 8601 text in UTC, because their exact characters are hashed; the two databases would
round them differently. Closed vocabularies are CHECK constraints; reason codes are not, since they grow with the
software.

The list of tables, from the work to the release::

    catalogue    one row: site, block of patient indices, watermark, current PACS profile
    run, lease   every mining run; the one process that mines now
    work, claim  one row per study that holds annotations; who works on it now
    annotation_object, refusal, bookmark      what one such study gave; replaced when it is mined again
    missing      what did not come of it, by name; replaced likewise
    patient, study, series, slice             what its images are; shared between studies; for ever once released
    release, release_row                      what was published, for ever
    withdrawal                                patients who were withdrawn: tombstones
    event, chain                              append-only, hash-chained; the chain's head
    pacs_profile                              what a PACS was found to do
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    inspect,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from miner.records import Encoding, Kind, Level, WorkState

KEY = 64
INSTANT = 40
SHA256 = 64
CODE = 60

SETTLED_STATES = tuple(state for state in WorkState if state is not WorkState.CLAIMED)
SEXES = ("M", "F", "O")
SUBJECTS = ("mark", "object", "series", "slice")
PIXEL_REVIEWS = ("header", "searched", "quarantined", "passed", "rejected")
WINDOW_SOURCES = ("header", "presentation-state", "default")
CSV_NAMES = ("DL_info", "bookmarks")

ADDED_TO_BOOKMARK: Mapping[str, str | int] = {
    "state_order": 0,
    "history_orders": "[]",
    "tracking_key": "",
    "finding": "",
    "finding_site": "",
    "states": "[]",
    "present": "",
}
"""Columns that schema 0002 added, and what its upgrade wrote into the rows that were there. Never changed."""

ADDED_TO_WORK: Mapping[str, str | int] = {"looked_octets": 0, "extra_octets": 0}
"""Likewise of schema 0003."""

ADDED_TO_CATALOGUE: Mapping[str, None] = {"key_check": None}
ADDED_TO_SERIES: Mapping[str, str | int] = {"pixel_review": "header", "pixel_findings": "[]"}
"""Likewise of schema 0004."""


def one_of(column: str, words: Iterable[str], name: str | None = None) -> CheckConstraint:
    """A CHECK that ``column`` holds one of ``words``."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=name or column)


class Base(DeclarativeBase):
    """Root of the models."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    def __repr__(self) -> str:
        """Table and primary key only: contents never reach a log through a repr."""
        keys = ", ".join(f"{column.name}={getattr(self, column.name)!r}" for column in inspect(type(self)).primary_key)
        return f"<{type(self).__name__} {keys}>"


class Catalogue(Base):
    """The one row of settings."""

    __tablename__ = "catalogue"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    first_patient_index: Mapped[int] = mapped_column(Integer)
    last_patient_index: Mapped[int] = mapped_column(Integer)
    watermark: Mapped[datetime.date | None] = mapped_column(Date)
    profile_digest: Mapped[str | None] = mapped_column(String(SHA256), ForeignKey("pacs_profile.digest"))
    key_check: Mapped[str | None] = mapped_column(String(SHA256))


class PacsProfile(Base):
    """What a PACS was found to do, as canonical JSON; named by its digest."""

    __tablename__ = "pacs_profile"
    digest: Mapped[str] = mapped_column(String(SHA256), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    profile: Mapped[str] = mapped_column(Text)


class Run(Base):
    """One mining run; without anything that names a host."""

    __tablename__ = "run"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    started: Mapped[str] = mapped_column(String(INSTANT))
    ended: Mapped[str | None] = mapped_column(String(INSTANT))
    outcome: Mapped[str | None] = mapped_column(String(CODE))
    counts: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(String(CODE))
    config_digest: Mapped[str] = mapped_column(String(SHA256))
    rules_digest: Mapped[str] = mapped_column(String(SHA256))
    deid_profile: Mapped[str] = mapped_column(Text)
    pacs_profile_digest: Mapped[str] = mapped_column(String(SHA256))


class Lease(Base):
    """Who mines now; empty between runs. ``host``: a digest; ``heartbeat``: seconds since 1970, database's clock."""

    __tablename__ = "lease"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    run: Mapped[int] = mapped_column(Integer, ForeignKey("run.number"))
    host: Mapped[str] = mapped_column(String(SHA256))
    pid: Mapped[int] = mapped_column(BigInteger)
    process_started: Mapped[str] = mapped_column(String(CODE))
    heartbeat: Mapped[float] = mapped_column(Double)


class Work(Base):
    """One study that holds annotations, and what became of it when it was last looked at.

    ``state`` is never ``claimed``: a claim is a row of :class:`Claim`, so that a claim given back leaves no trace.
    """

    __tablename__ = "work"
    __table_args__ = (one_of("state", SETTLED_STATES), Index(None, "state", "reason"))
    study_key: Mapped[str] = mapped_column(String(KEY), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    patient_key: Mapped[str | None] = mapped_column(String(KEY))
    state: Mapped[str] = mapped_column(String(CODE))
    reason: Mapped[str | None] = mapped_column(String(CODE))
    attempts: Mapped[int] = mapped_column(Integer)
    annotations_digest: Mapped[str] = mapped_column(String(SHA256))
    objects_asked: Mapped[int] = mapped_column(BigInteger)
    objects_arrived: Mapped[int] = mapped_column(BigInteger)
    octets: Mapped[int] = mapped_column(BigInteger)
    image_octets: Mapped[int] = mapped_column(BigInteger)
    image_octets_used: Mapped[int] = mapped_column(BigInteger)
    looked_octets: Mapped[int] = mapped_column(BigInteger, server_default="0")
    extra_octets: Mapped[int] = mapped_column(BigInteger, server_default="0")
    run: Mapped[int | None] = mapped_column(Integer, ForeignKey("run.number"))


class Claim(Base):
    """A study that a run works on now."""

    __tablename__ = "claim"
    study_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("work.study_key"), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    run: Mapped[int] = mapped_column(Integer, ForeignKey("run.number"), index=True)


class Patient(Base):
    """A patient; index and split are given by the first release that holds them."""

    __tablename__ = "patient"
    __table_args__ = (
        UniqueConstraint("patient_index"),
        CheckConstraint("split IN (1, 2, 3)", name="split"),
        CheckConstraint("(patient_index IS NULL) = (split IS NULL)", name="published"),
    )
    patient_key: Mapped[str] = mapped_column(String(KEY), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    patient_index: Mapped[int | None] = mapped_column(Integer)
    split: Mapped[int | None] = mapped_column(Integer)


class Study(Base):
    """A study that holds images; ``time_order`` sorts one patient's studies in time without a date."""

    __tablename__ = "study"
    __table_args__ = (UniqueConstraint("patient_key", "study_index"), one_of("sex", SEXES))
    study_key: Mapped[str] = mapped_column(String(KEY), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    patient_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("patient.patient_key"))
    time_order: Mapped[int] = mapped_column(BigInteger)
    sex: Mapped[str] = mapped_column(String(1))
    age: Mapped[int | None] = mapped_column(Integer)
    study_index: Mapped[int | None] = mapped_column(Integer)


class Series(Base):
    """One volume. Spacing in mm (x = column spacing, y, z); origin and orientation in LPS, as JSON or NULL.

    ``pixel_review``: ``header`` (the pixel gate alone has judged), ``searched`` (no text was found in the pixels),
    ``quarantined`` (text was found, or the search failed), ``passed`` or ``rejected`` (by a person).
    ``pixel_findings``: JSON list with, for each slice that was searched, [number] where nothing was found, [number,
    "failed"], or [number, x0, y0, x1, y1] for each box, pixels from 0; never what is written there.
    """

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("study_key", "series_id"), one_of("pixel_review", PIXEL_REVIEWS))
    series_key: Mapped[str] = mapped_column(String(KEY), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    study_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("study.study_key"))
    modality: Mapped[str] = mapped_column(String(16))
    slices: Mapped[int] = mapped_column(Integer)
    spacing_x: Mapped[float] = mapped_column(Double)
    spacing_y: Mapped[float] = mapped_column(Double)
    spacing_z: Mapped[float | None] = mapped_column(Double)
    origin: Mapped[str | None] = mapped_column(Text)
    orientation: Mapped[str | None] = mapped_column(Text)
    image_columns: Mapped[int] = mapped_column(Integer)
    image_rows: Mapped[int] = mapped_column(Integer)
    value_rule: Mapped[str] = mapped_column(String(CODE))
    policy: Mapped[str] = mapped_column(String(CODE))
    refusals: Mapped[str] = mapped_column(Text)
    numbering_digest: Mapped[str] = mapped_column(String(SHA256))
    series_id: Mapped[int | None] = mapped_column(Integer)
    pixel_review: Mapped[str] = mapped_column(String(16), server_default="header")
    pixel_findings: Mapped[str] = mapped_column(Text, server_default="[]")


class Slice(Base):
    """One PNG of the image store."""

    __tablename__ = "slice"
    series_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("series.series_key"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    instance_key: Mapped[str] = mapped_column(String(KEY))
    png_sha256: Mapped[str] = mapped_column(String(SHA256))
    png_octets: Mapped[int] = mapped_column(BigInteger)


class AnnotationObject(Base):
    """One annotation object of a study, and the fate of its marks."""

    __tablename__ = "annotation_object"
    __table_args__ = (CheckConstraint("marks = used + refused", name="marks"),)
    source_study_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("work.study_key"), primary_key=True)
    object_key: Mapped[str] = mapped_column(String(KEY), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(CODE))
    reason: Mapped[str | None] = mapped_column(String(CODE))
    marks: Mapped[int] = mapped_column(Integer)
    used: Mapped[int] = mapped_column(Integer)
    refused: Mapped[int] = mapped_column(Integer)
    content_digest: Mapped[str] = mapped_column(String(SHA256))


class Refusal(Base):
    """Something of a study that was not accepted, with its reason and how often."""

    __tablename__ = "refusal"
    __table_args__ = (one_of("subject", SUBJECTS),)
    source_study_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("work.study_key"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject_key: Mapped[str] = mapped_column(String(KEY), primary_key=True)
    reason: Mapped[str] = mapped_column(String(CODE), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    count: Mapped[int] = mapped_column(Integer)


class Missing(Base):
    """Something that should be here and is not, by its surrogate. ``attempts``: looks at the study that lacked it."""

    __tablename__ = "missing"
    __table_args__ = (one_of("level", Level), Index(None, "level", "reason"))
    source_study_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("work.study_key"), primary_key=True)
    level: Mapped[str] = mapped_column(String(16), primary_key=True)
    item_key: Mapped[str] = mapped_column(String(KEY), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(CODE))
    attempts: Mapped[int] = mapped_column(Integer)


class Bookmark(Base):
    """One accepted bookmark of one annotation study; points in pixels, (x, y), 0-based pixel centres.

    Two annotation studies may carry the same measurement (a presentation state that was copied), hence the double key.
    ``published_in``: the first release that holds this row; from then on it and its measurement stay.
    ``state_order``, ``history_orders``: when the state that stands and those of ``history_keys`` were made, as numbers
    that sort one patient's states; 0 where it is not known. ``states``: every measurement of the lesion, by which it is
    known again; of a published row those that its last release knew. ``present``: of a published row, what its study
    shows now of the lesion (:func:`miner.catalogue.history.shown`): mining changes nothing that a release fixed.
    """

    __tablename__ = "bookmark"
    __table_args__ = (
        one_of("kind", Kind),
        one_of("encoding", Encoding),
        one_of("window_source", WINDOW_SOURCES),
        Index(None, "uid"),
    )
    source_study_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("work.study_key"), primary_key=True)
    uid: Mapped[str] = mapped_column(String(KEY), primary_key=True)
    site: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(CODE))
    series_key: Mapped[str] = mapped_column(String(KEY), ForeignKey("series.series_key"), index=True)
    key_slice: Mapped[int] = mapped_column(Integer)
    points: Mapped[str] = mapped_column(Text)
    length_mm: Mapped[float | None] = mapped_column(Double)
    short_mm: Mapped[float | None] = mapped_column(Double)
    text_mm: Mapped[float | None] = mapped_column(Double)
    confidence: Mapped[float] = mapped_column(Double)
    encoding: Mapped[str] = mapped_column(String(CODE))
    doubts: Mapped[str] = mapped_column(Text)
    facts: Mapped[str | None] = mapped_column(Text)
    window_low: Mapped[float] = mapped_column(Double)
    window_high: Mapped[float] = mapped_column(Double)
    window_source: Mapped[str] = mapped_column(String(CODE))
    first_slice: Mapped[int] = mapped_column(Integer)
    last_slice: Mapped[int] = mapped_column(Integer)
    merged: Mapped[int] = mapped_column(Integer)
    object_key: Mapped[str] = mapped_column(String(KEY))
    history_keys: Mapped[str] = mapped_column(Text)
    published_in: Mapped[int | None] = mapped_column(Integer, ForeignKey("release.number"))
    state_order: Mapped[int] = mapped_column(BigInteger, server_default="0")
    history_orders: Mapped[str] = mapped_column(Text, server_default="[]")
    tracking_key: Mapped[str] = mapped_column(String(KEY), server_default="")
    finding: Mapped[str] = mapped_column(String(CODE), server_default="")
    finding_site: Mapped[str] = mapped_column(String(CODE), server_default="")
    states: Mapped[str] = mapped_column(Text, server_default="[]")
    present: Mapped[str] = mapped_column(Text, server_default="")


class Release(Base):
    """One published release."""

    __tablename__ = "release"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    time: Mapped[str] = mapped_column(String(INSTANT))
    software: Mapped[str] = mapped_column(String(CODE))
    rules_digest: Mapped[str] = mapped_column(String(SHA256))
    deid_profile: Mapped[str] = mapped_column(Text)
    manifest_sha256: Mapped[str] = mapped_column(String(SHA256))
    counts: Mapped[str] = mapped_column(Text)


class ReleaseRow(Base):
    """One row of a CSV that some release has held: its place for ever, and its cells as last written."""

    __tablename__ = "release_row"
    __table_args__ = (one_of("csv", CSV_NAMES), UniqueConstraint("csv", "uid"))
    csv: Mapped[str] = mapped_column(String(16), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    uid: Mapped[str] = mapped_column(String(KEY))
    cells: Mapped[str] = mapped_column(Text)
    first_release: Mapped[int] = mapped_column(Integer, ForeignKey("release.number"))


class Withdrawal(Base):
    """The tombstone of a patient who was withdrawn: enough not to bring the patient back, and to tell the next release.

    ``releases``: JSON list of the releases that hold the patient; ``counts``: what went, as JSON; ``finished``: 1 once
    pictures and vault entries are gone too; ``told_in``: the first release that says so.
    """

    __tablename__ = "withdrawal"
    __table_args__ = (UniqueConstraint("patient_key"), CheckConstraint("finished IN (0, 1)", name="finished"))
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    patient_key: Mapped[str] = mapped_column(String(KEY))
    time: Mapped[str] = mapped_column(String(INSTANT))
    patient_index: Mapped[int | None] = mapped_column(Integer)
    releases: Mapped[str] = mapped_column(Text)
    counts: Mapped[str] = mapped_column(Text)
    finished: Mapped[int] = mapped_column(Integer)
    told_in: Mapped[int | None] = mapped_column(Integer, ForeignKey("release.number"))


class Event(Base):
    """One link of the chain. Triggers of the migration refuse UPDATE and DELETE."""

    __tablename__ = "event"
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    time: Mapped[str] = mapped_column(String(INSTANT))
    activity: Mapped[str] = mapped_column(String(CODE))
    entity: Mapped[str] = mapped_column(String(120), index=True)
    run: Mapped[int | None] = mapped_column(Integer, ForeignKey("run.number"))
    payload: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(SHA256))
    hash: Mapped[str] = mapped_column(String(SHA256))


class Chain(Base):
    """The head of the chain, written with every event, so that a cut tail is seen."""

    __tablename__ = "chain"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(200))
    events: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(SHA256))
