"""Lines of cron, as they are written in [schedule] cron.

What serves the line says only when it starts, and not in words for the person who wrote it, that it cannot read it.
"""

from __future__ import annotations

import re

_CRON_PART = re.compile(r"(?:\*|([0-9]+)(?:-([0-9]+))?)(?:/([0-9]+))?")
_MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON: tuple[tuple[int, int, tuple[str, ...], str], ...] = (
    (0, 59, (), ""),
    (0, 23, (), ""),
    (1, 31, (), "lw?"),
    (1, 12, _MONTHS, ""),
    (0, 7, _WEEKDAYS, "[0-7](l|#[1-5])"),
)
"""Of each field: bounds, names that stand for numbers, and the form of a last or nth day."""


def is_cron_line(text: str) -> bool:
    """Whether a scheduler can read ``text``: minute, hour, day of the month, month, day of the week."""
    fields = text.split()
    return len(fields) == len(_CRON) and all(map(_is_cron_field, fields, _CRON))


def _is_cron_field(text: str, form: tuple[int, int, tuple[str, ...], str]) -> bool:
    """Whether one field is a list of numbers, ranges and steps within its bounds."""
    low, high, names, last = form
    for part in text.lower().split(","):
        numbers = re.sub("[a-z]{3}", lambda name: str(names.index(name[0])) if name[0] in names else name[0], part)
        if re.fullmatch(last, part) and part:
            continue
        match = _CRON_PART.fullmatch(numbers)
        if match is None or (match[3] is not None and not int(match[3])):
            return False
        ends = [int(end) for end in match.group(1, 2) if end is not None]
        if ends != sorted(ends) or not all(low <= end <= high for end in ends):
            return False
    return True
