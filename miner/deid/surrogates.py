"""Surrogates: what stands in the place of every identifier outside the vault.

Each is an HMAC-SHA-256 (RFC 2104) under the project's key, cut to 128 bits; each purpose has a key of its own, derived
by HKDF-SHA-256 (RFC 5869), so that a study and a series of the same UID have nothing in common. An unkeyed hash would
be no protection: all record numbers of a hospital are hashed in seconds. The same key gives the same surrogates on any
machine and in any order of discovery; another key gives nothing in common; a destroyed key ends all linkage.

What is written here is for ever: a change of any rule below gives every project another dataset.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from miner.deid.ages import parse_date
from miner.deid.crosswalk import Crosswalk
from miner.deid.key import KEY_BYTES
from miner.errors import ConfigError, ObjectError, Reason
from miner.records import Kind, PatientRef, Point

UNDATED = 2**62
"""What :meth:`Surrogates.order` gives a study without a date: it sorts after every dated one (a 64-bit integer)."""

_PADDING = " \0\t\r\n"
_PURPOSES = ("patient", "study", "series", "instance", "uid", "bookmark", "content", "order", "tracking")
_OFFSET_SPAN = 2**48
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.\d{0,6})?)?)?")


class Surrogates:
    """All surrogates of one project. Holds the key: it can be neither pickled nor printed.

    ``crosswalk``: record numbers that stand for one person; without it everybody is who the archive says.

    Raises ConfigError for a key that is not 32 bytes.
    """

    __slots__ = ("_crosswalk", "_keys")

    def __init__(self, key: bytes, crosswalk: Crosswalk | None = None) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigError(f"The project's key must have {KEY_BYTES} bytes, not {len(key)}.")
        self._keys = {purpose: _derive(key, purpose) for purpose in _PURPOSES}
        self._crosswalk = Crosswalk() if crosswalk is None else crosswalk

    def __reduce__(self) -> NoReturn:
        # A task runner that stores its results would write the key to disk.
        raise TypeError("the project's key does not leave the process")

    def patient(self, patient: PatientRef, study_uid: str) -> str:
        """32 hex digits for a patient: PatientID and issuer, trimmed, of the person that the crosswalk names for them.

        Where PatientID is empty, and no line of the crosswalk says whose the study is, the study is its own patient:
        two people without an id must never become one.
        """
        return self._patient(self._crosswalk.person(patient, study_uid), study_uid)

    def person(self, patient: PatientRef, study_uid: str) -> PatientRef:
        """The record that stands for the patient: another one than the archive's where the crosswalk says so."""
        return self._crosswalk.person(patient, study_uid)

    def record_numbers(self, patient: PatientRef, study_uid: str) -> frozenset[str]:
        """Every PatientID of the person whose study this is, trimmed; more than one only by the crosswalk."""
        return self._crosswalk.numbers(patient, study_uid)

    def beside(self, patient_id: str) -> tuple[frozenset[str], frozenset[str]]:
        """Other PatientIDs of those who have one, and UIDs of studies of theirs; see :meth:`Crosswalk.beside`."""
        return self._crosswalk.beside(patient_id)

    def who_is_who(self, opted_out: Iterable[str] = ()) -> str:
        """32 hex digits: a keyed digest of what crosswalk and opt-out list say, empty where they say nothing."""
        said = [self._crosswalk.canonical(), "\n".join(sorted(set(opted_out))).encode()]
        return self.content(b"who is who\n\n" + b"\n\n".join(said)) if any(said) else ""

    def _patient(self, patient: PatientRef, study_uid: str) -> str:
        patient_id, issuer = _trim(patient.patient_id), _trim(patient.issuer)
        if patient_id:
            return self._hex("patient", "id", patient_id, issuer)
        return self._hex("patient", "study", _uid(study_uid))

    def study(self, uid: str) -> str:
        """32 hex digits for a Study Instance UID."""
        return self._hex("study", _uid(uid))

    def series(self, uid: str, rank: int = 0) -> str:
        """32 hex digits for one volume (``rank`` 0: the largest) of a Series Instance UID."""
        return self._hex("series", _uid(uid), str(rank))

    def instance(self, uid: str) -> str:
        """32 hex digits for a SOP Instance UID, of an image or of an annotation object."""
        return self._hex("instance", _uid(uid))

    def uid(self, uid: str) -> str:
        """A UID in the place of a UID, at most 44 characters: ``2.25.`` and a UUID as a decimal number (PS3.5 B.2).

        The UUID is of version 8 (RFC 9562 5.8): 122 bits of the keyed digest.
        """
        number = int.from_bytes(self._digest("uid", _uid(uid))[:16], "big")
        number = number & ~(0xF << 76) | 0x8 << 76  # version
        number = number & ~(0b11 << 62) | 0b10 << 62  # variant
        return f"2.25.{number}"

    def bookmark(self, image_uid: str, frame: int | None, kind: Kind, points: Sequence[Point]) -> str:
        """32 hex digits for a bookmark: its image, kind and geometry.

        Args:
            image_uid: SOP Instance UID of the image.
            frame: 1-based, None for a single-frame image.
            kind: the order of the two ends of a line or of an axis has no meaning, nor has that of the two axes (their
                lengths may be equal); the order of an arrow's and of a polygon's points has.
            points: pixel centres frame; rounded to 0.001 px.

        Raises:
            ObjectError: a coordinate is not finite, or the UID is empty.
        """
        thousandths = [_thousandths(point) for point in points]
        if kind is Kind.LINE:
            thousandths.sort()
        elif kind in (Kind.RECIST, Kind.ELLIPSE):
            axes = sorted(sorted(thousandths[start : start + 2]) for start in range(0, len(thousandths), 2))
            thousandths = [end for axis in axes for end in axis]
        geometry = ";".join(f"{x},{y}" for x, y in thousandths)
        return self._hex("bookmark", _uid(image_uid), "" if frame is None else str(frame), kind.value, geometry)

    def tracking(self, uid: str) -> str:
        """32 hex digits for a Tracking Unique Identifier (PS3.16 TID 1501): what reports say is one lesion."""
        return self._hex("tracking", _uid(uid))

    def content(self, data: bytes) -> str:
        """32 hex digits: a keyed digest of an annotation object's bytes, or of a list of UIDs."""
        return hmac.digest(self._keys["content"], data, "sha256")[:16].hex()

    def order(self, patient_key: str, study_date: str, study_time: str) -> int:
        """A number that sorts the studies of one patient in time: seconds, shifted by a keyed offset per patient.

        Args:
            patient_key: what :meth:`patient` gave.
            study_date: DA; empty or unreadable gives :data:`UNDATED`.
            study_time: TM; empty or unreadable counts as the start of the day.

        The offset is spread over nine million years, to the second: the number of one study says nothing about its
        date or its time of day. Differences between two studies of one patient stay, so it belongs in the catalogue
        only; a release carries ranks.
        """
        day = parse_date(study_date)
        if day is None:
            return UNDATED
        offset = int.from_bytes(self._digest("order", patient_key)[:8], "big") % _OFFSET_SPAN
        return (day - date.min).days * 86_400 + _seconds(study_time) + offset

    def _digest(self, purpose: str, *parts: str) -> bytes:
        # Each part with its length before it: ("a", "bc") and ("ab", "c") are different messages.
        octets = [part.encode("utf-8", "surrogatepass") for part in parts]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in octets)
        return hmac.digest(self._keys[purpose], message, "sha256")

    def _hex(self, purpose: str, *parts: str) -> str:
        return self._digest(purpose, *parts)[:16].hex()


