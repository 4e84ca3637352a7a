"""What queries could not settle: an error where studies are known to be missing, else a sentence for the report."""

from __future__ import annotations

import logging
from datetime import date

from miner.errors import PacsError, Reason
from miner.pacs.queries.lengths import Lengths

log = logging.getLogger(__name__)

KNOWN_ONES = "Those that are known can be mined with --study or --patients."

_PATIENTS_NOT_ASKED = (
    "The PACS offers the patient root alone, and has patients without an ID, or with one that cannot be asked for: "
    "their studies were not looked for."
)


class Doubts:
    """The doubts of one connection. Sentences stay; lengths in doubt are held against one search at a time."""

    def __init__(self, lengths: Lengths) -> None:
        self._lengths = lengths
        self._in_doubt: set[int] = set()
        self._undated_in_doubt: set[int] = set()
        self._sentences: dict[str, None] = {}

    @property
    def sentences(self) -> tuple[str, ...]:
        """Everything that was said, each once."""
        return tuple(self._sentences)

    @property
    def unseen(self) -> int:
        """How many lists of studies are known to be there and cannot be asked for."""
        return int(_PATIENTS_NOT_ASKED in self._sentences)

    @property
    def missing(self) -> bool:
        """Whether studies are known to be missing: the search ends in an error."""
        return bool(self._in_doubt & self._lengths.caught)

    def begin(self) -> None:
        """A new search."""
        self._in_doubt.clear()
        self._undated_in_doubt.clear()

    def say(self, sentence: str) -> None:
        """Enter a sentence once, and say it in the log."""
        if sentence not in self._sentences:
            self._sentences[sentence] = None
            log.warning(sentence)

    def of_length(self, length: int, *, undated_only: bool = False) -> None:
        """An answer of this length may be cut off; ``undated_only``: what has a date was asked for in parts."""
        (self._undated_in_doubt if undated_only else self._in_doubt).add(length)

    def check(self) -> None:
        """At the end of a search. Raises PacsError where an answer in doubt has a length at which the PACS cuts off."""
        for length in sorted(self._in_doubt & self._lengths.caught):
            raise PacsError(
                f"The PACS cuts off its answers at {length} studies, also for the smallest part of a day that can be "
                "asked for: ask its administrator for a higher limit, or narrow the run with --patients or --study.",
                Reason.FIND_FAILED,
            )
        if self._undated_in_doubt & self._lengths.caught:
            self.undated_not_seen()
        for length in sorted(self._in_doubt | self._undated_in_doubt - self._lengths.caught):
            self.say(
                f"The PACS answered {length} studies, however it was asked: whether it cuts off its answers at "
                f"{length} cannot be told. If it holds more, ask its administrator for the limit of a query."
            )

    def undated_not_seen(self) -> None:
        """The list of studies, of which those without a date are picked, is not whole."""
        self.say(
            "The PACS does not give its whole list of studies: studies without a date could not all be looked for. "
            f"{KNOWN_ONES}"
        )

    def undated_seen_on(self, day: date) -> None:
        """The list of studies, of which those without a date are picked, was not asked for whole on this day."""
        self.say(
            f"The PACS gives its whole list of studies for very many queries only: studies without a date were last "
            f"looked for in it, as far as can be, on {day}, and are again after a week, or by a run after `miner "
            f"doctor`. {KNOWN_ONES}"
        )

    def untimed_not_seen(self) -> None:
        """The list of one day, of which those without a time are picked, is not whole."""
        self.say(
            "The PACS does not give its whole list of studies of one day: those of that day without a time could not "
            f"all be looked for. {KNOWN_ONES}"
        )

    def ids_not_reached(self) -> None:
        """Only the characters of Patient IDs gave a list."""
        self.say(
            "The PACS cuts off or refuses long answers, and was asked by the characters of the Patient ID: "
            "studies of patients without an ID, or with characters beyond ASCII in it, may not have been seen. "
            f"{KNOWN_ONES}"
        )

    def of_patients(self, length: int) -> None:
        """In the patient root alone, the list of patients may be cut off."""
        self.say(
            f"The PACS answered {length} patients, however it was asked: whether it cuts off its list of patients "
            "cannot be told. If it holds more, ask its administrator for the limit of a query, or for the study root."
        )

    def patients_not_asked(self) -> None:
        """In the patient root alone, some patients cannot be named."""
        self.say(_PATIENTS_NOT_ASKED)
