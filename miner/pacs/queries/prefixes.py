"""Cutting a list by the characters of the Patient ID: the last resort where dates and times cut no further.

It needs wild card matching (PS3.4 C.2.2.2.4), which not every PACS does for a Patient ID, and it asks one query for
each character that an ID can have at one end: its beginning, or its end where all begin alike, as numbers with leading
zeros do. It is the only cut that reaches studies without a date or time.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from miner.pacs.profile import HONOURED, IGNORED, REFUSED, UNKNOWN, UNMATCHED
from miner.pacs.queries.lengths import Lengths
from miner.pacs.retry import RequestRefusedError

T = TypeVar("T")

MEANINGFUL = "*?\\"
"""Characters with a meaning in queries: an ID that holds one cannot be asked for (PS3.4 C.2.2.2)."""

CHARACTERS = tuple(
    character for character in string.digits + string.ascii_letters + string.punctuation if character not in MEANINGFUL
)

NOBODY = "~~~~~~~~~~~~"
"""The beginning of no Patient ID."""

MOST_CHARACTERS = 12
"""A list that is still cut off with so many characters given is given up."""

MOST_QUERIES = 4_500
"""And one that is not whole after so many queries: the last resort is not to be a burden to a clinic."""


class Prefixes(Generic[T]):
    """One connection's use of wild cards. ``matching``: what is known of them, one of ``profile.MATCHING``."""

    def __init__(
        self,
        patient_id_of: Callable[[T], str],
        lengths: Lengths,
        matching: str = UNKNOWN,
        most_queries: int = MOST_QUERIES,
    ) -> None:
        self._patient_id_of = patient_id_of
        self._lengths = lengths
        self._most_queries = most_queries
        self._queries = 0
        self.matching = matching

    @property
    def queries(self) -> int:
        """How many the last cut has taken."""
        return self._queries

    @property
    def given_up(self) -> bool:
        """Whether the last cut ended because it took too many."""
        return self._queries >= self._most_queries

    @property
    def usable(self) -> bool:
        """Whether wild cards are not known to be of no use."""
        return self.matching in (HONOURED, UNKNOWN)

    def cut(self, ask: Callable[[str], list[T]], known: Sequence[T], most: int) -> tuple[list[T], bool]:
        """All entries whose Patient ID is made of :data:`CHARACTERS` and those of known ones; whether that worked.

        ``ask`` gives the answer to a pattern for the Patient ID. ``known`` are entries that must be among them: the
        proof that wild cards are honoured. After ``most`` entries, or :data:`MOST_QUERIES`, the cut is given up.
        """
        ids = [patient_id for entry in known if (patient_id := self._patient_id_of(entry))]
        found: list[T] = []
        self._queries = 0

        def counted(pattern: str) -> list[T]:
            self._queries += 1
            return ask(pattern)

        if len({one[0] for one in ids}) < len({one[-1] for one in ids}):
            before = self.matching
            if _Cut(self, counted, found, most, from_end=True).longer("", known):
                return found, self.matching == HONOURED
            if self.usable or self.matching == IGNORED or self.given_up:
                return found, False
            self.matching = before  # some PACS take a wild card at the end of a value only
        whole = _Cut(self, counted, found, most, from_end=False).longer("", known)
        return found, whole and self.matching == HONOURED

    def patient_id_of(self, entry: T) -> str:
        """The Patient ID of an entry."""
        return self._patient_id_of(entry)

    def may_be_cut_off(self, answer: Sequence[T]) -> bool:
        """Enter one answer; True where its length has to be confirmed."""
        return self._lengths.may_be_cut_off(len(answer))


class _Cut(Generic[T]):
    """One list, cut at one end of the IDs."""

    def __init__(
        self, prefixes: Prefixes[T], ask: Callable[[str], list[T]], found: list[T], most: int, *, from_end: bool
    ) -> None:
        self._prefixes = prefixes
        self._ask = ask
        self._found = found
        self._most = most
        self._from_end = from_end

    def longer(self, given: str, known: Sequence[T]) -> bool:
        """What has one character more than those given; False where not all of it can be had."""
        whole = True
        for character in self._characters(known, len(given)):
            more = character + given if self._from_end else given + character
            expected = [entry for entry in known if self._fits(self._prefixes.patient_id_of(entry), more)]
            whole = self._with(more, expected) and whole
            if not self._prefixes.usable or self._prefixes.given_up or len(self._found) > self._most:
                return False
        return whole

    def _with(self, given: str, expected: Sequence[T]) -> bool:
        """What has these characters; a list that may be cut off, or was refused, with one character more."""
        known = expected
        try:
            answer = self._ask(f"*{given}" if self._from_end else f"{given}*")
        except RequestRefusedError:
            if not self._refuses_breadth():
                return False
        else:
            self._found.extend(answer)
            if not self._honours(given, answer, expected):
                return False
            if not self._prefixes.may_be_cut_off(answer):
                return True
            known = answer
        if len(given) >= MOST_CHARACTERS:
            return False
        # Not "and": what can be had is had, even where not all of it can.
        return self._exactly(given) & self.longer(given, known)

    def _exactly(self, patient_id: str) -> bool:
        """The one whose whole ID is given: no further character reaches it. One patient's list is cut no further."""
        try:
            answer = self._ask(patient_id)
        except RequestRefusedError:
            return False
        self._found.extend(answer)
        return not self._prefixes.may_be_cut_off(answer)

    def _refuses_breadth(self) -> bool:
        """Whether it was the length of the answer that the PACS refused: it takes a wild card that nobody matches."""
        try:
            self._ask(NOBODY + "*")
        except RequestRefusedError:
            self._prefixes.matching = REFUSED
        return self._prefixes.usable

    def _honours(self, given: str, answer: Sequence[T], expected: Sequence[T]) -> bool:
        """Learn from one answer what the PACS does with a wild card; many match without regard to case."""
        ids = [self._prefixes.patient_id_of(entry) for entry in answer]
        if any(patient_id and not self._fits(patient_id.casefold(), given.casefold()) for patient_id in ids):
            self._prefixes.matching = IGNORED
        elif expected and not answer:
            self._prefixes.matching = UNMATCHED
        elif any(ids):
            self._prefixes.matching = HONOURED
        return self._prefixes.usable

    def _fits(self, patient_id: str, given: str) -> bool:
        return patient_id.endswith(given) if self._from_end else patient_id.startswith(given)

    def _characters(self, known: Sequence[T], given: int) -> list[str]:
        """Characters beside those given, those of known IDs first: what does not work shows at once."""
        ids = [self._prefixes.patient_id_of(entry) for entry in known]
        longer = [patient_id for patient_id in ids if len(patient_id) > given]
        present = {patient_id[-1 - given] if self._from_end else patient_id[given] for patient_id in longer}
        inside = (" ",) if given else ()  # at an end, a space is padding
        return list(dict.fromkeys([*sorted(present.difference(MEANINGFUL)), *CHARACTERS, *inside]))
