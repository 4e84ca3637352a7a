"""Made-up people and UIDs: recognisably invented, and the same on every machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

_GIVEN = ("ADA", "BRUNO", "CLARA", "DAVID", "EMILIA", "FRITZ", "GRETA", "HUGO", "IDA", "JONAS", "KLARA", "LEO")
_FAMILY = (
    "MADEUP", "INVENTED", "FICTITIOUS", "IMAGINARY", "NOBODY", "PLACEHOLDER",
    "EXAMPLE", "SPECIMEN", "PHANTOM", "PRETEND", "TESTCASE", "DEMOPATIENT",
)  # fmt: skip
_FIRST_STUDY = date(2018, 3, 5)


def demo_uid(*parts: object) -> str:
    """A UID under 2.25 made from a digest of ``parts`` (PS3.5 B.2)."""
    digest = hashlib.sha256("/".join(("demo", *map(str, parts))).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


@dataclass(frozen=True, slots=True)
class Person:
    """One invented patient. ``age`` is in years at the first study."""

    number: int
    name: str
    patient_id: str
    sex: str
    age: int
    first_study: date

    @property
    def birth_date(self) -> date:
        """Some 100 days before the birthday would be in the year of the first study."""
        return date(self.first_study.year - self.age, 1, 15) + timedelta(days=self.number % 40)

    def age_at(self, day: date) -> int:
        """Whole years."""
        born = self.birth_date
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def make_person(number: int, *, sex: str, age: int) -> Person:
    """The ``number``-th invented patient, from 0."""
    given = _GIVEN[number % len(_GIVEN)]
    family = _FAMILY[(number + number // len(_GIVEN)) % len(_FAMILY)]
    first = _FIRST_STUDY + timedelta(days=37 * (number % 60))
    return Person(number, f"{family}^{given}", f"DEMO-{number + 1:05d}", sex, age, first)
