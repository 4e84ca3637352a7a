"""While a run goes on: [limits] and [hours] of config.toml are read again, and what it waits for is said."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from miner.config import Settings, load
from miner.errors import ConfigError
from miner.pacs.care import Bounds, Pace, Wait

log = logging.getLogger(__name__)

Say = Callable[[str], None]

LOOK_SECONDS = 1.0
"""Between two looks at config.toml and at what is waited for."""

SLOW_SECONDS = 5.0
"""A wait for the rate that is shorter than this is not worth a word."""


class ConfigFile:
    """config.toml as it changes. The environment lies over it each time, as at the start."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.file
        self._settings = settings
        self._seen = self._noticed = self._stamp()

    def changed(self) -> Settings | None:
        """The settings with [limits], [hours] and time zone as the file now has them; None where they are the same.

        A file that has changed is read at the look after the first that sees it so: an editor may be writing it. An
        empty one is taken for one that is yet to be written.
        Raises ConfigError, once for each change of the file, where it cannot be used.
        """
        stamp = self._stamp()
        settled, self._noticed = stamp == self._noticed, stamp
        if self._file is None or stamp == self._seen or not settled or _is_empty(stamp):
            return None
        try:
            new = load(self._file)
        except ConfigError:
            self._seen = stamp
            raise
        self._seen = stamp
        schedule = self._settings.schedule.model_copy(update={"timezone": new.schedule.timezone})
        follows = {"limits": new.limits, "hours": new.hours, "schedule": schedule}
        settings = self._settings.model_copy(update=follows)
        if settings == self._settings:
            return None
        self._settings = settings
        return settings

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = Path(self._file).stat() if self._file is not None else None
        except OSError:
            return None
        return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)


def _is_empty(stamp: tuple[int, int, int] | None) -> bool:
    return stamp is not None and stamp[1] == 0


class Waits:
    """Says once what a run begins to wait for, and that it goes on."""

    def __init__(self, pace: Pace, say: Say) -> None:
        self._pace = pace
        self._say = say
        self._closed: Wait | None = None
        self._slow = 0.0
        self._told: Bounds | None = None

    def look(self) -> None:
        """Look again, every :data:`LOOK_SECONDS`."""
        closed = self._pace.closed
        if closed is not self._closed:
            self._closed = closed
            self._say(self._words(closed))
        self._slow = self._slow + LOOK_SECONDS if Wait.RATE in self._pace.waiting else 0.0
        if self._slow >= SLOW_SECONDS and self._told != self._pace.bounds:
            self._told = self._pace.bounds
            self._say(rate_words(self._pace.bounds))

    def _words(self, closed: Wait | None) -> str:
        if closed is Wait.PAUSED:
            return "Paused: nothing is asked of the PACS until [limits] paused is false again."
        if closed is Wait.HOURS:
            return f"Outside the [hours] of the PACS: nothing is asked of it {until_words(self._pace.opens)}."
        return "Going on."


def until_words(opens: datetime | None) -> str:
    """Until when, in the time zone of the hours."""
    return f"until {opens:%A %Y-%m-%d %H:%M} ({opens.tzinfo})" if opens is not None else "until they are changed"


def rate_words(bounds: Bounds) -> str:
    """Which bounds hold a run back."""
    each = []
    if bounds.objects_per_minute:
        each.append(f"{bounds.objects_per_minute:g} objects")
    if bounds.octets_per_minute:
        each.append(f"{bounds.octets_per_minute / 2**20:g} MiB")
    return f"Held back by [limits] to {' and '.join(each) or 'no bound'} a minute."


@contextmanager
def following(
    settings: Settings,
    pace: Pace,
    *,
    say: Say = lambda words: None,
    warn: Say = lambda words: None,
    rest: Callable[[], None] = lambda: None,
    change: Callable[[Settings], None] = lambda settings: None,
) -> Iterator[None]:
    """While inside, ``pace`` follows config.toml within seconds.

    ``say`` gets what is waited for, ``warn`` why a changed file cannot be used; the bounds stay as they were then.
    ``rest`` is called again and again while nothing may be asked: end idle associations there. ``change`` gets the
    settings after each change.
    """
    file, waits = ConfigFile(settings), Waits(pace, say)
    over = threading.Event()

    def look() -> None:
        try:
            new = file.changed()
        except ConfigError as error:
            warn(f"The changed configuration cannot be used; limits and hours stay as they were. {error}")
            new = None
        if new is not None:
            pace.set(Bounds.of(new))
            change(new)
            say("[limits] and [hours] were read again.")
        waits.look()
        if pace.closed is not None:
            rest()

    def keep_looking() -> None:
        while not over.wait(LOOK_SECONDS):
            try:
                look()
            except Exception as error:  # a run that is paused goes on only as long as somebody looks
                log.warning("The configuration could not be looked at again (%s).", type(error).__name__)

    waits.look()
    thread = threading.Thread(target=keep_looking, name="following", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LOOK_SECONDS)
