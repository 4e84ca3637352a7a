"""What a PACS really does, found out with a handful of harmless requests: the profile that ``miner doctor`` stores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)

from miner.errors import PacsError
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import GET, MOVE, get_contexts, move_contexts, query_contexts, storage_roles
from miner.pacs.peer import Peer
from miner.pacs.profile import PacsProfile
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.windows import Part
from miner.records import SeriesRef, StudyRef

LOOK_BACK_DAYS = (1, 7, 60, 730)
"""Windows in which a study to look into is sought, the smallest first, so that a busy PACS answers with few rows."""

REPORT_CLASSES = (EnhancedSRStorage, ComprehensiveSRStorage, Comprehensive3DSRStorage)
"""In these viewers store measurements; an archive that keeps them can send them."""

ROWS = 20
"""A query of the probe is cancelled after so many rows."""


def probe(peer: Peer, annotations: Sequence[str] = ("PR", "SR")) -> PacsProfile:
    """Ask the PACS what it can do: one C-ECHO, ten to twenty queries for at most one study, nothing retrieved.

    ``annotations``: modalities of the series that hold annotations. A study with the first of them is looked into,
    else one with the next.

    Raises PacsUnreachable or AssociationRefused where it cannot be asked at all.
    """
    return _Probe(peer, tuple(annotations)).run()


class _Probe:
    def __init__(self, peer: Peer, annotations: tuple[str, ...]) -> None:
        self._peer = peer
        self._annotations = annotations
        self._faults: list[str] = []
        self._link = Link(self._peer, query_contexts())

    def run(self) -> PacsProfile:
        try:
            profile = PacsProfile(echo=self._echo())
            study_answers, study = self._some_study()
            profile = dataclasses.replace(profile, study_level=study_answers)
            if study is not None:
                profile = self._look_into(profile, study)
        finally:
            self._link.close()
        return dataclasses.replace(self._with_services(profile), faults=tuple(self._faults))

    def _echo(self) -> bool:
        try:
            self._connected().echo()
        except PacsError as error:
            self._faults.append(str(error))
            return False
        return True

    def _connected(self) -> Link:
        if not self._link.usable:
            self._link = Link(self._peer, query_contexts())
        return self._link

    def _ask(self, identifier: Dataset) -> list[Dataset] | None:
        """Rows, or None where the query failed (the fault is noted)."""
        try:
            return self._connected().find(identifier, limit=ROWS)
        except PacsError as error:
            if str(error) not in self._faults:
                self._faults.append(str(error))
            return None

    def _some_study(self) -> tuple[bool, StudyRef | None]:
        """A recent study, one with annotations where the PACS gives one."""
        today = date.today()
        answered = False
        wishes: list[dict[str, str]] = [*({"ModalitiesInStudy": code} for code in self._annotations), {}]
        for keys in wishes:
            for days in LOOK_BACK_DAYS:
                part = Part(today - timedelta(days=days), None)
                answer = self._ask(identifiers.study_query(**{**keys, **part.keys()}))
                if answer is None:
                    break
                answered = True
                if answer:
                    return True, rows.study(answer[0])
        for keys in wishes:
            if answer := self._ask(identifiers.study_query(**keys)):
                return True, rows.study(answer[0])
        return answered, None

    def _look_into(self, profile: PacsProfile, study: StudyRef) -> PacsProfile:
        answer = self._ask(identifiers.series_query(study))
        if not answer:
            return dataclasses.replace(profile, series_level=False)
        series = [rows.series(row, study) for row in answer]
        held = {one.modality for one in series}
        annotations = held & set(self._annotations)
        profile = dataclasses.replace(
            profile,
            series_level=True,
            counts=all(one.instances is not None for one in series),
            modalities_in_study=self._modalities(study, held),
            annotations_listed=annotations <= set(study.modalities) if annotations else None,
        )
        images = next((one for one in series if one.modality == "CT"), series[0])
        return self._look_into_series(profile, images)

    def _look_into_series(self, profile: PacsProfile, series: SeriesRef) -> PacsProfile:
        answer = self._ask(identifiers.image_query(series))
        if not answer:
            return dataclasses.replace(profile, image_level=False)
        instances = [rows.instance(row, series) for row in answer]
        return dataclasses.replace(
            profile,
            image_level=True,
            sop_classes=all(one.sop_class_uid for one in instances),
            positions=all(one.position is not None for one in instances) if series.modality == "CT" else None,
        )

    def _modalities(self, study: StudyRef, held: set[str]) -> str:
        """Two queries for one study: with a modality that it holds, and with one that it doesn't."""
        present = next(iter(sorted(held - {""})), None)
        if present is None:
            return "unknown"
        absent = next(code for code in ("HD", "ECG", "AU") if code not in held)
        with_it = self._count(study, present)
        without = self._count(study, absent)
        if with_it is None or without is None:
            return "refused"
        if without:
            return "ignored"
        return "honoured" if with_it else "unmatched"

    def _count(self, study: StudyRef, modality: str) -> int | None:
        answer = self._ask(identifiers.study_query(StudyInstanceUID=study.study_uid, ModalitiesInStudy=modality))
        return None if answer is None else len(answer)

    def _with_services(self, profile: PacsProfile) -> PacsProfile:
        def get(link: Link) -> PacsProfile:
            stores = all(link.stores(uid) for uid in (CTImageStorage, GrayscaleSoftcopyPresentationStateStorage))
            offered = link.offers(GET) and stores
            syntaxes = tuple(sorted(link.store_syntaxes)) if offered else ()
            reports = all(link.stores(uid) for uid in REPORT_CLASSES) if offered else None
            return dataclasses.replace(profile, get_offered=offered, get_reports=reports, get_syntaxes=syntaxes)

        def move(link: Link) -> PacsProfile:
            offered = link.offers(MOVE)
            return dataclasses.replace(profile, move_offered=offered)

        profile = self._negotiate(lambda: Link(self._peer, get_contexts(), storage_roles()), get, profile)
        return self._negotiate(lambda: Link(self._peer, move_contexts()), move, profile)

    def _negotiate(
        self, open_link: Callable[[], Link], judge: Callable[[Link], PacsProfile], profile: PacsProfile
    ) -> PacsProfile:
        try:
            link = open_link()
        except PacsError as error:
            self._faults.append(str(error))
            return profile
        try:
            return judge(link)
        finally:
            link.close()
