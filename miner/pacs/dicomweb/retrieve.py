"""A fetch by WADO-RS: every wanted instance is asked for by itself, and the books tell how it ended.

One request for each instance over one kept-alive connection brings exactly what is needed. Where a service gives no
single instances, the series is asked for as a whole, and what is not wanted of it is thrown away and counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason
from miner.pacs.dicomweb.intake import Intake
from miner.pacs.dicomweb.refusals import LastingRefusalError, TooLargeError
from miner.pacs.dicomweb.wado import Wado
from miner.pacs.retry import RequestRefusedError, ServiceNotOfferedError
from miner.records import InstanceRef

log = logging.getLogger(__name__)

IN_VAIN = 3
"""Requests in a row for single instances of a series that bring nothing, after which the rest is not asked for."""

TIMED_OUT_REQUESTS = 2
"""Requests of one fetch that may run out of time, with all their repetitions, before the rest is not asked for."""

ENOUGH_SIGNS = 2
"""Series that came as a whole and not by instances, before this is taken for the service's way."""

_GONE = frozenset({404, 410})


class Retrieval:
    """The fetches of one connection, and what was learned in them.

    ``image_level``: True once an instance came that was asked for by itself, False where only whole series come.
    """

    def __init__(self, wado: Wado, *, image_level: bool | None = None) -> None:
        self.image_level = image_level
        self._wado = wado
        self._series_alone = 0

    def learned(self) -> Mapping[str, object]:
        """As fields of a profile; what is not known is left out."""
        fields = {"image_retrieve": self.image_level, "as_stored": self._wado.as_stored}
        return {name: value for name, value in fields.items() if value is not None}

    def note_instance(self) -> None:
        """The service gives an instance that is asked for by itself."""
        self.image_level, self._series_alone = True, 0

    def note_series(self) -> None:
        """A series came of which no instance could be had by itself."""
        self._series_alone += 1
        if self.image_level is None and self._series_alone >= ENOUGH_SIGNS:
            self.image_level = False

    def run(self, intake: Intake) -> None:
        """Ask for everything that is open in the books.

        Raises PacsError where nothing could be asked and nothing came, StorageError for the spool, and StoppedError.
        """
        books, pace = intake.books, self._wado.pace
        try:
            with pace.association():
                _Fetch(self, self._wado, intake).run()
        except PacsError as error:
            pace.halt.check()
            if not books.count:
                raise
            books.blame(books.open(), error.reason)
        finally:
            pace.after_request()


class _Fetch:
    """One fetch, and what was seen in it."""

    def __init__(self, retrieval: Retrieval, wado: Wado, intake: Intake) -> None:
        self._retrieval = retrieval
        self._wado = wado
        self._intake = intake
        self._books = intake.books
        self._answered = False
        self._timed_out = 0
        self._error: PacsError | None = None

    def run(self) -> None:
        for series in _by_series(self._books.open()):
            if self._retrieval.image_level is not False:
                self._one_by_one(series)
            if not self._retrieval.image_level and (rest := self._books.open(series)):
                self._as_a_whole(rest)
        if self._error is not None and not (self._answered or self._books.count):
            raise self._error

    def _one_by_one(self, series: Sequence[InstanceRef]) -> None:
        """Each instance; what did not come once more at the end, when the service has had time."""
        self._pass(series, self._wado.attempts)
        if self._retrieval.image_level:
            self._pass(self._books.open(series), 1)

    def _pass(self, instances: Sequence[InstanceRef], attempts: int) -> None:
        in_vain = 0
        for position, instance in enumerate(instances):
            error = self._persist(partial(self._wado.instance, instance, self._intake, attempts))
            if error is None or not self._books.open([instance]):
                self._retrieval.note_instance()
                in_vain = 0
                continue
            if isinstance(error, TooLargeError):  # an answer, if none that we take
                self._retrieval.note_instance()
            gone = isinstance(error, LastingRefusalError) and error.status in _GONE
            self._books.blame([instance], Reason.NOT_SENT if gone else error.reason)
            # One that the service has not says nothing about the next, unless none was ever had by itself.
            in_vain += not (gone and self._retrieval.image_level)
            if in_vain == IN_VAIN:
                self._books.blame(self._books.open(instances[position + 1 :]), error.reason)
                return

    def _as_a_whole(self, wanted: Sequence[InstanceRef]) -> None:
        before = self._books.count
        error = self._persist(partial(self._wado.series, wanted, self._intake))
        if error is not None:
            self._books.blame(self._books.open(wanted), error.reason)
        if self._books.count > before:
            self._retrieval.note_series()

    def _persist(self, ask: Callable[[], None]) -> PacsError | None:
        """One question. What makes every further one pointless is raised, another error given."""
        try:
            ask()
        except (PacsUnreachable, AssociationRefused, ServiceNotOfferedError):
            raise
        except PacsError as error:
            self._wado.pace.halt.check()
            self._timed_out += error.reason is Reason.TIMED_OUT
            if self._timed_out >= TIMED_OUT_REQUESTS:
                raise
            if self._error is None or str(error) != str(self._error):
                log.warning("%s", error)
            self._answered = self._answered or isinstance(error, RequestRefusedError)
            self._error = error
            return error
        self._answered = True
        return None


def _by_series(instances: Sequence[InstanceRef]) -> Iterator[list[InstanceRef]]:
    def series_of(instance: InstanceRef) -> tuple[str, str]:
        return instance.study_uid, instance.series_uid

    for _, group in groupby(sorted(instances, key=series_of), series_of):
        yield list(group)
