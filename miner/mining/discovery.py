"""Which studies a run looks at: the PACS is asked part by part, and what a part holds is entered once it is complete.

A run that is cut off in the middle has lost nothing: the watermark stands behind the last part that was answered
completely with all parts before it, and the studies that were entered are waiting to be mined.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from miner.deid import Surrogates
from miner.errors import PacsError
from miner.mining.books import study_identities
from miner.mining.cohort import Request, people_of, window_of
from miner.mining.project import Project
from miner.mining.spool import concerns_all
from miner.mining.withdrawal import Withdrawn, finish_withdrawals
from miner.pacs.interface import Pacs
from miner.records import DateWindow, StudyRef, WorkState

log = logging.getLogger(__name__)

DONE_STATES = (WorkState.MINED, WorkState.REFUSED)

YEARS = 10
"""Nobody knows where an archive begins. A window without a start goes by calendar years for so many years, then by
months; what lies further back is one part."""

GIVE_UP_AFTER = 3
"""Parts in a row that fail, after which the PACS is not asked for further ones."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Question:
    """One part of what a run asks for: a window of study dates, within it a patient, an accession or a study."""

    window: DateWindow
    narrow: Mapping[str, str] = field(default_factory=dict)
    seen_until: date | None = None
    """Study dates up to this one have been looked at once this part and all before it are answered."""

    def ask(self, pacs: Pacs, annotations: Sequence[str]) -> list[StudyRef]:
        """Studies that hold annotations, in a stable order. Raises PacsError unless the answer is complete."""
        found = {study.study_uid: study for study in pacs.find_studies(self.window, annotations, **self.narrow)}
        return [found[uid] for uid in sorted(found)]

    def __str__(self) -> str:
        """The part in words, without the ids of a cohort."""
        if self.narrow:
            return "a part of the cohort"
        if not self.window.dated:
            return "studies without a date"
        since, until = self.window.since or "the beginning", self.window.until or "today"
        return f"studies from {since} to {until}"


def questions(request: Request, window: DateWindow, today: date, surrogates: Surrogates) -> Iterator[Question]:
    """The parts of a request, oldest first; studies without a date, which no window of dates tells apart, last.

    Of the patients of a cohort all numbers are asked for that the crosswalk knows, and the studies that it gives them.
    """
    if not request.narrowed:
        yield from _by_calendar(window, today)
        if window.undated:
            yield Question(DateWindow(dated=False))
        return
    patients, studies = people_of(request.patients, surrogates)
    for study_uid in dict.fromkeys((request.study_uid, *studies)):
        if study_uid:
            yield Question(window, {"study_uid": study_uid})
    for patient_id in patients:
        yield Question(window, {"patient_id": patient_id})
    for accession in request.accessions:
        yield Question(window, {"accession": accession})


def _by_calendar(window: DateWindow, today: date) -> Iterator[Question]:
    """Calendar months. Parts overlap by a day, since a PACS may take the end of a range as exclusive."""
    last = min(window.until or today, today)
    starts = [window.since, *_starts(window.since, last)]
    for start, following in pairwise(starts):
        assert following is not None
        yield Question(DateWindow(start, following, undated=False), seen_until=following - _DAY)
    # What is dated in the future is within an open window too.
    begun = starts[-1] is None or starts[-1] <= last
    yield Question(DateWindow(starts[-1], window.until, undated=False), seen_until=last if begun else None)


def _starts(since: date | None, last: date) -> Iterator[date]:
    """First days of the parts after the first one, up to the day ``last``."""
    if since is None:
        for year in range(last.year - YEARS, last.year):
            yield date(year, 1, 1)
        month = date(last.year, 1, 1)
    else:
        month = _next_month(since)
    while month <= last:
        yield month
        month = _next_month(month)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass
