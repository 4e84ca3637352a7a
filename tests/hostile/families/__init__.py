"""The crafted files, family by family; :data:`CASES` holds all of them."""

from __future__ import annotations

from collections import Counter

from tests.hostile.crafting import Case
from tests.hostile.families import lengths, paths, pictures, pixels, reports, sizes, states, transports, values

FAMILIES = (sizes, lengths, values, paths, pixels, states, reports, transports, pictures)

CASES: tuple[Case, ...] = tuple(case for family in FAMILIES for case in family.cases())

assert max(Counter(case.name for case in CASES).values()) == 1, "two cases of one name"
