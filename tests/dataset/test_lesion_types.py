from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.sr.codedict import codes

from miner.bookmarks.reports.codes import Concept, public
from miner.dataset import lesion_types
from miner.dataset.lesion_types import SITES, coarse_type

ONE_TYPE = {
    "Clavicle": 1,
    "Rib": 1,
    "Sacrum": 1,
    "Spleen": 2,
    "Pancreas": 2,
    "AdrenalGland": 2,
    "Mediastinum": 3,
    "Liver": 4,
    "Lung": 5,
    "LowerLobeOfLung": 5,
    "Kidney": 6,
    "SubcutaneousTissue": 7,
    "Bladder": 8,
    "Prostate": 8,
}
SEVERAL_TYPES = (
    "Abdomen",
    "AbdominalStructure",
    "Pelvis",
    "PelvicStructure",
    "Chest",
    "Neck",
    "LymphNode",
    "Colon",
    "Pleura",
    "HilumOfLung",
    "SoftTissue",
    "Retroperitoneum",
    "LiverAndBiliaryStructure",
    "RenalArtery",
    "HepaticVein",
)


@pytest.mark.parametrize(("organ", "expected"), ONE_TYPE.items())
def test_an_organ_that_lies_in_one_type(organ: str, expected: int) -> None:
    assert coarse_type(f"SCT:{getattr(codes.SCT, organ).value}") == expected


@pytest.mark.parametrize("organ", SEVERAL_TYPES)
def test_what_may_be_of_several_types_is_of_none(organ: str) -> None:
    assert coarse_type(f"SCT:{getattr(codes.SCT, organ).value}") == -1


@pytest.mark.parametrize("site", ["", "SCT:", "10200004", "SRT:T-62000", "DCM:10200004", "SCT:10200004 "])
def test_what_is_no_such_code_is_of_none(site: str) -> None:
    assert coarse_type(site) == -1


def test_every_code_is_a_concept_and_of_one_type() -> None:
    listed = [code for found in SITES.values() for code in found]
    assert len(listed) == len(set(listed))
    assert set(SITES) == set(range(1, 9))
    assert all(public(Concept("SCT", code)) for code in listed), "a code that is not kept gives no type"
    assert set(lesion_types.rules()) == {str(number) for number in range(1, 9)}


def test_the_dataset_card_names_every_type() -> None:
    text = (Path(lesion_types.__file__).parent / "card.py").read_text(encoding="utf-8")
    assert all(f"({number}" in text for number in range(1, 9))
