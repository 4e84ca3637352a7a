"""Key object selections: what they select, and no marks."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import CTImageStorage, GrayscaleSoftcopyPresentationStateStorage, KeyObjectSelectionDocumentStorage

from miner.bookmarks import read_object
from miner.bookmarks.reports.key_objects import read
from miner.errors import ObjectError
from miner.records import ImageReference
from tests.annotations import save
from tests.bookmarks.reports.conftest import IMAGE, SERIES, Content


@pytest.fixture
def selection() -> FileDataset:
    """An image of the evidence's series, seen through a presentation state."""
    sr = Content()
    image = sr.image()
    shown = Dataset()
    shown.ReferencedSOPClassUID = GrayscaleSoftcopyPresentationStateStorage
    shown.ReferencedSOPInstanceUID = "1.7"
    image.ReferencedSOPSequence[0].ReferencedSOPSequence = Items([shown])
    found = sr.report(
        image,
        evidence=(IMAGE, "1.9"),
        name=("DCM", "113000", "Of Interest"),
        sop_class=KeyObjectSelectionDocumentStorage,
    )
    found.CurrentRequestedProcedureEvidenceSequence.append(
        sr.study(["1.7"], series="1.8", sop_class=GrayscaleSoftcopyPresentationStateStorage)
    )
    return found


def test_images_and_the_states_they_were_seen_through(selection: FileDataset) -> None:
    found = read(selection)
    assert found.references == (
        ImageReference(SERIES, IMAGE, CTImageStorage),
        ImageReference("1.8", "1.7", GrayscaleSoftcopyPresentationStateStorage),
    )
    assert (found.modality, found.marks, found.refused, found.spatial) == ("KO", (), (), ())
    assert found.created == "20240102030405000000"


def test_a_selection_without_content_is_its_evidence(selection: FileDataset) -> None:
    del selection.ContentSequence
    assert [reference.sop_uid for reference in read(selection).references] == [IMAGE, "1.9", "1.7"]


def test_coordinates_in_a_selection_are_no_marks(selection: FileDataset) -> None:
    selection.ContentSequence.append(Content().line(0, 0, 9, 0))
    assert read(selection).marks == ()


def test_a_selection_without_a_uid(selection: FileDataset, tmp_path: Path) -> None:
    selection.SOPInstanceUID = "none"
    with pytest.raises(ObjectError):
        read_object(save(selection, tmp_path))


def test_the_real_one(shared_data: Path) -> None:
    found = read_object(shared_data / "presentation-states" / "clearcanvas" / "real0X.ko.dcm")
    assert found.modality == "KO"
    assert len(found.references) == 12
    assert all(reference.series_uid for reference in found.references)
