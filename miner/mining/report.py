"""What one run did, and when it leaves a PACS alone that is in trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from miner.catalogue import NAMELESS, PASSED_OVER, UNANSWERED, UNSEEN
from miner.errors import ExitStatus, Reason
from miner.records import WorkState

ENOUGH = 5
"""Studies in a row failed by the PACS, after which a run ends by itself."""

_BY_THE_PACS = frozenset({Reason.FIND_FAILED, Reason.RETRIEVE_FAILED, Reason.NOT_RETRIEVED, Reason.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """What became of one study in this run: a work state, ``unchanged``, or ``elsewhere`` (another process has it).

    ``by_pacs``: the PACS did not answer as it should.
    """

    study_key: str
    outcome: str
    reason: Reason | None = None
    bookmarks: int = 0
    octets: int = 0
    by_pacs: bool = False


@dataclass
class RunReport:
    """What one run did. ``outcomes`` counts studies; every study that was looked at is in exactly one.

    ``unanswered``: parts of the window that the PACS did not answer completely; they are asked for again by the next
    run. ``unseen``: how much is known to be there and could not be looked at, by reason; it is of no study that is
    known. ``ended_early``: why the run ended before it had looked at everything, ``refused_at_door``: who and what was
    refused at our storage SCP, by kind. ``nameless``: studies without a patient id.
    ``passed_over``: studies of patients who were withdrawn, not among ``found``. ``warnings``: sentences for whoever
    reads the report.
    """

    run: int
    found: int = 0
    unanswered: int = 0
    unseen: Mapping[Reason, int] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    bookmarks: int = 0
    octets: int = 0
    warnings: list[str] = field(default_factory=list)
    refused_at_door: Mapping[str, int] = field(default_factory=dict)
    ended_early: Reason | None = None
    nameless: int = 0
    passed_over: int = 0

    def add(self, outcome: StudyOutcome) -> None:
        """Enter one study."""
        self.outcomes[outcome.outcome] += 1
        if outcome.reason is not None:
            self.reasons[f"{outcome.outcome}: {outcome.reason}"] += 1
        self.bookmarks += outcome.bookmarks
        self.octets += outcome.octets

    def warn(self, words: str) -> bool:
        """Enter a warning, once; False where it is entered already."""
        if words in self.warnings:
            return False
        self.warnings.append(words)
        return True

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the run's row in the catalogue."""
        door = {f"refused at the door: {kind}": count for kind, count in self.refused_at_door.items()}
        rare = {
            UNANSWERED: self.unanswered,
            NAMELESS: self.nameless,
            PASSED_OVER: self.passed_over,
            "warnings": len(self.warnings),
        }
        unseen = {f"{UNSEEN}{reason}": count for reason, count in self.unseen.items()}
        return {
            **self.outcomes,
            "found": self.found,
            **door,
            **unseen,
            **{word: count for word, count in rare.items() if count},
        }

    @property
    def exit_status(self) -> ExitStatus:
        """DONE, or INCOMPLETE where something expected did not come. What the PACS says it has not is no such thing."""
        absent = self.reasons[f"{WorkState.PARTIAL}: {Reason.IMAGE_NOT_FOUND}"]
        lacking = self.outcomes[WorkState.FAILED] + self.outcomes[WorkState.PARTIAL] - absent
        incomplete = lacking or self.unanswered or self.unseen or self.ended_early is not None
        return ExitStatus.INCOMPLETE if incomplete else ExitStatus.DONE


class Breaker:
    """Counts the studies in a row that the PACS failed; whatever it answers well begins the count anew."""

    def __init__(self) -> None:
        self._failed = 0

    def add(self, outcome: StudyOutcome) -> bool:
        """Enter one study; True where the PACS has had enough."""
        nothing_came = outcome.outcome == WorkState.PARTIAL and outcome.reason in _BY_THE_PACS and not outcome.octets
        if outcome.by_pacs or nothing_came:
            self._failed += 1
        elif outcome.octets or outcome.outcome == "unchanged":
            self._failed = 0
        return self._failed >= ENOUGH
