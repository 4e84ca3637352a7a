"""Who a surrogate stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from miner.records import PatientRef, StudyRef

KINDS = ("patient", "study", "series", "instance", "object")
"""What an identity can be of. ``instance`` is an image, ``object`` an annotation object."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One surrogate and what it stands for.

    Attributes:
        kind: one of :data:`KINDS`.
        key: the surrogate.
        value: source identifiers by name. A patient has ``patient_id`` and ``issuer``; a study ``study_uid``,
            ``patient_id``, ``issuer``, ``study_date``, ``study_time``, ``accession``; the others ``sop_uid``,
            ``series_uid``, ``study_uid`` as far as they apply. Never shown by ``repr``.
    """

    kind: str
    key: str
    value: Mapping[str, str] = field(repr=False, hash=False)


def study_ref(identity: Identity) -> StudyRef:
    """The study as the PACS names it, to ask for it again. Raises ValueError for an identity that is not of a study."""
    value = identity.value
    if identity.kind != "study" or not value.get("study_uid"):
        raise ValueError("only the identity of a study leads back to a study")
    return StudyRef(
        study_uid=value["study_uid"],
        patient=PatientRef(value.get("patient_id", ""), value.get("issuer", "")),
        study_date=value.get("study_date", ""),
        study_time=value.get("study_time", ""),
        accession=value.get("accession", ""),
    )
