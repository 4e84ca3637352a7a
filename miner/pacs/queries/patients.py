"""The patient root, where a PACS offers nothing else (PS3.4 C.6.1).

There a query at STUDY level needs a Patient ID. PACS that do relational queries answer without; from the others the
list of patients is had first, and every patient is asked for their studies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from miner.errors import PacsError, Reason
from miner.pacs.profile import PacsProfile
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.asking import Ask
from miner.pacs.queries.lengths import Lengths
from miner.pacs.queries.prefixes import MEANINGFUL, Prefixes
from miner.pacs.retry import RequestRefusedError
from miner.records import PatientRef

log = logging.getLogger(__name__)

MOST_PATIENTS = 2_000_000
"""A list of patients is given up beyond it."""

MOST_QUERIES = 5_000
"""And after so many queries: without the list nothing can be had from such a PACS."""


class Patients:
    """The patients of one connection. ``root``: ``study`` or ``patient``, asked when it matters."""

    def __init__(self, ask: Ask, *, profile: PacsProfile, root: Callable[[], str]) -> None:
        self._ask = ask
        self._root = root
        self._lengths = Lengths()
        self._prefixes = Prefixes[PatientRef](
            lambda patient: patient.patient_id, self._lengths, profile.wildcards, MOST_QUERIES
        )
        self._relational = profile.relational
        self.unreachable = 0
        """Patients without an ID, or with one that cannot be asked for."""
        self.in_doubt = 0
        """The length of a list of which cannot be told whether it is whole."""
        self.cut_off = False
        """The list was had by the characters of the IDs, which reaches none that has others than ASCII's."""

    @property
    def patient_root(self) -> bool:
        """Whether the connection queries in the patient root."""
        return self._root() == "patient"

    @property
    def relational(self) -> bool | None:
        """Whether a STUDY query without a Patient ID is answered there; None where that was not tried."""
        return self._relational

    def must_be_walked(self) -> bool:
        """Whether studies can be had patient by patient only."""
        if not self.patient_root:
            return False
        if self._relational is None:
            self._relational = self._try_relational()
            if self._relational is False:
                log.info("The PACS offers the patient root alone: every patient is asked for their studies.")
        return self._relational is False

    def ids(self) -> list[str]:
        """Every Patient ID, each once. Raises PacsError where the list cannot be had whole."""
        answer = self._patients()
        found = list(answer)
        if self._lengths.may_be_cut_off(len(answer)):
            found += self._more(answer)
        ids = dict.fromkeys(patient.patient_id for patient in found)
        usable = [entry for entry in ids if entry and not any(character in entry for character in MEANINGFUL)]
        self.unreachable = len(ids) - len(usable)
        return usable

    def _more(self, answer: list[PatientRef]) -> list[PatientRef]:
        """What the characters of Patient IDs bring beyond a list that may be cut off."""
        more, whole = self._prefixes.cut(self._patients, answer, MOST_PATIENTS)
        if {patient.patient_id for patient in more} - {patient.patient_id for patient in answer}:
            self._lengths.catch(len(answer))
        elif whole:
            self._lengths.prove(len(answer))
        self.cut_off = len(answer) in self._lengths.caught
        self.in_doubt = 0 if whole else len(answer)
        if self.cut_off and not whole:
            raise PacsError(
                f"The PACS cuts off its list of patients at {len(answer)}: ask its administrator for a higher limit, "
                "or for the study root.",
                Reason.FIND_FAILED,
            )
        return more

    def _patients(self, pattern: str = "", limit: int | None = None) -> list[PatientRef]:
        return [rows.patient(row) for row in self._ask(identifiers.patient_query(PatientID=pattern), limit)]

    def _try_relational(self) -> bool | None:
        """A study of some patient is asked for without saying whose it is; None where there is no study to ask for.

        That a PACS does not refuse such a query is no proof: some answer it with nothing.
        """
        for patient in self._patients(limit=20):
            if not patient.patient_id or any(character in patient.patient_id for character in MEANINGFUL):
                continue
            studies = self._ask(identifiers.study_query(PatientID=patient.patient_id), 1)
            if not studies:
                continue
            try:
                query = identifiers.study_query(StudyInstanceUID=rows.study(studies[0]).study_uid)
                return bool(self._ask(query, 1))
            except RequestRefusedError:
                return False
        return None
