"""What the lengths of a PACS's answers tell about a limit that it does not tell of.

A PACS that cuts off its answers at N rows never gives more than N. So an answer shorter than the longest one that it
ever gave is whole, whatever N is; one that is as long or longer may be cut off, and has to be confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable

FEWEST = 2
"""An answer of fewer rows is believed: no archive works with a limit of one."""

ROUND_FROM = 100
"""From so many rows on, a round number is looked into even where a longer answer was seen: limits are often round, and
may differ from one kind of query to another."""


class Lengths:
    """The lengths of one connection's answers at one level.

    ``caught``: at which the PACS was seen to cut off. ``known``: the longest answer that was whole on an earlier day;
    one that is no longer is believed, unless it is long and comes twice: the limit may have been changed since.
    """

    def __init__(self, caught: Iterable[int] = (), known: int = 0) -> None:
        self.caught = set(caught)
        self._known = known
        self._longest = 0
        self._whole = 0

    @property
    def whole(self) -> int:
        """The longest answer that is known to have been whole."""
        return max(self._whole, self._longest - 1)

    def may_be_cut_off(self, length: int) -> bool:
        """Enter one answer; True where its length has to be confirmed."""
        longest, self._longest = self._longest, max(self._longest, length)
        if length < FEWEST:
            return False
        if length in self.caught:
            return True
        if length <= self._whole or length <= min(self._known, ROUND_FROM):
            return False
        return length == longest or (length > longest and length > self._known) or _round(length)

    def enter(self, length: int) -> None:
        """Enter an answer that is not in question: that there was one so long."""
        self._longest = max(self._longest, length)

    def prove(self, length: int) -> None:
        """An answer of this length was whole: there is no limit at it, nor below."""
        self._whole = max(self._whole, length)

    def proves(self, length: int) -> bool:
        """Whether an answer of this length is whole: the PACS gives longer ones, and was not caught at just that."""
        return length <= self.whole and length not in self.caught

    def catch(self, length: int) -> None:
        """The PACS had more than it answered."""
        self.caught.add(length)


def _round(length: int) -> bool:
    return length >= ROUND_FROM and (length % 50 == 0 or length & (length - 1) == 0)
