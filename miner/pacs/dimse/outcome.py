"""How a C-GET or C-MOVE ended, as the PACS tells it."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset

from miner.errors import Reason
from miner.pacs.retry import OutOfResourcesError, RequestRefusedError


@dataclass(frozen=True, slots=True)
class Outcome:
    """The final response of a C-GET or C-MOVE (PS3.7 9.1.3, 9.1.4). Counts that were not answered are None.

    ``unsent``: its Failed SOP Instance UID List (PS3.4 C.4.2.1.4.2), what the PACS says that it could not send.
    """

    status: int
    completed: int | None = None
    failed: int | None = None
    warned: int | None = None
    unsent: frozenset[str] = frozenset()

    @property
    def refused(self) -> bool:
        """True for a status of the category Failure (PS3.7 C.4): neither Success, Warning, Cancel nor Pending."""
        return self.status != 0 and self.status not in (0x0001, 0xFE00, 0xFF00, 0xFF01) and self.status >> 12 != 0xB

    def failure(self, message: str) -> RequestRefusedError:
        """The error of a refused retrieve; Refused: Out of Resources (0xA7xx, PS3.4 Table C.4-2) has its own."""
        kind = OutOfResourcesError if self.status >> 8 == 0xA7 else RequestRefusedError
        return kind(message, Reason.RETRIEVE_FAILED)

    @property
    def claimed(self) -> int | None:
        """How many objects the PACS says it has sent."""
        return None if self.completed is None else self.completed + (self.warned or 0)


def outcome_of(status: Dataset, identifier: Dataset | None) -> Outcome:
    """The outcome that a final response tells: its status elements, and its Identifier where it has one."""
    return Outcome(
        status.Status,
        status.get("NumberOfCompletedSuboperations"),
        status.get("NumberOfFailedSuboperations"),
        status.get("NumberOfWarningSuboperations"),
        _failed_list(identifier),
    )


def _failed_list(identifier: Dataset | None) -> frozenset[str]:
    """Failed SOP Instance UID List (0008,0058) of a final response; empty where it is absent or cannot be read."""
    try:
        value = None if identifier is None else identifier.get("FailedSOPInstanceUIDList")
        return frozenset() if not value else frozenset([value] if isinstance(value, str) else map(str, value))
    except Exception:
        # Encoded by the peer and decoded at this access: whatever pydicom raises, the list is a hint only.
        return frozenset()
