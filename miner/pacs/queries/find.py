"""Studies that hold annotations, complete or an error (PS3.4 C.4.1).

What a PACS does with matching keys is a wish of ours and no more: dates, identifiers and modalities are filtered again
here. That lists are whole is the business of :mod:`~miner.pacs.queries.lister` and
:mod:`~miner.pacs.queries.children`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason, UsageError
from miner.pacs.profile import REFUSED, PacsProfile
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.asking import Ask
from miner.pacs.queries.children import Children, find_instances, find_series
from miner.pacs.queries.lister import StudyLister, merge, merge_all
from miner.pacs.queries.patients import Patients
from miner.pacs.queries.prefixes import MEANINGFUL
from miner.pacs.queries.windows import Part
from miner.pacs.retry import RequestRefusedError
from miner.records import DateWindow, InstanceRef, SeriesRef, StudyRef

__all__ = ["Ask", "StudyFinder", "find_instances", "find_series", "merge"]

log = logging.getLogger(__name__)

PROOF_ROWS = 50
"""So many studies are looked at, at most, for one that names a modality beside others."""

FRUITLESS_LOOKS = 500
"""After so many studies that were asked for their series, of which none holds a modality without naming it, the others
are not asked any more, and a note says so."""


class StudyFinder:
    """Queries over one connection, whole lists or an error.

    ``profile``: what is known of the PACS, so that it is not tried again. ``root``: the information model that the
    connection queries in, ``study`` or ``patient``.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        profile: PacsProfile | None = None,
        root: Callable[[], str] = lambda: "study",
        today: Callable[[], date] = date.today,
    ) -> None:
        known = profile or PacsProfile()
        self._ask = ask
        self._patients = Patients(ask, profile=known, root=root)
        self._lister = StudyLister(ask, profile=known, patients=self._patients, today=today)
        self._children = Children(ask, profile=known, patient_root=lambda: self._patients.patient_root)
        self._listed = set(known.modalities_listed)
        self._unlisted = set(known.modalities_unlisted)
        self._sought: set[str] = set()
        self._refuses_modalities = known.modalities_in_study == REFUSED
        self._fruitless: dict[str, int] = {}
        self._held: dict[str, frozenset[str] | None] = {}
        self._every: list[StudyRef] | None = None

    def series(self, study: StudyRef) -> list[SeriesRef]:
        """All series of one study. Raises PacsError where their list is known to be incomplete."""
        return self._children.series(study)

    def instances(self, series: SeriesRef) -> list[InstanceRef]:
        """All instances of one series. Raises PacsError where their list is known to be incomplete."""
        return self._children.instances(series)

    def learned(self) -> Mapping[str, object]:
        """What was found out on the way, as fields of ``PacsProfile``."""
        found = {**self._lister.learned(), **self._children.learned()}
        if self._listed:
            found["modalities_listed"] = sorted(self._listed)
        if self._unlisted:
            found["modalities_unlisted"] = sorted(self._unlisted)
            found["annotations_listed"] = False
        if self._patients.relational is not None:
            found["relational"] = self._patients.relational
        return found

    def notes(self) -> tuple[str, ...]:
        """Sentences on what could not be settled, for the report of the run."""
        return self._lister.doubts.sentences

    def unseen(self) -> Mapping[Reason, int]:
        """Lists of studies that are known to be there and cannot be asked for."""
        return {Reason.FIND_FAILED: self._lister.doubts.unseen} if self._lister.doubts.unseen else {}

    # --------------------------------------------------------------------------------------------------------- studies

    def find(self, window: DateWindow, modalities: Sequence[str], **narrow: str) -> list[StudyRef]:
        """Studies in the window with any of the modalities; ``narrow``: matching keys by keyword, empty ones ignored.

        Each modality is a query of its own: a list of values in Modalities in Study is no matching that PS3.4 C.2.2.2
        knows without negotiation, and archives take it as one odd value. With ``narrow``, the window is kept here
        alone, and studies without a date are always among them.
        Raises PacsError where the answer is not known to be complete.
        """
        self._lister.begin()
        self._held.clear()
        self._every = None
        keys = {keyword: _checked(value) for keyword, value in narrow.items() if value}
        found: dict[str, StudyRef] = {}
        for modality in modalities or ("",):
            merge_all(found, self._with_modality(window, modality, keys))
        self._lister.end()
        return list(found.values())

    def _with_modality(self, window: DateWindow, modality: str, keys: dict[str, str]) -> list[StudyRef]:
        if not modality:
            return self._selected(window, keys)
        if self._refuses_modalities or modality in self._unlisted:
            return self._that_hold(modality, self._all(window, keys))
        try:
            found = self._selected(window, {**keys, "ModalitiesInStudy": modality})
            if self._is_listed(modality, found):
                return self._that_hold(modality, found)
        except RequestRefusedError:
            log.warning("The PACS refuses queries by modality; every study is asked for its series.")
            self._refuses_modalities = True
            found = []
        everything: dict[str, StudyRef] = {}
        merge_all(everything, [*found, *self._all(window, keys)])
        return self._that_hold(modality, list(everything.values()))

    def _all(self, window: DateWindow, keys: dict[str, str]) -> list[StudyRef]:
        """Of every modality, asked for once however many modalities are looked for."""
        if self._every is None:
            self._every = self._selected(window, keys)
        return self._every

    def _selected(self, window: DateWindow, keys: dict[str, str]) -> list[StudyRef]:
        """Studies of the window that match the keys, those without a date among them where they are asked for."""
        narrow = keys.keys() - {"ModalitiesInStudy"}
        if narrow or (window.since is None and window.until is None and window.dated and window.undated):
            found = self._lister.within(Part(), keys)
        else:
            # The broadest query first: lengths of answers that come after it are held against its own.
            found = self._lister.undated(keys) if window.undated else []
            if window.dated:
                found = [*found, *self._lister.within(Part(window.since, window.until), keys)]
        window = replace(window, dated=True, undated=True) if narrow else window
        return self._that_match([study for study in found if _in_window(study, window)], keys)

    def _that_match(self, studies: Iterable[StudyRef], keys: dict[str, str]) -> list[StudyRef]:
        """Those whose own values are the ones that were asked for; that a value is not answered is no match, but said.

        A PACS that neither matches a key nor answers it would otherwise widen a cohort to everybody.
        """
        kept = []
        for study in studies:
            answered = {
                "StudyInstanceUID": study.study_uid,
                "PatientID": study.patient.patient_id,
                "AccessionNumber": study.accession,
            }
            wanted = {keyword: value for keyword, value in keys.items() if keyword in answered}
            if all(answered[keyword] == value for keyword, value in wanted.items()):
                kept.append(study)
            elif any(not answered[keyword] for keyword in wanted):
                missing = " and ".join(sorted(keyword for keyword in wanted if not answered[keyword]))
                self._lister.doubts.say(
                    f"The PACS does not answer {missing} with its studies: whether they are the ones that were asked "
                    "for cannot be seen, so they were left out."
                )
        return kept

    # ------------------------------------------------------------------------------------------------------ modalities

    def _is_listed(self, modality: str, found: Iterable[StudyRef]) -> bool:
        """Whether this PACS finds a study by one modality of several, as a study with images and annotations has.

        Shown by one study that names it beside another: where the one is missing, nothing was found because nothing is
        there, or because annotations are not counted among the modalities, or only the first of them is compared.
        """
        if modality in self._listed:
            return True
        if not _names_beside_another(modality, found):
            if modality in self._sought:
                return False
            self._sought.add(modality)
            query = identifiers.study_query(ModalitiesInStudy=modality)
            try:
                some = [] if self._patients.must_be_walked() else self._ask(query, PROOF_ROWS)
            except RequestRefusedError:  # as too broad
                some = []
            if not _names_beside_another(modality, [rows.study(row) for row in some]):
                return False
        self._listed.add(modality)
        return True

    def _that_hold(self, modality: str, studies: Sequence[StudyRef]) -> list[StudyRef]:
        """Modalities in Study may be honoured, ignored, or not answered, and may leave out annotations.

        Where a PACS is known to name the modality, a study that names others alone doesn't hold it; else, and where
        nothing is named, the study's series are asked.
        """
        kept = []
        for study in studies:
            if modality in study.modalities:
                kept.append(study)
            elif not (study.modalities and self._need_not_look(modality)):
                held = self._held_by(study)
                if held is None or modality in held:
                    kept.append(replace(study, modalities=tuple(sorted({*study.modalities, *(held or ())}))))
                if study.modalities:
                    self._note_look(modality, held)
        return kept

    def _need_not_look(self, modality: str) -> bool:
        if modality in self._unlisted:
            return False
        if self._fruitless.get(modality, 0) >= FRUITLESS_LOOKS:
            self._lister.doubts.say(
                f"No study was seen that names {modality} beside another modality; {FRUITLESS_LOOKS} were asked for "
                f"their series, and none holds {modality}: the others were not asked."
            )
            return True
        return modality in self._listed

    def _note_look(self, modality: str, held: frozenset[str] | None) -> None:
        """A study that names modalities, but not this one, was asked for its series."""
        if held is not None and modality in held:
            if modality not in self._unlisted:
                log.warning("The PACS does not name %s among a study's modalities; every study is asked.", modality)
            self._unlisted.add(modality)
            self._listed.discard(modality)
        else:
            self._fruitless[modality] = self._fruitless.get(modality, 0) + 1

    def _held_by(self, study: StudyRef) -> frozenset[str] | None:
        """Modalities of a study's series, asked for once, however many modalities are looked for; None: not to be had.

        A study whose series cannot be listed is kept, so that it is mined, fails, and is named with its reason.
        """
        if study.study_uid not in self._held:
            try:
                held: frozenset[str] | None = frozenset(series.modality for series in self._children.series(study))
            except (PacsUnreachable, AssociationRefused):
                raise
            except PacsError as error:
                if error.reason is not Reason.FIND_FAILED:
                    raise
                held = None
            self._held[study.study_uid] = held
        return self._held[study.study_uid]


def _names_beside_another(modality: str, studies: Iterable[StudyRef]) -> bool:
    return any(modality in study.modalities and len(study.modalities) > 1 for study in studies)


def _in_window(study: StudyRef, window: DateWindow) -> bool:
    day = rows.day(study.study_date)
    if day is None:
        return window.undated
    within = (window.since is None or window.since <= day) and (window.until is None or day <= window.until)
    return window.dated and within


def _checked(value: str) -> str:
    """A value is meant literally: characters with a meaning in queries cannot be part of it (PS3.4 C.2.2.2)."""
    if any(character in value for character in MEANINGFUL):
        raise UsageError(
            "An identifier to look for contains a backslash, an asterisk or a question mark: write it out."
        )
    return value.strip()
