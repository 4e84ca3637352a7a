"""Which studies a run looks at: the PACS is asked part by part, and what a part holds is entered once it is complete.

A run that is cut off in the middle has lost nothing: the watermark stands behind the last part that was answered
completely with all parts before it, and the studies that were entered are waiting to be mined.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from miner.errors import PacsError
from miner.mining.books import study_identities
from miner.mining.cohort import Request, window_of
from miner.mining.project import Project
from miner.mining.spool import concerns_all
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


def questions(request: Request, window: DateWindow, today: date) -> Iterator[Question]:
    """The parts of a request, oldest first; studies without a date, which no window of dates tells apart, last."""
    if not request.narrowed:
        yield from _by_calendar(window, today)
        if window.undated:
            yield Question(DateWindow(dated=False))
        return
    if request.study_uid:
        yield Question(window, {"study_uid": request.study_uid})
    for patient_id in request.patients:
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

    ``found``: keys of the studies that it has, in the order of finding. ``notes``: sentences for the report, about
    parts that were not answered and studies that may not have been seen.
    """

    project: Project
    request: Request
    run: int
    found: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unanswered: int = 0

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
        for question in questions(self.request, window, today or date.today()):
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
        self.project.vault.remember(entry for study in studies for entry in study_identities(study, surrogates))
        keys = dict.fromkeys(surrogates.study(study.study_uid) for study in studies)
        self.project.catalogue.offer(self.run, keys)
        self.found.update(keys)

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
