"""What an archive does with queries, found out with a handful of harmless ones; nothing is retrieved.

Each is for at most :data:`ROWS` rows, and most are for one study: whether a key is honoured shows by asking for a study
with a value that it has, and with one that it has not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pydicom import Dataset
from pydicom.charset import python_encoding

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason
from miner.pacs.profile import HONOURED, IGNORED, REFUSED, UNKNOWN, UNMATCHED, PacsProfile
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.asking import Ask
from miner.pacs.queries.prefixes import MEANINGFUL, NOBODY
from miner.pacs.queries.windows import Part
from miner.pacs.retry import RequestRefusedError
from miner.records import SeriesRef, StudyRef

LOOK_BACK_DAYS = (1, 7, 60, 730)
"""Windows in which a study to look into is sought, the smallest first, so that a busy PACS answers with few rows."""

ROWS = 20
"""A query is ended after so many rows."""

MOST_QUERIES = 25
"""What an examination costs at most."""

LOOKS = 5
"""So many studies are asked for their series, to find one with annotations that it does not name."""

NO_STUDY = "2.25.98573042264815390627145103285931704662"
"""A Study Instance UID that no archive holds."""

Today = Callable[[], date]


@dataclass(frozen=True, slots=True)
class Examined:
    """The profile's fields on queries, with what did not work; the smallest series that was come across."""

    profile: PacsProfile
    series: SeriesRef | None = None


def examine(ask: Ask, annotations: Sequence[str], *, patient_root: bool = False, today: Today = date.today) -> Examined:
    """Ask, and tell what the answers show. ``annotations``: modalities of annotation series.

    Raises PacsUnreachable or AssociationRefused where not even the first query was answered.
    """
    return _Examination(ask, tuple(annotations), patient_root, today).run()


