"""What the catalogue gives back: plain frozen records, surrogates only; no SQLAlchemy object leaves the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from miner.errors import Reason
from miner.records import (
    MinedBookmark,
    MinedObject,
    MinedSlice,
    Orientation,
    PixelReview,
    SearchedSlice,
    Vector,
    WorkState,
)


def held_for(review: PixelReview, searched: Iterable[SearchedSlice]) -> Reason | None:
    """Why a series may not leave; None where it may."""
    if review is PixelReview.REJECTED:
        return Reason.REVIEW_REJECTED
    if review is not PixelReview.QUARANTINED:
        return None
    failed = [entry.failed for entry in searched if entry.suspicious]
    return Reason.TEXT_SEARCH_FAILED if failed and all(failed) else Reason.TEXT_IN_PIXELS


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run row carries: no host, no transport secret."""

    version: str
    config_digest: str
    rules_digest: str
    deid_profile: str
    pacs_profile_digest: str = ""


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One study's work row."""

    study_key: str
    state: WorkState
    reason: Reason | None
    attempts: int
    annotations_digest: str


@dataclass(frozen=True, slots=True)
class Filing:
    """Under whom a study is filed.

    ``source_key``: the study whose annotations were read, with its ``state`` and ``reason``; the study itself, or
    (``of_images``) one with bookmarks on its images. ``patient_key``: None where it was never settled; ``published``: a
    release holds it; ``left_out``: it has marks on images of a patient who had opted out.
    """

    study_key: str
    patient_key: str | None
    source_key: str
    state: WorkState
    reason: Reason | None
    of_images: bool = False
    published: bool = False
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """What mining must know of a volume that it has met before."""

    series_key: str
    numbering_digest: str
    slices: Mapping[int, str]
    """slice number -> sha-256 of the stored PNG"""
    study_key: str = ""
    released: bool = False
    """a release holds it: its numbers and its study stay for ever"""
    published: tuple[MinedBookmark, ...] = ()
    """what releases hold of it, with every state that is known"""
    searched: frozenset[int] = frozenset()
    """slices that were searched for text; those of which the search failed are to be searched again"""
    keys: frozenset[int] = frozenset()
    """key slices of its bookmarks, of whatever study"""


@dataclass(frozen=True, slots=True)
class PatientRow:
    """A patient with at least one accepted bookmark. Index and split are None until a release gives them."""

    patient_key: str
    patient_index: int | None
    split: int | None


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study that holds images of accepted bookmarks. Undated studies sort last (``order``), ties by key."""

    study_key: str
    patient_key: str
    order: int
    sex: str
    age: int | None
    study_index: int | None


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A volume with accepted bookmarks, and the slices that the image store holds of it."""

    series_key: str
    study_key: str
    modality: str
    slices: int
    spacing: tuple[float, float, float | None]
    origin: Vector | None
    orientation: Orientation | None
    columns: int
    rows: int
    value_rule: str
    policy: str
    refusals: tuple[Reason, ...]
    series_id: int | None
    stored: Mapping[int, str]
    """slice number -> sha-256 of the stored PNG"""
    pixel_review: PixelReview = PixelReview.HEADER
    searched: tuple[SearchedSlice, ...] = ()
    """slices that were searched for text"""

    @property
    def held_for(self) -> Reason | None:
        """Why nothing new of it may leave; None where it may."""
        return held_for(self.pixel_review, self.searched)


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row of a CSV that some release has held: its place and its cells. ``table``: ``DL_info`` or ``bookmarks``."""

    table: str
    position: int
    uid: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release as the catalogue remembers it."""

    number: int
    time: str
    software: str
    rules_digest: str
    deid_profile: str
    manifest_sha256: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WithdrawalRow:
    """The tombstone of a patient who was withdrawn.

    ``releases``: those that hold the patient. ``counts``: what went: studies, series, slices, bookmarks,
    annotation_objects, and rows of releases by the CSV's file name, counted anew where more go after a release has told
    of it. ``finished``: pictures and vault entries are gone too. ``told_in``: the first release that says so.
    ``every_issuer``: it stands for the record number under every issuer. ``person``: False where it was laid for that
    alone, beside the tombstone of the person whose number it is.
    """

    number: int
    patient_key: str
    patient_index: int | None
    releases: tuple[int, ...]
    counts: Mapping[str, int]
    finished: bool
    told_in: int | None
    every_issuer: bool = False
    person: bool = True


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the catalogue has of a patient: ``counts`` as in :class:`WithdrawalRow`, ``releases`` that hold some."""

    counts: Mapping[str, int]
    releases: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Remains:
    """What of a withdrawn patient may be left outside the catalogue: pictures of these volumes, names of these studies.

    All by surrogate.
    """

    patient_key: str
    series_keys: tuple[str, ...]
    study_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleaseContent:
    """Everything a release is made from, read in one transaction, each list sorted by its key."""

    patients: tuple[PatientRow, ...]
    studies: tuple[StudyRow, ...]
    series: tuple[SeriesRow, ...]
    bookmarks: tuple[MinedBookmark, ...]
    published: tuple[PublishedRow, ...]
    releases: tuple[ReleaseRow, ...]
    chain_head: tuple[int, str] = (0, "")
    """number of events and hash of the last, at the moment of reading"""
    withdrawals: tuple[WithdrawalRow, ...] = ()
    """patients who were withdrawn, oldest first"""
    indices_given: frozenset[int] = frozenset()
    """every Patient_index that was ever given, that of withdrawn patients included"""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a release gives for ever, committed in one transaction."""

    release: ReleaseRow
    patients: Mapping[str, tuple[int, int]]
    """patient key -> (Patient_index, split); only those given by this release"""
    studies: Mapping[str, int]
    series: Mapping[str, int]
    rows: tuple[PublishedRow, ...]
    """new rows, and published rows whose changeable cells changed"""
    chain_head: tuple[int, str] | None = None
    """``ReleaseContent.chain_head`` that the release was made from: publishing then fails, to be repeated, where what
    is being published was changed in the meantime"""
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """uid of a lesion that several annotation studies measured -> the uids that their rows have had so far, that of the
    measurement that stands first: from now on the lesion is known by the measurements of all of them"""


