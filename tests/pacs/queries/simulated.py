"""An archive that answers queries in memory, as archives do: capped, ignoring keys, refusing; one switch for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from pydicom import Dataset

from miner.errors import Reason
from miner.pacs.queries.rows import day as to_day
from miner.pacs.retry import RequestRefusedError

TODAY = date(2024, 6, 15)

Query = dict[str, Any]
"""What was asked for, by keyword."""


@dataclass(frozen=True)
class Study:
    """One study: one series of each modality, ``images`` instances in each."""

    uid: str
    date: str = "20240601"
    time: str = "101500"
    modalities: tuple[str, ...] = ("CT", "PR")
    patient_id: str = "P"
    accession: str = ""
    images: int = 1


@dataclass
class Archive:
    """Answers C-FIND from ``studies``; an :class:`miner.pacs.queries.asking.Ask`."""

    studies: Sequence[Study]
    # cutting off and refusing
    cap: int = 10**9
    series_cap: int = 10**9
    image_cap: int = 10**9
    patient_cap: int = 10**9
    most_rows: int = 10**9
    broadest_days: int = 10**9
    refused: frozenset[str] = frozenset()
    # matching
    ignored: frozenset[str] = frozenset()
    excludes_since: bool = False
    excludes_until: bool = False
    time_matches_absent: bool = False
    wildcards: str = "honoured"
    first_modality_only: bool = False
    hidden: frozenset[str] = frozenset()
    # answering
    unanswered: frozenset[str] = frozenset()
    repeats: int = 1
    first_number: int = 1
    # roots
    root: str = "study"
    relational: bool = True
    asked: list[Dataset] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._by_uid = {study.uid: study for study in self.studies}
        self._rows: dict[tuple[object, ...], Dataset] = {}

    def __call__(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        self.asked.append(identifier)
        query = {element.keyword: element.value for element in identifier if element.value not in (None, "", [])}
        if self.refused & query.keys():
            raise RequestRefusedError("refused", Reason.FIND_FAILED)
        level = identifier.QueryRetrieveLevel
        self._check_parents(query, level)
        answer, cap = {
            "PATIENT": (self._patients, self.patient_cap),
            "STUDY": (self._studies, self.cap),
            "SERIES": (self._series, self.series_cap),
            "IMAGE": (self._images, self.image_cap),
        }[level]
        rows = answer(query)
        if len(rows) > self.most_rows:
            raise RequestRefusedError("out of resources", Reason.FIND_FAILED)
        rows = [row for row in rows for _ in range(self.repeats)]
        return rows[: min(cap, limit or cap)]

    def level(self, name: str) -> list[Dataset]:
        """The queries of one level."""
        return [query for query in self.asked if query.QueryRetrieveLevel == name]

    def _check_parents(self, query: Query, level: str) -> None:
        if self.root == "patient" and level != "PATIENT" and not (self.relational and level == "STUDY"):
            patient_id = query.get("PatientID", "")
            if not patient_id or "*" in patient_id:
                raise RequestRefusedError("no single PatientID", Reason.FIND_FAILED)

    # ----------------------------------------------------------------------------------------------------- the levels

    def _patients(self, query: Query) -> list[Dataset]:
        ids = dict.fromkeys(study.patient_id for study in self.studies)
        return [self._row(PatientID=one) for one in ids if self._text(query, "PatientID", one)]

    def _studies(self, query: Query) -> list[Dataset]:
        if self._breadth(query.get("StudyDate", "")) > self.broadest_days and "StudyInstanceUID" not in query:
            raise RequestRefusedError("too broad", Reason.FIND_FAILED)
        return [
            self._row(
                StudyInstanceUID=study.uid,
                StudyDate=study.date,
                StudyTime=study.time,
                PatientID=study.patient_id,
                AccessionNumber=study.accession,
                ModalitiesInStudy=tuple(code for code in study.modalities if code not in self.hidden),
                NumberOfStudyRelatedSeries=len(study.modalities),
            )
            for study in self.studies
            if self._matches(study, query)
        ]

    def _series(self, query: Query) -> list[Dataset]:
        return [
            self._row(
                StudyInstanceUID=study.uid,
                SeriesInstanceUID=f"{study.uid}.{number}",
                Modality=code,
                NumberOfSeriesRelatedInstances=study.images,
            )
            for study in self._named(query)
            for number, code in enumerate(study.modalities)
            if self._text(query, "Modality", code)
        ]

    def _images(self, query: Query) -> list[Dataset]:
        return [
            self._row(
                StudyInstanceUID=study.uid,
                SeriesInstanceUID=query["SeriesInstanceUID"],
                SOPInstanceUID=f"{query['SeriesInstanceUID']}.{number}",
                InstanceNumber=number,
            )
            for study in self._named(query)
            for number in range(self.first_number, self.first_number + study.images)
            if self._text(query, "InstanceNumber", str(number))
        ]

    def _named(self, query: Query) -> list[Study]:
        study = self._by_uid.get(query["StudyInstanceUID"])
        return [] if study is None else [study]

    def _row(self, **values: object) -> Dataset:
        key = tuple(values.values())
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Dataset()
            for keyword, value in values.items():
                told = list(value) if isinstance(value, tuple) else value
                setattr(row, keyword, None if keyword in self.unanswered else told)
        return row

    # ------------------------------------------------------------------------------------------------------- matching

    def _matches(self, study: Study, query: Query) -> bool:
        wanted = query.get("ModalitiesInStudy")
        if wanted and "ModalitiesInStudy" not in self.ignored:
            listed = [code for code in study.modalities if code not in self.hidden]
            if wanted not in (listed[:1] if self.first_modality_only else listed):
                return False
        return (
            self._text(query, "StudyInstanceUID", study.uid)
            and self._text(query, "PatientID", study.patient_id)
            and self._text(query, "AccessionNumber", study.accession)
            and self._in_range(query, "StudyDate", study.date)
            and self._in_range(query, "StudyTime", study.time)
        )

    def _text(self, query: Query, keyword: str, value: str) -> bool:
        wanted = str(query.get(keyword) or "")
        if not wanted or keyword in self.ignored:
            return True
        if "*" in wanted and self.wildcards == "refused":
            raise RequestRefusedError("no wild cards", Reason.FIND_FAILED)
        if wanted.endswith("*") and self.wildcards in ("honoured", "at the end"):
            return value.startswith(wanted[:-1])
        if wanted.startswith("*") and self.wildcards == "honoured":
            return value.endswith(wanted[1:])
        return value == wanted

    def _in_range(self, query: Query, keyword: str, value: str) -> bool:
        """An absent value matches universal matching only, but for archives that take any time for it."""
        wanted = query.get(keyword, "")
        if not wanted or keyword in self.ignored:
            return True
        if not value:
            return keyword == "StudyTime" and self.time_matches_absent
        first, separator, last = wanted.partition("-")
        if not separator:
            return bool(value == wanted)
        after = not first or (first < value if self.excludes_since else first <= value)
        before = not last or (value < last if self.excludes_until else value <= last)
        return after and before

    def _breadth(self, dates: str) -> int:
        first, separator, last = dates.partition("-")
        if not separator:
            return 1 if first else 10**6
        begin, end = to_day(first), to_day(last)
        return (end - begin).days if begin and end else 10**6


def many(count: int, when: Callable[[int], tuple[str, str]], *modalities: str) -> list[Study]:
    """Studies of as many patients; ``when`` gives date and time by number."""
    return [
        Study(f"2.25.{number}", *when(number), modalities or ("CT", "PR"), f"{number:05d}") for number in range(count)
    ]


def days_from(first: date, number: int) -> str:
    """A DA value, so many days later."""
    return f"{first + timedelta(days=number):%Y%m%d}"
