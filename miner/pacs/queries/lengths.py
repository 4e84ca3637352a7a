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

    ``caught``: at which the PACS was seen to cut off. ``known``: a length that it has given on an earlier day; a
    shorter answer is believed, unless it comes twice: the limit may have been changed since.
    """

    def __init__(self, caught: Iterable[int] = (), known: int = 0) -> None:
        self.caught = set(caught)
        self.longest = 0
        self._known = known

    def may_be_cut_off(self, length: int) -> bool:
        """Enter one answer; True where its length has to be confirmed."""
        longest, self.longest = self.longest, max(self.longest, length)
        if length < FEWEST:
            return False
        record = length > longest and length >= self._known
        return record or length == longest or length in self.caught or _round(length)

    def enter(self, length: int) -> None:
        """Enter an answer that is not in question: that there was one so long."""
        self.longest = max(self.longest, length)

    def proves(self, length: int) -> bool:
        """Whether the PACS has given more rows than that, and was not caught at just that many."""
        return length < self.longest and length not in self.caught

    def catch(self, length: int) -> None:
        """The PACS had more than it answered."""
        self.caught.add(length)


def _round(length: int) -> bool:
    return length >= ROUND_FROM and (length % 50 == 0 or length & (length - 1) == 0)
