"""miner.records: what holds source identifiers prints none of them."""

from __future__ import annotations

import dataclasses
import inspect
from types import ModuleType

import pytest

from miner.records import annotations, images, source

CANARY = "XUBRIQEZAL"

KNOWS_NOBODY = frozenset({"Measurement", "Code", "DateWindow"})
"""Numbers, public codes, and the window that the caller asks for."""


def _records(module: ModuleType) -> list[type]:
    return [
        value
        for _, value in sorted(vars(module).items())
        if inspect.isclass(value) and dataclasses.is_dataclass(value) and value.__module__ == module.__name__
    ]


@pytest.mark.parametrize(
    "record", [r for m in (source, annotations, images) for r in _records(m)], ids=lambda r: r.__name__
)
def test_no_record_prints_what_it_holds(record: type) -> None:
    made = object.__new__(record)
    for field in dataclasses.fields(record):
        object.__setattr__(made, field.name, CANARY)
    if record.__name__ not in KNOWS_NOBODY:
        assert CANARY not in repr(made) + f"{made}" + repr([made])