class Discovery:
    """One run's look at the PACS.

    ``found``: keys of the studies that it has, in the order of finding; ``nameless``: of those without a patient id;
    ``passed_over``: keys of studies of patients who were withdrawn, which are not entered.
    ``notes``: sentences for the report, about parts that were not answered and studies that may not have been seen.
    """

    project: Project
    request: Request
    run: int
    found: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unanswered: int = 0
    nameless: set[str] = field(default_factory=set)
    passed_over: set[str] = field(default_factory=set)

    def ask(self, pacs: Pacs, today: date | None = None) -> None:
        """Ask part by part, and enter each part's studies as soon as it is answered completely.

        A part that fails costs the others nothing: its days are before the watermark then, so that the next run asks
        again. Raises PacsError where the PACS cannot be asked at all, or answered nothing.
        """
        catalogue, selection = self.project.catalogue, self.project.settings.selection
        watermark = catalogue.watermark()
        window = window_of(self.request, watermark, selection.look_back_days)
        if self.project.settings.pacs.protocol == "folder" and self.request.since is None:
            # What is exported today may be of any date, and looking into a folder costs a clinic nothing.
            window = DateWindow(None, self.request.until)
        moves = not self.request.narrowed and _joins(window, watermark)
        answered, in_a_row, left = 0, 0, 0
        error: PacsError | None = None
        for question in questions(self.request, window, today or date.today(), self.project.surrogates):
            if in_a_row == GIVE_UP_AFTER:
                left += 1
                continue
            try:
                self._enter(question.ask(pacs, selection.annotations))
            except PacsError as failure:
                if concerns_all(failure):
                    raise
                self._leave_out(question, str(failure))
                error, in_a_row, moves = failure, in_a_row + 1, False
                continue
            answered, in_a_row = answered + 1, 0
            if moves and question.seen_until is not None:
                watermark = max(question.seen_until, watermark or question.seen_until)
                catalogue.set_watermark(self.run, watermark)
        if left:
            self.unanswered += left
            self._note(
                f"After {GIVE_UP_AFTER} parts in a row that were not answered, the PACS was not asked for {left} more: "
                "the next run looks for them."
            )
        for note in pacs.notes():
            self._note(note)
        if self.nameless:
            self._note(
                f"{len(self.nameless)} studies have no patient id: each counts as a patient of its own. "
                "[selection] crosswalk can say whose they are."
            )
        if error is not None and not answered:
            raise error

    def chosen(self) -> list[str]:
        """Keys of the studies to look at: what earlier runs left waiting (not beside a cohort), and what was found.

        Unfinished studies first, those tried least often before others; then those that are only looked at again.
        """
        catalogue = self.project.catalogue
        rows = {} if self.request.narrowed else {row.study_key: row for row in catalogue.pending()}
        rows.update(catalogue.works([key for key in self.found if key not in rows]))

        def urgency(key: str) -> tuple[bool, int, str]:
            row = rows[key]
            done = row.state in DONE_STATES
            return done, 0 if done else row.attempts, key

        return sorted(rows, key=urgency)[: self.request.limit]

    def _enter(self, studies: Sequence[StudyRef]) -> None:
        """Into the vault, then into the catalogue: what stands there can be asked for again."""
        surrogates = self.project.surrogates
        studies = self._without_withdrawn(studies)
        self.project.vault.remember(entry for study in studies for entry in study_identities(study, surrogates))
        keys = dict.fromkeys(surrogates.study(study.study_uid) for study in studies)
        self.nameless.update(
            surrogates.study(study.study_uid)
            for study in studies
            if not surrogates.record_numbers(study.patient, study.study_uid)
        )
        self.project.catalogue.offer(self.run, keys)
        self.found.update(keys)

    def _without_withdrawn(self, studies: Sequence[StudyRef]) -> list[StudyRef]:
        """Pass over the studies of patients who were withdrawn, before the vault hears of them."""
        catalogue, withdrawn = self.project.catalogue, Withdrawn.of(self.project)
        by_key = {self.project.surrogates.study(study.study_uid): study for study in studies}
        tombstones = {key: found for key, study in by_key.items() if (found := withdrawn.patient_of(study)) is not None}
        if withdrawn.patient_keys:
            self.passed_over |= tombstones.keys() | catalogue.withdrawn_studies(by_key)
        if moved := catalogue.knows_studies(tombstones):
            self._withdraw(moved, tombstones)
        return [study for key, study in by_key.items() if key not in self.passed_over]

    def _withdraw(self, moved: Iterable[str], tombstones: Mapping[str, str]) -> None:
        """Studies that were known as another's are a withdrawn patient's now: what is here of them goes too."""
        moved = sorted(moved)
        releases: set[int] = set()
        for patient_key in sorted({tombstones[key] for key in moved}):
            keys = [key for key in moved if tombstones[key] == patient_key]
            releases.update(self.project.catalogue.holdings(patient_key, keys).releases)
            self.project.catalogue.withdraw(patient_key, keys, self.run)
        finish_withdrawals(self.project, self.run)
        named = f" Releases {', '.join(map(str, sorted(releases)))} hold some of it." if releases else ""
        self._note(
            f"{len(moved)} studies that were known are filed under a patient now who was withdrawn: everything of them "
            f"was removed.{named}"
        )

    def _leave_out(self, question: Question, why: str) -> None:
        self.unanswered += 1
        self._note(f"The PACS was asked for {question} in vain, they are looked for again by the next run: {why}")

    def _note(self, words: str) -> None:
        if words not in self.notes:
            log.warning("%s", words)
            self.notes.append(words)


def _joins(window: DateWindow, watermark: date | None) -> bool:
    """Whether the days from the watermark to this window were all looked at: a gap would never be looked at again."""
    return watermark is None or window.since is None or window.since <= watermark