def vault_key(key: bytes) -> bytes:
    """The 32 bytes that the vault is encrypted with under a project's key.

    Apart from :class:`Surrogates`, since the two part ways when the key is rotated: the vault then hangs on the new
    key, the surrogates on the first one for ever. Raises ConfigError for a key that is not 32 bytes.
    """
    if len(key) != KEY_BYTES:
        raise ConfigError(f"The project's key must have {KEY_BYTES} bytes, not {len(key)}.")
    return _derive(key, "vault")


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"bookmark miner, {purpose}, 1".encode("ascii")
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _trim(text: str) -> str:
    return text.strip(_PADDING)


def _uid(uid: str) -> str:
    trimmed = _trim(uid)
    if not trimmed:
        raise ObjectError("An object or an answer of the PACS lacks a UID.", Reason.DAMAGED_OBJECT)
    return trimmed


def _thousandths(point: Point) -> tuple[int, int]:
    x, y = point
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ObjectError("A point of a bookmark is not a finite number.", Reason.POINT_NOT_FINITE)
    return round(x * 1000), round(y * 1000)


def _seconds(time: str) -> int:
    """Seconds since midnight of a TM value (PS3.5 6.2: HH, HHMM, HHMMSS, a fraction), 0 where it cannot be read."""
    match = _TIME.fullmatch(_trim(time))
    if match is None:
        return 0
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds if hours < 24 and minutes < 60 and seconds <= 60 else 0
