"""What a PACS was found to do: learned by ``miner doctor`` and on the way, stored in the catalogue, used by mining."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HONOURED, IGNORED, UNMATCHED, REFUSED, UNKNOWN = "honoured", "ignored", "unmatched", "refused", "unknown"
"""What a PACS does with a matching key: it matches by it, everything matches, nothing matches, it refuses the query."""

MATCHING = (HONOURED, IGNORED, UNMATCHED, REFUSED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class PacsProfile:
    """What was learned; None, ``unknown`` or empty where it was not possible to tell, or has no meaning here.

    Holds no identifier, nothing that names the PACS, and is written as JSON. Fields are the same for every transport;
    a profile that an older version stored lacks some of them.
    """

    protocol: str = ""
    """``dimse``, ``dicomweb`` or ``folder``."""
    echo: bool = False
    """It answers: C-ECHO, a first request, a folder that can be read."""
    tls: bool | None = None
    """The connection was encrypted."""
    identity: bool | None = None
    """We said who we are: user identity (PS3.7 D.3.3.7), HTTP authentication."""

    # queries
    roots: tuple[str, ...] = ()
    """Information models in which C-FIND is offered: ``study``, ``patient`` (PS3.4 C.6)."""
    relational: bool | None = None
    """In the patient root, a query at STUDY level is answered without a Patient ID (PS3.4 C.4.1.2.2)."""
    patient_level: bool | None = None
    study_level: bool | None = None
    series_level: bool | None = None
    image_level: bool | None = None
    date_range: str = UNKNOWN
    """Matching of a range in Study Date, one of :data:`MATCHING`."""
    study_uid: str = UNKNOWN
    """Matching of Study Instance UID, one of :data:`MATCHING`."""
    patient_id: str = UNKNOWN
    """Matching of Patient ID, one of :data:`MATCHING`."""
    wildcards: str = UNKNOWN
    """Wild card matching in Patient ID, one of :data:`MATCHING`."""
    walked_on: str = ""
    """Day, as 2024-06-15, on which its list of all studies was last had by the characters of Patient IDs, where that
    took so many queries that it is not done every night."""
    modalities_in_study: str = UNKNOWN
    """Matching of Modalities in Study, one of :data:`MATCHING`."""
    annotations_listed: bool | None = None
    """A study with presentation states or reports names PR and SR in Modalities in Study, as it holds them."""
    modalities_listed: tuple[str, ...] = ()
    """Modalities that were seen to be named beside others, so that a study can be found by them."""
    modalities_unlisted: tuple[str, ...] = ()
    """Modalities that a study was seen to hold and not to name: found by looking into every study only."""
    study_keys: tuple[str, ...] = ()
    series_keys: tuple[str, ...] = ()
    image_keys: tuple[str, ...] = ()
    """Return keys, by keyword, that were answered with a value at each level."""
    counts: bool | None = None
    """Number of Series Related Instances is answered."""
    study_counts: bool | None = None
    """Number of Study Related Series is answered."""
    sop_classes: bool | None = None
    """SOP Class UID is answered at IMAGE level."""
    positions: bool | None = None
    """Image Position and Orientation (Patient) are answered at IMAGE level."""
    character_sets: tuple[str, ...] = ()
    """Defined terms that were answered in Specific Character Set."""
    study_limits: tuple[int, ...] = ()
    series_limits: tuple[int, ...] = ()
    image_limits: tuple[int, ...] = ()
    """Lengths at which it was caught cutting off its answers without saying so, at each level."""
    longest_answer: int | None = None
    """Rows of the longest answer at STUDY level that was whole: there is no limit at it, nor below."""

    # retrieval
    get_offered: bool | None = None
    """C-GET with us as SCP for CT images and presentation states."""
    get_reports: bool | None = None
    """C-GET for the reports that hold measurements too."""
    get_syntaxes: tuple[str, ...] = ()
    """Transfer syntaxes in which the PACS would send."""
    class_syntaxes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The same for each SOP class."""
    storage_role: bool | None = None
    """It accepts us as SCP of the storage classes (PS3.7 D.3.3.4); False: the contexts, but not the role."""
    move_offered: bool | None = None
    image_retrieve: bool | None = None
    """Single instances can be retrieved; False: whole series only."""
    longest_list: int | None = None
    """How many UIDs one retrieval may name, where a bound was found."""
    paging: bool | None = None
    """DICOMweb: limit and offset are honoured."""
    metadata: bool | None = None
    """DICOMweb: headers of a series can be had without its pixels (PS3.18 10.4.1.1.2)."""
    as_stored: bool | None = None
    """DICOMweb: objects come in the transfer syntax in which they are stored."""

    faults: tuple[str, ...] = ()
    """Sentences on what did not work."""

    @classmethod
    def of(cls, stored: Mapping[str, object] | None) -> PacsProfile:
        """A profile from its JSON object, of this version or another: what is absent or unfit is not known."""
        known = {} if stored is None else dict(stored)
        values: dict[str, Any] = {}
        for name, kind in _FIELDS.items():
            if name in known and (value := _READERS[kind](known[name])) is not None:
                values[name] = value
        return cls(**values)

    def with_learned(self, learned: Mapping[str, object]) -> PacsProfile:
        """The profile after a run: :meth:`miner.pacs.interface.Pacs.learned` laid over it; collections grow.

        A modality that was seen not to be named is no longer trusted, whatever was seen before.
        """
        told = PacsProfile.of(learned)
        values: dict[str, Any] = {}
        for name in learned.keys() & _FIELDS.keys():
            new, old = getattr(told, name), getattr(self, name)
            values[name] = tuple(sorted({*old, *new})) if isinstance(new, tuple) else new
        values["longest_answer"] = max(self.longest_answer or 0, told.longest_answer or 0) or None
        merged = dataclasses.replace(self, **values)
        listed = tuple(code for code in merged.modalities_listed if code not in merged.modalities_unlisted)
        return dataclasses.replace(merged, modalities_listed=listed)

    def with_limits_of(self, earlier: PacsProfile) -> PacsProfile:
        """A new profile that keeps what only use can find out: the lengths at which answers were cut off."""
        limits = {
            name: tuple(sorted({*getattr(self, name), *getattr(earlier, name)}))
            for name in ("study_limits", "series_limits", "image_limits")
        }
        return dataclasses.replace(self, **limits)  # type: ignore[arg-type]

    def as_json(self) -> dict[str, object]:
        """The profile as a JSON object; the form that :func:`miner.pacs.connect` takes."""
        values = {name: getattr(self, name) for name in _FIELDS}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: object) -> tuple[str, ...] | None:
    listed = list(value) if isinstance(value, list | tuple) else None
    return None if listed is None or not all(isinstance(entry, str) for entry in listed) else tuple(listed)


def _numbers(value: object) -> tuple[int, ...] | None:
    listed = list(value) if isinstance(value, list | tuple) else None
    return None if listed is None or any(_number(entry) is None for entry in listed) else tuple(listed)


def _table(value: object) -> Mapping[str, tuple[str, ...]] | None:
    if not isinstance(value, Mapping):
        return None
    return {str(key): texts for key, entries in value.items() if (texts := _texts(entries)) is not None}


_READERS = {
    "bool": _truth,
    "bool | None": _truth,
    "str": _text,
    "int | None": _number,
    "tuple[str, ...]": _texts,
    "tuple[int, ...]": _numbers,
    "Mapping[str, tuple[str, ...]]": _table,
}
_FIELDS = {entry.name: str(entry.type) for entry in dataclasses.fields(PacsProfile)}
