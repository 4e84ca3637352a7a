"""The crosswalk: record numbers that stand for one person, and studies that stand under another's number.

An archive knows record numbers, not people. Two numbers of one person would be two patients in a release, one of them
perhaps in training and the other in test; one number that two people share would be one. Whoever knows better says so
in a CSV file that is named in ``[selection] crosswalk``, with this header:

``patient_id,issuer,study_uid,person_id,person_issuer``

Each line says whose a record is. Empty means "whatever it is", in each column that may be empty:

- ``patient_id``, ``issuer``: what the archive says; without an issuer, the number under every issuer.
- ``study_uid``: narrows the line to one study, as where a study was filed under somebody else's number (a split).
  With a study, ``patient_id`` may be empty too: whoever it is filed under, or nobody.
- ``person_id``, ``person_issuer``: the record number that stands for the person. Without an issuer it does so for
  the number under every issuer. It may itself be mapped by another line: chains are followed to their end.

Of several lines that fit a study, that of the study counts before that of the number, and that with an issuer before
that without one. The file holds identifiers: it must be readable by its owner alone, nothing of it but a keyed digest
enters the catalogue, nothing at all log or release, and no message repeats what stands in it.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from miner.errors import ConfigError
from miner.records import PatientRef

COLUMNS = ("patient_id", "issuer", "study_uid", "person_id", "person_issuer")
LARGEST_FILE = 64 << 20
"""Octets of a crosswalk: about a million lines. A larger one is none, or holds much more than merges and splits."""

LONGEST_CELL = 256
"""Characters. PatientID and Issuer of Patient ID are LO, of 64 at most (PS3.5 6.2); some archives send more."""

_ANY = None
_PADDING = " \0\t\r\n"
_UID = re.compile(r"(?=.*[0-9])[0-9.]{1,64}")
_Record = tuple[str, str | None, str | None]
"""Study UID (empty: every study), PatientID and issuer (None: whatever it is)."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Whose a record is, and the line that says so."""

    person: PatientRef
    line: int


class Crosswalk:
    """Whose a record is. Without lines, everybody is who the archive says. Neither printed nor pickled."""

    __slots__ = ("_numbers", "_persons", "_studies")

    def __init__(self, lines: Mapping[_Record, _Target] | None = None, source: str = "the crosswalk") -> None:
        """Use :func:`read_crosswalk`. Raises ConfigError where a chain of lines does not end."""
        said = dict(lines or {})
        for target in [*said.values()]:
            if not target.person.issuer:
                said.setdefault(("", target.person.patient_id, _ANY), target)
        self._persons = {record: _end_of_chain(said, target, source) for record, target in said.items()}
        numbers: dict[PatientRef, set[str]] = defaultdict(set)
        studies: dict[PatientRef, set[str]] = defaultdict(set)
        for (study_uid, patient_id, _), person in self._persons.items():
            if study_uid:
                studies[person].add(study_uid)
            elif patient_id is not _ANY:
                numbers[person].add(patient_id)
        self._numbers = {person: frozenset(ids) for person, ids in numbers.items()}
        self._studies = {person: frozenset(uids) for person, uids in studies.items()}

    def __reduce__(self) -> NoReturn:
        raise TypeError("the crosswalk does not leave the process")

    def __len__(self) -> int:
        """How many records it maps."""
        return len(self._persons)

    def person(self, patient: PatientRef, study_uid: str = "") -> PatientRef:
        """The record that stands for the person whose study this is; ``patient`` itself where no line fits."""
        if not self._persons:
            return patient
        patient_id, issuer, study = (text.strip(_PADDING) for text in (patient.patient_id, patient.issuer, study_uid))
        for record in _fitting(patient_id, issuer, study):
            if (person := self._persons.get(record)) is not None:
                return person
        return patient

    def numbers(self, patient: PatientRef, study_uid: str = "") -> frozenset[str]:
        """Every PatientID of the person whose study this is, trimmed: that of the study itself, and all its aliases."""
        person = self.person(patient, study_uid)
        own = {patient.patient_id.strip(_PADDING), person.patient_id.strip(_PADDING)} - {""}
        return self._numbers.get(person, frozenset()) | own

    def beside(self, patient_id: str) -> tuple[frozenset[str], frozenset[str]]:
        """What else is of those who have a number, under whatever issuer: their other PatientIDs, and studies that
        are said to be theirs whoever they are filed under, by UID."""
        named = patient_id.strip(_PADDING)
        persons = {person for person, ids in self._numbers.items() if named in ids}
        persons |= {person for person in self._persons.values() if person.patient_id == named}
        numbers = {number for person in persons for number in (person.patient_id, *self._numbers.get(person, ()))}
        studies = {uid for person in persons for uid in self._studies.get(person, ())}
        return frozenset(numbers - {named}), frozenset(studies)

    def canonical(self) -> bytes:
        """What it says, in the same octets whatever words say it; empty where it says nothing."""
        lines = [
            json.dumps([study_uid, patient_id, issuer, person.patient_id, person.issuer])
            for (study_uid, patient_id, issuer), person in self._persons.items()
        ]
        return "\n".join(sorted(lines)).encode()


