"""What a PACS refuses as too broad: by a status such as 0xA700, out of resources (PS3.4 C.4.1.1.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from miner.pacs.queries.windows import Part
from miner.pacs.retry import RequestRefusedError

Keys = Mapping[str, str]

OPEN = 10**6
"""Days of a range without an end."""


class Breadth:
    """Remembers, for each set of matching keys, the shortest range that was refused: other keys may narrow it enough.

    ``ask`` sends one query for a part.
    """

    def __init__(self, ask: Callable[[Part, Keys], object], today: Callable[[], date]) -> None:
        self._ask = ask
        self._today = today
        self._refused: dict[frozenset[str], int] = {}
        self._answers_a_day: dict[frozenset[str], bool] = {}

    def begin(self) -> None:
        """A new search: a refusal may have been a passing one."""
        self._answers_a_day.clear()

    def forbids(self, part: Part, keys: Keys) -> bool:
        """Whether a range as long as this was refused before, with the same keys, and can be cut."""
        shortest = self._refused.get(frozenset(keys))
        if shortest is None or part.one_day or part.everything:
            return False
        return _days(part) >= shortest and bool(part.halves(self._today()))

    def refuse(self, part: Part, keys: Keys) -> bool:
        """Enter a refusal. True where cutting helps: the PACS answers for a single day, so it is breadth it refuses.

        Tried for each set of keys: a PACS may refuse one of the keys, and breadth besides.
        """
        asked = frozenset(keys)
        if asked not in self._answers_a_day:
            day = self._today()
            try:
                self._ask(Part(day, day), keys)
                self._answers_a_day[asked] = True
            except RequestRefusedError:
                self._answers_a_day[asked] = False
        if self._answers_a_day[asked]:
            self._refused[asked] = min(_days(part), self._refused.get(asked, OPEN))
        return self._answers_a_day[asked]


def _days(part: Part) -> int:
    return (part.until - part.since).days if part.since and part.until else OPEN
