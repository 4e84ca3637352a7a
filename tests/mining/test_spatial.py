"""miner.mining.spatial: marks in patient space end on the slice that they were drawn on, or with a reason."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from miner.dataset import LesionRow, read_rows
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.errors import ExitStatus, Reason
from tests.annotations import Pair
from tests.annotations.reports import IN_SPACE, report
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.hospital.series import uid
from tests.hospital.truth import distance

PAIR = Pair(((30.25, 40.5), (60.0, 52.125)), ((47.0, 34.0), (42.5, 58.0)))


def in_space(images: Sequence[Dataset], drawn_on: Dataset, *, style: str = "scoord3d") -> Dataset:
    """A report in patient space with the pair on ``drawn_on``; its evidence is ``images``."""
    return report(images, {drawn_on.SOPInstanceUID: [PAIR]}, style)


def renamed(dataset: Dataset, names: Mapping[str, str]) -> Dataset:
    """The same report with other UIDs in it, wherever they stand."""

    def change(holder: Dataset, element: DataElement) -> None:
        if element.VR == "UI" and str(element.value) in names:
            element.value = names[str(element.value)]

    dataset.walk(change)
    return dataset


def moved(images: Sequence[Dataset], by: float) -> list[Dataset]:
    """The images in the same frame of reference, further to the head by so many mm."""
    for image in images:
        x, y, z = image.ImagePositionPatient
        image.ImagePositionPatient = [x, y, float(z) + by]
    return list(images)


def later_phase(by: float = 0.8) -> list[Dataset]:
    """A second series so many mm further to the head; its slices have other numbers, as three are missing."""
    images = moved(ct_series(series="2"), by)
    return sorted(images, key=lambda one: -float(one.ImagePositionPatient[2]))[3:]


def rows_of(hospital: Hospital) -> list[LesionRow]:
    hospital.release()
    assert hospital.check().faults == ()
    return read_rows(hospital.folder / "release" / "DL_info.csv")


def number_of(images: Sequence[Dataset], image: Dataset) -> int:
    """Slice number, from 1, head to feet."""
    ordered = sorted(images, key=lambda one: -float(one.ImagePositionPatient[2]))
    return ordered.index(image) + 1


@pytest.mark.parametrize("style", sorted(IN_SPACE))
def test_a_pair_in_space_is_a_row_like_any_other(hospital: Hospital, style: str) -> None:
    images = ct_series(pixel_spacing=(0.7, 0.9))
    hospital.add(images, in_space(images, images[10], style=style))
    assert hospital.mine().outcomes == {"mined": 1}
    assert hospital.status().marks == {"used": 2}
    (row,) = rows_of(hospital)
    assert distance(row, PAIR) <= 0.01
    assert row.key_slice == number_of(images, images[10])
    with (hospital.folder / "release" / "bookmarks.csv").open(newline="", encoding="utf-8") as file:
        encodings = [entry["Encoding"] for entry in csv.DictReader(file)]
    assert encodings == ["sr-scoord3d"]


def test_only_the_slices_of_its_range_are_fetched(hospital: Hospital) -> None:
    images = ct_series(slices=40)
    hospital.add(images, in_space(images, images[20]))
    hospital.mine()
    assert hospital.pacs.requests.objects_sent == 1 + 13


def test_the_geometry_decides_where_a_name_says_another_slice(hospital: Hospital) -> None:
    images = ct_series()
    written = in_space([images[10]], images[10])
    renamed(written, {images[10].SOPInstanceUID: images[11].SOPInstanceUID})
    hospital.add(images, written)
    hospital.mine()
    (row,) = rows_of(hospital)
    assert row.key_slice == number_of(images, images[10])
    assert distance(row, PAIR) <= 0.01


@pytest.mark.parametrize("names", ["an image that is gone", "a series that was renamed"])
def test_a_series_is_found_by_what_is_left_of_its_name(hospital: Hospital, names: str) -> None:
    images = ct_series()
    written = in_space([images[10]], images[10])
    if names == "an image that is gone":
        renamed(written, {images[10].SOPInstanceUID: uid("an image that is gone")})
    else:
        renamed(written, {images[10].SeriesInstanceUID: uid("its series' name before")})
    hospital.add(images, written)
    assert hospital.mine().outcomes == {"mined": 1}
    (row,) = rows_of(hospital)
    assert distance(row, PAIR) <= 0.01


def test_what_lies_between_slices_is_off_slice(hospital: Hospital) -> None:
    images = ct_series(spacing_z=20.0)
    written = in_space(images, images[10])
    hospital.add(moved(images, 7.5), written)
    report = hospital.mine()
    assert hospital.status().marks == {Reason.OFF_SLICE: 2}
    assert report.exit_status is ExitStatus.DONE


def test_what_lies_outside_of_the_volume_costs_no_image(hospital: Hospital) -> None:
    images = ct_series()
    written = in_space(images, images[10])
    hospital.add(moved(images, 400.0), written)
    hospital.mine()
    assert hospital.status().marks == {Reason.OFF_SLICE: 2}
    assert hospital.pacs.requests.objects_sent == 1


def test_another_frame_of_reference_is_never_matched_by_numbers(hospital: Hospital) -> None:
    images = ct_series()
    written = in_space(images, images[10])
    for image in images:
        image.FrameOfReferenceUID = uid("moved on the table")
    hospital.add(images, written)
    hospital.mine()
    assert hospital.status().marks == {Reason.FRAME_OF_REFERENCE: 2}
    assert hospital.pacs.requests.objects_sent == 1 + 1, "one image, to see its frame of reference"


def test_images_without_a_frame_of_reference_take_no_mark(hospital: Hospital) -> None:
    images = ct_series()
    written = in_space(images, images[10])
    for image in images:
        del image.FrameOfReferenceUID
    hospital.add(images, written)
    hospital.mine()
    assert hospital.status().marks == {Reason.FRAME_OF_REFERENCE: 2}


def test_a_series_that_is_not_there_is_looked_for_again(hospital: Hospital) -> None:
    images, elsewhere = ct_series(), ct_series(series="2")
    hospital.add(images, in_space(elsewhere, elsewhere[10]))
    assert hospital.mine().outcomes == {"partial": 1}
    assert hospital.status().marks == {Reason.IMAGE_NOT_FOUND: 2}
    hospital.add(elsewhere)
    assert hospital.mine().outcomes == {"mined": 1}
    assert hospital.status().marks == {"used": 2}


@pytest.mark.parametrize("style", ["ohif", "scoord3d"])
def test_a_report_in_another_study_than_its_images(hospital: Hospital, style: str) -> None:
    images, later = ct_series(), ct_series(study="S2", slices=1, day="20210401")
    written = in_space(images, images[10], style=style)
    written.StudyInstanceUID = later[0].StudyInstanceUID
    written.AccessionNumber = later[0].AccessionNumber
    hospital.add(images, later, written)
    assert hospital.mine().outcomes == {"mined": 1}
    (row,) = rows_of(hospital)
    assert distance(row, PAIR) <= 0.01


def test_a_series_of_another_modality_is_named(hospital: Hospital) -> None:
    images, other = ct_series(), ct_series(series="2")
    for image in other:
        image.Modality = "PT"
    hospital.add(images, other, in_space(other, other[10]))
    hospital.mine()
    assert hospital.status().marks == {Reason.MODALITY: 2}


def test_a_slice_that_does_not_come_is_asked_for_again(hospital: Hospital) -> None:
    class Withholding(Behaviour):
        def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
            for status, dataset in answers:
                if dataset is None or str(dataset.SOPInstanceUID) != images[10].SOPInstanceUID:
                    yield status, dataset

    images = ct_series()
    hospital.add(images, in_space(images, images[10]))
    hospital.pacs.behaviour = Withholding()
    assert hospital.mine().exit_status is ExitStatus.INCOMPLETE
    assert hospital.status().marks == {Reason.NOT_RETRIEVED: 2}
    hospital.pacs.behaviour = Behaviour()
    assert hospital.mine().outcomes == {"mined": 1}


def test_a_pacs_that_answers_no_positions(hospital: Hospital) -> None:
    class WithoutPositions(Behaviour):
        def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
            for status, dataset in answers:
                for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
                    if dataset is not None and keyword in dataset:
                        del dataset[keyword]
                yield status, dataset

    images = ct_series()
    hospital.add(images, in_space(images, images[10]))
    hospital.pacs.behaviour = WithoutPositions()
    assert hospital.mine().outcomes == {"mined": 1}
    (row,) = rows_of(hospital)
    assert distance(row, PAIR) <= 0.01


# ------------------------------------------------------------------------------------------ several slices that may fit


def test_two_series_that_fit_alike_are_ambiguous(hospital: Hospital) -> None:
    images, phase = ct_series(), ct_series(series="2")
    hospital.add(images, phase, in_space([*images, *phase], images[10]))
    hospital.mine()
    assert hospital.status().marks == {Reason.IMAGE_AMBIGUOUS: 2}


def test_of_two_series_the_named_one_counts(hospital: Hospital) -> None:
    images, phase = ct_series(), ct_series(series="2")
    hospital.add(images, phase, in_space(images, images[10]))
    hospital.mine()
    assert hospital.status().marks == {"used": 2}
    assert hospital.status().bookmarks == {"recist": 1}


def test_of_two_series_the_one_that_it_lies_exactly_on_counts(hospital: Hospital) -> None:
    images, phase = ct_series(), later_phase()
    hospital.add(images, phase, in_space([*phase, *images], images[10]))
    hospital.mine()
    (row,) = rows_of(hospital)
    assert row.key_slice == number_of(images, images[10])
    assert distance(row, PAIR) <= 0.01


def test_of_two_series_the_one_that_it_lies_exactly_on_counts_whichever_image_is_named(hospital: Hospital) -> None:
    images, phase = ct_series(), later_phase()
    written = in_space([*phase, images[10]], images[10])
    first_of_its_series = {images[10].SOPInstanceUID: images[0].SOPInstanceUID}
    hospital.add(images, phase, renamed(written, first_of_its_series))
    hospital.mine()
    (row,) = rows_of(hospital)
    assert row.key_slice == number_of(images, images[10])
    assert distance(row, PAIR) <= 0.01


@pytest.mark.parametrize("exactly", [True, False])
def test_beside_a_series_of_another_modality_only_what_lies_exactly_on_a_slice_counts(
    hospital: Hospital, exactly: bool
) -> None:
    """PET and CT share their frame of reference: what lies between slices of CT was drawn on PET."""
    images, pet = ct_series(), moved(ct_series(series="2"), 0.0 if exactly else 0.8)
    for image in pet:
        image.Modality = "PT"
    hospital.add(images, pet, in_space([*images, *pet], pet[10]))
    hospital.mine()
    assert hospital.status().marks == ({"used": 2} if exactly else {Reason.OFF_SLICE: 2})


def test_of_two_images_at_one_position_the_named_one_counts(hospital: Hospital) -> None:
    images, phase = ct_series(), ct_series(series="2")
    for image in phase:
        image.SeriesInstanceUID = images[0].SeriesInstanceUID
        image.InstanceNumber += 100
    hospital.add(images, phase, in_space([images[10]], images[10]))
    hospital.mine()
    assert hospital.status().marks == {"used": 2}


def test_of_two_images_at_one_position_neither_counts_where_both_or_none_is_named(hospital: Hospital) -> None:
    images, phase = ct_series(), ct_series(series="2")
    for image in phase:
        image.SeriesInstanceUID = images[0].SeriesInstanceUID
        image.InstanceNumber += 100
    hospital.add(images, phase, in_space([*images, *phase], images[10]))
    hospital.mine()
    assert hospital.status().marks == {Reason.IMAGE_AMBIGUOUS: 2}


def test_a_state_and_a_report_in_space_share_their_slices(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10], x=20, y=70), in_space(images, images[10]))
    hospital.mine()
    assert hospital.status().bookmarks == {"recist": 2}
    assert hospital.pacs.requests.objects_sent == 2 + 13


# ---------------------------------------------------------------------------------------------------- no image is named


def _is_library(item: Dataset) -> bool:
    return bool(item.ConceptNameCodeSequence[0].CodeValue == "111028")


def naming_no_image(drawn_on: Dataset) -> Dataset:
    """As a viewer writes what was drawn on a reformatted plane: the frame of reference, and nothing else."""
    found = in_space([drawn_on], drawn_on)
    del found.CurrentRequestedProcedureEvidenceSequence
    found.ContentSequence = [item for item in found.ContentSequence if not _is_library(item)]
    return found


def test_a_mark_that_names_no_image_is_looked_for_in_its_study(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, naming_no_image(images[10]))
    assert hospital.mine().exit_status is ExitStatus.DONE
    assert hospital.status().marks == {"used": 2}
    (row,) = rows_of(hospital)
    assert distance(row, PAIR) <= 0.01
    assert row.key_slice == number_of(images, images[10])
    assert hospital.mine().outcomes == {"unchanged": 1}


def test_a_mark_that_names_no_image_lies_exactly_on_its_slice(hospital: Hospital) -> None:
    images, phase = ct_series(), later_phase()
    hospital.add(images, phase, naming_no_image(images[10]))
    hospital.mine()
    (row,) = rows_of(hospital)
    assert row.key_slice == number_of(images, images[10])
    assert distance(row, PAIR) <= 0.01


def test_a_mark_that_names_no_image_and_fits_two_series_is_on_neither(hospital: Hospital) -> None:
    images, phase = ct_series(), ct_series(series="2")
    hospital.add(images, phase, naming_no_image(images[10]))
    hospital.mine()
    assert hospital.status().marks == {Reason.IMAGE_AMBIGUOUS: 2}


def test_a_mark_that_names_no_image_is_never_matched_by_numbers(hospital: Hospital) -> None:
    images = ct_series()
    drawn = naming_no_image(images[10])
    for image in images:
        image.FrameOfReferenceUID = uid("another space")
    hospital.add(images, drawn)
    hospital.mine()
    assert hospital.status().marks == {Reason.FRAME_OF_REFERENCE: 2}


def test_a_mark_that_names_no_image_where_none_is(hospital: Hospital) -> None:
    """Not IMAGE_NOT_FOUND, with which every run would try again."""
    images = ct_series()
    for image in images:
        image.Modality = "PT"
    hospital.add(images, naming_no_image(images[10]))
    assert hospital.mine().exit_status is ExitStatus.DONE
    assert hospital.status().marks == {Reason.FRAME_OF_REFERENCE: 2}


def test_a_mark_that_names_no_image_and_lies_beside_a_slice_is_off_it(hospital: Hospital) -> None:
    images = ct_series()
    drawn = naming_no_image(moved(ct_series(), 0.8)[10])
    hospital.add(images, drawn)
    hospital.mine()
    assert hospital.status().marks == {Reason.OFF_SLICE: 2}
