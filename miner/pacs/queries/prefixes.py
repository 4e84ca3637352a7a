"""Cutting a list by the first characters of the Patient ID: the last resort where dates and times cut no further.

It needs wild card matching (PS3.4 C.2.2.2.4), which not every PACS does for a Patient ID, and it asks one query for
each character that an ID can begin with. It is the only cut that reaches studies without a date or time.
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

LONGEST_PREFIX = 12
"""A list that is still cut off under a prefix of so many characters is given up."""


class Prefixes(Generic[T]):
    """One connection's use of wild cards. ``matching``: what is known of them, one of ``profile.MATCHING``."""

    def __init__(self, patient_id_of: Callable[[T], str], lengths: Lengths, matching: str = UNKNOWN) -> None:
        self._patient_id_of = patient_id_of
        self._lengths = lengths
        self.matching = matching

    @property
    def usable(self) -> bool:
        """Whether wild cards are not known to be of no use."""
        return self.matching in (HONOURED, UNKNOWN)

    def cut(self, ask: Callable[[str], list[T]], known: Sequence[T], most: int) -> tuple[list[T], bool]:
        """All entries whose Patient ID begins with one of :data:`CHARACTERS`, and whether that worked.

        ``ask`` gives the answer to a pattern for the Patient ID. ``known`` are entries that must be among them: the
        proof that wild cards are honoured. After ``most`` entries the cut is given up.
        """
        found: list[T] = []
        whole = self._longer(ask, "", known, found, most)
        return found, whole and self.matching == HONOURED

    def _longer(
        self, ask: Callable[[str], list[T]], prefix: str, known: Sequence[T], found: list[T], most: int
    ) -> bool:
        """What lies below every longer prefix; False where not all of it can be had."""
        whole = True
        for character in self._known_first(known, len(prefix)):
            longer = prefix + character
            expected = [entry for entry in known if self._patient_id_of(entry).startswith(longer)]
            whole = self._below(ask, longer, expected, found, most) and whole
            if not self.usable or len(found) > most:
                return False
        return whole

    def _below(
        self, ask: Callable[[str], list[T]], prefix: str, expected: Sequence[T], found: list[T], most: int
    ) -> bool:
        """What lies below one prefix; a list that may be cut off, or was refused, from its longer prefixes."""
        known = expected
        try:
            answer = ask(prefix + "*")
        except RequestRefusedError:
            if not self._refuses_breadth(ask):
                return False
        else:
            found.extend(answer)
            if not self._honours(prefix, answer, expected):
                return False
            if not self._lengths.may_be_cut_off(len(answer)):
                return True
            known = answer
        if len(prefix) >= LONGEST_PREFIX:
            return False
        # Not "and": what can be had is had, even where not all of it can.
        return self._exactly(ask, prefix, found) & self._longer(ask, prefix, known, found, most)

    def _refuses_breadth(self, ask: Callable[[str], list[T]]) -> bool:
        """Whether it was the length of the answer that the PACS refused: it takes a wild card that nobody matches."""
        try:
            ask(NOBODY + "*")
        except RequestRefusedError:
            self.matching = REFUSED
        return self.usable

    def _exactly(self, ask: Callable[[str], list[T]], patient_id: str, found: list[T]) -> bool:
        """The one whose whole ID is the prefix: no longer prefix reaches it.

        One patient's list cannot be cut any further.
        """
        try:
            answer = ask(patient_id)
        except RequestRefusedError:
            return False
        found.extend(answer)
        return not self._lengths.may_be_cut_off(len(answer))

    def _honours(self, prefix: str, answer: Sequence[T], expected: Sequence[T]) -> bool:
        """Learn from one answer what the PACS does with a wild card; many match without regard to case."""
        ids = [self._patient_id_of(entry) for entry in answer]
        if any(patient_id and not patient_id.casefold().startswith(prefix.casefold()) for patient_id in ids):
            self.matching = IGNORED
        elif expected and not answer:
            self.matching = UNMATCHED
        elif any(ids):
            self.matching = HONOURED
        return self.usable

    def _known_first(self, known: Sequence[T], position: int) -> list[str]:
        """Characters at that position of the IDs, those of known ones first: what does not work shows at once."""
        ids = [self._patient_id_of(entry) for entry in known]
        present = {patient_id[position] for patient_id in ids if len(patient_id) > position}
        return list(dict.fromkeys([*sorted(present.difference(MEANINGFUL)), *CHARACTERS]))
