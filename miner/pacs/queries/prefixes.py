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

CHARACTERS = tuple(
    character
    for character in string.digits + string.ascii_letters + string.punctuation
    if character not in "*?\\"  # these have a meaning in queries
)

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
        for character in self._known_first(known, 0):
            expected = [entry for entry in known if self._patient_id_of(entry).startswith(character)]
            if not self._below(ask, character, expected, found) or len(found) > most:
                return found, False
        return found, self.matching == HONOURED

    def _below(self, ask: Callable[[str], list[T]], prefix: str, expected: Sequence[T], found: list[T]) -> bool:
        """Everything below one prefix; False where it cannot be had whole."""
        try:
            answer = ask(prefix + "*")
        except RequestRefusedError:
            self.matching = REFUSED
            return False
        found.extend(answer)
        if not self._honours(prefix, answer, expected):
            return False
        if not self._lengths.may_be_cut_off(len(answer)):
            return True
        return len(prefix) < LONGEST_PREFIX and self._further_below(ask, prefix, answer, found)

    def _further_below(self, ask: Callable[[str], list[T]], prefix: str, answer: Sequence[T], found: list[T]) -> bool:
        """The same for a list that may be cut off, from its longer prefixes."""
        if not self._exactly(ask, prefix, found):
            return False
        for character in self._known_first(answer, len(prefix)):
            longer = prefix + character
            expected = [entry for entry in answer if self._patient_id_of(entry).startswith(longer)]
            if not self._below(ask, longer, expected, found):
                return False
        return True

    def _exactly(self, ask: Callable[[str], list[T]], patient_id: str, found: list[T]) -> bool:
        """The one whose whole ID is the prefix: no longer prefix reaches it."""
        answer = ask(patient_id)
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
        return sorted(CHARACTERS, key=lambda character: character not in present)