def read_crosswalk(path: Path) -> Crosswalk:
    """Read a crosswalk (see the module's text for its form).

    UTF-8 with or without a byte order mark, any line ends, quotes as spreadsheets set them; columns in any order; blank
    lines are passed over, and a line may stand twice.

    Raises:
        ConfigError: missing, readable by others, too large, no such table, a line that says nothing or contradicts
            another, or chains that run in a circle. The message has the numbers of the lines, never what is in them.
    """
    lines: dict[_Record, _Target] = {}
    for number, row in _rows(_private_text(path), path):
        record, person = _record_of(row, number, path)
        known = lines.setdefault(record, _Target(person, number))
        if known.person != person:
            raise ConfigError(
                f"The crosswalk {path} contradicts itself: lines {known.line} and {number} give one record to two "
                "persons. Leave one of them."
            )
    return Crosswalk(lines, f"The crosswalk {path}")


def _fitting(patient_id: str, issuer: str, study_uid: str) -> Iterator[_Record]:
    """What a line may say of this study, the narrowest first."""
    if study_uid:
        yield from ((study_uid, patient_id, issuer), (study_uid, patient_id, _ANY), (study_uid, _ANY, _ANY))
    if patient_id:
        yield from (("", patient_id, issuer), ("", patient_id, _ANY))


def _end_of_chain(said: Mapping[_Record, _Target], target: _Target, source: str) -> PatientRef:
    passed = {target.person: target.line}
    while True:
        person = target.person
        fitting = (said[record] for record in _fitting(person.patient_id, person.issuer, "") if record in said)
        following = next(fitting, target)
        if following.person == person:
            return person
        if following.person in passed:
            circle = [*passed.values(), following.line]
            raise ConfigError(f"{source} goes round in a circle: {_lines(circle)}. Name the person's own number last.")
        passed[following.person] = following.line
        target = following


def _lines(numbers: Iterable[int]) -> str:
    listed = sorted(set(numbers))
    return f"line{'s' if len(listed) > 1 else ''} {', '.join(map(str, listed[:10]))}"


def _private_text(path: Path) -> str:
    """The text of a file that nobody but its owner can read; the mode is that of the file opened, not of the name."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise ConfigError(f"The crosswalk {path} can be read by others: run `chmod 600 {path}`.")
            octets = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigError(f"No crosswalk at {path}: correct [selection] crosswalk, or leave it empty.") from None
    except OSError as error:
        raise ConfigError(f"The crosswalk {path} cannot be read ({type(error).__name__}).") from None
    if len(octets) > LARGEST_FILE:
        raise ConfigError(f"The crosswalk {path} is larger than {LARGEST_FILE >> 20} MiB: is it another file?")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"The crosswalk {path} is no UTF-8 text: save it as CSV UTF-8.") from None


def _rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows by column, each with the number of the line that it ends on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip(_PADDING) for cell in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            raise ConfigError(f"The first line of the crosswalk {path} must be the header {','.join(COLUMNS)}.")
        for cells in reader:
            trimmed = [cell.strip(_PADDING) for cell in cells]
            if not any(trimmed):
                continue
            if len(trimmed) != len(header):
                raise _wrong(path, reader.line_num, f"has {len(trimmed)} cells, not {len(header)}")
            if any(len(cell) > LONGEST_CELL or not cell.isprintable() for cell in trimmed):
                raise _wrong(path, reader.line_num, "holds something that is no number, issuer or UID")
            yield reader.line_num, dict(zip(header, trimmed, strict=True))
    except csv.Error:
        raise _wrong(path, reader.line_num, "is no CSV: look at its quotes") from None


def _record_of(row: Mapping[str, str], number: int, path: Path) -> tuple[_Record, PatientRef]:
    patient_id, issuer, study_uid, person_id, person_issuer = (row[name] for name in COLUMNS)
    if not person_id:
        raise _wrong(path, number, "names no person_id")
    if not patient_id and (issuer or not study_uid):
        raise _wrong(path, number, "names no patient_id: only a study alone can stand without one")
    if study_uid and not _UID.fullmatch(study_uid):
        raise _wrong(path, number, "has a study_uid that is no UID")
    return (study_uid, patient_id or _ANY, issuer or _ANY), PatientRef(person_id, person_issuer)


def _wrong(path: Path, number: int, what: str) -> ConfigError:
    return ConfigError(f"Line {number} of the crosswalk {path} {what}.")
