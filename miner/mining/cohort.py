"""What a run is asked for: a window of study dates, or a cohort named in files."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from miner.config import Settings
from miner.deid import Surrogates
from miner.errors import ConfigError, UsageError
from miner.records import DateWindow, StudyRef

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UID = re.compile(r"(?=.*[0-9])[0-9.]{1,64}")
"""Real archives arrange digits and dots otherwise than PS3.5 9.1 says, with leading zeros for one."""


@dataclass(frozen=True, slots=True)
class Request:
    """One `miner mine` as it was asked for. ``since``: a date, ``all``, or None for the watermark."""

    since: date | str | None = None
    until: date | None = None
    limit: int | None = None
    study_uid: str = ""
    patients: tuple[str, ...] = ()
    accessions: tuple[str, ...] = ()

    @property
    def narrowed(self) -> bool:
        """Whether a cohort is named: such a run leaves the watermark alone."""
        return bool(self.study_uid or self.patients or self.accessions)


def parse_since(text: str | None) -> date | str | None:
    """``all``, YYYY-MM-DD or None. Raises UsageError."""
    return text if text in (None, "all") else parse_day(text, "--since")


def parse_day(text: str | None, option: str) -> date | None:
    """A day written YYYY-MM-DD. Raises UsageError naming the option."""
    if text is None:
        return None
    try:
        if not _DAY.fullmatch(text):  # fromisoformat takes weeks and days without hyphens too
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} must be a day as YYYY-MM-DD, such as 2026-01-31.") from None


def parse_study(text: str | None) -> str:
    """A Study Instance UID, empty for None. Raises UsageError without repeating the value, which may be a name."""
    if text is None:
        return ""
    if not text.strip():
        raise UsageError("--study is empty: name a Study Instance UID, or leave the option out.")
    if not _UID.fullmatch(text.strip()):
        raise UsageError("--study must be a Study Instance UID: digits and dots, 64 at most.")
    return text.strip()


def window_of(request: Request, watermark: date | None, look_back_days: int) -> DateWindow:
    """The window of study dates of this run. Raises UsageError on a first run that names no start."""
    if request.narrowed and request.since is None:
        return DateWindow(None, request.until)
    if request.since == "all":
        return DateWindow(None, request.until)
    if isinstance(request.since, date):
        if request.until is not None and request.until < request.since:
            raise UsageError("--until lies before --since.")
        return DateWindow(request.since, request.until)
    if watermark is None:
        raise UsageError(
            "This catalogue has not been mined yet: name a start with --since YYYY-MM-DD, "
            "or --since all for the whole archive."
        )
    return DateWindow(watermark - timedelta(days=look_back_days), request.until)


def read_id_file(path: Path, option: str) -> tuple[str, ...]:
    """Ids of a text file, one a line, blank lines left out. Raises UsageError."""
    try:
        # Spreadsheets put a byte order mark first: left in, the first id of the list would match nobody.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"The file named by {option} cannot be read as text: {path}.") from None
    ids = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not all(entry.isprintable() for entry in ids):
        raise UsageError(f"The file named by {option} is no plain UTF-8 text, one id a line: {path}.")
    return ids


def read_cohort_file(path: Path, option: str) -> tuple[str, ...]:
    """Ids of a text file, at least one: a cohort of nobody, or a wild card, must not become a run of everybody.

    Raises UsageError.
    """
    ids = read_id_file(path, option)
    if not ids:
        raise UsageError(f"The file named by {option} holds no id: {path}.")
    if not all(map(_can_be_asked_for, ids)):
        raise UsageError(
            f"An id in the file named by {option} holds an asterisk, a question mark or a backslash, which mean other "
            f"ids too in a query: name its studies by --study instead. {path}"
        )
    return ids


def _can_be_asked_for(entry: str) -> bool:
    """Whether a query for it asks for nothing else (PS3.4 C.2.2.2.4)."""
    return not any(character in entry for character in "*?\\")


def read_opt_out(settings: Settings) -> frozenset[str]:
    """Patient ids that are never retrieved, whatever their issuer; each stands for all numbers of its person.

    A named file that is missing is an error, never an empty list.
    """
    named = settings.selection.opt_out
    if not named:
        return frozenset()
    try:
        return frozenset(read_id_file(settings.path(named), "[selection] opt_out"))
    except UsageError as error:
        raise ConfigError(str(error)) from None


def opt_out_warning(settings: Settings) -> str | None:
    """A sentence where the opt-out list can be read by others, None where it cannot or there is none."""
    named = settings.selection.opt_out
    try:
        readable = bool(named) and settings.path(named).stat().st_mode & 0o077
    except OSError:
        return None  # reading it says so
    if not readable:
        return None
    return "The file of [selection] opt_out holds patient ids, and others can read it: run `chmod 600` on it."


def people_of(patients: Sequence[str], surrogates: Surrogates) -> tuple[list[str], list[str]]:
    """All PatientIDs of those whom a cohort names, and studies that are said to be theirs by UID, by the crosswalk."""
    numbers, studies = dict.fromkeys(patients), dict[str, None]()
    for patient_id in patients:
        others, said = surrogates.beside(patient_id)
        numbers.update(dict.fromkeys(sorted(filter(_can_be_asked_for, others))))
        studies.update(dict.fromkeys(sorted(said)))
    return list(numbers), list(studies)


def is_opted_out(study: StudyRef, listed: Collection[str], surrogates: Surrogates) -> bool:
    """Whether the list names the study's patient: by the number of the study itself, or by another of the person's."""
    return any(number.strip() in listed for number in surrogates.record_numbers(study.patient, study.study_uid))
