"""Faults of queries: rows 1 to 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from pydicom.dataset import Dataset

from miner.demo.pacs_behaviour import Answer, Request
from tests.peers.faults.fault import Fault, copied

OUT_OF_RESOURCES = 0xA700
UNABLE = 0xC000
MODALITIES = "ModalitiesInStudy"


class _AtLevel(Fault):
    """Changes the answers of C-FIND at one level."""

    level = "STUDY"

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return self.changed(request, answers) if request.level == self.level else answers

    def changed(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        raise NotImplementedError


class _EachRow(Fault):
    """Changes each row of C-FIND answers at the levels named."""

    levels: Sequence[str] = ("STUDY", "SERIES", "IMAGE")

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        if request.level not in self.levels:
            yield from answers
            return
        for status, row in answers:
            yield status, row if row is None else self.row_of(request, row)

    def row_of(self, request: Request, row: Dataset) -> Dataset:
        raise NotImplementedError


# ------------------------------------------------------------------------------------------------------------ row 1


class CapsStudies(_AtLevel):
    """Ends with Success after so many studies, without a word."""

    row = 1

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.limit = random.choice([2, 3, 4])

    def changed(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return islice(answers, self.limit)


class RefusesBroadQueries(_AtLevel):
    """Refuses a query that matches more than so many studies (0xA700), before any row."""

    row = 1
    status = OUT_OF_RESOURCES

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.limit = random.choice([2, 3, 4])

    def changed(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        found = list(answers)
        if len(found) > self.limit:
            yield self.status, None
        else:
            yield from found


class AnswersInPart(RefusesBroadQueries):
    """Gives the first studies of a query that matches too many, then fails (0xC000)."""

    row = 1

    def changed(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        found = list(answers)
        yield from found[: self.limit]
        if len(found) > self.limit:
            yield UNABLE, None


class CapsImages(_AtLevel):
    """Ends with Success after so many images of a series."""

    row = 1
    withholds = True
    level = "IMAGE"

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.limit = random.choice([5, 10])

    def changed(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return islice(answers, self.limit)


class RowPerInstance(_AtLevel):
    """Answers a query for studies with a row for each of their instances, as pynetdicom's qrscp does."""

    row = 1

    def changed(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, row in answers:
            for _ in range(3 if row is not None else 1):
                yield status, row


# ------------------------------------------------------------------------------------------------------------ row 2


class ModalitiesMissing(_EachRow):
    """Neither matches nor answers Modalities in Study."""

    row = 2
    levels = ("STUDY",)

    def understand(self, request: Request) -> Dataset:
        return without_value(request.identifier, MODALITIES)

    def row_of(self, request: Request, row: Dataset) -> Dataset:
        return copied(row, ModalitiesInStudy=None)


class ModalitiesIgnored(Fault):
    """Answers Modalities in Study, but does not match it: every study is found."""

    row = 2

    def understand(self, request: Request) -> Dataset:
        return without_value(request.identifier, MODALITIES)


class ModalitiesRefused(Fault):
    """Refuses every query with a value for Modalities in Study."""

    row = 2

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return iter([(0xA900, None)]) if request.identifier.get(MODALITIES) else answers


class ModalitiesUnmatched(Fault):
    """Takes Modalities in Study for an attribute that no study has: asked for one, it finds nothing."""

    row = 2

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        if request.identifier.get(MODALITIES):
            return iter(())
        return answers if request.level != "STUDY" else self._emptied(answers)

    def _emptied(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, row in answers:
            yield status, row if row is None or MODALITIES not in row else copied(row, ModalitiesInStudy="")


class AnnotationsUnlisted(Fault):
    """Leaves presentation states and reports out of Modalities in Study, and does not match them."""

    row = 2

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        if request.identifier.get(MODALITIES) in ("PR", "SR", "KO"):
            return iter(())
        return answers if request.level != "STUDY" else self._images_only(answers)

    def _images_only(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, row in answers:
            if row is None or MODALITIES not in row:
                yield status, row
                continue
            listed = row[MODALITIES].value
            several = [listed] if isinstance(listed, str) else list(listed or ())
            yield status, copied(row, ModalitiesInStudy=[each for each in several if each not in ("PR", "SR", "KO")])


class KeysIgnored(Fault):
    """Matches unique keys of the levels above and nothing else: dates, modalities, patients are all the same to it."""

    row = 2

    def understand(self, request: Request) -> Dataset:
        if request.service != "find":
            return request.identifier
        parents = {"STUDY": (), "SERIES": ("StudyInstanceUID",), "IMAGE": ("StudyInstanceUID", "SeriesInstanceUID")}
        kept = {"QueryRetrieveLevel", "SpecificCharacterSet", *parents.get(request.level, ())}
        if request.patient_root and request.level != "PATIENT":
            kept.add("PatientID")
        return without_value(request.identifier, *(set(keywords(request.identifier)) - kept))


# ------------------------------------------------------------------------------------------------------------ row 3


class DateAndTimeCombined(_AtLevel):
    """Takes a range of dates and a range of times as one range of moments, where most match them apart."""

    row = 3

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._times: dict[int, str] = {}

    def understand(self, request: Request) -> Dataset:
        times = str(request.identifier.get("StudyTime", "") or "")
        combined = "-" in times and "-" in str(request.identifier.get("StudyDate", ""))
        self._times[id(request.association)] = times if combined else ""
        return without_value(request.identifier, "StudyTime") if combined else request.identifier

    def changed(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        times = self._times.get(id(request.association), "")
        if not times:
            return answers
        first, last = (
            day + time for day, time in zip(str(request.identifier.StudyDate).split("-"), times.split("-"), strict=True)
        )
        return (
            (status, row)
            for status, row in answers
            if row is None or first <= f"{row.get('StudyDate', '')}{row.get('StudyTime', '')}" <= (last or "~")
        )


# ------------------------------------------------------------------------------------------------------------ row 4


class CountsMissing(_EachRow):
    """Answers no Number of ... Related Series or Instances."""

    row = 4

    def row_of(self, request: Request, row: Dataset) -> Dataset:
        return without_value(row, *(keyword for keyword in keywords(row) if keyword.startswith("NumberOf")))


class SopClassesMissing(_EachRow):
    """Answers no SOP Class UID."""

    row = 4

    def row_of(self, request: Request, row: Dataset) -> Dataset:
        return without_value(row, "SOPClassUID", "SOPClassesInStudy")


class PositionsMissing(_EachRow):
    """Answers no Image Position (Patient), Orientation, Rows and Columns, as dcm4chee does as installed."""

    row = 4
    levels = ("IMAGE",)

    def row_of(self, request: Request, row: Dataset) -> Dataset:
        return without_value(row, "ImagePositionPatient", "ImageOrientationPatient", "Rows", "Columns")


class CharacterSetOnRequest(_EachRow):
    """Names the character set of an answer only where it was asked for."""

    row = 4

    def row_of(self, request: Request, row: Dataset) -> Dataset:
        asked = "SpecificCharacterSet" in request.identifier
        return row if asked else copied(row, SpecificCharacterSet=None)


class TimesMissing(_EachRow):
    """Knows no Study Time: does not answer it, and a range of times matches nothing."""

    row = 4
    levels = ("STUDY",)

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return iter(()) if request.identifier.get("StudyTime") else super().find(request, answers)

    def row_of(self, request: Request, row: Dataset) -> Dataset:
        return without_value(row, "StudyTime")


# ------------------------------------------------------------------------------------------------------------- tools


def keywords(dataset: Dataset) -> list[str]:
    """Keywords of a dataset's elements."""
    return [element.keyword for element in dataset if element.keyword]


def without_value(dataset: Dataset, *emptied: str) -> Dataset:
    """A copy in which these elements, where present, have no value."""
    return copied(dataset, **{keyword: "" for keyword in emptied if keyword in dataset})
