"""Canaries into a data set: one for each attribute, as far as its value representation takes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from tests.canaries.attributes import Planted
from tests.canaries.canary import Aviary


def plant(target: Dataset, attributes: Iterable[Planted], kind: str, aviary: Aviary) -> None:
    """Plant in each attribute that ``target`` does not hold yet: what is there already makes the object what it is.

    ``kind``: what the object is called in the places of its canaries.
    """
    for entry in attributes:
        if Tag(entry.tag) in target:
            continue
        vr = entry.vr.split(" or ")[-1]
        place = f"{kind}.{entry.keyword}"
        if vr == "SQ":
            target.add(DataElement(entry.tag, "SQ", Sequence([item(place, aviary)])))
        elif (value := value_for(vr, place, aviary)) is not None:
            target.add(DataElement(entry.tag, vr, value))


def item(place: str, aviary: Aviary, depth: int = 2) -> Dataset:
    """An item full of canaries, with a nested one: text, code meaning, name, day, references, private elements."""
    target = Dataset()
    target.CodeValue, target.CodingSchemeDesignator = "121014", "DCM"
    target.CodeMeaning = aviary.word(f"{place}[0].CodeMeaning")
    target.PersonName = aviary.name(f"{place}[0].PersonName")
    target.ReferencedSOPInstanceUID = aviary.uid(f"{place}[0].ReferencedSOPInstanceUID")
    if depth == 2:
        target.Date = aviary.day(f"{place}[0].Date")
        target.PatientID = aviary.record_number(f"{place}[0].PatientID")
        target.PersonIdentificationCodeSequence = [item(f"{place}[0].PersonIdentificationCodeSequence", aviary, 1)]
    else:
        target.add_new(0x00290010, "LO", "MADE UP 1.0")
        target.add_new(0x00291001, "LO", aviary.word(f"{place}[0].(0029,1001)"))
    return target


def value_for(vr: str, place: str, aviary: Aviary) -> object:
    """A value of this representation that is, or holds, a canary; None where none fits."""
    maker = _MAKERS.get(vr)
    return maker(place, aviary) if maker is not None else None


def private_elements(target: Dataset, creator: str, group: int, kind: str, aviary: Aviary) -> None:
    """A private block of every text representation, a name, a sequence, and octets of unknown meaning."""
    target.add_new(Tag(group, 0x10), "LO", creator)
    for offset, vr in enumerate(("LO", "PN", "DA", "UI", "SH", "UN", "OB", "IS", "LT", "UT"), start=1):
        place = f"{kind}.({group:04x},{offset:02x}) {creator}"
        target.add_new(Tag(group, 0x1000 | offset), vr, value_for(vr, place, aviary))
    nested = item(f"{kind}.({group:04x},20) {creator}", aviary)
    target.add_new(Tag(group, 0x1020), "SQ", Sequence([nested]))


def _octets(place: str, aviary: Aviary) -> bytes:
    return aviary.word(place).encode("ascii")


def _address(place: str, aviary: Aviary) -> str:
    return f"http://{aviary.word(place).lower()}.example/patients"


def _sentence(place: str, aviary: Aviary) -> str:
    return f"Mr {aviary.word(place).title()} was seen; see also {aviary.record_number(place)}."


def _moment(place: str, aviary: Aviary) -> str:
    return f"{aviary.day(place)}120000"


_MAKERS: dict[str, Callable[[str, Aviary], object]] = {
    **dict.fromkeys(("LO", "SH", "CS", "AE", "UC"), lambda place, aviary: aviary.word(place)),
    **dict.fromkeys(("ST", "LT", "UT"), _sentence),
    **dict.fromkeys(("OB", "OW", "UN"), _octets),
    **dict.fromkeys(("IS", "UL", "SL", "UV", "SV"), lambda place, aviary: int(aviary.number(place))),
    **dict.fromkeys(("DS", "FD"), lambda place, aviary: float(aviary.decimal(place))),
    "PN": lambda place, aviary: aviary.name(place),
    "DA": lambda place, aviary: aviary.day(place),
    "TM": lambda place, aviary: aviary.time(place),
    "DT": _moment,
    "UI": lambda place, aviary: aviary.uid(place),
    "UR": _address,
}
