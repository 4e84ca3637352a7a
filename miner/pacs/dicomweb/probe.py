"""What a DICOMweb service really does, found out with a handful of harmless queries; no object is retrieved."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from pydicom import Dataset

from miner.errors import AssociationRefused, PacsError, PacsUnreachable
from miner.pacs.dicomweb.connection import Connection
from miner.pacs.dicomweb.search import Search
from miner.pacs.peer import Peer
from miner.pacs.profile import HONOURED, IGNORED, REFUSED, UNKNOWN, UNMATCHED, PacsProfile
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.windows import Part
from miner.records import SeriesRef, StudyRef

LOOK_BACK_DAYS = (1, 7, 60, 730)
"""Windows in which a study to look into is sought, the smallest first, so that a busy service answers with few rows."""

ROWS = 20
"""No query of the probe asks for more rows."""


def probe(peer: Peer, annotations: Sequence[str] = ("PR", "SR")) -> PacsProfile:
    """Ask the service what it can do: some twenty queries for at most one study, and the headers of one small series.

    ``annotations``: modalities of the series that hold annotations. A study with the first of them is looked into,
    else one with the next. Raises ConfigError, and PacsUnreachable or AssociationRefused where it cannot be asked.
    """
    connection = Connection(peer)
    try:
        return _Probe(connection, tuple(annotations)).run()
    finally:
        connection.close()


class _Probe:
    def __init__(self, connection: Connection, annotations: tuple[str, ...]) -> None:
        self._connection = connection
        self._search = Search(connection, attempts=1)
        self._annotations = annotations
        self._faults: dict[str, None] = {}

    def run(self) -> PacsProfile:
        service = self._connection.service
        known = PacsProfile(
            protocol="dicomweb", tls=service.tls is not None, identity=service.authorization.given or None
        )
        answered, study = self._some_study()
        profile = dataclasses.replace(known, echo=self._connection.accepted, study_level=answered)
        if study is not None:
            profile = self._look_into(self._with_matching(profile, study), study)
        profile = dataclasses.replace(profile, paging=self._paging())
        return dataclasses.replace(profile, faults=tuple(self._faults))

    def _ask(self, identifier: Dataset) -> list[Dataset] | None:
        """Rows, or None where the query failed (the fault is noted)."""
        try:
            return self._search(identifier, ROWS)
        except (PacsUnreachable, AssociationRefused):
            raise
        except PacsError as error:
            self._faults[str(error)] = None
            return None

    def _some_study(self) -> tuple[bool, StudyRef | None]:
        """A recent study, one with annotations where the service gives one; whether it answers queries for studies."""
        today = date.today()
        answered = False
        wishes: list[dict[str, str]] = [*({"ModalitiesInStudy": code} for code in self._annotations), {}]
        parts = [*(Part(today - timedelta(days=days), None) for days in LOOK_BACK_DAYS), Part()]
        for keys in wishes:
            for part in parts:
                answer = self._ask(identifiers.study_query(**{**keys, **part.keys()}))
                if answer is None:
                    break
                answered = True
                if answer:
                    return True, rows.study(answer[0])
        return answered, None

    def _paging(self) -> bool | None:
        try:
            return self._search.pages()
        except PacsError as error:
            self._faults[str(error)] = None
            return None

    # -------------------------------------------------------------------------------------------------- matching keys

    def _with_matching(self, profile: PacsProfile, study: StudyRef) -> PacsProfile:
        """Queries for this one study, by one key each."""
        own = {"StudyInstanceUID": study.study_uid, "PatientID": study.patient.patient_id}
        day = rows.day(study.study_date)
        by_uid, by_patient = (self._matching(keyword, value) for keyword, value in own.items())
        by_date = UNKNOWN if day is None else self._matching("StudyDate", Part(day, day).keys()["StudyDate"])
        return dataclasses.replace(profile, study_uid=by_uid, patient_id=by_patient, date_range=by_date)

    def _matching(self, keyword: str, value: str) -> str:
        """What the service does with a key that one of its studies has."""
        if not value:
            return UNKNOWN
        answer = self._ask(identifiers.study_query(**{keyword: value}))
        if answer is None:
            return REFUSED
        if not answer:
            return UNMATCHED
        return HONOURED if all(rows.text(row, keyword) == value for row in answer) else IGNORED

    def _modalities(self, study: StudyRef, held: set[str]) -> str:
        """Two queries for one study: with a modality that it holds, and with one that it doesn't."""
        present = next(iter(sorted(held - {""})), None)
        if present is None:
            return UNKNOWN
        absent = next(code for code in ("HD", "ECG", "AU") if code not in held)
        counts = [
            self._ask(identifiers.study_query(StudyInstanceUID=study.study_uid, ModalitiesInStudy=code))
            for code in (present, absent)
        ]
        if counts[0] is None or counts[1] is None:
            return REFUSED
        if counts[1]:
            return IGNORED
        return HONOURED if counts[0] else UNMATCHED

    # ----------------------------------------------------------------------------------------------------- one study

    def _look_into(self, profile: PacsProfile, study: StudyRef) -> PacsProfile:
        answer = self._ask(identifiers.series_query(study))
        if not answer:
            return dataclasses.replace(profile, series_level=False)
        series = [rows.series(row, study) for row in answer]
        held = {one.modality for one in series}
        annotations = held & set(self._annotations)
        counted = self._ask(identifiers.count_query(study)) or []
        profile = dataclasses.replace(
            profile,
            series_level=True,
            counts=all(one.instances is not None for one in series),
            study_counts=any(rows.integer(row, "NumberOfStudyRelatedSeries") is not None for row in counted),
            modalities_in_study=self._modalities(study, held),
            annotations_listed=annotations <= set(study.modalities) if annotations else None,
            series_keys=_answered(answer, identifiers.SERIES_KEYS),
        )
        images = next((one for one in series if one.modality == "CT"), series[0])
        smallest = min(series, key=lambda one: one.instances or ROWS)
        return dataclasses.replace(self._look_into_series(profile, images), metadata=self._gives_headers(smallest))

    def _look_into_series(self, profile: PacsProfile, series: SeriesRef) -> PacsProfile:
        answer = self._ask(identifiers.image_query(series))
        if not answer:
            return dataclasses.replace(profile, image_level=False)
        instances = [rows.instance(row, series) for row in answer]
        placed = all(one.position is not None and one.orientation is not None for one in instances)
        return dataclasses.replace(
            profile,
            image_level=True,
            sop_classes=all(one.sop_class_uid for one in instances),
            positions=placed if series.modality == "CT" else None,
            image_keys=_answered(answer, identifiers.IMAGE_KEYS),
        )

    def _gives_headers(self, series: SeriesRef) -> bool:
        try:
            return bool(self._search.headers(identifiers.image_query(series)))
        except PacsError as error:
            self._faults[str(error)] = None
            return False


def _answered(answer: Iterable[Dataset], keywords: Sequence[str]) -> tuple[str, ...]:
    return tuple(keyword for keyword in keywords if any(rows.text(row, keyword) for row in answer))
