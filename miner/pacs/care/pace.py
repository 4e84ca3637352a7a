"""How fast the PACS is asked: a bound on associations, on objects and on octets per minute, changeable at any time.

An object is entered when it has come. What a request names and has not come yet is set aside, so that no other request
counts on it: whatever time lies between a request and its objects, the PACS never sees itself send more in a minute
than the bound, wherever that minute begins. The size of an object is known only when it has come: until then it is
taken to be as large as the largest of late, so the bound on octets can be passed by one request whose objects are
larger than any before; the next waits until that is made up for.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from miner.config import Settings
from miner.pacs.care.bucket import Bucket
from miner.pacs.care.halt import Halt
from miner.pacs.care.hours import ALWAYS, Hours

LONGEST_HOLD = 5.0
"""Seconds that an object is held before it is acknowledged: a PACS that waits longer takes us for dead."""

LARGE = 1 << 20
"""Octets that an object is expected to have, where none of late had more: two CT slices."""

_OF_LATE = 64
_LOOK_AGAIN = 1.0
"""Seconds between two looks at the clock on the wall, which may be put back or forward."""

WIDER_AFTER = 300.0
"""Seconds without a rejection, after which one association more is tried of a PACS that took fewer than are set."""

LONGEST_WIDER_AFTER = 3600.0
"""The same where every such attempt has been rejected: it doubles with each, up to this."""

_ROUNDING = 1e-9


class Wait(StrEnum):
    """What a request waits for."""

    PAUSED = "paused"
    HOURS = "hours"
    RATE = "rate"
    ASSOCIATION = "association"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the PACS is to bear; 0: no bound. ``paused``, or outside ``hours``: nothing is asked for at all."""

    associations: int = 0
    objects_per_minute: float = 0
    octets_per_minute: float = 0
    paused: bool = False
    hours: Hours = ALWAYS

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """[limits] and [hours] of config.toml."""
        limits = settings.limits
        octets = limits.mebibytes_per_minute * 2**20
        return cls(limits.associations, limits.objects_per_minute, octets, limits.paused, Hours.of(settings))