class _Examination:
    def __init__(self, ask: Ask, annotations: tuple[str, ...], patient_root: bool, today: Today) -> None:
        self._send = ask
        self._annotations = annotations
        self._patient_root = patient_root
        self._today = today
        self._queries = 0
        self._answered = False
        self._failure: PacsError | None = None
        self._faults: dict[str, None] = {}
        self._rows: list[Dataset] = []
        self._patient_ids: list[str] = []
        self._refuses_modalities = False
        self._smallest: SeriesRef | None = None

    def run(self) -> Examined:
        profile = self._with_patients(PacsProfile())
        studies = [] if profile.relational is False else self._some_studies()
        if self._patient_root and studies:
            profile = dataclasses.replace(profile, relational=True)
        elif self._patient_ids:
            studies = self._studies_of_patients()
            profile = dataclasses.replace(profile, relational=False if studies else None)
        profile = dataclasses.replace(profile, study_level=self._answered)
        if studies:
            study, series = self._one_to_look_into(studies)
            profile = self._look_into(profile, study, series)
            profile = self._with_matching(profile, study)
        sets = {term for row in self._rows for term in rows.texts(row, "SpecificCharacterSet")}
        terms = tuple(sorted(term for term in sets if term in python_encoding))
        profile = dataclasses.replace(profile, character_sets=terms, faults=tuple(self._faults))
        return Examined(profile, self._smallest)

    def _ask(self, identifier: Dataset) -> list[Dataset] | None:
        """Rows, or None where the query failed (the fault is noted) or may not be sent any more."""
        self._failure = None
        if self._queries >= MOST_QUERIES:
            return None
        self._queries += 1
        try:
            answer = self._send(identifier, ROWS)
        except PacsError as error:
            if isinstance(error, PacsUnreachable | AssociationRefused) and not self._answered:
                raise
            self._faults[str(error)] = None
            self._failure = error
            return None
        self._answered = True
        self._rows += answer
        return answer

    def _refused(self, identifier: Dataset) -> bool:
        """Whether a query is refused where the PACS may: no fault."""
        self._queries += 1
        try:
            self._rows += self._send(identifier, 1)
        except RequestRefusedError:
            return True
        except PacsError as error:
            self._faults[str(error)] = None
        return False

    # ------------------------------------------------------------------------------------------------- which study

    def _with_patients(self, profile: PacsProfile) -> PacsProfile:
        """In the patient root: whether patients are listed, and studies without naming one."""
        if not self._patient_root:
            return profile
        patients = self._ask(identifiers.patient_query())
        refused = self._refused(identifiers.study_query(StudyInstanceUID=NO_STUDY))
        ids = [patient_id for row in patients or () if (patient_id := rows.text(row, "PatientID"))]
        self._patient_ids = [one for one in ids if not any(character in one for character in MEANINGFUL)]
        return dataclasses.replace(profile, patient_level=bool(patients), relational=False if refused else None)

    def _studies_of_patients(self) -> list[StudyRef]:
        answers = [self._ask(identifiers.study_query(PatientID=one)) for one in self._patient_ids[:3]]
        return _studies(row for answer in answers for row in answer or ())

    def _some_studies(self) -> list[StudyRef]:
        """A few studies; the first has annotations where the PACS names them among its modalities."""
        today = self._today()
        parts = [*(Part(today - timedelta(days=days), today) for days in LOOK_BACK_DAYS), Part()]
        some: list[StudyRef] = []
        while parts and not some:
            part = parts.pop(0)
            some = _studies(self._ask(identifiers.study_query(**part.keys())) or ())
        named = self._by_modality(dict.fromkeys([part, *parts[-2:]])) if some else []
        for wider in parts[-2:]:
            if not named and len(some) < LOOKS:
                some += _studies(self._ask(identifiers.study_query(**wider.keys())) or ())
        return [*named, *some]

    def _by_modality(self, parts: Iterable[Part]) -> list[StudyRef]:
        """Of each kind of annotation one study that names it, beside another modality if there is such a one."""
        found: list[StudyRef] = []
        for number, part in enumerate(parts):
            for code in self._annotations:
                answer = self._ask(identifiers.study_query(**part.keys(), ModalitiesInStudy=code))
                if answer is None:
                    # The narrowest window was answered without the modality; a broader one may be too broad.
                    self._refuses_modalities = number == 0 and isinstance(self._failure, RequestRefusedError)
                    return found
                named = [study for study in _studies(answer) if code in study.modalities]
                found += sorted(named, key=lambda study: len(study.modalities) < 2)[:1]
            if found:
                break
        return found

    def _one_to_look_into(self, studies: Sequence[StudyRef]) -> tuple[StudyRef, list[Dataset]]:
        """A study and its series; one with annotations if there is one among the first few."""
        looked: list[tuple[StudyRef, list[Dataset]]] = []
        for study in list({study.study_uid: study for study in studies}.values())[:LOOKS]:
            answer = self._ask(identifiers.series_query(study)) or []
            looked.append((study, answer))
            if {rows.text(row, "Modality") for row in answer} & set(self._annotations):
                return looked[-1]
        return max(looked, key=lambda entry: len(entry[1]))

    # ------------------------------------------------------------------------------------------------ looking into it

    def _look_into(self, profile: PacsProfile, study: StudyRef, answer: list[Dataset]) -> PacsProfile:
        listed = [row for row in self._rows if rows.text(row, "StudyInstanceUID")]
        profile = dataclasses.replace(
            profile, study_keys=_answered(listed, identifiers.STUDY_KEYS), series_level=bool(answer)
        )
        if not answer:
            return profile
        series = [rows.series(row, study) for row in answer]
        self._smallest = min(series, key=lambda one: ROWS if one.instances is None else one.instances)
        held = {one.modality for one in series}
        annotations = held & set(self._annotations)
        named = annotations & set(study.modalities)
        counted = self._ask(identifiers.count_query(study, patient_root=self._patient_root)) or []
        matching = self._modalities(study, held)
        # Named beside another and found by it: among several, some PACS compare the first alone.
        proven = matching == HONOURED and len(study.modalities) > 1
        profile = dataclasses.replace(
            profile,
            series_keys=_answered(answer, identifiers.SERIES_KEYS),
            counts=all(one.instances is not None for one in series),
            study_counts=any(rows.integer(row, "NumberOfStudyRelatedSeries") is not None for row in counted),
            modalities_in_study=matching,
            annotations_listed=annotations == named if annotations else None,
            modalities_listed=tuple(sorted(named)[:1]) if proven else (),
            modalities_unlisted=tuple(sorted(annotations - named)) if study.modalities else (),
        )
        images = next((one for one in series if one.modality == "CT"), series[0])
        return self._look_into_series(profile, images)

    def _look_into_series(self, profile: PacsProfile, series: SeriesRef) -> PacsProfile:
        answer = self._ask(identifiers.image_query(series))
        if not answer:
            return dataclasses.replace(profile, image_level=False)
        instances = [rows.instance(row, series) for row in answer]
        placed = all(one.position is not None and one.orientation is not None for one in instances)
        return dataclasses.replace(
            profile,
            image_level=True,
            image_keys=_answered(answer, identifiers.IMAGE_KEYS),
            sop_classes=all(one.sop_class_uid for one in instances),
            positions=placed if series.modality == "CT" else None,
        )

    # -------------------------------------------------------------------------------------------------- matching keys

    def _with_matching(self, profile: PacsProfile, study: StudyRef) -> PacsProfile:
        day = rows.day(study.study_date)
        strangers = self._ask(self._query(study, StudyInstanceUID=NO_STUDY))
        by_uid = UNKNOWN if strangers is None else IGNORED if strangers else HONOURED
        by_date = UNKNOWN
        if day is not None:
            around = Part(day - timedelta(days=1), day + timedelta(days=1))
            after = Part(day + timedelta(days=3), day + timedelta(days=9))
            by_date = self._matching(study, around.keys(), after.keys())
        by_patient = wildcards = UNKNOWN
        patient_id = study.patient.patient_id
        if patient_id and patient_id[0] not in MEANINGFUL and not self._patient_root:
            wildcards = self._matching(study, {"PatientID": f"{patient_id[0]}*"}, {"PatientID": f"{NOBODY}*"})
            by_patient = HONOURED if wildcards == HONOURED else IGNORED if wildcards == IGNORED else UNKNOWN
        return dataclasses.replace(
            profile, study_uid=by_uid, date_range=by_date, patient_id=by_patient, wildcards=wildcards
        )

    def _modalities(self, study: StudyRef, held: set[str]) -> str:
        """Two queries for one study: with a modality that it holds, and with one that it doesn't.

        An annotation's, if it has one: among several modalities, some PACS compare the first alone.
        """
        wanted = sorted(held & set(self._annotations)) or sorted(held - {""})
        if self._refuses_modalities:
            return REFUSED
        if not wanted:
            return UNKNOWN
        absent = next(code for code in ("HD", "ECG", "AU") if code not in held)
        return self._matching(study, {"ModalitiesInStudy": wanted[0]}, {"ModalitiesInStudy": absent})

    def _matching(self, study: StudyRef, own: dict[str, str], other: dict[str, str]) -> str:
        """What the PACS does with keys: one query that the study matches, one that it does not."""
        with_own, own_failure = self._ask(self._query(study, **own)), self._failure
        with_other, other_failure = self._ask(self._query(study, **other)), self._failure
        if with_own is None or with_other is None:
            return REFUSED if _refuses(own_failure, other_failure) else UNKNOWN
        if any(rows.text(row, "StudyInstanceUID") == study.study_uid for row in with_other):
            return IGNORED
        return HONOURED if with_own else UNMATCHED

    def _query(self, study: StudyRef, **keys: str) -> Dataset:
        patient = {"PatientID": study.patient.patient_id} if self._patient_root else {}
        return identifiers.study_query(**{"StudyInstanceUID": study.study_uid, **patient, **keys})


def _refuses(*failures: PacsError | None) -> bool:
    """Refused in so many words, or broken off each time, as some do: a bad moment of the PACS is neither."""
    said = any(isinstance(failure, RequestRefusedError) for failure in failures)
    return said or not any(failure is None or _is_away(failure) for failure in failures)


def _is_away(failure: PacsError) -> bool:
    return isinstance(failure, PacsUnreachable | AssociationRefused) or failure.reason is Reason.TIMED_OUT


def _studies(answer: Iterable[Dataset]) -> list[StudyRef]:
    return [rows.study(row) for row in answer if rows.text(row, "StudyInstanceUID")]


def _answered(answer: Iterable[Dataset], keywords: Sequence[str]) -> tuple[str, ...]:
    """Keys that any row has a value for."""
    listed = list(answer)
    return tuple(keyword for keyword in keywords if any(rows.text(row, keyword) for row in listed))
