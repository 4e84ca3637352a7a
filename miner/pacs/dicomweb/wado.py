"""Requests by WADO-RS (PS3.18 10.4): one instance, or one series as a whole, into the spool as it comes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence

from dicomweb_client.uri import URI
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
)
from requests import Response

from miner.errors import PacsError, Reason
from miner.pacs.classes import OBJECT_CLASSES
from miner.pacs.dicomweb.connection import CHUNK, Connection
from miner.pacs.dicomweb.intake import Intake, NoObjectError, Wanted
from miner.pacs.dicomweb.model import in_path
from miner.pacs.dicomweb.multipart import MalformedError, boundary_of, parts
from miner.pacs.dicomweb.refusals import LastingRefusalError
from miner.records import InstanceRef

log = logging.getLogger(__name__)

_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax='
_SYNTAXES = (
    ExplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
    DeflatedExplicitVRLittleEndian,
)
ACCEPT = (f"{_DICOM}*", ", ".join(f"{_DICOM}{uid}" for uid in _SYNTAXES))
"""What is asked for, the first that the service takes (PS3.18 8.7.3.5.2): objects as they are stored, whatever their
transfer syntax; else in one that loses nothing."""

_ACCEPT_REFUSED = frozenset({400, 406, 415})

LARGEST_OBJECT = 2 << 30
LARGEST_SMALL_OBJECT = 64 << 20
"""Octets of one object: of any, and of a slice or an annotation object."""

_SMALL_CLASSES = frozenset((CTImageStorage, MRImageStorage, *OBJECT_CLASSES))
_FRAMING = 65_536
"""Octets of a body beside those of its one object."""


class Wado:
    """The requests of one connection, and the form in which the service takes them.

    ``as_stored``: True once an object came in another transfer syntax than the default one (PS3.18 8.7.3.5.2), into
    which everything is transcoded otherwise; False where the service refuses to leave the choice to itself.
    """

    def __init__(self, connection: Connection, attempts: int) -> None:
        self.attempts = attempts
        self.pace = connection.peer.pace
        self._connection = connection
        self._accept = 0
        self._syntaxes: set[str] = set()

    @property
    def as_stored(self) -> bool | None:
        """See the class."""
        if self._accept:
            return False
        return True if self._syntaxes - {ExplicitVRLittleEndian} else None

    def instance(self, wanted: InstanceRef, intake: Intake, attempts: int) -> None:
        """One instance, with the repetitions of its request. Raises PacsError where it did not come."""
        largest = LARGEST_SMALL_OBJECT if wanted.sop_class_uid in _SMALL_CLASSES else LARGEST_OBJECT

        def ask() -> None:
            if not intake.books.open([wanted]):
                return  # it came whole before the last request failed
            self.pace.before_request(1, release=self._connection.close)
            with self._objects(wanted, wanted.sop_uid, largest + _FRAMING) as contents:
                for content in contents:
                    self._take(intake, content, lambda uid: uid == wanted.sop_uid, largest)
            if intake.books.open([wanted]):
                raise PacsError(
                    f"{self._connection.peer} sent something else than the object that was asked for.",
                    Reason.NOT_RETRIEVED,
                )

        self._in_an_accepted_form(ask, attempts)

    def series(self, wanted: Sequence[InstanceRef], intake: Intake) -> None:
        """The series of these instances as a whole. Raises PacsError where it broke off.

        One part that is no object costs none of the others.
        """

        def ask() -> None:
            rest = intake.books.open(wanted)
            if not rest:
                return
            self.pace.before_request(len(rest), release=self._connection.close)
            with self._objects(rest[0], None, LARGEST_OBJECT * len(rest)) as contents:
                for content in contents:
                    try:
                        self._take(intake, content, intake.books.expects, LARGEST_OBJECT)
                    except NoObjectError as error:
                        log.warning("%s", error)

        self._in_an_accepted_form(ask, self.attempts)

    def _take(self, intake: Intake, content: Iterator[bytes], wanted: Wanted, largest: int) -> None:
        arrival = intake.take(content, wanted, largest)
        self._syntaxes.add(arrival.transfer_syntax_uid)
        self.pace.took(arrival.octets)

    def _in_an_accepted_form(self, ask: Callable[[], None], attempts: int) -> None:
        """Ask; where nothing has ever come and the form of it is refused, ask for another form."""
        while True:
            try:
                self._connection.repeatedly(ask, attempts)
                return
            except LastingRefusalError as error:
                if error.status not in _ACCEPT_REFUSED or self._syntaxes:
                    raise
                self._accept = (self._accept + 1) % len(ACCEPT)
                if not self._accept:
                    raise

    @contextlib.contextmanager
    def _objects(self, wanted: InstanceRef, sop_uid: str | None, limit: int) -> Iterator[Iterator[Iterator[bytes]]]:
        """The objects of one answer as they come."""
        connection = self._connection
        address = URI(
            connection.service.root,
            in_path(wanted.study_uid),
            in_path(wanted.series_uid),
            None if sop_uid is None else in_path(sop_uid),
            permissive=True,
        )
        with (
            connection.exchange("retrieval", Reason.RETRIEVE_FAILED, limit),
            connection.session.get(
                str(address), headers={"Accept": ACCEPT[self._accept]}, stream=True, timeout=connection.timeout
            ) as response,
        ):
            chunks = response.iter_content(CHUNK)
            yield _contents(response, chunks)
            for _ in chunks:  # what follows the last delimiter, so that the connection can be used again
                pass


def _contents(response: Response, chunks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """The parts of a body, or a body that is one object. Raises MalformedError where its end would not be known."""
    boundary = boundary_of(response.headers.get("Content-Type", ""))
    if boundary is not None:
        return parts(chunks, boundary)
    if "Content-Length" not in response.headers and "chunked" not in response.headers.get("Transfer-Encoding", ""):
        raise MalformedError
    return iter([chunks])
