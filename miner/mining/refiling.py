"""Whose a study is, and who has opted out, when a changed crosswalk or opt-out list says otherwise than before.

Discovery looks at a window of dates; what crosswalk and opt-out list say concerns studies of any date. So each run
compares a keyed digest of both with the one that the catalogue recorded last. Where they differ, every study that is
filed under somebody else by now goes back to FOUND, with the new digest in the same transaction: whatever a run does
not come to, the next one finds waiting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from miner.catalogue import Filing
from miner.deid import Surrogates
from miner.errors import Reason
from miner.mining.cohort import is_opted_out
from miner.mining.project import Project
from miner.records import StudyRef, WorkState
from miner.vault import study_ref

_SETTLED = (WorkState.MINED, WorkState.REFUSED, WorkState.FAILED)
"""What is FOUND or PARTIAL is looked at by the next run anyhow."""


def follow_who_is_who(project: Project, run: int, opted_out: Collection[str]) -> str:
    """Put studies back to FOUND that a changed crosswalk or opt-out list concerns; returns a sentence for the report.

    The sentence is empty but where a release holds studies of patients who have opted out: nothing that is published
    goes by itself.
    """
    digest = project.surrogates.who_is_who(opted_out)
    if digest == project.catalogue.who_is_who():
        return ""
    filings = project.catalogue.filings()
    keys = sorted({entry.study_key for entry in filings})
    known = {entry.key: study_ref(entry) for entry in project.vault.resolve_many("study", keys)}
    now = _Said(project.surrogates, opted_out, known)
    again = {entry.source_key for entry in filings if now.concerns(entry)}
    project.catalogue.follow_who_is_who(run, digest, again)
    published = {entry.study_key for entry in filings if entry.published and now.opted(entry)}
    if not published:
        return ""
    studies = f"{len(published)} stud{'y' if len(published) == 1 else 'ies'}"
    return (
        f"Releases hold {studies} of patients who are on the opt-out list by now: what is published stays until "
        "`miner vault forget`."
    )


@dataclass(frozen=True)
class _Said:
    """What crosswalk and opt-out list say now of the studies that the vault knows."""

    surrogates: Surrogates
    opted_out: Collection[str]
    known: Mapping[str, StudyRef]

    def concerns(self, entry: Filing) -> bool:
        """Whether mining the study again gives something else now, or may do so."""
        study = self.known.get(entry.study_key)
        if study is None or entry.state not in _SETTLED:
            return False
        if entry.left_out or (entry.state, entry.reason) == (WorkState.FAILED, Reason.CONTENT_CONFLICT):
            return True  # whose images they are, or the remedy of a merge after publication, may be said by now
        if entry.patient_key not in (None, self.surrogates.patient(study.patient, study.study_uid)):
            return True
        if entry.of_images:
            return self.opted(entry) and not entry.published
        return self.opted(entry) != (entry.reason is Reason.OPTED_OUT)

    def opted(self, entry: Filing) -> bool:
        """Whether a study's patient has opted out."""
        study = self.known.get(entry.study_key)
        return study is not None and is_opted_out(study, self.opted_out, self.surrogates)
