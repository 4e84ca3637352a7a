"""miner.mining.annotations: which annotation objects are fetched, and what becomes of those that are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    ChestCADSRStorage,
    ComprehensiveSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SpatialRegistrationStorage,
    XRayRadiationDoseSRStorage,
)

from miner.bookmarks import readable_classes
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.errors import ExitStatus, Reason
from miner.mining import cohort
from miner.mining.annotations import reason_unfetched
from miner.mining.estimate import estimate
from miner.mining.project import open_project
from miner.pacs import Peer, connect
from tests.annotations import Arrow, Pair
from tests.annotations.reports import report
from tests.hospital import Hospital, ct_series, other_object, ruler_pair

PAIR = Pair(((30.0, 40.0), (60.0, 52.0)), ((47.0, 34.0), (42.0, 58.0)))
BOTH = ("PR", "SR")


def with_annotations(hospital: Hospital, *modalities: str) -> None:
    selection = hospital.settings.selection.model_copy(update={"annotations": modalities})
    hospital.settings = hospital.settings.model_copy(update={"selection": selection})


def ohif(image: Dataset, **named: str) -> Dataset:
    return report([image], {image.SOPInstanceUID: [PAIR]}, "ohif", **named)


# ---------------------------------------------------------------------------------------------------- before fetching


def test_every_class_that_can_be_read_is_fetched_but_selections() -> None:
    for uid, modality in readable_classes().items():
        expected = Reason.KEY_OBJECT_SELECTION if modality == "KO" else None
        assert reason_unfetched(modality, uid, BOTH) is expected


@pytest.mark.parametrize(
    ("modality", "sop_class", "selected", "reason"),
    [
        ("SR", "", BOTH, None),
        ("PR", "", BOTH, None),
        ("KO", "", BOTH, Reason.KEY_OBJECT_SELECTION),
        ("SR", KeyObjectSelectionDocumentStorage, BOTH, Reason.KEY_OBJECT_SELECTION),
        ("KO", KeyObjectSelectionDocumentStorage, ("PR",), Reason.KEY_OBJECT_SELECTION),
        ("SR", XRayRadiationDoseSRStorage, BOTH, Reason.UNSUPPORTED_OBJECT),
        ("PR", SpatialRegistrationStorage, BOTH, Reason.UNSUPPORTED_OBJECT),
        ("SR", ComprehensiveSRStorage, ("PR",), Reason.MODALITY),
        ("SR", XRayRadiationDoseSRStorage, ("PR",), Reason.MODALITY),
        ("PR", "", ("SR",), Reason.MODALITY),
        ("KO", GrayscaleSoftcopyPresentationStateStorage, BOTH, None),
        ("KO", ComprehensiveSRStorage, ("PR",), Reason.MODALITY),
        ("PR", ComprehensiveSRStorage, ("SR",), None),
        ("KO", SpatialRegistrationStorage, BOTH, Reason.KEY_OBJECT_SELECTION),
    ],
)
def test_what_the_pacs_says_decides(modality: str, sop_class: str, selected: tuple[str, ...], reason: object) -> None:
    assert reason_unfetched(modality, sop_class, selected) is reason


def test_dose_reports_and_selections_are_counted_and_not_fetched(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(
        images,
        ohif(images[10]),
        other_object(images[0], XRayRadiationDoseSRStorage, "SR", "dose"),
        other_object(images[0], ChestCADSRStorage, "SR", "cad"),
        other_object(images[0], KeyObjectSelectionDocumentStorage, "KO", "selection"),
    )
    report = hospital.mine()
    assert report.outcomes == {"mined": 1}
    assert report.exit_status is ExitStatus.DONE
    status = hospital.status()
    assert status.objects == {"accepted": 1, Reason.UNSUPPORTED_OBJECT: 2, Reason.KEY_OBJECT_SELECTION: 1}
    slices = 13  # key slice and 30 mm of 5 mm slices on both sides
    assert hospital.pacs.requests.objects_sent == 1 + slices
    assert hospital.mine().outcomes == {"unchanged": 1}


class Levels(Behaviour):
    """Counts queries by level."""

    def __init__(self) -> None:
        self.found = Counter[str]()

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        self.found[request.level] += 1
        return answers


def test_a_study_with_nothing_but_a_dose_report_costs_two_queries_beyond_finding_it(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, other_object(images[0], XRayRadiationDoseSRStorage, "SR", "dose"))
    with_annotations(hospital, "SR")
    levels = hospital.pacs.behaviour = Levels()
    hospital.mine()
    assert hospital.status().study_reasons == {f"refused: {Reason.UNSUPPORTED_OBJECT}": 1}
    assert hospital.pacs.requests.objects_sent == 0
    del levels.found["STUDY"]
    assert levels.found == {"SERIES": 1, "IMAGE": 1}, "of the study, and of the one series of reports"


class WithoutSopClasses(Behaviour):
    """Answers no SOP Class UID at IMAGE level, as some archives do."""

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, dataset in answers:
            if dataset is not None and "SOPClassUID" in dataset:
                del dataset.SOPClassUID
            yield status, dataset


def test_objects_of_an_unknown_class_are_fetched_and_told_apart(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(
        images,
        ohif(images[10]),
        other_object(images[0], XRayRadiationDoseSRStorage, "SR", "dose"),
        other_object(images[0], KeyObjectSelectionDocumentStorage, "SR", "selection"),
        other_object(images[0], BasicTextSRStorage, "SR", "words"),
    )
    hospital.pacs.behaviour = WithoutSopClasses()
    report = hospital.mine()
    assert report.outcomes == {"mined": 1}, "a report that is not read is no failed retrieval"
    expected = {"accepted": 1, Reason.UNSUPPORTED_OBJECT: 1, Reason.KEY_OBJECT_SELECTION: 1, Reason.NO_GRAPHICS: 1}
    assert hospital.status().objects == expected


def test_a_report_of_words_holds_no_measurement(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, other_object(images[0], BasicTextSRStorage, "SR", "words"))
    hospital.mine()
    assert hospital.status().objects == {Reason.NO_GRAPHICS: 1}
    assert hospital.status().study_reasons == {f"refused: {Reason.NO_GRAPHICS}": 1}


def test_an_archive_of_regions_in_a_report_is_named_as_unsupported(hospital: Hospital) -> None:
    images = ct_series()
    regions = other_object(images[0], ComprehensiveSRStorage, "SR", "regions")
    regions.ConceptNameCodeSequence[0].CodeValue = "1"
    regions.ConceptNameCodeSequence[0].CodingSchemeDesignator = "99HUG"
    regions.ConceptNameCodeSequence[0].CodeMeaning = "ROI"
    regions.EncapsulatedDocument = b"bplist00" * 8
    hospital.add(images, ruler_pair(images[4]), regions)
    hospital.mine()
    assert hospital.status().objects == {"accepted": 1, Reason.UNSUPPORTED_OBJECT: 1}


# ------------------------------------------------------------------------------------------- [selection] annotations


def test_reports_are_read_unless_they_are_left_out(hospital: Hospital) -> None:
    both, report_alone = ct_series("P1"), ct_series("P2")
    hospital.add(both, ruler_pair(both[4]), ohif(both[10]), report_alone, ohif(report_alone[10]))
    with_annotations(hospital, "PR")
    assert hospital.mine().outcomes == {"mined": 1}, "a study that holds reports alone is not looked for"
    assert hospital.status().objects == {"accepted": 1, Reason.MODALITY: 1}
    assert hospital.mine().outcomes == {"unchanged": 1}
    with_annotations(hospital, "PR", "SR")
    assert hospital.mine().outcomes == {"mined": 2}, "another setting makes the run read again"
    assert hospital.status().objects == {"accepted": 3}
    assert hospital.status().bookmarks == {"recist": 3}


def test_presentation_states_can_be_left_out(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[4]), ohif(images[10]))
    with_annotations(hospital, "SR")
    hospital.mine()
    assert hospital.status().objects == {"accepted": 1, Reason.MODALITY: 1}
    assert hospital.status().marks == {"used": 2}


def test_a_dry_run_counts_what_would_be_fetched(hospital: Hospital) -> None:
    images = ct_series()
    dose = other_object(images[0], XRayRadiationDoseSRStorage, "SR", "dose")
    hospital.add(images, ruler_pair(images[4]), ohif(images[10]), dose)
    for modalities, expected in ((BOTH, 2), (("PR",), 1), (("SR",), 1)):
        with_annotations(hospital, *modalities)
        with open_project(hospital.settings) as project:
            pacs = connect(Peer.of(hospital.settings))
            found = estimate(project, cohort.Request(since="all"), pacs)
            pacs.close()
        assert (found.studies, found.annotation_objects) == (1, expected)


def test_one_lesion_in_a_state_and_in_a_report_is_one(hospital: Hospital) -> None:
    images = ct_series()
    state = ruler_pair(images[10])
    long, short = ((37.5, 47.5), (57.5, 47.5)), ((47.5, 42.5), (47.5, 52.5))
    same = report([images[10]], {images[10].SOPInstanceUID: [Pair(long, short)]}, "ohif", created="20990101000000")
    hospital.add(images, state, same)
    hospital.mine()
    assert hospital.status().bookmarks == {"recist": 1}
    assert hospital.status().marks == {"used": 4}


# ------------------------------------------------------------------------------------------------------------- frames


def on_frame(image: Dataset, frame: int) -> Dataset:
    state = ruler_pair(image)
    for reference in state.ReferencedSeriesSequence[0].ReferencedImageSequence:
        reference.ReferencedFrameNumber = frame
    for item in state.GraphicAnnotationSequence:
        item.ReferencedImageSequence[0].ReferencedFrameNumber = frame
    return state


def test_frame_one_of_an_image_is_the_image(hospital: Hospital, tmp_path: Path) -> None:
    images = ct_series()
    state = on_frame(images[10], 1)
    for holder in (state.ReferencedSeriesSequence[0], state.GraphicAnnotationSequence[0]):
        holder.ReferencedImageSequence[0].ReferencedSOPClassUID = "1.2.3.4"  # hides that it is a single frame
    hospital.add(images, state)
    hospital.mine()
    hospital.release()
    framed = (hospital.folder / "release" / "lesions.csv").read_text()
    with Hospital(tmp_path / "plain") as plain:
        plain.add(images, ruler_pair(images[10]))
        plain.mine()
        plain.release()
        assert (plain.folder / "release" / "lesions.csv").read_text() == framed, "the same uid, too"


def test_a_frame_that_an_image_does_not_have_is_no_reason_to_ask_again(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, on_frame(images[10], 3))
    assert hospital.mine().exit_status is ExitStatus.DONE
    assert hospital.status().marks == {Reason.POINT_OUTSIDE_IMAGE: 2}
    assert hospital.mine().outcomes == {"unchanged": 1}


def test_a_bookmark_on_a_multi_frame_image_ends_with_the_reason_of_the_gate(hospital: Hospital) -> None:
    images = ct_series(slices=1)
    images[0].SOPClassUID = images[0].file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    images[0].NumberOfFrames = 12
    hospital.add(images, on_frame(images[0], 7))
    hospital.mine()
    assert hospital.status().marks == {Reason.SOP_CLASS: 2}
    assert hospital.pacs.requests.objects_sent == 1, "the state alone"


def test_text_and_arrow_of_a_report(hospital: Hospital) -> None:
    images = ct_series()
    arrow = Arrow((30.0, 40.0), (50.0, 60.0))
    hospital.add(images, report([images[10]], {images[10].SOPInstanceUID: [PAIR, arrow]}, "ohif"))
    hospital.mine()
    assert hospital.status().bookmarks == {"recist": 1, "arrow": 1}
