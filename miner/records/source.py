"""What a PACS says it has, and what it sent: source identifiers, in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from miner.errors import Reason
from miner.records.coordinates import Orientation, Vector


@dataclass(frozen=True, slots=True, repr=False)
class PatientRef:
    """A patient as the PACS names them: PatientID and issuer, trimmed. Without an id each study is its own patient."""

    patient_id: str
    issuer: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class StudyRef:
    """One study as found. ``study_date`` and ``study_time`` are DICOM DA and TM strings, empty where unknown."""

    study_uid: str
    patient: PatientRef
    study_date: str = ""
    study_time: str = ""
    accession: str = ""
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class SeriesRef:
    """One series as found at SERIES level; ``instances`` is Number of Series Related Instances where answered."""

    study: StudyRef
    series_uid: str
    modality: str
    instances: int | None = None
    body_part: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class InstanceRef:
    """One instance as found at IMAGE level. What the PACS did not answer is None or empty: unknown, not absent."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str = ""
    instance_number: int | None = None
    position: Vector | None = None
    orientation: Orientation | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int | None = None
    patient_id: str = ""
    """needed as a parent key in the patient root (PS3.4 C.6.1)"""
    made: str = ""
    """of annotation objects: when they were made, as the PACS answers it; to be compared, never shown"""


@dataclass(frozen=True, slots=True)
class DateWindow:
    """Study dates, inclusive on both sides; None is open.

    ``dated``: studies with a date in the window are asked for; ``undated``: studies without any. No query asks for an
    absent date, so the second reads a list that is not narrowed by dates: whoever asks window by window asks for it
    once, by ``DateWindow(dated=False)``, and for the windows with ``undated=False``.
    """

    since: date | None = None
    until: date | None = None
    dated: bool = True
    undated: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class Fetched:
    """What a retrieve brought: Part 10 files in the spool by SOP Instance UID, and what did not come, with its reason.

    ``octets`` counts data sets as received; ``service`` is ``get``, ``move``, ``wado`` or ``folder``, empty where
    nothing had to be asked.
    ``conflicts``: arrived, but the PACS sent the same UID again with other content; the first is kept.
    ``extra_octets``: received beyond ``octets`` and not kept: repetitions, and the rest of a series that the PACS hands
    out whole only.
    """

    arrived: Mapping[str, Path]
    missing: Mapping[str, Reason] = field(default_factory=dict)
    octets: int = 0
    service: str = ""
    conflicts: Mapping[str, Reason] = field(default_factory=dict)
    extra_octets: int = 0
