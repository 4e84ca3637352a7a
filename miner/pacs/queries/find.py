"""Queries at three levels, complete or an error (PS3.4 C.4.1).

What a PACS does with matching keys is a wish of ours and no more: dates, UIDs and modalities are filtered again here.
An answer whose length looks like a limit of the PACS is asked for again in parts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

from pydicom import Dataset

from miner.errors import PacsError, Reason, UsageError
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.windows import Part
from miner.pacs.retry import RequestRefusedError
from miner.records import DateWindow, InstanceRef, SeriesRef, StudyRef

log = logging.getLogger(__name__)


class Ask(Protocol):
    """Sends one C-FIND and gives all its rows, or raises PacsError; with ``limit``, the first so many and no more."""

    def __call__(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        """Raises PacsError unless the answer is complete."""


UNDATED_ROWS = 20_000
"""The query for studies without a date is ended after so many rows: a PACS that ignores the modality would answer with
its whole archive."""

SMALLEST_LIMIT = 100
"""No PACS was seen to cut off its answers below so many rows."""


class StudyFinder:
    """STUDY level over one connection; remembers the lengths at which this PACS was caught cutting off."""

    def __init__(
        self, ask: Ask, *, trust_modalities: bool | None = None, today: Callable[[], date] = date.today
    ) -> None:
        self._ask = ask
        self._trust_modalities = trust_modalities
        self._today = today
        self._limits: set[int] = set()
        self._unresolved: set[int] = set()
        self._answers_a_day: bool | None = None
        self._series: dict[str, frozenset[str]] = {}
        self._without_modality: list[StudyRef] | None = None

    def find(self, window: DateWindow, modalities: Sequence[str], **narrow: str) -> list[StudyRef]:
        """Studies in the window with any of the modalities; ``narrow``: matching keys by keyword, empty ones ignored.

        Each modality is a query of its own: a list of values in Modalities in Study is no matching that PS3.4 C.2.2.2
        knows without negotiation, and archives take it as one odd value. Studies without a date are always among them.
        Raises PacsError where the answer is not known to be complete.
        """
        self._answers_a_day, self._without_modality = None, None
        self._unresolved.clear()
        self._series.clear()
        keys = {keyword: _checked(value) for keyword, value in narrow.items() if value}
        found: dict[str, StudyRef] = {}
        for modality in modalities or ("",):
            for study in self._with_modality(window, modality, keys):
                merge(found, study)
        self._check_resolved()
        return [study for study in found.values() if _in_window(study, window) and _matches(study, keys)]

    def learned(self) -> Mapping[str, object]:
        """What was found out on the way, as fields of ``PacsProfile``."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Sentences on what could not be settled."""
        return ()

    def _with_modality(self, window: DateWindow, modality: str, keys: dict[str, str]) -> list[StudyRef]:
        if not modality:
            return self._in_parts(window, keys)
        found = self._without_modality
        if found is None:
            try:
                found = self._in_parts(window, {**keys, "ModalitiesInStudy": modality})
            except RequestRefusedError:
                log.warning("The PACS refuses queries by modality; every study is asked for its series.")
                found = self._without_modality = self._in_parts(window, keys)
        return self._that_hold(modality, [s for s in found if _in_window(s, window) and _matches(s, keys)])

    def _in_parts(self, window: DateWindow, keys: dict[str, str]) -> list[StudyRef]:
        """Within the window, and without a date. A query that is narrow already is not given dates at all."""
        narrow = keys.keys() - {"ModalitiesInStudy"}
        found: dict[str, StudyRef] = {}
        everything = window.since is None and window.until is None
        first = Part() if narrow or everything else Part(window.since, window.until)
        for study in self._collect(first, keys):
            merge(found, study)
        if not (narrow or everything):
            for study in self._undated(keys):
                merge(found, study)
        return list(found.values())

    def _undated(self, keys: dict[str, str]) -> list[StudyRef]:
        """DICOM cannot ask for an absent date, so all are asked for, which is why a modality should narrow them."""
        answer = [rows.study(row) for row in self._ask(identifiers.study_query(**keys), UNDATED_ROWS)]
        if self._looks_cut_off(len(answer)):
            log.warning(
                "The PACS may have cut off its answer at %d studies: a study without a date may not be seen.",
                len(answer),
            )
        return [study for study in answer if rows.day(study.study_date) is None]

    # ------------------------------------------------------------------------------------------- answers cut off

    def _collect(self, part: Part, keys: dict[str, str]) -> list[StudyRef]:
        """All of one part: where the answer looks cut off, or the PACS refuses it as too broad, from its halves."""
        halves = part.halves(self._today())
        try:
            answer = [rows.study(row) for row in self._ask(identifiers.study_query(**{**keys, **part.keys()}))]
        except RequestRefusedError:
            if halves is None or part.minutes is not None or not self._refuses_breadth(keys):
                raise
            log.info("A query was refused; it is asked again in two parts.")
            return self._from_halves(halves, keys)
        if not self._looks_cut_off(len(answer)):
            return answer
        union: dict[str, StudyRef] = {}
        for study in (*answer, *(self._from_halves(halves, keys) if halves else ())):
            merge(union, study)
        if len(union) > len({study.study_uid for study in answer}):
            self._limits.add(len(answer))
        else:
            self._unresolved.add(len(answer))
        return list(union.values())

    def _refuses_breadth(self, keys: dict[str, str]) -> bool:
        """True where the PACS answers for a single day: then it is breadth that it refuses, and cutting helps."""
        if self._answers_a_day is None:
            day = Part(self._today(), self._today())
            try:
                self._ask(identifiers.study_query(**{**keys, **day.keys()}))
                self._answers_a_day = True
            except RequestRefusedError:
                self._answers_a_day = False
        return self._answers_a_day

    def _from_halves(self, halves: tuple[Part, Part], keys: dict[str, str]) -> list[StudyRef]:
        return [study for half in halves for study in self._collect(half, keys)]

    def _looks_cut_off(self, count: int) -> bool:
        round_number = count >= SMALLEST_LIMIT and (count % 50 == 0 or count & (count - 1) == 0)
        return round_number or count in self._limits

    def _check_resolved(self) -> None:
        """A length that cutting did not change is believed, unless this PACS was caught cutting off at just that."""
        for count in self._unresolved & self._limits:
            raise PacsError(
                f"The PACS cuts off its answers at {count} studies, also for the smallest part of a day that can be "
                "asked for: ask its administrator for a higher limit, or narrow the run with --patients or --study.",
                Reason.FIND_FAILED,
            )

    # ------------------------------------------------------------------------------------------------- modalities

    def _that_hold(self, modality: str, studies: list[StudyRef]) -> list[StudyRef]:
        """Modalities in Study may be honoured, ignored, or not answered, and may leave out annotations.

        Where any answer names the modality, this PACS lists it and a study that doesn't name it doesn't hold it. Where
        none does, or nothing is listed, the study's series are asked.
        """
        lists = self._trust_modalities or any(modality in study.modalities for study in studies)
        kept = []
        for study in studies:
            if modality in study.modalities:
                kept.append(study)
            elif not (lists and study.modalities):
                held = self._held_by(study)
                if modality in held:
                    kept.append(replace(study, modalities=tuple(sorted(held | set(study.modalities)))))
        return kept

    def _held_by(self, study: StudyRef) -> frozenset[str]:
        """Modalities of a study's series, asked for once, however many modalities are looked for."""
        if study.study_uid not in self._series:
            held = frozenset(series.modality for series in find_series(self._ask, study))
            self._series[study.study_uid] = held
        return self._series[study.study_uid]


