"""What a document was made from."""

from __future__ import annotations

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from miner.bookmarks import references
from miner.bookmarks.evidence import evidence, is_image, is_segmentation
from miner.errors import ObjectError
from miner.records import ImageReference
from tests.bookmarks.reports.conftest import Content

CT = "1.2.840.10008.5.1.4.1.1.2"
ROOT = "1.2.840.10008.5.1.4.1.1."


def test_both_sequences_in_order_and_each_once() -> None:
    document = Dataset()
    document.CurrentRequestedProcedureEvidenceSequence = Items([Content.study(["1.1", "1.2"]), Content.study(["1.1"])])
    document.PertinentOtherEvidenceSequence = Items([Content.study(["1.3"], series="1.9")])
    assert evidence(document) == (
        ImageReference("1.2.3", "1.1", CT),
        ImageReference("1.2.3", "1.2", CT),
        ImageReference("1.9", "1.3", CT),
    )


def test_broken_references_leave_the_others() -> None:
    study = Content.study(["1.1", "no uid", "1.2"])
    broken = Dataset()
    broken[0x00081115] = DataElement(0x00081115, "LO", "not a sequence")
    document = Dataset()
    document.CurrentRequestedProcedureEvidenceSequence = Items([broken, study])
    document[0x0040A385] = DataElement(0x0040A385, "LO", "not a sequence")
    assert [reference.sop_uid for reference in evidence(document)] == ["1.1", "1.2"]


def test_a_document_without_evidence() -> None:
    assert evidence(Dataset()) == ()


@pytest.mark.parametrize(
    ("sop_class", "image", "segmentation"),
    [
        (CT, True, False),
        (ROOT + "4", True, False),
        (ROOT + "481.1", True, False),
        ("", True, False),
        (ROOT + "11.1", False, False),
        (ROOT + "88.33", False, False),
        (ROOT + "66.1", False, False),
        (ROOT + "67", False, False),
        (ROOT + "66.4", False, True),
        (ROOT + "66.5", False, True),
        (ROOT + "481.3", False, True),
        (ROOT + "104.1", False, False),
    ],
)
def test_what_holds_pixels(sop_class: str, image: bool, segmentation: bool) -> None:
    reference = ImageReference("1.2", "1.3", sop_class)
    assert (is_image(reference), is_segmentation(reference)) == (image, segmentation)


def test_evidence_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few megabytes may name millions of frames."""
    sr = Content()
    monkeypatch.setattr(references, "MAX_REFERENCES", 5)
    report = sr.report(evidence=["1.1", "1.2", "1.3", "1.4", "1.5"])
    assert len(evidence(report)) == 5
    report.PertinentOtherEvidenceSequence = Items([sr.study(["1.1"])])
    with pytest.raises(ObjectError):
        evidence(report)
