"""The sign of life of a run, so that another host does not take it over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from miner.catalogue import Catalogue
from miner.errors import MinerError

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20.0


@contextmanager
def heartbeat(catalogue: Catalogue, run: int) -> Iterator[None]:
    """While inside, renew the run's lease every few seconds, also while it waits for hours or the end of a pause."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                catalogue.heartbeat(run)
            except MinerError:
                log.warning("The catalogue did not take a heartbeat.")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