def find_series(ask: Ask, study: StudyRef) -> list[SeriesRef]:
    """All series of one study, de-duplicated by UID."""
    found: dict[str, SeriesRef] = {}
    for row in _children(ask(identifiers.series_query(study)), StudyInstanceUID=study.study_uid):
        series = rows.series(row, study)
        found.setdefault(series.series_uid, series)
    return list(found.values())


def find_instances(ask: Ask, series: SeriesRef) -> list[InstanceRef]:
    """All instances of one series, de-duplicated by UID.

    Raises PacsError where the PACS twice names fewer than it says the series has: slices are numbered over the series,
    so a part of it would give wrong numbers.
    """
    found: dict[str, InstanceRef] = {}
    for _ in range(2):
        query = identifiers.image_query(series)
        parents = {"StudyInstanceUID": series.study.study_uid, "SeriesInstanceUID": series.series_uid}
        for row in _children(ask(query), **parents):
            instance = rows.instance(row, series)
            found.setdefault(instance.sop_uid, instance)
        if series.instances is None or len(found) >= series.instances:
            return list(found.values())
    raise PacsError(
        f"The PACS names {len(found)} instances of a series that it says has {series.instances}: its answers may be "
        "cut off; ask its administrator for a higher limit.",
        Reason.FIND_FAILED,
    )


def _children(answer: Iterable[Dataset], **parents: str) -> list[Dataset]:
    """Rows that belong to the parents asked for; a PACS that ignores a key answers with others too."""
    return [row for row in answer if all(rows.text(row, key) in ("", uid) for key, uid in parents.items())]


def merge(found: dict[str, StudyRef], study: StudyRef) -> None:
    """Enter a study once; some PACS answer one row per series or instance, each with its own modality."""
    known = found.get(study.study_uid)
    if known is None:
        found[study.study_uid] = study
    elif set(study.modalities) - set(known.modalities):
        found[study.study_uid] = replace(known, modalities=tuple(sorted({*known.modalities, *study.modalities})))


def _in_window(study: StudyRef, window: DateWindow) -> bool:
    day = rows.day(study.study_date)
    if day is None:
        return True
    return (window.since is None or window.since <= day) and (window.until is None or day <= window.until)


def _matches(study: StudyRef, keys: dict[str, str]) -> bool:
    answered = {
        "StudyInstanceUID": study.study_uid,
        "PatientID": study.patient.patient_id,
        "AccessionNumber": study.accession,
    }
    return all(answered[keyword] == value.strip() for keyword, value in keys.items() if keyword in answered)


def _checked(value: str) -> str:
    """A value is meant literally: characters with a meaning in queries cannot be part of it (PS3.4 C.2.2.2)."""
    if any(character in value for character in "\\*?"):
        raise UsageError(
            "An identifier to look for contains a backslash, an asterisk or a question mark: write it out."
        )
    return value.strip()
