"""One planted identifier, and the aviary that breeds them: each unique, improbable, and bound to its place."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Kind(StrEnum):
    """What a canary looks like; its surface forms follow from it."""

    WORD = "word"
    SCRIPT = "script"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    UID = "uid"
    DIGITS = "digits"


@dataclass(frozen=True)
class Canary:
    """One planted value. ``place``: object and attribute path; ``codec``: how a script's bytes stand in the source."""

    value: str
    kind: Kind
    place: str
    codec: str = "ascii"


_CONSONANTS, _VOWELS = "bcdfghjklmnpqrstvwxz", "aeiouy"
_SCRIPTS = {
    "greek": ("αβγδεζηθικλμνξοπρστυφχψω", "iso8859_7"),
    "cyrillic": ("абвгдежзиклмнопрстуфхцчшщыэюя", "iso8859_5"),
    "kanji": ("亜唖阿哀愛挨姶逢葵茜穐悪握渥旭葦芦鯵梓圧斡扱宛姐虻飴絢綾鮎或粟袷安庵", "iso2022_jp"),
    "hangul": ("가각간갇갈감갑값갓갔강객갠갤갬갭갯갱갸갹거걱건걷걸검겁것겄겅", "euc_kr"),
    "hanzi": ("国图场长门问间闻阅队阳阴阵阶际陆陈险随隐难雾静韩页顶顷项顺须顾顿颁颂预", "gb18030"),
}


class Aviary:
    """Breeds canaries from a seed. ``canaries`` holds them in the order in which they were planted."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._taken: set[str] = set()
        self._dates = _improbable_days(self._random)
        self.canaries: list[Canary] = []

    @property
    def places(self) -> set[str]:
        """Where canaries were planted: the object's kind and the attribute's path."""
        return {canary.place for canary in self.canaries}

    def word(self, place: str) -> str:
        """Ten random capitals that can be spoken."""
        return self._keep(place, Kind.WORD, lambda: "".join(self._syllable() for _ in range(5)).upper())

    def name(self, place: str) -> str:
        """A person's name of two components (PS3.5 6.2.1), each a canary: any order of them is found."""
        return f"{self.word(f'{place} family')}^{self.word(f'{place} given')}"

    def script(self, place: str, script: str) -> str:
        """Eight random characters of a script."""
        letters, codec = _SCRIPTS[script]
        return self._keep(place, Kind.SCRIPT, lambda: "".join(self._random.choices(letters, k=8)), codec)

    def number(self, place: str) -> str:
        """Nine random digits: fits IS and UL."""
        return self._keep(place, Kind.NUMBER, lambda: str(self._random.randrange(10**8, 10**9)))

    def record_number(self, place: str) -> str:
        """What a hospital numbers patients and requests by: two letters, nine digits; the digits alone count too."""
        digits = self._keep(place, Kind.NUMBER, lambda: str(self._random.randrange(10**8, 10**9)))
        return f"KX{digits}"

    def decimal(self, place: str) -> str:
        """A number with a fraction: fits DS, FL and FD."""
        return self._keep(place, Kind.DIGITS, lambda: f"{self._random.randrange(1000, 9999)}.{self._odd(6)}")

    def day(self, place: str) -> str:
        """A day of 1801 to 1949 past the twelfth of its month: no form of it is another day's."""
        return self._keep(place, Kind.DATE, lambda: next(self._dates))

    def time(self, place: str) -> str:
        """A time of day with six digits of the second's fraction."""
        random_ = self._random
        return self._keep(
            place,
            Kind.TIME,
            lambda: f"{random_.randrange(24):02d}{random_.randrange(60):02d}{random_.randrange(60):02d}.{self._odd(6)}",
        )

    def uid(self, place: str) -> str:
        """A UID under an institution's root of its own, with a serial number and a counter in it."""
        random_ = self._random
        root = f"1.3.6.1.4.1.{random_.randrange(10**6, 10**7)}"
        return self._keep(
            place,
            Kind.UID,
            lambda: f"{root}.{random_.randrange(10**4, 10**5)}.{random_.randrange(10**11, 10**12)}",
        )

    def _odd(self, count: int) -> str:
        return "".join(self._random.choices("123456789", k=count))

    def _syllable(self) -> str:
        return self._random.choice(_CONSONANTS) + self._random.choice(_VOWELS)

    def _keep(self, place: str, kind: Kind, make: Callable[[], str], codec: str = "ascii") -> str:
        while (value := make()) in self._taken:
            continue
        self._taken.add(value)
        self.canaries.append(Canary(value, kind, place, codec))
        return value


def _improbable_days(source: random.Random) -> Iterator[str]:
    days = [
        date(year, month, day).strftime("%Y%m%d")
        for year in range(1801, 1950)
        for month in range(1, 13)
        for day in range(13, 29)
    ]
    source.shuffle(days)
    return iter(days)
