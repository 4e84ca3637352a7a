"""The sign of life of a run, so that another host does not take it over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from miner.catalogue import Catalogue
from miner.errors import MinerError, Reason

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20.0

END_SECONDS = 3.0
"""How long a heartbeat that is under way may hold up the end of a run: a database may not answer any more."""


@contextmanager
def heartbeat(catalogue: Catalogue, run: int, lost: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While inside, renew the run's lease every few seconds, also while it waits for hours or the end of a pause.

    ``lost`` is called once where another run has taken the lease: nothing of this one can be written any more, so it
    must not ask the PACS for more.
    """
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                catalogue.heartbeat(run)
            except MinerError as error:
                if error.reason is Reason.CATALOGUE_BUSY and not stop.is_set():
                    log.error("%s", error)
                    lost()
                    return
                log.warning("The catalogue did not take a heartbeat.")
            except Exception as error:  # whatever a driver raises: the next beat may come through
                log.warning("The catalogue did not take a heartbeat (%s).", type(error).__name__)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(END_SECONDS)
