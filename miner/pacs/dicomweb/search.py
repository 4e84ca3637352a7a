"""Queries by QIDO-RS (PS3.18 10.6), page by page: all rows of an answer, or an error.

A service may cap a page below what was asked for, with a warning or without, and may ignore ``offset``. So an answer
that could be a part is read on from its last row: a page that begins with that row and holds nothing more proves the
end; one that begins otherwise proves that the order changed or that ``offset`` is ignored.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset

from miner.errors import PacsError, Reason
from miner.pacs.dicomweb.connection import Connection
from miner.pacs.dicomweb.model import Question, in_path, is_rows, question_of, rows_of, unique_value, wider
from miner.pacs.dicomweb.refusals import NOT_FOUND, LastingRefusalError
from miner.pacs.retry import RequestRefusedError, ServiceNotOfferedError

log = logging.getLogger(__name__)

PAGE_LENGTHS = (1000, 100, None)
"""Rows asked for at once, the first that the service takes (some refuse more than 200); None: without limit."""

BELIEVED_LENGTH = 99
"""An answer of so many rows, shorter than asked for and without a warning, is believed to be whole: no service was seen
to cap its pages below a hundred."""

MOST_ROWS = 100_000
"""Rows of one query; what answers more is asked in parts."""

PAGE_OCTETS = 32 << 20
HEADERS_OCTETS = 96 << 20
"""Octets of one page, and of the headers of one series: read as JSON, they take ten times as much memory."""

NEW_STARTS = 3
"""How often one answer is read from its beginning because it changed while it was read."""

Entry = dict[str, dict[str, Any]]


class Search:
    """Asks as :class:`miner.pacs.queries.find.Ask`: an Identifier in, rows out.

    ``paging``: True once limit and offset were seen to work, False once they were seen not to.
    """

    def __init__(self, connection: Connection, attempts: int, *, paging: bool | None = None) -> None:
        self.paging = paging
        self._connection = connection
        self._attempts = attempts
        self._client = DICOMwebClient(
            connection.service.root, session=connection.session, permissive_uid=True, timeout=connection.timeout
        )
        self._client.set_http_retry_params(retry=False)
        self._page_length: int | None = PAGE_LENGTHS[0]
        self._length_taken = False

    def __call__(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        """All rows; with ``limit``, the first so many. Raises PacsError unless the answer is complete."""
        question = question_of(identifier)
        with self._connection.peer.pace.association():
            try:
                entries = self._entries(question, limit)
                if not entries and (wide := wider(question)) is not None:
                    entries = self._entries(wide, limit)
            except LastingRefusalError as error:
                if error.status != NOT_FOUND:
                    raise
                self._check_absent(question)
                return []
        return rows_of(entries, question)

    def headers(self, identifier: Dataset) -> list[Dataset]:
        """The rows of a query for the instances of one series, from their headers (PS3.18 10.4.1.1.2).

        The service reads every object for it, so it is asked only where QIDO-RS does not say enough.
        Raises LastingRefusalError where it does not offer this.
        """
        question = question_of(identifier)

        def ask() -> list[Entry]:
            with self._connection.exchange("query", Reason.FIND_FAILED, HEADERS_OCTETS):
                return self._client.retrieve_series_metadata(in_path(question.study), in_path(question.series))

        with self._connection.peer.pace.association():
            return rows_of(self._ask(ask), question)

    def pages(self) -> bool | None:
        """Whether limit and offset work, by two queries for two studies; None where there are not so many."""
        studies = Question("STUDY", "", "", {}, ("StudyInstanceUID",))
        with self._connection.peer.pace.association():
            first, second = (self._page(studies, offset, 2 - offset) for offset in (0, 1))
        if len(first) < 2:
            return None
        self.paging = len(first) == 2 and len(second) == 1 and self._continues(first, second, studies.unique)
        return self.paging

    # ----------------------------------------------------------------------------------------------------------- pages

    def _entries(self, question: Question, enough: int | None) -> list[Entry]:
        for _ in range(NEW_STARTS):
            entries = self._pages(question, enough)
            if entries is not None:
                return entries if enough is None else entries[:enough]
            log.info("The answer to a query changed while it was read; it is read again.")
        raise PacsError(
            f"{self._connection.peer} gave the rows of one query in another order each time.", Reason.FIND_FAILED
        )

    def _pages(self, question: Question, enough: int | None) -> list[Entry] | None:
        """All rows, or so many; None where they changed on the way."""
        entries = self._first_page(question, enough)
        page = entries
        while self._may_go_on(entries, page, enough):
            before = len(entries)
            page = self._page(question, before - 1, self._length(None if enough is None else enough - before + 1))
            if not self._continues(entries, page, question.unique):
                if page and page == entries[: len(page)]:
                    return self._without_offset(question, entries, enough)
                return None
            self.paging = self.paging or before > 1
            entries = [*entries, *page[1:]]
            if len(page) <= 1:
                if self._connection.warned:
                    raise self._cut_off(before)
                break
        return entries

    def _first_page(self, question: Question, enough: int | None) -> list[Entry]:
        """With the longest page that the service takes; which one that is is found out once."""
        while True:
            try:
                return self._page(question, 0, self._length(enough))
            except LastingRefusalError as error:
                shorter = PAGE_LENGTHS[PAGE_LENGTHS.index(self._page_length) + 1 :]
                if error.status == NOT_FOUND or self._length_taken or not shorter:
                    self._page_length = self._page_length if self._length_taken else PAGE_LENGTHS[0]
                    raise
                self._page_length = shorter[0]

    def _length(self, enough: int | None) -> int | None:
        """The limit to send: of a page, or of what is wanted where there is but one page."""
        if self._page_length is None:
            return None
        return enough if self.paging is False else min(self._page_length, enough or self._page_length)

    def _may_go_on(self, entries: Sequence[Entry], page: Sequence[Entry], enough: int | None) -> bool:
        """True where the rows so far could be a part of the answer, and more of it is wanted."""
        if not entries and self._connection.promised:
            raise self._cut_off(0)
        if not entries or (enough is not None and len(entries) >= enough):
            return False
        if len(entries) > MOST_ROWS:
            raise RequestRefusedError(f"A query has more than {MOST_ROWS} rows.", Reason.FIND_FAILED)
        if self.paging is False or self._page_length is None:
            if self._connection.warned:
                raise self._cut_off(len(entries))
            return False
        return self._connection.warned or len(page) >= self._page_length or len(entries) > BELIEVED_LENGTH

    @staticmethod
    def _continues(entries: Sequence[Entry], page: Sequence[Entry], unique: str) -> bool:
        """True where a page begins with the last row so far."""
        return bool(page) and unique_value(page[0], unique) == unique_value(entries[-1], unique)

    def _without_offset(self, question: Question, entries: list[Entry], enough: int | None) -> list[Entry]:
        """The service answers every page with the first one: all at once, then, or nothing can be known."""
        log.info("The service ignores the offset of a page; its answers are read in one piece.")
        self.paging = False
        whole = self._page(question, 0, self._length(enough))
        if self._connection.warned and (enough is None or len(whole) < enough):
            raise self._cut_off(len(whole))
        return whole if len(whole) >= len(entries) else entries

    def _cut_off(self, count: int) -> RequestRefusedError:
        return RequestRefusedError(
            f"{self._connection.peer} says that it has more than the {count} rows of its answer, and does not give "
            "them.",
            Reason.FIND_FAILED,
        )

    # -------------------------------------------------------------------------------------------------------- requests

    def _page(self, question: Question, offset: int, length: int | None) -> list[Entry]:
        bounds: dict[str, int] = {} if length is None else {"limit": length}
        if offset:
            bounds["offset"] = offset

        def ask() -> list[Entry]:
            with self._connection.exchange("query", Reason.FIND_FAILED, PAGE_OCTETS):
                return self._send(question, bounds)

        page = self._ask(ask)
        self._length_taken = True
        return page

    def _send(self, question: Question, bounds: Mapping[str, int]) -> list[Entry]:
        options: dict[str, Any] = {"fields": question.keys, "search_filters": dict(question.matching), **bounds}
        match question.level:
            case "STUDY":
                return self._client.search_for_studies(**options)
            case "SERIES":
                return self._client.search_for_series(_part(question.study), **options)
            case _:
                return self._client.search_for_instances(_part(question.study), _part(question.series), **options)

    def _ask(self, ask: Any) -> list[Entry]:
        """One request with its repetitions, an answer in the form of PS3.18 8.7.3.2: an array of objects."""

        def once() -> list[Entry]:
            self._connection.peer.pace.before_request()
            answer: list[Entry] = ask()
            if self._connection.empty:
                raise PacsError(f"{self._connection.peer} answered a query with nothing at all.", Reason.FIND_FAILED)
            if not is_rows(answer):
                raise self._connection.not_rows()
            self._connection.answers_queries = True
            return answer

        return self._connection.repeatedly(once, self._attempts)

    def _check_absent(self, question: Question) -> None:
        """404 where a study's series were asked for: no such study, or no such service?

        Raises ServiceNotOfferedError unless the service says that it has no such study.
        """
        if question.study:
            study = Question("STUDY", "", "", {"StudyInstanceUID": question.study}, ("StudyInstanceUID",))
            found = self._entries(study, 1)
            if not any(unique_value(entry, "StudyInstanceUID") == question.study for entry in found):
                return
        raise ServiceNotOfferedError(
            f"{self._connection.peer} answers no queries by QIDO-RS at {question.level} level (HTTP 404): check that "
            "pacs.url is the root of its DICOMweb service.",
            Reason.FIND_FAILED,
        )


def _part(uid: str) -> str | None:
    return in_path(uid) if uid else None