@dataclass(frozen=True, slots=True)
class Event:
    """One link of the chain: ``hash`` = sha-256(previous hash + canonical JSON of the rest)."""

    number: int
    time: str
    activity: str
    entity: str
    run: int | None
    payload: Mapping[str, object]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Status:
    """The books: everything found, and what became of it. Each group adds up to its total."""

    runs: tuple[Mapping[str, object], ...]
    studies: Mapping[str, int]
    """work state -> count"""
    study_reasons: Mapping[str, int]
    """``state: reason`` -> count"""
    objects: Mapping[str, int]
    """``accepted`` or a reason -> count of annotation objects"""
    marks: Mapping[str, int]
    """``used`` or a reason -> count of marks"""
    bookmarks: Mapping[str, int]
    """kind -> count of accepted bookmarks"""
    series: Mapping[str, int]
    """``accepted`` or a reason -> count of volumes and refused series"""
    slices: int
    octets: int
    releases: int
    patients: int
    watermark: str | None
    missing: tuple[Mapping[str, object], ...] = field(default=())
    """what should be here and is not, by surrogate: level (object, series or study), key, kind, reason, attempts; and
    the study it belongs to with its state. A failed study is one entry; of what is here of a study that was mined in
    part everything that lacks is one"""
    traffic: Mapping[str, int] = field(default_factory=dict)
    """objects and octets asked for and arrived, as each study was last mined"""
    superseded: int = 0
    """measurements of a lesion that another study's measurement stands for; not among ``bookmarks``"""
    missing_reasons: Mapping[str, int] = field(default_factory=dict)
    """``level: reason`` -> count of ``missing``"""
    image_ratio: float | None = None
    """octets of images received for each octet of a kept slice; None where none is kept. What was looked at and gave
    nothing is counted apart (``looked_octets``); what a PACS that hands out whole series only sends along is in it"""
    unseen: Mapping[str, int] = field(default_factory=dict)
    """reason -> count of what the last run knows to be there and could not look at, such as files that cannot be read:
    of no study that is known, so it is not among ``missing``"""
    unanswered: int = 0
    """parts of its window that the last run had no complete answer for; the next run asks again"""
    withdrawn: int = 0
    """patients who were withdrawn"""
    withdrawals_unfinished: int = 0
    """withdrawals of which pictures or vault entries may be left; the next run finishes them"""
    passed_over: int = 0
    """studies of withdrawn patients that the last run found and passed over; not among ``studies`` unless known"""
    nameless: int = 0
    """studies that the last run found without a patient id: each counts as a patient of its own"""
    held_back: Mapping[str, int] = field(default_factory=dict)
    """reason -> bookmarks that no release may hold: text is suspected in their series' pixels; they are among
    ``bookmarks``"""
    published_in_quarantine: int = 0
    """series that releases hold and in which text is suspected; they count by what they were published as"""


@dataclass(frozen=True, slots=True)
class ReviewedSeries:
    """One volume as a person who looks for text in pixels must know it.

    ``bookmarks``: accepted ones on it; ``published``: a release holds it; ``since``: when it came into the quarantine
    or was last decided on, ISO 8601, empty where it never was; ``note``: the code that the decision was given.
    """

    series_key: str
    review: PixelReview
    reason: Reason | None
    searched: tuple[SearchedSlice, ...]
    stored: tuple[int, ...]
    keys: tuple[int, ...]
    bookmarks: int
    published: bool
    since: str = ""
    note: str = ""

    @property
    def suspicious(self) -> tuple[SearchedSlice, ...]:
        """The slices that a person has to look at."""
        return tuple(entry for entry in self.searched if entry.suspicious)


@dataclass(frozen=True, slots=True)
class KnownSlice:
    """One PNG that the image store must hold."""

    series_key: str
    number: int
    png_sha256: str
    png_octets: int


@dataclass(frozen=True, slots=True)
class RunRow:
    """One mining run; ``ended`` and ``outcome`` are None while it goes on."""

    number: int
    started: str
    ended: str | None
    outcome: str | None
    counts: Mapping[str, int]
    info: RunInfo


@dataclass(frozen=True, slots=True)
class StoredBookmark:
    """A bookmark with the annotation study it was read from, and the first release that holds it, if any.

    ``stands``: its measurement is the lesion's; else another study's is, and this one is history.
    """

    bookmark: MinedBookmark
    source_study_key: str
    published_in: int | None
    stands: bool = True


@dataclass(frozen=True, slots=True)
class Lineage:
    """Everything the catalogue knows of one volume, or of one bookmark on it: the material of a trace."""

    patient: PatientRow
    study: StudyRow
    series: SeriesRow
    slices: tuple[MinedSlice, ...]
    bookmarks: tuple[StoredBookmark, ...]
    objects: tuple[MinedObject, ...]
    published: tuple[PublishedRow, ...]
    releases: tuple[ReleaseRow, ...]
    runs: tuple[RunRow, ...]
    events: tuple[Event, ...]