class Pace:
    """Shared by all connections of a run. Waits end with StoppedError when ``halt`` is thrown."""

    def __init__(
        self,
        bounds: Bounds | None = None,
        halt: Halt | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.halt = halt or Halt()
        self._clock = clock
        self._wall_clock = wall_clock
        self._changed = threading.Condition()
        self._held = 0
        self._most = 0
        """Associations that the PACS was found to take at once; 0: not known."""
        self._wider_after = WIDER_AFTER
        self._wider_at = 0.0
        self._tried_wider = False
        self._asked: dict[int, tuple[int, int]] = {}
        """By thread: objects that its request has named and that have not come, and the octets expected of each."""
        self._sizes: deque[int] = deque(maxlen=_OF_LATE)
        self._waiting: dict[int, Wait] = {}
        self._objects: Bucket | None = None
        self._octets: Bucket | None = None
        self.set(bounds or Bounds())

    # ---------------------------------------------------------------------------------------------------- what is set

    @property
    def bounds(self) -> Bounds:
        """The bounds in force."""
        return self._bounds

    def set(self, bounds: Bounds) -> None:
        """Change the bounds while a run goes on; who waits looks again."""
        with self._changed:
            self._bounds = bounds
            now = self._clock()
            self._objects = _bucket(self._objects, bounds.objects_per_minute, 1, now, whole=True)
            self._octets = _bucket(self._octets, bounds.octets_per_minute, self._expected, now, whole=False)
            self._changed.notify_all()

    @property
    def closed(self) -> Wait | None:
        """PAUSED or HOURS while nothing may be asked for, else None."""
        if self._bounds.paused:
            return Wait.PAUSED
        return None if self._bounds.hours.open_at(self._wall_clock()) else Wait.HOURS

    @property
    def opens(self) -> datetime | None:
        """When the hours begin again, in their time zone; None where they have begun."""
        now = self._wall_clock()
        return None if self._bounds.hours.open_at(now) else self._bounds.hours.next_change(now)

    @property
    def waiting(self) -> frozenset[Wait]:
        """What requests are waiting for now."""
        with self._changed:
            return frozenset(self._waiting.values())

    # --------------------------------------------------------------------------------------------------- associations

    @contextlib.contextmanager
    def association(self) -> Iterator[None]:
        """While inside, one of the associations that the PACS is to see is ours. Waits for a free one, and while
        nothing may be asked for. Raises StoppedError.
        """
        self._wait_until(self._take_association)
        try:
            yield
        finally:
            with self._changed:
                self._held -= 1
                self._changed.notify_all()

    @property
    def associations(self) -> int:
        """How many may be open at once: what is set, or fewer where the PACS takes fewer; 0: no bound."""
        return min((most for most in (self._bounds.associations, self._most) if most), default=0)

    @property
    def crowded(self) -> bool:
        """True once the PACS was found to take fewer associations than are set: those that are idle are in the way."""
        return 0 < self._most < (self._bounds.associations or self._most + 1)

    def refused(self) -> bool:
        """The PACS takes no further association beside those of ours that are open: no more are opened, until some
        minutes have passed and one more is tried. Called inside :meth:`association`. False where no other is open, so
        that it is not we who crowd it.
        """
        with self._changed:
            others = self._held - 1
            if others < 1:
                return False
            self._most = min(others, self._most or others)
            if self._tried_wider:
                self._wider_after = min(2 * self._wider_after, LONGEST_WIDER_AFTER)
                self._tried_wider = False
            self._wider_at = self._clock() + self._wider_after
            return True

    def _try_wider(self) -> None:
        """Others may have held what the PACS did not give us: one more, once it is time."""
        now = self._clock()
        if not self._most or now < self._wider_at:
            return
        self._most += 1
        self._wider_at = now + self._wider_after
        self._tried_wider = True
        if 0 < self._bounds.associations <= self._most:
            self._most = 0

    def _take_association(self) -> tuple[Wait, float] | None:
        if (closed := self.closed) is not None:
            return closed, _LOOK_AGAIN
        self._try_wider()
        if 0 < self.associations <= self._held:
            return Wait.ASSOCIATION, _LOOK_AGAIN
        self._held += 1
        return None

    # ------------------------------------------------------------------------------------------------------- requests

    def before_request(self, objects: int = 0, *, release: Callable[[], None] | None = None) -> int:
        """Wait until a request may be sent. Returns how many of ``objects`` it may name, at least 1 (0 for a query).

        ``release`` is called once before a wait for the hours or the end of a pause, and before one for the rate where
        others wait for an association: end an idle association there, and open it anew afterwards. The thread's request
        before this one counts as over: what it named and did not come is entered as if it had, since the PACS had the
        work with it. Raises StoppedError.
        """
        self.after_request()
        allowed = [0]

        def grant() -> tuple[Wait, float] | None:
            if (closed := self.closed) is not None:
                return closed, _LOOK_AGAIN
            allowed[0], seconds = self._allow(objects)
            return (Wait.RATE, seconds) if objects and not allowed[0] else None

        self._wait_until(grant, release)
        return allowed[0]

    def after_request(self) -> None:
        """The request of this thread is over; needed only where no other follows it."""
        with self._changed:
            missing, _ = self._asked.pop(threading.get_ident(), (0, 0))
            if missing:
                if self._objects is not None:
                    self._objects.take(missing, self._clock())
                self._changed.notify_all()

    def took(self, octets: int) -> None:
        """Enter one object that has come; returns when the next may, after 5 s at most. Called before the object is
        acknowledged. Raises nothing: it is called where the objects of an ended run are still received.
        """
        with self._changed:
            now = self._clock()
            self._settle_one()
            self._sizes.append(octets)
            if self._objects is not None:
                self._objects.take(1, now)
            if self._octets is not None:
                self._octets.take(octets, now)
                self._octets.change(self._bounds.octets_per_minute, self._expected, now)
            self._changed.notify_all()
            end = now + LONGEST_HOLD
            while not self.halt.thrown and (seconds := min(end - now, self._debt(now))) > 0:
                self._changed.wait(min(seconds, _LOOK_AGAIN))
                now = self._clock()

    def _settle_one(self) -> None:
        """One object that was named has come: this thread's, or where others receive them (C-MOVE), the oldest."""
        me = threading.get_ident()
        owner = me if me in self._asked else next(iter(self._asked), None)
        if owner is None:
            return
        objects, octets = self._asked[owner]
        if objects > 1:
            self._asked[owner] = (objects - 1, octets)
        else:
            del self._asked[owner]

    def _debt(self, now: float) -> float:
        """Seconds until no bucket is below zero."""
        return max((bucket.seconds_until(0, now) for bucket in (self._objects, self._octets) if bucket), default=0.0)

    @property
    def _expected(self) -> int:
        """Octets that the next object is expected to have."""
        return max(LARGE, *self._sizes) if self._sizes else LARGE

    def _allow(self, objects: int) -> tuple[int, float]:
        """How many objects may be named now, set aside for this thread; 0, and the seconds to wait.

        It is worth while to wait until half a burst can be named: else every object would be a request of its own.
        """
        if not objects:
            return 0, 0.0
        now, expected = self._clock(), self._expected
        allowed, seconds = objects, 0.0
        for bucket, each, aside in (
            (self._objects, 1, sum(count for count, _ in self._asked.values())),
            (self._octets, expected, sum(count * octets for count, octets in self._asked.values())),
        ):
            if bucket is None:
                continue
            reachable = min(bucket.capacity / 2, bucket.capacity - aside)
            wanted = min(objects, max(1, int(reachable / each + _ROUNDING)))
            free = int((bucket.level(now) - aside) / each + _ROUNDING)
            allowed = min(allowed, free if free >= wanted else 0)
            seconds = max(seconds, bucket.seconds_until(wanted * each + aside, now))
        if allowed:
            self._asked[threading.get_ident()] = (allowed, expected)
        # Nothing to wait for but what others have set aside: they say when it has come.
        return allowed, seconds or _LOOK_AGAIN

    # -------------------------------------------------------------------------------------------------------- waiting

    def _wait_until(
        self, attempt: Callable[[], tuple[Wait, float] | None], release: Callable[[], None] | None = None
    ) -> None:
        """Repeat ``attempt``, which says what it lacks and for how many seconds, until it lacks nothing."""
        me = threading.get_ident()
        with self.halt.ending(self._wake):
            while True:
                with self._changed:
                    self.halt.check()
                    lacking = attempt()
                    if lacking is None:
                        return
                    why, seconds = lacking
                    # Who waits for an association may have set aside what we wait for, while we hold it idle.
                    if release is None or (why is Wait.RATE and Wait.ASSOCIATION not in self._waiting.values()):
                        self._waiting[me] = why
                        try:
                            self._changed.wait(min(max(seconds, 0.001), _LOOK_AGAIN))
                        finally:
                            del self._waiting[me]
                        continue
                release()
                release = None

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _bucket(bucket: Bucket | None, per_minute: float, least: float, now: float, *, whole: bool) -> Bucket | None:
    """The bucket of a bound that was changed; None: no bound."""
    if not per_minute:
        return None
    if bucket is None:
        return Bucket(per_minute, least, now, whole=whole)
    bucket.change(per_minute, least, now)
    return bucket
