"""An archive that answers queries in memory, as archives do: capped, ignoring keys, refusing; one switch for each."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from pydicom import Dataset

from miner.errors import Reason
from miner.pacs.queries.rows import day as to_day
from miner.pacs.retry import RequestRefusedError

TODAY = date(2024, 6, 15)


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
    # roots
    root: str = "study"
    relational: bool = True
    asked: list[Dataset] = field(default_factory=list)

    def __call__(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        self.asked.append(identifier)
        for keyword in self.refused:
            if identifier.get(keyword):
                raise RequestRefusedError("refused", Reason.FIND_FAILED)
        level = identifier.QueryRetrieveLevel
        self._check_parents(identifier, level)
        rows = {"PATIENT": self._patients, "STUDY": self._studies, "SERIES": self._series, "IMAGE": self._images}[
            level
        ](identifier)
        cap = {"PATIENT": self.patient_cap, "STUDY": self.cap, "SERIES": self.series_cap, "IMAGE": self.image_cap}[
            level
        ]
        if len(rows) > self.most_rows:
            raise RequestRefusedError("out of resources", Reason.FIND_FAILED)
        rows = [row for row in rows for _ in range(self.repeats)]
        return rows[: min(cap, limit or cap)]

    def level(self, name: str) -> list[Dataset]:
        """The queries of one level."""
        return [query for query in self.asked if query.QueryRetrieveLevel == name]

    def _check_parents(self, query: Dataset, level: str) -> None:
        needs_patient = self.root == "patient" and level != "PATIENT"
        if needs_patient and not query.get("PatientID") and not (self.relational and level == "STUDY"):
            raise RequestRefusedError("no PatientID", Reason.FIND_FAILED)
        if needs_patient and level == "STUDY" and not self.relational and "*" in query.PatientID:
            raise RequestRefusedError("no single PatientID", Reason.FIND_FAILED)

    # ----------------------------------------------------------------------------------------------------- the levels

    def _patients(self, query: Dataset) -> list[Dataset]:
        ids = dict.fromkeys(study.patient_id for study in self.studies)
        return [self._row(query, PatientID=one) for one in ids if self._text(query, "PatientID", one)]

    def _studies(self, query: Dataset) -> list[Dataset]:
        if self._breadth(query.get("StudyDate", "")) > self.broadest_days and not query.get("StudyInstanceUID"):
            raise RequestRefusedError("too broad", Reason.FIND_FAILED)
        return [
            self._row(
                query,
                StudyInstanceUID=study.uid,
                StudyDate=study.date,
                StudyTime=study.time,
                PatientID=study.patient_id,
                AccessionNumber=study.accession,
                ModalitiesInStudy=[code for code in study.modalities if code not in self.hidden],
                NumberOfStudyRelatedSeries=len(study.modalities),
            )
            for study in self.studies
            if self._matches(study, query)
        ]

    def _series(self, query: Dataset) -> list[Dataset]:
        return [
            self._row(
                query,
                StudyInstanceUID=study.uid,
                SeriesInstanceUID=f"{study.uid}.{number}",
                Modality=code,
                NumberOfSeriesRelatedInstances=study.images,
            )
            for study in self._named(query)
            for number, code in enumerate(study.modalities)
            if self._text(query, "Modality", code)
        ]

    def _images(self, query: Dataset) -> list[Dataset]:
        return [
            self._row(
                query,
                StudyInstanceUID=study.uid,
                SeriesInstanceUID=query.SeriesInstanceUID,
                SOPInstanceUID=f"{query.SeriesInstanceUID}.{number}",
                InstanceNumber=number,
            )
            for study in self._named(query)
            for number in range(1, study.images + 1)
            if self._text(query, "InstanceNumber", str(number))
        ]

    def _named(self, query: Dataset) -> list[Study]:
        return [study for study in self.studies if study.uid == query.StudyInstanceUID]

    def _row(self, query: Dataset, **values: object) -> Dataset:
        row = Dataset()
        for keyword, value in values.items():
            if keyword in query:
                setattr(row, keyword, None if keyword in self.unanswered else value)
        return row

    # ------------------------------------------------------------------------------------------------------- matching

    def _matches(self, study: Study, query: Dataset) -> bool:
        listed = [code for code in study.modalities if code not in self.hidden]
        listed = listed[:1] if self.first_modality_only else listed
        wanted = query.get("ModalitiesInStudy")
        if wanted and "ModalitiesInStudy" not in self.ignored and wanted not in listed:
            return False
        return (
            self._text(query, "StudyInstanceUID", study.uid)
            and self._text(query, "PatientID", study.patient_id)
            and self._text(query, "AccessionNumber", study.accession)
            and self._in_range(query, "StudyDate", study.date)
            and self._in_range(query, "StudyTime", study.time)
        )

    def _text(self, query: Dataset, keyword: str, value: str) -> bool:
        wanted = str(query.get(keyword) or "")
        if not wanted or keyword in self.ignored:
            return True
        if "*" in wanted and self.wildcards == "refused":
            raise RequestRefusedError("no wild cards", Reason.FIND_FAILED)
        if "*" in wanted and self.wildcards == "honoured":
            return fnmatch.fnmatchcase(value, wanted.replace("[", "[[]"))
        return value == wanted

    def _in_range(self, query: Dataset, keyword: str, value: str) -> bool:
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


def without(study: Study, **values: str) -> Study:
    """The same study with other values."""
    return replace(study, **values)
