"""Token bucket: the arithmetic of a bound per minute, without clock or threads."""

from __future__ import annotations

import math

MINUTE = 60.0
BURST = 0.1
"""The part of a minute's bound that may come at once. The bucket is refilled with the rest over a minute, so that no
stretch of a minute, wherever it begins, sees more than the bound; a single object that is larger than nine tenths of
it may be followed by a tenth."""

_ALMOST = 0.99


class Bucket:
    """Tokens, objects or octets. It starts full; its level is below zero where more came than it held.

    ``least``: the smallest burst, what one object takes: however low the bound, one can come at once. ``whole``: only
    whole tokens are taken, so that almost one more may be refilled in a minute: it does not make another.
    """

    def __init__(self, per_minute: float, least: float, now: float, *, whole: bool) -> None:
        self._whole = whole
        self._at = now
        self._level = math.inf
        self._rate = 0.0
        self.change(per_minute, least, now)

    def change(self, per_minute: float, least: float, now: float) -> None:
        """Another bound or burst from now on; what was taken stays taken."""
        level = self.level(now) if self._rate else math.inf
        self.capacity = max(least, BURST * per_minute)
        rest = per_minute - self.capacity + (_ALMOST if self._whole else 0)
        self._rate = max(rest, BURST * per_minute) / MINUTE
        self._level = min(level, self.capacity)

    def level(self, now: float) -> float:
        """Tokens in it."""
        self._level = min(self.capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level

    def take(self, tokens: float, now: float) -> None:
        """Take out; the level may fall below zero."""
        self._level = self.level(now) - tokens

    def seconds_until(self, tokens: float, now: float) -> float:
        """How long until it holds so many (at most its capacity), if nothing is taken meanwhile."""
        return max(0.0, min(tokens, self.capacity) - self.level(now)) / self._rate
