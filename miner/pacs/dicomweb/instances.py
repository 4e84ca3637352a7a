"""Instances of a series with their positions: by QIDO-RS, and where it does not say enough, from the headers.

Many services answer QIDO-RS at instance level with what PS3.18 10.6.3.3 demands and no more: no positions. The headers
of a series (``/metadata``) hold them; they cost the service a read of every object, so they are asked for only then.
"""

from __future__ import annotations

import logging

from pydicom import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage

from miner.pacs.dicomweb.model import question_of
from miner.pacs.dicomweb.refusals import LastingRefusalError, TooLargeError
from miner.pacs.dicomweb.search import Search
from miner.pacs.queries import rows
from miner.pacs.retry import RequestRefusedError

log = logging.getLogger(__name__)

_PLANAR = frozenset({CTImageStorage, MRImageStorage})
"""Classes whose objects have a position of their own; with several frames, it stands in each frame."""
_MODALITIES = frozenset({"CT", "MR"})


class InstanceSearch:
    """Asks for the instances of one series after another; remembers what of it the service answers.

    ``positions``: QIDO-RS gives them at instance level; ``metadata``: headers can be had. None: not known yet.
    ``modality``: of the series that is asked for.
    """

    def __init__(self, search: Search, *, positions: bool | None = None, metadata: bool | None = None) -> None:
        self.positions = positions
        self.metadata = metadata
        self.modality = ""
        self._search = search

    def ask(self, identifier: Dataset) -> list[Dataset]:
        """The rows of one series. Raises PacsError unless the answer is complete."""
        question = question_of(identifier)
        if not question.series or question.matching:
            return self._search(identifier)
        if self.positions is False and self.metadata and self.modality in _MODALITIES:
            return self._search.headers(identifier)
        try:
            answer = self._search(identifier)
        except RequestRefusedError as refused:
            headers = self._headers(identifier)
            if headers is None:
                raise refused from None
            return headers
        if not any(map(_lacks_position, answer)):
            self.positions = True if any(_has_position(row) for row in answer) else self.positions
            return answer
        headers = self._headers(identifier)
        if headers is None:
            return answer
        if any(_has_position(row) for row in headers):
            self.positions = False
        described = {rows.text(row, "SOPInstanceUID") for row in headers}
        return [*headers, *(row for row in answer if rows.text(row, "SOPInstanceUID") not in described)]

    def _headers(self, identifier: Dataset) -> list[Dataset] | None:
        """None where the service does not offer them."""
        if self.metadata is False:
            return None
        try:
            answer = self._search.headers(identifier)
        except RequestRefusedError as error:
            log.info("The service did not give the headers of a series (%s).", error.reason)
            if isinstance(error, LastingRefusalError) and not isinstance(error, TooLargeError):
                self.metadata = False
            return None
        self.metadata = True
        return answer


def _has_position(row: Dataset) -> bool:
    return bool(rows.text(row, "ImagePositionPatient") and rows.text(row, "ImageOrientationPatient"))


def _lacks_position(row: Dataset) -> bool:
    """True for an image that must have one, and for what may be such an image."""
    sop_class = rows.text(row, "SOPClassUID")
    return not sop_class or (sop_class in _PLANAR and not _has_position(row))
