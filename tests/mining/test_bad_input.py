"""Bad input gets a clear reason, and nothing is lost: what goes in comes out as a lesion or as a counted refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from miner.dataset.dl_info import read_rows
from miner.errors import ExitStatus, Reason
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.hospital.series import SIZE, draw, state_of, uid


def _lesions(hospital: Hospital) -> int:
    hospital.release()
    assert hospital.check().faults == ()
    return len(read_rows(hospital.folder / "release" / "DL_info.csv"))


def test_a_plain_pair_is_one_lesion(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    report = hospital.mine()
    assert report.exit_status is ExitStatus.DONE
    assert hospital.status().marks == {"used": 2}
    hospital.release()
    (row,) = read_rows(hospital.folder / "release" / "DL_info.csv")
    assert row.key_slice == len(images) - 10
    assert row.slice_range == (row.key_slice - 6, row.key_slice + 6)
    assert sorted(row.coordinates[:4]) == pytest.approx(sorted([38.5, 48.5, 58.5, 48.5]))
    assert hospital.check().faults == ()


def test_referenced_images_that_are_not_there(hospital: Hospital) -> None:
    images = ct_series()
    elsewhere = ct_series(series="2")
    hospital.add(images, ruler_pair(images[10]), ruler_pair(elsewhere[10], name="astray"))
    report = hospital.mine()
    assert report.exit_status is ExitStatus.DONE
    status = hospital.status()
    assert status.marks == {"used": 2, Reason.IMAGE_NOT_FOUND: 2}
    assert status.studies == {"partial": 1}
    hospital.add(elsewhere)  # the images arrive later: the next run looks again
    hospital.mine()
    assert hospital.status().marks == {"used": 4}
    assert _lesions(hospital) == 2


def test_state_without_graphics(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, state_of([images[3]]))
    report = hospital.mine()
    assert report.exit_status is ExitStatus.DONE
    assert hospital.status().objects == {Reason.NO_GRAPHICS: 1}
    assert hospital.status().studies == {"refused": 1}
    assert hospital.pacs.requests.objects_sent == 1


def test_points_outside_the_image(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10], x=SIZE - 2.0))
    hospital.mine()
    marks = hospital.status().marks
    assert marks[Reason.POINT_OUTSIDE_IMAGE] == 1
    assert sum(marks.values()) == 2


def test_missing_pixel_spacing(hospital: Hospital) -> None:
    images = ct_series()
    for image in images:
        del image.PixelSpacing
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    assert hospital.status().marks == {Reason.NO_PIXEL_SPACING: 2}
    assert not list(hospital.settings.images.rglob("*.png"))


def test_broken_pixel_data_of_the_key_slice(hospital: Hospital) -> None:
    images = ct_series()
    images[10].compress(RLELossless)
    images[10].PixelData = images[10].PixelData[:100]
    hospital.add(images, ruler_pair(images[10]), ruler_pair(images[4], name="other"))
    hospital.mine()
    marks = hospital.status().marks
    assert marks == {"used": 2, Reason.BROKEN_PIXELS: 2}
    hospital.release()
    assert hospital.check().faults == ()


def test_broken_pixel_data_beside_the_key_slice(hospital: Hospital) -> None:
    images = ct_series()
    images[12].PixelData = images[12].PixelData[:100]
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    assert hospital.status().bookmarks == {"recist": 1}
    assert hospital.status().series == {Reason.SIZE_MISMATCH: 1}
    assert _lesions(hospital) == 0
    pictures = sorted(path.name for path in (hospital.folder / "release" / "Bookmark_images_png").rglob("*.png"))
    assert pictures == [f"{number:03d}.png" for number in range(24 - 11, 24 - 4 + 1)]


def test_series_of_two_orientations(hospital: Hospital) -> None:
    images = ct_series()
    other = ct_series(series="7", slices=6)
    for number, image in enumerate(other):
        image.SeriesInstanceUID = images[0].SeriesInstanceUID
        image.InstanceNumber = 100 + number
        image.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        image.ImagePositionPatient = [-40, -40 + 5 * number, 0]
    hospital.add(images, other, ruler_pair(images[10]), ruler_pair(other[2], name="coronal"))
    hospital.mine()
    status = hospital.status()
    assert status.bookmarks == {"recist": 2}
    assert status.series["accepted"] == 1
    assert status.series[Reason.NON_AXIAL] == 1
    assert _lesions(hospital) == 1
    (row,) = read_rows(hospital.folder / "release" / "DL_info.csv")
    assert row.key_slice == 14


def _without_slice(images: list[Dataset]) -> list[Dataset]:
    return images[:7] + images[8:]


def _doubled(images: list[Dataset]) -> list[Dataset]:
    twin = ct_series()[7]
    twin.SOPInstanceUID = twin.file_meta.MediaStorageSOPInstanceUID = uid("twin")
    return [*images, twin]


def _tilted(images: list[Dataset]) -> list[Dataset]:
    for image in images:
        image.ImageOrientationPatient = [1, 0, 0, 0, 0.95, -0.3122]
        image.GantryDetectorTilt = 18
    return images


def _uneven(images: list[Dataset]) -> list[Dataset]:
    for number, image in enumerate(images):
        image.ImagePositionPatient[2] += 0.4 * (number % 2)
    return images


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without_slice, Reason.GAPPED),
        (_doubled, Reason.DUPLICATE_POSITION),
        (_tilted, Reason.TILTED),
        (_uneven, Reason.MIXED_SPACING),
        (lambda images: images[10:11], Reason.SINGLE_SLICE),
    ],
)
def test_series_that_are_no_plain_axial_volume(hospital: Hospital, change, reason: Reason) -> None:  # type: ignore[no-untyped-def]
    images = ct_series()
    state = ruler_pair(images[10])
    hospital.add(change(images), state)
    hospital.mine()
    status = hospital.status()
    assert reason in status.series
    assert status.bookmarks == {"recist": 1}
    assert _lesions(hospital) == 0
    rows = (hospital.folder / "release" / "bookmarks.csv").read_text().splitlines()
    assert len(rows) == 2


def test_values_that_do_not_fit(hospital: Hospital) -> None:
    images = ct_series()
    images[11].RescaleSlope = 40
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    assert hospital.status().marks == {Reason.VALUE_RANGE: 2}


def test_another_modality(hospital: Hospital) -> None:
    images = ct_series()
    for image in images:
        image.Modality = "MR"
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    assert hospital.status().marks == {Reason.MODALITY: 2}
    assert hospital.pacs.requests.objects_sent == 1, "no image of it may be fetched"


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("BurnedInAnnotation", "YES", Reason.BURNED_IN),
        ("ImageType", ["DERIVED", "SECONDARY"], Reason.IMAGE_TYPE),
        ("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"], Reason.LOCALIZER),
        ("ConversionType", "WSD", Reason.SECONDARY_CAPTURE),
    ],
)
def test_gate_refuses_before_neighbours_are_fetched(
    hospital: Hospital, attribute: str, value: object, reason: Reason
) -> None:
    images = ct_series()
    for image in images:
        setattr(image, attribute, value)
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    assert hospital.status().marks == {reason: 2}
    assert hospital.pacs.requests.objects_sent == 2, "the presentation state and the key slice, no more"


def test_opted_out_patients_are_never_retrieved(hospital: Hospital) -> None:
    images, others = ct_series(), ct_series("P2")
    hospital.add(images, ruler_pair(images[10]), others, ruler_pair(others[10]))
    list_file = hospital.folder / "opt-out.txt"
    list_file.write_text("P1\n")
    selection = hospital.settings.selection.model_copy(update={"opt_out": str(list_file)})
    hospital.settings = hospital.settings.model_copy(update={"selection": selection})
    hospital.mine()
    assert hospital.status().study_reasons == {f"refused: {Reason.OPTED_OUT}": 1}
    assert hospital.status().studies == {"mined": 1, "refused": 1}
    assert hospital.status().bookmarks == {"recist": 1}


def test_head_series_keep_their_key_slices_only(hospital: Hospital) -> None:
    images = ct_series()
    for image in images:
        image.BodyPartExamined = "HEAD"
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    hospital.release()
    (row,) = read_rows(hospital.folder / "release" / "DL_info.csv")
    assert row.slice_range == (14, 14)
    assert len(list((hospital.folder / "release" / "Images_png").rglob("*.png"))) == 1
    assert hospital.check().faults == ()


def test_state_in_another_study_than_its_image(hospital: Hospital) -> None:
    images = ct_series()
    later = ct_series(study="S2", series="9", slices=1)
    state = ruler_pair(images[10])
    state.StudyInstanceUID = later[0].StudyInstanceUID
    hospital.add(images, later, state)
    hospital.mine()
    assert hospital.status().marks == {"used": 2}
    assert _lesions(hospital) == 1


def test_text_that_disagrees_is_noted(hospital: Hospital) -> None:
    images = ct_series()
    state = draw(state_of([images[10]]), images[10], (38, 48, 58, 48), (48, 43, 48, 53), text="99.9 mm")
    hospital.add(images, state)
    hospital.mine()
    hospital.release()
    lesions = (hospital.folder / "release" / "lesions.csv").read_text().splitlines()
    assert "text-mismatch" in lesions[1]


def test_report_counts_what_it_looked_at(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    report = hospital.mine()
    assert report.found == sum(report.outcomes.values()) == 1
    assert replace(report, warnings=[]).outcomes == {"mined": 1}
