"""A PACS in a process of its own that answers each C-FIND with as many rows as its first argument says.

Beside the caller's process it is not slowed by the caller's own load; the rows are encoded once and sent at one go, so
that they lie in the caller's queue as they do when an archive is quick. Prints its port; ends with its standard input.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from functools import cache
from io import BytesIO

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.dimse_messages import C_FIND_RSP
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.dsutils import encode

from miner.pacs.dimse.contexts import FIND, VERIFICATION

ROWS = int(sys.argv[1])


@cache
def encoded_rows(context_id: int, message_id: int) -> bytes:
    """The Pending responses as P-DATA-TF PDUs, in Explicit VR Little Endian."""
    octets = bytearray()
    for number in range(ROWS):
        row = Dataset()
        row.QueryRetrieveLevel = "STUDY"
        row.StudyInstanceUID = f"2.25.{number + 1}"
        response = C_FIND()
        response.MessageIDBeingRespondedTo, response.Status = message_id, 0xFF00
        response.AffectedSOPClassUID = FIND
        response.Identifier = BytesIO(encode(row, False, True) or b"")
        message = C_FIND_RSP()
        message.primitive_to_message(response)
        for part in message.encode_msg(context_id, 16_382):
            for number_of_context, value in part.presentation_data_value_list:
                item = struct.pack(">LB", len(value) + 1, number_of_context) + value
                octets += struct.pack(">BBL", 4, 0, len(item)) + item
    return bytes(octets)


def rows(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
    event.assoc.dul.socket.send(encoded_rows(event.context.context_id, event.message_id))  # type: ignore[union-attr]
    yield from ()


def main() -> None:
    entity = AE("ROWS")
    entity.add_supported_context(VERIFICATION)
    entity.add_supported_context(FIND, "1.2.840.10008.1.2.1")
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, rows)])
    assert server is not None
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    entity.shutdown()


if __name__ == "__main__":
    main()
