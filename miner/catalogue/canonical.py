"""Canonical JSON and the hashes over it.

Canonical here: UTF-8 of ASCII-only JSON, keys sorted, no blanks, floats as Python's shortest repr that reads back to
the same float64, no NaN and no infinity. The same values give the same bytes on every machine and both databases.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from miner.errors import PermanentError, Reason


def canonical(value: object) -> str:
    """Canonical JSON of ``value``. Raises PermanentError for a number that is not finite, or a type unknown to JSON."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    except (TypeError, ValueError):
        raise PermanentError(
            "A record for the catalogue holds a number that is not finite, or something that is not data.",
            Reason.INTERNAL,
        ) from None


def sha256_of(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(value: object) -> str:
    """SHA-256 over canonical JSON, as 64 hex digits."""
    return sha256_of(canonical(value))


def number(value: float) -> float:
    """``value`` as a plain float that both databases give back bit for bit (SQLite turns -0.0 into 0.0, NaN into NULL).

    Raises PermanentError where it is not finite.
    """
    if not math.isfinite(value):
        raise PermanentError("A record for the catalogue holds a number that is not finite.", Reason.INTERNAL)
    return float(value) + 0.0


def _plain(value: Any) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
