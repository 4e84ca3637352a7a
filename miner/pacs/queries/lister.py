"""Lists of studies that are whole: what looks cut off is asked for again in parts (PS3.4 C.4.1).

DICOM has no status for "there is more". What a PACS answers is believed where it has once given more rows than that;
else the range is cut, by date, then by time, and what no range reaches, studies without a date or time, by a broader
query that shows longer answers, or by the characters of the Patient ID. What still cannot be told is noted, and
where the PACS was caught cutting off at just that length, it is an error.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta

from miner.errors import PacsError, Reason
from miner.pacs.profile import IGNORED, REFUSED, UNKNOWN, PacsProfile
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.asking import Ask
from miner.pacs.queries.breadth import Breadth, Keys
from miner.pacs.queries.doubts import Doubts
from miner.pacs.queries.lengths import Lengths
from miner.pacs.queries.patients import Patients
from miner.pacs.queries.prefixes import Prefixes
from miner.pacs.queries.windows import Part
from miner.pacs.retry import RequestRefusedError
from miner.records import StudyRef

log = logging.getLogger(__name__)

UNDATED_ROWS = 20_000
"""The query for studies without a date is ended after so many rows: a PACS that ignores the modality would answer with
its whole archive."""

MOST_QUERIES = 5_000
"""One search is given up after so many queries: a PACS that makes them necessary is not asked rightly."""

WALK_SECONDS = 600.0
"""So long the studies of all patients, asked one by one, are taken for what the PACS has."""

WALK_QUERIES = 300
"""Where the list of all studies takes more queries than that, it is not asked for every night ..."""

WALK_AGAIN = timedelta(days=7)
"""... but after so long."""

YEAR = timedelta(days=365)


class StudyLister:
    """STUDY level over one connection; remembers what the lengths of the answers tell, and which keys are honoured."""

    def __init__(
        self, ask: Ask, *, profile: PacsProfile, patients: Patients, today: Callable[[], date] = date.today
    ) -> None:
        self._ask = ask
        self._today = today
        self._patients = patients
        self._listed: dict[frozenset[tuple[str, str]], list[StudyRef]] = {}
        self._walked: dict[frozenset[tuple[str, str]], tuple[float, list[StudyRef]]] = {}
        self._known_whole = profile.longest_answer or 0
        self._lengths = Lengths(profile.study_limits, self._known_whole)
        self.doubts = Doubts(self._lengths)
        self._prefixes = Prefixes[StudyRef](lambda study: study.patient.patient_id, self._lengths, profile.wildcards)
        self._dates = profile.date_range
        self._times = UNKNOWN
        self._archive: int | None = None  # rows of the query without any key, where it was answered whole
        self._walked_whole = 0  # the same, where the characters of Patient IDs brought no more
        self._walked_before = _day_of(profile.walked_on)
        self._walked_far = False
        self._walked_on = ""
        self._sought_undated = False
        self._breadth = Breadth(self._studies, today)
        self._settled: dict[int, Part] = {}
        self._queries = 0

    def begin(self) -> None:
        """A new search: what was held against the last one is forgotten, what was learned is not."""
        self._breadth.begin()
        self.doubts.begin()
        self._sought_undated = False
        self._settled.clear()
        self._listed.clear()
        self._queries = 0

    def end(self) -> None:
        """A search that is whole, as far as can be told. Raises PacsError where studies are known to be missing."""
        self.doubts.check()
        if self._walked_far and self._sought_undated:
            self._walked_on = self._today().isoformat()  # not before: what an error cuts off is looked for again

    def learned(self) -> dict[str, object]:
        """What was found out, as fields of ``PacsProfile``."""
        found: dict[str, object] = {}
        if self._lengths.caught:
            found["study_limits"] = sorted(self._lengths.caught)
        if self._lengths.whole > 1.1 * self._known_whole and not self._lengths.caught:
            found["longest_answer"] = self._lengths.whole  # not every night, because one study more was found
        if self._dates != UNKNOWN:
            found["date_range"] = self._dates
        # A refusal may have had another reason, and is not held against the PACS in a later run.
        if self._prefixes.matching not in (UNKNOWN, REFUSED):
            found["wildcards"] = self._prefixes.matching
        if self._walked_on:
            found["walked_on"] = self._walked_on
        return found

    # ------------------------------------------------------------------------------------------------------- searches

    def within(self, part: Part, keys: Keys) -> list[StudyRef]:
        """Studies of the part, not filtered. Raises PacsError where they cannot be had whole."""
        if self._must_walk(keys):
            return self._of_every_patient(keys)
        # Where the search for undated ones had to list everything, that is all there is.
        return self._listed.get(frozenset(keys.items())) or self._collect(part.padded(), keys)

    def undated(self, keys: Keys) -> list[StudyRef]:
        """Studies without a date. No query asks for an absent date: all are asked for, so a modality should narrow."""
        if self._must_walk(keys):
            return [study for study in self._of_every_patient(keys) if rows.day(study.study_date) is None]
        found: dict[str, StudyRef] = {}
        try:
            answer = self._studies(Part(), keys, UNDATED_ROWS)
        except RequestRefusedError:
            if not self._breadth.refuse(Part(), keys):
                raise
            answer, whole = [], False
        else:
            whole = not self._lengths.may_be_cut_off(len(answer))
        if len(answer) >= UNDATED_ROWS:
            whole = False  # by us
        elif not whole:
            # A refusal is no answer of no rows, which a longer one could prove whole.
            proven = bool(answer) and self._proven(len(answer))
            whole = proven or self._walked_lately() or self._by_patients(Part(), keys, found, answer)
        self._sought_undated = True
        merge_all(found, answer)
        if answer and len(found) > len({study.study_uid for study in answer}):
            self._lengths.catch(len(answer))
        if not whole:
            if not answer or len(answer) >= UNDATED_ROWS:  # refused, or ended by us
                self.doubts.undated_not_seen()
            else:
                self.doubts.of_length(len(answer), undated_only=True)
        return [study for study in found.values() if rows.day(study.study_date) is None]

    # ------------------------------------------------------------------------------------------- patient by patient

    def _must_walk(self, keys: Keys) -> bool:
        return "PatientID" not in keys and self._patients.must_be_walked()

    def _of_every_patient(self, keys: Keys) -> list[StudyRef]:
        """Every patient is asked for all their studies, whatever the window; windows that follow soon use the same."""
        asked = frozenset(keys.items())
        moment, listed = self._walked.get(asked, (0.0, None))
        if listed is None or time.monotonic() - moment > WALK_SECONDS:
            found: dict[str, StudyRef] = {}
            for patient_id in self._patients.ids():
                self._queries = 0
                merge_all(found, self._collect(Part(), {**keys, "PatientID": patient_id}))
            self._doubt_patients()
            listed = list(found.values())
            if not self.doubts.missing:
                self._walked[asked] = time.monotonic(), listed
        return listed

    def _doubt_patients(self) -> None:
        if self._patients.unreachable:
            self.doubts.patients_not_asked()
        if self._patients.in_doubt:
            self.doubts.of_patients(self._patients.in_doubt)
        if self._patients.cut_off:
            self.doubts.ids_not_reached()

    # -------------------------------------------------------------------------------------------- answers, made whole

    def _collect(self, part: Part, keys: Keys) -> list[StudyRef]:
        """All of one part: where the answer looks cut off, or is refused as too broad, from its pieces."""
        if self._breadth.forbids(part, keys):
            return self._of_refused(part, keys)
        try:
            answer = self._studies(part, keys)
        except RequestRefusedError:
            if not self._breadth.refuse(part, keys):
                raise
            log.info("A query was refused; it is asked again in parts.")
            return self._of_refused(part, keys)
        if not self._lengths.may_be_cut_off(len(answer)):
            return answer
        return self._confirmed(part, keys, answer)

    def _confirmed(self, part: Part, keys: Keys, answer: list[StudyRef]) -> list[StudyRef]:
        """An answer that may be cut off, with what its pieces have more."""
        found: dict[str, StudyRef] = {}
        merge_all(found, answer)
        count, told = len(answer), len(found)
        fingerprint = hash((frozenset(keys.items()), frozenset(found)))
        if self._was_settled(fingerprint, part):
            return answer
        cut = self._in_pieces(part, keys, found, answer)
        if len(found) > told:
            self._lengths.catch(count)
        # A range of dates or times reaches all that match it. What has no date or time is reached by none.
        whole = cut and not part.everything and (part.minutes is not None or not part.one_day)
        whole = whole or self._proven(count) or (cut and self._believed(part, keys, answer))
        whole = whole or self._by_patients(part, keys, found, answer)
        if len(found) > told:
            self._lengths.catch(count)
        if whole:
            if len(found) == told:
                self._settled[fingerprint] = part
        elif part.everything and cut:
            self.doubts.of_length(count, undated_only=True)
        elif part.one_day and part.minutes is None and cut and count in self._lengths.caught:
            self.doubts.untimed_not_seen()
        else:
            self.doubts.of_length(count)
        return list(found.values())

    def _believed(self, part: Part, keys: Keys, answer: list[StudyRef]) -> bool:
        """Whether the studies of one patient, accession or UID are taken for all of them: cutting brought no more.

        One of them without a date (of one day: without a time) puts that in doubt: cutting reaches no others like it.
        """
        if len(answer) in self._lengths.caught or not keys.keys() - {"ModalitiesInStudy"}:
            return False
        moments = [rows.minute(s.study_time) if part.one_day else rows.day(s.study_date) for s in answer]
        return None not in moments

    def _was_settled(self, fingerprint: int, part: Part) -> bool:
        """Whether these very studies were found to be all of a part that holds this one, or of the archive."""
        settled = self._settled.get(fingerprint)
        return settled is not None and (self._dates == IGNORED or settled.holds(part))

    def _in_pieces(self, part: Part, keys: Keys, found: dict[str, StudyRef], answer: Iterable[StudyRef]) -> bool:
        """Enter what the pieces of a part hold; False where it cannot be cut by date or time."""
        days = [day for study in answer if (day := rows.day(study.study_date)) is not None]
        minutes = [minute for study in answer if (minute := rows.minute(study.study_time)) is not None]
        if not self._can_be_cut(part):
            return False
        pieces = part.pieces(days, minutes, self._today())
        for piece in pieces:
            merge_all(found, self._collect(piece, keys))
            if not self._can_be_cut(part):
                return False
        return bool(pieces)

    def _can_be_cut(self, part: Part) -> bool:
        return IGNORED not in ((self._dates, self._times) if part.one_day else (self._dates,))

    def _proven(self, count: int) -> bool:
        """Whether this PACS gives longer answers: seen before, or to a broader query, ended as soon as it shows."""
        lengths = self._lengths
        if count in lengths.caught or lengths.proves(count):
            return count not in lengths.caught
        for part in (Part(self._today() - YEAR, None), Part()):
            if self._archive is not None and self._archive <= count:
                return False
            try:
                # Some more than would do: an archive grows, and the proof is to hold for some time.
                answer = self._studies(part, {}, count + max(1, count // 10))
            except RequestRefusedError:
                continue
            lengths.enter(len(answer))
            if part.everything and len(answer) <= count:
                self._archive = len(answer)
                self._prove_archive(answer)
            if lengths.proves(count):
                return True
        return False

    def _walked_lately(self) -> bool:
        """Whether an earlier run has had the studies of all patients, by so many queries that it must do for now."""
        before = self._walked_before
        if before is None or not before <= self._today() < before + WALK_AGAIN:
            return False
        self.doubts.undated_seen_on(before)
        return True

    def _was_walked(self, answer: list[StudyRef]) -> bool:
        """Whether the IDs of the whole archive brought no more than this, and yet no proof: all of one patient."""
        return 0 < self._walked_whole <= len(answer) and len(answer) not in self._lengths.caught

    def _prove_archive(self, answer: list[StudyRef]) -> None:
        """A query without any key gave no more: where Patient IDs bring no more, that is all, and was not cut off."""
        if self._walked_lately():
            return
        found: dict[str, StudyRef] = {}
        merge_all(found, answer)
        told = len(found)
        if self._by_patients(Part(), {}, found, answer) and len(found) == told:
            self._lengths.prove(len(answer))
        elif len(found) > told:
            self._lengths.catch(len(answer))
        else:
            self._walked_whole = len(answer)

    def _by_patients(self, part: Part, keys: Keys, found: dict[str, StudyRef], answer: list[StudyRef]) -> bool:
        """Enter what Patient IDs bring, by their characters; True where that is all."""
        if "PatientID" in keys or not self._prefixes.usable or self._was_walked(answer):
            return False

        def ask(pattern: str) -> list[StudyRef]:
            return self._studies(part, {**keys, "PatientID": pattern})

        known = [study for study in answer if study.patient.patient_id]
        before = self._queries
        more, whole = self._prefixes.cut(ask, known, UNDATED_ROWS)
        self._queries = before  # they have a bound of their own
        merge_all(found, [*answer, *more])
        if part.everything and self._prefixes.queries > WALK_QUERIES:
            self._walked_far = True
        if whole and (not answer or len(answer) in self._lengths.caught):
            # What has a date is asked for by it all the same.
            self.doubts.ids_not_reached()
        elif whole and part.everything:
            self._listed[frozenset(keys.items())] = list(found.values())
        return whole

    # ------------------------------------------------------------------------------------------------ refused queries

    def _of_refused(self, part: Part, keys: Keys) -> list[StudyRef]:
        """A part that is too broad for the PACS, from its halves."""
        found: dict[str, StudyRef] = {}
        if part.one_day and part.minutes is None:
            return self._of_refused_day(part, keys)
        halves = part.halves(self._today())
        if not halves:
            raise RequestRefusedError(
                "The PACS refuses every query for studies by date, however short the range is.", Reason.FIND_FAILED
            )
        for half in halves:
            merge_all(found, self._collect(half, keys))
        if part.everything and not self._by_patients(part, keys, found, []):
            self.doubts.undated_not_seen()
        return list(found.values())

    def _of_refused_day(self, part: Part, keys: Keys) -> list[StudyRef]:
        """By time, which reaches every study that has one, and by patients, which may reach the others."""
        found: dict[str, StudyRef] = {}
        refused: RequestRefusedError | None = None
        try:
            for half in part.halves(self._today()):
                merge_all(found, self._collect(half, keys))
        except RequestRefusedError as error:
            refused = error
        if self._by_patients(part, keys, found, []):
            return list(found.values())
        if refused is not None:
            raise refused
        self.doubts.untimed_not_seen()
        return list(found.values())

    # -------------------------------------------------------------------------------------------------------- queries

    def _studies(self, part: Part, keys: Keys, limit: int | None = None) -> list[StudyRef]:
        """One query."""
        self._queries += 1
        if self._queries > MOST_QUERIES:
            raise PacsError(
                f"The PACS makes more than {MOST_QUERIES} queries necessary for one search: ask its administrator for "
                "a higher limit of rows, or search shorter windows.",
                Reason.FIND_FAILED,
            )
        answer = [rows.study(row) for row in self._ask(identifiers.study_query(**{**part.keys(), **keys}), limit)]
        self._note_ignored(part, answer)
        return answer

    def _note_ignored(self, part: Part, answer: list[StudyRef]) -> None:
        """A PACS that answers mostly with other days or times than were asked for does not match by them."""
        if part.everything or not answer:
            return
        day = timedelta(days=1)
        wider = Part(part.since and part.since - day, part.until and part.until + day)
        outside = sum(not wider.covers(rows.day(study.study_date), None) for study in answer)
        if 2 * outside > len(answer):
            self._dates = IGNORED
        if part.minutes is not None:
            off = [s for s in answer if not part.covers(rows.day(s.study_date), rows.minute(s.study_time))]
            if 2 * len(off) > len(answer):
                self._times = IGNORED


def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def merge(found: dict[str, StudyRef], study: StudyRef) -> None:
    """Enter a study once; some PACS answer one row per series or instance, each with its own modality."""
    known = found.get(study.study_uid)
    if known is None:
        found[study.study_uid] = study
    elif set(study.modalities) - set(known.modalities):
        found[study.study_uid] = replace(known, modalities=tuple(sorted({*known.modalities, *study.modalities})))


def merge_all(found: dict[str, StudyRef], studies: Iterable[StudyRef]) -> None:
    """Enter several."""
    for study in studies:
        merge(found, study)
