"""Which bookmark goes where, and which slices go with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from miner.catalogue.rows import Publication, ReleaseRow
from miner.dataset import ReleaseRules, Remark
from miner.dataset.compose import Composition, compose
from miner.errors import ChainError, Reason, UsageError
from miner.records import Doubt, Kind
from tests.dataset.making import FakeCatalogue, Made, cells_of, make, put

Release = Callable[..., Composition]


def release(catalogue: FakeCatalogue, rules: ReleaseRules | None = None) -> Composition:
    content = catalogue.release_content()
    composition = compose(content, rules or ReleaseRules(), catalogue.patient_index_range)
    row = ReleaseRow(len(content.releases) + 1, "", "", "", "", "", composition.counts)
    ids = composition.identities
    given = (ids.new_patients, ids.new_studies, ids.new_series, composition.rows)
    catalogue.publish(Publication(row, *given, merged=composition.merged))
    return composition


@pytest.fixture
def released(catalogue: FakeCatalogue, images: Path) -> Release:
    def _released(*made: Made, rules: ReleaseRules | None = None) -> Composition:
        put(catalogue, images, made)
        return release(catalogue, rules)

    return _released


def slices_of(composition: Composition, tree: str) -> list[int]:
    return [picture.number for picture in composition.pictures if picture.path.startswith(f"{tree}/")]


def forget_slices(catalogue: FakeCatalogue, made: Made, *numbers: int) -> None:
    row = catalogue.series[made.series.series_key]
    stored = {number: sha for number, sha in row.stored.items() if number not in numbers}
    catalogue.series[row.series_key] = replace(row, stored=stored)


def test_a_lesion_in_every_column(released: Release, catalogue: FakeCatalogue) -> None:
    composition = released(make())
    (row,) = cells_of(composition.csvs["DL_info.csv"])
    assert row["Measurement_coordinates"] == "17, 16, 25, 16, 21, 13.5, 21, 18.5"
    assert row["Bounding_boxes"] == "12, 8.5, 30, 23.5"
    assert row["Lesion_diameters_Pixel_"] == "8, 5"
    assert row["Normalized_lesion_location"] == "0.4, 0.6, NaN"
    assert (row["Coarse_lesion_type"], row["Possibly_noisy"]) == ("-1", "0")
    assert row["Slice_range"] == "14, 26"
    assert (row["Spacing_mm_px_"], row["Image_size"]) == ("0.7, 0.8, 5", "48, 32")
    assert row["DICOM_windows"] == "-175, 275"
    assert (row["Patient_gender"], row["Patient_age"]) == ("F", "61")
    patient = next(iter(catalogue.patients.values()))
    assert row["Patient_index"] == str(patient.patient_index)
    assert row["File_name"] == f"{patient.patient_index:06d}_01_01_020.png"
    assert slices_of(composition, "Images_png") == list(range(14, 27))
    (note,) = cells_of(composition.csvs["lesions.csv"])
    (bookmark,) = cells_of(composition.csvs["bookmarks.csv"])
    assert note["Lesion_uid"] == bookmark["Bookmark_uid"]
    assert (note["Row"], note["Noise_reasons"], note["Location_z_source"]) == ("0", "", "unknown")
    assert (bookmark["Length_mm"], bookmark["Text_mm"], bookmark["In_DL_info"]) == ("5.6", "", "1")
    (series,) = cells_of(composition.csvs["series.csv"])
    assert (series["Slices"], series["Spacing"], series["Tree"]) == ("60", "0.7, 0.8, 5", "Images_png")
    assert (series["Origin_z"], series["Orientation"]) == ("300.25", "1, 0, 0, 0, 1, 0")


def test_windows_of_a_series_that_touch_are_one_range(released: Release) -> None:
    composition = released(make(key_slice=10), make(key_slice=23), make(key_slice=37))
    ranges = [row["Slice_range"] for row in cells_of(composition.csvs["DL_info.csv"])]
    assert ranges == ["4, 29", "4, 29", "31, 43"]
    assert slices_of(composition, "Images_png") == [*range(4, 30), *range(31, 44)]


def test_ranges_end_with_the_series(released: Release) -> None:
    composition = released(make(key_slice=3), make(key_slice=58))
    assert [row["Slice_range"] for row in cells_of(composition.csvs["DL_info.csv"])] == ["1, 9", "52, 60"]


def test_only_key_slices_of_a_head_leave(released: Release) -> None:
    head = {"policy": "head-key-slice-only"}
    composition = released(make(key_slice=10, **head), make(key_slice=11, **head), make(key_slice=20, **head))
    assert [row["Slice_range"] for row in cells_of(composition.csvs["DL_info.csv"])] == ["10, 11", "10, 11", "20, 20"]
    (series,) = cells_of(composition.csvs["series.csv"])
    assert series["Policy"] == "head-key-slice-only"


@pytest.mark.parametrize(
    "made",
    [
        make(kind=Kind.LINE),
        make(kind=Kind.ARROW),
        make(kind=Kind.ELLIPSE),
        make(kind=Kind.POLYGON),
        make(confidence=0.49),
        make(refusals=(Reason.GAPPED,)),
    ],
    ids=["line", "arrow", "ellipse", "polygon", "doubtful", "refused-series"],
)
def test_everything_else_is_in_bookmarks_csv_only(released: Release, made: Made) -> None:
    composition = released(made)
    assert cells_of(composition.csvs["DL_info.csv"]) == []
    (row,) = cells_of(composition.csvs["bookmarks.csv"])
    assert row["In_DL_info"] == "0"
    assert slices_of(composition, "Images_png") == []
    assert slices_of(composition, "Bookmark_images_png") == list(range(14, 27))
    (series,) = cells_of(composition.csvs["series.csv"])
    assert series["Tree"] == "Bookmark_images_png"


def test_lengths_stand_where_a_kind_has_one(released: Release) -> None:
    composition = released(*(make(key_slice=10 + place, kind=kind) for place, kind in enumerate(Kind)))
    lengths = {row["Kind"]: row["Length_mm"] for row in cells_of(composition.csvs["bookmarks.csv"])}
    assert lengths == {"recist": "5.6", "line": "5.6", "ellipse": "5.6", "arrow": "", "polygon": ""}


def test_an_arrow_within_a_lesion_s_range_needs_no_slices_of_its_own(released: Release) -> None:
    composition = released(make(key_slice=20), make(key_slice=26, kind=Kind.ARROW), make(key_slice=27, kind=Kind.LINE))
    assert slices_of(composition, "Images_png") == list(range(14, 27))
    assert slices_of(composition, "Bookmark_images_png") == list(range(21, 34))
    (series,) = cells_of(composition.csvs["series.csv"])
    assert series["Tree"] == "Images_png;Bookmark_images_png"


def test_a_new_lesion_makes_a_published_range_grow(released: Release, catalogue: FakeCatalogue) -> None:
    released(make(key_slice=20))
    composition = released(make(key_slice=30))
    assert [row["Slice_range"] for row in cells_of(composition.csvs["DL_info.csv"])] == ["14, 36", "14, 36"]
    (change,) = composition.changes
    assert (change.column, change.old, change.new) == ("Slice_range", "14, 26", "14, 36")
    assert change.uid == make(key_slice=20).bookmark.uid


def test_a_published_range_never_shrinks(released: Release, catalogue: FakeCatalogue) -> None:
    released(make(key_slice=20))
    composition = released(make(key_slice=40), rules=ReleaseRules(context_mm=10.0))
    assert [row["Slice_range"] for row in cells_of(composition.csvs["DL_info.csv"])] == ["14, 26", "38, 42"]


def test_a_neighbour_that_cannot_be_used_narrows_the_range(released: Release) -> None:
    composition = released(make(half=(2, 6)))
    (row,) = cells_of(composition.csvs["DL_info.csv"])
    assert row["Slice_range"] == "18, 26"
    assert composition.remarks == {make().bookmark.uid: Remark.NARROWED}


def test_a_new_bookmark_without_all_of_its_slices_waits(
    released: Release, catalogue: FakeCatalogue, images: Path
) -> None:
    whole, torn, torn_arrow = make(1), make(2), make(3, kind=Kind.ARROW)
    put(catalogue, images, [whole, torn, torn_arrow])
    forget_slices(catalogue, torn, 15)
    forget_slices(catalogue, torn_arrow, 26)
    composition = release(catalogue)
    assert len(cells_of(composition.csvs["bookmarks.csv"])) == 1
    assert composition.remarks == dict.fromkeys((torn.bookmark.uid, torn_arrow.bookmark.uid), Remark.SLICES_MISSING)
    assert catalogue.patients[torn.patient.patient_key].patient_index is None
    put(catalogue, images, [torn, torn_arrow])
    assert len(cells_of(release(catalogue).csvs["bookmarks.csv"])) == 3


def test_slices_of_a_published_row_that_are_gone_stop_the_release(released: Release, catalogue: FakeCatalogue) -> None:
    made = make()
    released(made)
    forget_slices(catalogue, made, 14)
    with pytest.raises(ChainError, match="no longer has slices"):
        release(catalogue)


def test_a_bookmark_published_without_a_place_in_dl_info_keeps_its_row(
    released: Release, catalogue: FakeCatalogue
) -> None:
    made = make(confidence=0.6)
    first = released(made, rules=ReleaseRules(acceptance=0.7))
    second = release(catalogue, ReleaseRules(acceptance=0.5))
    assert second.csvs == first.csvs
    assert second.remarks == {made.bookmark.uid: Remark.STAYS_BOOKMARK}


def test_a_lesion_whose_series_is_refused_later_keeps_its_row(released: Release, catalogue: FakeCatalogue) -> None:
    made = make()
    first = released(made)
    row = catalogue.series[made.series.series_key]
    catalogue.series[row.series_key] = replace(row, refusals=(Reason.GAPPED,))
    assert release(catalogue).csvs["DL_info.csv"] == first.csvs["DL_info.csv"]


def test_a_coded_site_gives_the_type_and_a_later_one_changes_it(released: Release, catalogue: FakeCatalogue) -> None:
    made = make(finding_site="SCT:10200004")
    first = released(made, make(2))
    types = {row["Patient_index"]: row["Coarse_lesion_type"] for row in cells_of(first.csvs["DL_info.csv"])}
    assert sorted(types.values()) == ["-1", "4"]
    catalogue.bookmarks[made.bookmark.uid] = replace(made.bookmark, finding_site="SCT:64033007")
    (change,) = release(catalogue).changes
    assert (change.uid, change.column, change.old, change.new) == (
        made.bookmark.uid,
        "Coarse_lesion_type",
        "4",
        "6",
    )


def test_a_corrected_row_stays_and_is_listed(released: Release, catalogue: FakeCatalogue) -> None:
    made, line = make(2, state_order=5), make(1, kind=Kind.LINE, state_order=5)
    first = released(made, line)
    assert first.corrections == ()
    for entry, keys in ((made, 1), (line, 2)):
        newer = {"history_keys": tuple(str(n) for n in range(keys)), "history_orders": (9,) * keys}
        catalogue.bookmarks[entry.bookmark.uid] = replace(entry.bookmark, **newer)
    second = release(catalogue)
    assert (second.csvs, second.changes) == (first.csvs, ())
    places = {row["Bookmark_uid"]: n for n, row in enumerate(cells_of(first.csvs["bookmarks.csv"]))}
    assert {entry.uid: (dict(entry.rows), entry.newer_states) for entry in second.corrections} == {
        made.bookmark.uid: ({"DL_info.csv": 0, "bookmarks.csv": places[made.bookmark.uid]}, 1),
        line.bookmark.uid: ({"bookmarks.csv": places[line.bookmark.uid]}, 2),
    }


def test_two_studies_measurements_of_one_lesion_are_one_row(released: Release, catalogue: FakeCatalogue) -> None:
    old = make(state_order=1)
    moved = tuple((x + 0.5, y) for x, y in old.bookmark.points)
    fields = {"uid": "f" * 32, "object_key": "e" * 32, "state_order": 9, "points": moved, "confidence": 0.8}
    new = replace(old, bookmark=replace(old.bookmark, **fields))  # type: ignore[arg-type]
    composition = released(old, new)
    (row,), (lesion,) = (cells_of(composition.csvs[name]) for name in ("bookmarks.csv", "DL_info.csv"))
    assert (row["Bookmark_uid"], row["Confidence"]) == (old.bookmark.uid, "0.8")
    assert lesion["Measurement_coordinates"].startswith("17.5, ")
    assert composition.merged == {old.bookmark.uid: ("f" * 32, old.bookmark.uid)}
    assert composition.counts["lesions"] == 1
    again = release(catalogue)
    assert (again.csvs, again.merged, again.rows) == (composition.csvs, {}, ())


def test_a_lesion_that_waits_for_its_slices_is_not_merged_yet(
    released: Release, catalogue: FakeCatalogue, images: Path
) -> None:
    old = make(state_order=1)
    fields = {"uid": "f" * 32, "object_key": "e" * 32, "state_order": 9}
    put(catalogue, images, [make(2), old, replace(old, bookmark=replace(old.bookmark, **fields))])  # type: ignore[arg-type]
    forget_slices(catalogue, old, 15)
    composition = release(catalogue)
    assert (composition.merged, composition.counts["lesions"]) == ({}, 1)
    assert composition.remarks == {old.bookmark.uid: Remark.SLICES_MISSING}


def test_noise_may_be_found_later_and_is_listed(released: Release, catalogue: FakeCatalogue) -> None:
    made = make()
    released(made)
    catalogue.bookmarks[made.bookmark.uid] = replace(made.bookmark, doubts=(Doubt.TEXT_MISMATCH, Doubt.ANGLE))
    composition = release(catalogue)
    (row,) = cells_of(composition.csvs["DL_info.csv"])
    (note,) = cells_of(composition.csvs["lesions.csv"])
    assert (row["Possibly_noisy"], note["Noise_reasons"]) == ("1", "angle;text-mismatch")
    (change,) = composition.changes
    assert (change.column, change.old, change.new) == ("Possibly_noisy", "0", "1")


def test_a_correction_in_the_archive_changes_no_published_cell(released: Release, catalogue: FakeCatalogue) -> None:
    made = make()
    first = released(made)
    study = catalogue.studies[made.study.study_key]
    catalogue.studies[study.study_key] = replace(study, sex="M", age=35)
    assert release(catalogue).csvs["DL_info.csv"] == first.csvs["DL_info.csv"]


@pytest.mark.parametrize(("age", "cell"), [(None, "NaN"), (0, "0"), (89, "89"), (90, "90"), (104, "90")])
def test_ages(released: Release, age: int | None, cell: str) -> None:
    made = make()
    composition = released(replace(made, study=replace(made.study, age=age)))
    assert cells_of(composition.csvs["DL_info.csv"])[0]["Patient_age"] == cell


@pytest.mark.parametrize(("sex", "cell"), [("M", "M"), ("F", "F"), ("O", "O"), ("", "O"), ("=x", "O")])
def test_genders(released: Release, sex: str, cell: str) -> None:
    made = make()
    composition = released(replace(made, study=replace(made.study, sex=sex)))
    assert cells_of(composition.csvs["DL_info.csv"])[0]["Patient_gender"] == cell


def test_an_unknown_z_has_the_value_that_is_configured(released: Release) -> None:
    composition = released(make(), rules=ReleaseRules(unknown_location_z="0.5"))
    assert cells_of(composition.csvs["DL_info.csv"])[0]["Normalized_lesion_location"] == "0.4, 0.6, 0.5"
    assert cells_of(composition.csvs["lesions.csv"])[0]["Location_z_source"] == "neutral"


def test_without_pixel_facts_the_location_is_relative_to_the_image(released: Release) -> None:
    composition = released(make(facts=None, at=(23.5, 15.5)))
    assert cells_of(composition.csvs["DL_info.csv"])[0]["Normalized_lesion_location"] == "0.5, 0.5, NaN"


def test_an_empty_catalogue_has_nothing_to_release(catalogue: FakeCatalogue) -> None:
    with pytest.raises(UsageError, match="miner mine"):
        release(catalogue)
