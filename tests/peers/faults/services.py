"""Faults of what is offered and of what may be asked: rows 5 to 7 and 13 to 15."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, RLELossless
from pynetdicom import AE

from miner.demo.pacs_behaviour import IDENTIFIER_MISMATCH, Address, Answer, Request
from miner.demo.pacs_index import StoredObject
from tests.peers.faults.fault import Fault, Send, copied, drop

PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1."
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2."
GET = ".3"
_QUERY_RETRIEVE = "1.2.840.10008.5.1.4.1.2."
_VERIFICATION = "1.2.840.10008.1.1"
_ASYNCHRONOUS_OPERATIONS = "AsynchronousOperationsWindowNegotiation"

UNABLE = 0xC000
NOTHING_SENT = 0xA702


def _withdraw(entity: AE, *, prefix: str = _QUERY_RETRIEVE, suffix: str = "") -> None:
    for context in list(entity.supported_contexts):
        name = str(context.abstract_syntax)
        if name.startswith(prefix) and name.endswith(suffix):
            entity.remove_supported_context(name)


class _Retrieval(Fault):
    """Refuses some C-GETs and C-MOVEs."""

    status = UNABLE

    def refuses(self, request: Request) -> bool:
        raise NotImplementedError

    def announce(self, request: Request, count: int) -> int:
        return max(count, 1) if self.refuses(request) else count

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return iter([(self.status, None)]) if self.refuses(request) else answers


# ------------------------------------------------------------------------------------------------------------ row 5


class PatientRootAlone(Fault):
    """Offers the patient root and not the study root."""

    row = 5
    closes = frozenset({"study-root"})

    def offer(self, entity: AE) -> None:
        _withdraw(entity, prefix=STUDY_ROOT)


class StudyRootAlone(Fault):
    """Offers the study root and not the patient root."""

    row = 5
    closes = frozenset({"patient-root"})

    def offer(self, entity: AE) -> None:
        _withdraw(entity, prefix=PATIENT_ROOT)


class ImageLevelRefused(_Retrieval):
    """Retrieves series and studies; a C-GET or C-MOVE at IMAGE level fails."""

    row = 5
    closes = frozenset({"image-level"})
    status = IDENTIFIER_MISMATCH

    def refuses(self, request: Request) -> bool:
        return request.level == "IMAGE"


class ImageLevelEmpty(Fault):
    """Answers a C-GET or C-MOVE at IMAGE level with Success, and sends nothing."""

    row = 5
    closes = frozenset({"image-level"})

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return () if request.level == "IMAGE" else objects


class SeriesInstead(Fault):
    """Asked for images, it sends their whole series."""

    row = 5

    def understand(self, request: Request) -> Dataset:
        if request.service == "find" or request.level != "IMAGE":
            return request.identifier
        return copied(request.identifier, QueryRetrieveLevel="SERIES", SOPInstanceUID=None)


class ListsRefused(_Retrieval):
    """Takes one SOP Instance UID in a request; a list fails."""

    row = 5
    status = IDENTIFIER_MISMATCH

    def refuses(self, request: Request) -> bool:
        return request.level == "IMAGE" and request.identifier["SOPInstanceUID"].VM > 1


class LongListsRefused(ListsRefused):
    """Takes lists of a few SOP Instance UIDs; a longer one fails."""

    row = 5

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.longest = random.randint(2, 8)

    def refuses(self, request: Request) -> bool:
        return request.level == "IMAGE" and self.longest < request.identifier["SOPInstanceUID"].VM


class FirstOfList(Fault):
    """Sends the first object of a list and calls it a Success."""

    row = 5

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return objects[:1] if request.level == "IMAGE" else objects


# ------------------------------------------------------------------------------------------------------------ row 6


class GetNotOffered(Fault):
    """Offers queries and C-MOVE, but no C-GET."""

    row = 6
    closes = frozenset({"get"})

    def offer(self, entity: AE) -> None:
        _withdraw(entity, suffix=GET)


class RoleNotAccepted(Fault):
    """Offers C-GET and accepts the storage contexts, but not our role as their SCP: nothing can be sent."""

    row = 6
    closes = frozenset({"get"})

    def offer(self, entity: AE) -> None:
        for context in entity.supported_contexts:
            if not str(context.abstract_syntax).startswith(_QUERY_RETRIEVE):
                context.scu_role = context.scp_role = None


class GetFails(_Retrieval):
    """Offers C-GET, and fails every one."""

    row = 6
    closes = frozenset({"get"})

    def refuses(self, request: Request) -> bool:
        return request.service == "get"


class GetBreaksOff(Fault):
    """Offers C-GET, and aborts the association at every one."""

    row = 6
    closes = frozenset({"get"})

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        if request.service == "get":
            request.abort()
        return objects


# ------------------------------------------------------------------------------------------------------------ row 7


class DestinationUnknown(Fault):
    """Does not know where a C-MOVE is to go, and says 0xA801."""

    row = 7
    closes = frozenset({"move"})

    def destination(self, request: Request, address: Address | None) -> Address | None:
        return None


class DestinationAborts(DestinationUnknown):
    """Does not know where a C-MOVE is to go, and aborts."""

    row = 7

    def destination(self, request: Request, address: Address | None) -> Address | None:
        request.abort()
        return None


class DestinationSilent(DestinationUnknown):
    """Does not know where a C-MOVE is to go, sends nothing, and says that all went well."""

    row = 7

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._counts: dict[int, int] = {}

    def destination(self, request: Request, address: Address | None) -> Address | None:
        return address or ("127.0.0.1", 9)

    def announce(self, request: Request, count: int) -> int:
        self._counts[id(request.association)] = count
        return 0 if request.service == "move" else count

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if request.service == "move" and response.Status == 0:
            response.NumberOfCompletedSuboperations = self._counts.get(id(request.association), 0)
        send(response)


class DestinationUnreachable(DestinationUnknown):
    """Knows a destination where nobody listens, and fails without counts (0xA702), as dcm4chee does."""

    row = 7

    def destination(self, request: Request, address: Address | None) -> Address | None:
        return ("127.0.0.1", 9)

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if request.service == "move" and response.Status == 0xA801:
            response.Status = NOTHING_SENT
        send(response)


# ----------------------------------------------------------------------------------------------------- rows 13 to 15


class DropsAsynchronous(Fault):
    """Drops the TCP connection of whoever negotiates asynchronous operations."""

    row = 13

    def requested(self, association: Any) -> None:
        items = association.requestor.primitive.user_information
        if any(type(item).__name__ == _ASYNCHRONOUS_OPERATIONS for item in items):
            drop(association)


class ChoosesCompressed(Fault):
    """Of the transfer syntaxes of one context it chooses a compressed one, into which it then cannot bring anything."""

    row = 14

    def offer(self, entity: AE) -> None:
        for context in entity.supported_contexts:
            name = str(context.abstract_syntax)
            if not name.startswith(_QUERY_RETRIEVE) and name != _VERIFICATION:
                others = [syntax for syntax in context.transfer_syntax if syntax not in (JPEG2000Lossless, RLELossless)]
                context.transfer_syntax = [JPEG2000Lossless, RLELossless, *others]


class FewContexts(Fault):
    """Rejects an association that proposes more than 100 presentation contexts."""

    row = 14
    most = 100

    def requested(self, association: Any) -> None:
        if len(association.requestor.primitive.presentation_context_definition_list) > self.most:
            association.acse.send_reject(0x01, 0x02, 0x01)
            association.kill()


class OriginatorAbsent(Fault):
    """Stores without saying which C-MOVE it belongs to."""

    row = 15

    def storing(self, request: Request, association: Any) -> None:
        send_c_store = association.send_c_store

        def without_originator(dataset: Any, msg_id: int = 1, **options: Any) -> Any:
            options.pop("originator_aet", None)
            options.pop("originator_id", None)
            return send_c_store(dataset, msg_id=msg_id, **options)

        association.send_c_store = without_originator
