"""Each switch really makes the PACS misbehave, seen by a plain pynetdicom client: no fault is a dud."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless
from pynetdicom import build_context, build_role, evt
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation

from miner.demo.pacs import LoopbackPacs
from tests.hospital import ct_series, ruler_pair
from tests.peers.faults import FAULTS, Faults, FaultyPacs, Sporadic
from tests.peers.faults.client import STORED, Client, Retrieved, identifier

DAYS = ("20210301", "20210301", "20210302", "20210303")
SLICES = 4
VERIFICATION = "1.2.840.10008.1.1"

Open = Callable[..., Any]


class Sample:
    """Four studies of one CT series and one presentation state each; names of the first study's objects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.studies: list[str] = []
        with LoopbackPacs(folder) as pacs:
            for number, day in enumerate(DAYS):
                images = ct_series(f"P{number}", slices=SLICES, day=day)
                state = ruler_pair(images[1])
                for item in (*images, state):
                    item.StudyTime = f"1{number}0000"
                    pacs.add(item)
                self.studies.append(images[0].StudyInstanceUID)
                if number == 0:
                    self.study = images[0].StudyInstanceUID
                    self.series = images[0].SeriesInstanceUID
                    self.images = [str(image.SOPInstanceUID) for image in images]
                    self.state = state
        self.parents = {"StudyInstanceUID": self.study, "SeriesInstanceUID": self.series}
        self.listed = {**self.parents, "SOPInstanceUID": self.images}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return Sample(tmp_path_factory.mktemp("archive"))


@pytest.fixture
def opened(sample: Sample) -> Open:
    @contextmanager
    def open_with(name: str, root: str = "study", **parameters: Any) -> Iterator[Client]:
        with faulty(sample, name, **parameters) as pacs:
            yield Client(pacs, root)

    return open_with


def faulty(sample: Sample, name: str, **parameters: Any) -> FaultyPacs:
    """A PACS with one fault that strikes always, or with these parameters."""
    fault = FAULTS[name](Random(7))
    if isinstance(fault, Sporadic):
        fault.chance, fault._left = 1.0, parameters.pop("times", 1)  # type: ignore[misc]
    for key, value in parameters.items():
        setattr(fault, key, value)
    return FaultyPacs(sample.folder, [fault])


def studies(client: Client, **keys: Any) -> tuple[int | None, list[Any]]:
    asked = {"StudyInstanceUID": "", "StudyDate": "", "StudyTime": "", "ModalitiesInStudy": "", "PatientID": ""}
    return client.find("STUDY", **{**asked, **keys})


def finds(client: Client, **keys: Any) -> int:
    status, rows = studies(client, **keys)
    assert status == 0
    return len({row.StudyInstanceUID for row in rows})


# ----------------------------------------------------------------------------------------------------- without a fault


def test_without_a_fault_it_does_what_the_standard_says(sample: Sample) -> None:
    with FaultyPacs(sample.folder, []) as pacs:
        client = Client(pacs)
        assert finds(client) == 4
        assert finds(client, ModalitiesInStudy="PR") == 4
        assert finds(client, StudyDate="20210301-20210302") == 3
        got, moved = client.get("IMAGE", **sample.listed), client.move("IMAGE", **sample.listed)
    for retrieved in (got, moved):
        assert (retrieved.status, retrieved.uids) == (0, set(sample.images))
        assert retrieved.responses[-1].NumberOfCompletedSuboperations == SLICES
    assert moved.originators == [pacs.ae_title] * SLICES
    assert pacs.delivered == set(sample.images)


def test_dates_and_times_are_matched_apart_and_parents_are_demanded(sample: Sample) -> None:
    """Rows 3 and 5: so do most PACS, and this one without any switch."""
    with FaultyPacs(sample.folder, []) as pacs:
        client = Client(pacs)
        assert finds(client, StudyDate="20210301-20210303", StudyTime="100000-105959") == 1
        assert client.find("SERIES", SeriesInstanceUID="")[0] == 0xA900
        assert client.get("IMAGE", SOPInstanceUID=sample.images).status == 0xA900


# --------------------------------------------------------------------------------------------------------- rows 1 to 4


def test_caps_studies(opened: Open) -> None:
    with opened("CapsStudies", limit=3) as client:
        assert finds(client) == 3
        assert finds(client, StudyDate="20210301") == 2


def test_refuses_broad_queries(opened: Open) -> None:
    with opened("RefusesBroadQueries", limit=3) as client:
        assert studies(client) == (0xA700, [])
        assert finds(client, StudyDate="20210301") == 2


def test_answers_in_part(opened: Open) -> None:
    with opened("AnswersInPart", limit=3) as client:
        status, rows = studies(client)
        assert (status, len(rows)) == (0xC000, 3)


def test_caps_images(opened: Open, sample: Sample) -> None:
    with opened("CapsImages", limit=2) as client:
        status, rows = client.find("IMAGE", **sample.parents, SOPInstanceUID="")
        assert (status, len(rows)) == (0, 2)


def test_row_per_instance(opened: Open) -> None:
    with opened("RowPerInstance") as client:
        assert len(studies(client)[1]) > finds(client) == 4


def test_modalities_missing(opened: Open) -> None:
    with opened("ModalitiesMissing") as client:
        status, rows = studies(client, ModalitiesInStudy="XA")
        assert (status, len(rows)) == (0, 4)
        assert not any("ModalitiesInStudy" in row for row in rows)


def test_modalities_ignored(opened: Open) -> None:
    with opened("ModalitiesIgnored") as client:
        assert [list(row.ModalitiesInStudy) for row in studies(client, ModalitiesInStudy="XA")[1]] == [["CT", "PR"]] * 4


def test_modalities_refused(opened: Open) -> None:
    with opened("ModalitiesRefused") as client:
        assert studies(client, ModalitiesInStudy="PR") == (0xA900, [])
        assert finds(client) == 4


def test_modalities_unmatched(opened: Open) -> None:
    with opened("ModalitiesUnmatched") as client:
        assert finds(client, ModalitiesInStudy="PR") == 0
        assert [row.ModalitiesInStudy for row in studies(client)[1]] == [""] * 4


def test_annotations_unlisted(opened: Open) -> None:
    with opened("AnnotationsUnlisted") as client:
        assert finds(client, ModalitiesInStudy="PR") == 0
        assert finds(client, ModalitiesInStudy="CT") == 4
        assert [row.ModalitiesInStudy for row in studies(client)[1]] == ["CT"] * 4


def test_keys_ignored(opened: Open, sample: Sample) -> None:
    with opened("KeysIgnored") as client:
        assert finds(client, StudyDate="19990101", PatientID="NOBODY", StudyInstanceUID=sample.study) == 4
        assert len(client.find("SERIES", StudyInstanceUID=sample.study, SeriesInstanceUID="", Modality="XA")[1]) == 2


def test_date_and_time_combined(opened: Open) -> None:
    with opened("DateAndTimeCombined") as client:
        assert finds(client, StudyDate="20210301-20210303", StudyTime="100000-105959") == 3


def test_counts_missing(opened: Open, sample: Sample) -> None:
    with opened("CountsMissing") as client:
        _, rows = client.find("SERIES", StudyInstanceUID=sample.study, NumberOfSeriesRelatedInstances="")
        assert [row.NumberOfSeriesRelatedInstances for row in rows] == [None, None]


def test_sop_classes_missing(opened: Open, sample: Sample) -> None:
    with opened("SopClassesMissing") as client:
        _, rows = client.find("IMAGE", **sample.parents, SOPClassUID="")
        assert {row.SOPClassUID for row in rows} == {""}


def test_positions_missing(opened: Open, sample: Sample) -> None:
    with opened("PositionsMissing") as client:
        _, rows = client.find("IMAGE", **sample.parents, ImagePositionPatient="", Rows="", InstanceNumber="")
        assert {row.ImagePositionPatient for row in rows} == {None}
        assert all(row.InstanceNumber for row in rows)


def test_character_set_on_request(opened: Open) -> None:
    with opened("CharacterSetOnRequest") as client:
        assert not any("SpecificCharacterSet" in row for row in studies(client)[1])
        assert all(row.SpecificCharacterSet == "ISO_IR 192" for row in studies(client, SpecificCharacterSet="")[1])


def test_times_missing(opened: Open) -> None:
    with opened("TimesMissing") as client:
        assert finds(client, StudyTime="000000-235959") == 0
        assert {row.StudyTime for row in studies(client)[1]} == {""}


# --------------------------------------------------------------------------------------------------------- rows 5 to 7


def contexts_accepted(client: Client, *uids: str) -> list[bool]:
    with client.association([build_context(VERIFICATION), *map(build_context, uids)]) as association:
        accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
    return [uid in accepted for uid in uids]


def test_patient_root_alone(opened: Open) -> None:
    with opened("PatientRootAlone") as client:
        assert not any(contexts_accepted(client, client.find_uid, client.get_uid, client.move_uid))
        assert all(contexts_accepted(Client(client.pacs, "patient"), Client(client.pacs, "patient").find_uid))


def test_study_root_alone(opened: Open) -> None:
    with opened("StudyRootAlone", root="patient") as client:
        assert not any(contexts_accepted(client, client.find_uid, client.get_uid, client.move_uid))
        assert all(contexts_accepted(Client(client.pacs), Client(client.pacs).find_uid))


def test_image_level_refused(opened: Open, sample: Sample) -> None:
    with opened("ImageLevelRefused") as client:
        assert client.get("IMAGE", **sample.listed).status == 0xA900
        assert client.get("SERIES", **sample.parents).uids == set(sample.images)


def test_image_level_empty(opened: Open, sample: Sample) -> None:
    with opened("ImageLevelEmpty") as client:
        got = client.get("IMAGE", **sample.listed)
        assert (got.status, got.uids) == (0, set())
        assert client.move("SERIES", **sample.parents).uids == set(sample.images)


def test_series_instead(opened: Open, sample: Sample) -> None:
    with opened("SeriesInstead") as client:
        got = client.get("IMAGE", **sample.parents, SOPInstanceUID=sample.images[0])
        assert got.uids == set(sample.images)


def test_lists_refused(opened: Open, sample: Sample) -> None:
    with opened("ListsRefused") as client:
        assert client.get("IMAGE", **sample.listed).status == 0xA900
        assert client.get("IMAGE", **sample.parents, SOPInstanceUID=sample.images[0]).uids == {sample.images[0]}


def test_long_lists_refused(opened: Open, sample: Sample) -> None:
    with opened("LongListsRefused", longest=2) as client:
        assert client.get("IMAGE", **sample.listed).status == 0xA900
        assert len(client.get("IMAGE", **sample.parents, SOPInstanceUID=sample.images[:2]).uids) == 2


def test_first_of_list(opened: Open, sample: Sample) -> None:
    with opened("FirstOfList") as client:
        got = client.get("IMAGE", **sample.listed)
        assert (got.status, len(got.uids)) == (0, 1)


def test_get_not_offered(opened: Open) -> None:
    with opened("GetNotOffered") as client:
        assert contexts_accepted(client, client.get_uid, client.move_uid) == [False, True]


def test_role_not_accepted(opened: Open, sample: Sample) -> None:
    with opened("RoleNotAccepted") as client:
        roles = [build_role(STORED[0], scp_role=True)]
        with client.association([build_context(client.get_uid), build_context(STORED[0])], roles) as association:
            assert len(association.accepted_contexts) == 2
            assert not any(context.as_scp for context in association.accepted_contexts)
        assert client.move("IMAGE", **sample.listed).uids == set(sample.images)


def test_get_fails(opened: Open, sample: Sample) -> None:
    with opened("GetFails") as client:
        assert client.get("IMAGE", **sample.listed).status == 0xC000
        assert client.move("IMAGE", **sample.listed).uids == set(sample.images)


def test_get_breaks_off(opened: Open, sample: Sample) -> None:
    with opened("GetBreaksOff") as client:
        assert client.get("IMAGE", **sample.listed).status is None
        assert client.move("IMAGE", **sample.listed).uids == set(sample.images)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("DestinationUnknown", 0xA801),
        ("DestinationAborts", None),
        ("DestinationSilent", 0),
        ("DestinationUnreachable", 0xA702),
    ],
)
def test_destination(opened: Open, sample: Sample, name: str, status: int | None) -> None:
    with opened(name) as client:
        moved = client.move("IMAGE", **sample.listed)
        assert (moved.status, moved.uids) == (status, set())
        completed = moved.responses[-1].get("NumberOfCompletedSuboperations") if moved.responses else None
        assert completed == (SLICES if name == "DestinationSilent" else None)
        assert client.get("IMAGE", **sample.listed).uids == set(sample.images)


# ------------------------------------------------------------------------------------------------------- rows 13 to 15


def test_drops_asynchronous(opened: Open) -> None:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 0
    with opened("DropsAsynchronous") as client:
        assert not client.associate([build_context(VERIFICATION)], [window]).is_established
        assert client.associate([build_context(VERIFICATION)]).is_established


def test_chooses_compressed(opened: Open, sample: Sample) -> None:
    syntaxes = [ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless]
    with opened("ChoosesCompressed") as client:
        state = {
            "StudyInstanceUID": sample.study,
            "SeriesInstanceUID": sample.state.SeriesInstanceUID,
            "SOPInstanceUID": sample.state.SOPInstanceUID,
        }
        got = client.get("IMAGE", syntaxes=syntaxes, **state)
        assert (got.status, got.failed) == (0xA702, [sample.state.SOPInstanceUID])
        assert client.get("IMAGE", **state).status == 0


def test_few_contexts(opened: Open) -> None:
    with opened("FewContexts") as client:
        verification = [build_context(VERIFICATION)]
        assert client.associate(verification * 101).is_rejected
        assert client.associate(verification * 100).is_established


def test_originator_absent(opened: Open, sample: Sample) -> None:
    with opened("OriginatorAbsent") as client:
        moved = client.move("IMAGE", **sample.listed)
        assert moved.originators == [None] * SLICES


# -------------------------------------------------------------------------------------------------------- rows 8 to 10


def both(client: Client, sample: Sample) -> list[Retrieved]:
    return [client.get("IMAGE", **sample.listed), client.move("IMAGE", **sample.listed)]


def test_success_though_all_failed(opened: Open, sample: Sample) -> None:
    with opened("SuccessThoughAllFailed", times=2) as client:
        for retrieved in both(client, sample):
            assert (retrieved.status, retrieved.uids) == (0, set())
            assert retrieved.responses[-1].NumberOfFailedSuboperations == SLICES
        assert client.get("IMAGE", **sample.listed).uids == set(sample.images), "trouble has passed"


@pytest.mark.parametrize("counted", [True, False])
def test_success_with_nothing(opened: Open, sample: Sample, counted: bool) -> None:
    with opened("SuccessWithNothing", times=2, _counted=counted) as client:
        for retrieved in both(client, sample):
            assert (retrieved.status, retrieved.uids) == (0, set())
            assert ("NumberOfCompletedSuboperations" in retrieved.responses[-1]) is counted


def test_success_in_part(opened: Open, sample: Sample) -> None:
    with opened("SuccessInPart", times=2) as client:
        for retrieved in both(client, sample):
            assert (retrieved.status, retrieved.failed) == (0, [])
            assert 0 < len(retrieved.uids) < SLICES


def test_counts_absent(opened: Open, sample: Sample) -> None:
    with opened("CountsAbsent") as client:
        for retrieved in both(client, sample):
            assert retrieved.uids == set(sample.images)
            assert not any("NumberOfCompletedSuboperations" in response for response in retrieved.responses)


def test_counts_wrong(opened: Open, sample: Sample) -> None:
    with opened("CountsWrong") as client:
        for retrieved in both(client, sample):
            assert retrieved.uids == set(sample.images)
            assert {response.NumberOfCompletedSuboperations for response in retrieved.responses} != {1, 2, 3, 4}


def test_series_offline(opened: Open, sample: Sample) -> None:
    with opened("SeriesOffline", begin=lambda objects: None, series=sample.series) as client:
        for retrieved in both(client, sample):
            assert (retrieved.status, retrieved.uids) == (0, set())


def test_objects_unreadable(opened: Open, sample: Sample) -> None:
    victim = sample.images[2]
    with opened("ObjectsUnreadable", begin=lambda objects: None, uids=frozenset([victim])) as client:
        for retrieved in both(client, sample):
            assert (retrieved.status, retrieved.failed) == (0xB000, [victim])
            assert retrieved.uids == set(sample.images) - {victim}
        assert client.get("IMAGE", **sample.parents, SOPInstanceUID=victim).status == 0xA702


def test_uids_remapped(opened: Open, sample: Sample) -> None:
    with opened("UidsRemapped") as client:
        fault = client.pacs.faults[0]
        victim = next(item for item in fault.altered.values() if item.header.Modality == "CT")  # type: ignore[attr-defined]
        keys = {"StudyInstanceUID": victim.study_uid, "SeriesInstanceUID": victim.series_uid}
        got = client.get("IMAGE", **keys, SOPInstanceUID=victim.sop_uid)
        assert got.status == 0
        assert len(got.uids) == 1
        assert victim.sop_uid not in got.uids


@pytest.mark.parametrize("claims", [True, False])
def test_moves_later(opened: Open, sample: Sample, claims: bool) -> None:
    with opened("MovesLater", delay=0.6, claims=claims) as client:
        moved = client.move("IMAGE", wait=0.0, **sample.listed)
        assert (moved.status, moved.uids) == (0, set())
        assert moved.responses[-1].NumberOfCompletedSuboperations == (SLICES if claims else 0)
        client.pacs.destinations.clear()
        assert client.move("IMAGE", wait=2.0, **sample.listed).uids == set(sample.images)


def test_without_pending(opened: Open, sample: Sample) -> None:
    with opened("WithoutPending") as client:
        for retrieved in both(client, sample):
            assert len(retrieved.responses) == 1
            assert retrieved.uids == set(sample.images)


def test_several_associations(opened: Open, sample: Sample) -> None:
    with opened("SeveralAssociations") as client:
        moved = client.move("IMAGE", **sample.listed)
        assert moved.uids == set(sample.images)
        assert len(moved.lines) == 2


def test_pending_for_ever(opened: Open, sample: Sample) -> None:
    with opened("PendingForEver", times=2) as client:
        status, rows = client.find("STUDY", at_most=50, StudyInstanceUID="")
        assert (status, len(rows)) == (None, 50)
        got = client.get("IMAGE", **sample.listed)
        assert {response.Status for response in got.responses} == {0xFF00}
        assert len(got.responses) == 100
        assert client.get("IMAGE", **sample.listed).status == 0


def test_falls_silent(opened: Open, sample: Sample) -> None:
    with opened("FallsSilent", times=2) as client:
        client.timeout = 0.3
        assert studies(client)[0] is None
        got = client.get("IMAGE", **sample.listed)
        assert "Status" not in got.responses[-1]
        assert got.uids == set(sample.images)
        assert finds(client) == 4


def test_silent_in_the_middle(opened: Open, sample: Sample) -> None:
    with opened("SilentInTheMiddle") as client:
        client.timeout = 0.3
        got = client.get("IMAGE", **sample.listed)
        assert "Status" not in got.responses[-1]
        assert got.uids < set(sample.images)


def test_sent_twice(opened: Open, sample: Sample) -> None:
    with opened("SentTwice") as client:
        for retrieved in both(client, sample):
            assert retrieved.uids == set(sample.images)
            assert len(retrieved.objects) > SLICES


def test_other_content(opened: Open, sample: Sample) -> None:
    with opened("OtherContent") as client:
        twins = client.pacs.faults[0].twins  # type: ignore[attr-defined]
        victim = next(item for item in twins.values() if item.header.Modality == "CT")
        keys = {"StudyInstanceUID": victim.study_uid, "SeriesInstanceUID": victim.series_uid}
        got = client.get("IMAGE", **keys, SOPInstanceUID=victim.sop_uid)
        assert [uid for uid, _ in got.objects] == [victim.sop_uid] * 2
        assert [dataset.get("SoftwareVersions") for _, dataset in got.objects] == [None, "another"]


# ------------------------------------------------------------------------------------------------ rows 11, 12, 17, 18


def test_queries_fail(opened: Open) -> None:
    with opened("QueriesFail") as client:
        assert studies(client)[0] == 0xC000
        assert finds(client) == 4


def test_retrievals_fail(opened: Open, sample: Sample) -> None:
    with opened("RetrievalsFail", times=2) as client:
        for retrieved in both(client, sample):
            assert retrieved.status in (0xA701, 0xA702, 0xC000)
            assert not retrieved.uids
        assert client.get("IMAGE", **sample.listed).uids == set(sample.images)


def test_retrievals_warn(opened: Open, sample: Sample) -> None:
    with opened("RetrievalsWarn", times=2) as client:
        for retrieved in both(client, sample):
            assert retrieved.status in (0xB000, 0xA702)
            assert set(retrieved.failed) == set(sample.images) - retrieved.uids != set()


def test_associations_rejected(opened: Open) -> None:
    with opened("AssociationsRejected") as client:
        assert client.associate([build_context(VERIFICATION)]).is_rejected
        assert finds(client) == 4


def test_associations_aborted(opened: Open) -> None:
    with opened("AssociationsAborted") as client:
        assert client.associate([build_context(VERIFICATION)]).is_aborted
        assert finds(client) == 4


def test_one_association(opened: Open) -> None:
    with (
        opened("OneAssociation") as client,
        client.association([build_context(VERIFICATION)]),
    ):
        assert client.associate([build_context(VERIFICATION)]).is_rejected


def test_idle_aborted(opened: Open) -> None:
    with opened("IdleAborted") as client:
        association = client.associate([build_context(VERIFICATION)])
        association.join(5.0)
        assert association.is_aborted


@pytest.mark.parametrize(("name", "cancelled"), [("CancelIgnored", False), ("CountsAbsent", True)])
def test_cancel_ignored(opened: Open, sample: Sample, name: str, cancelled: bool) -> None:
    statuses = []
    with opened(name) as client:
        contexts = [build_context(client.get_uid), build_context(STORED[0], [ExplicitVRLittleEndian])]

        def store(event: Any) -> int:
            event.assoc.send_c_cancel(1, query_model=client.get_uid)
            client.ended.wait(0.1)
            return 0

        roles = [build_role(STORED[0], scp_role=True)]
        with client.association(contexts, roles, [(evt.EVT_C_STORE, store)]) as association:
            for status, _ in association.send_c_get(identifier("IMAGE", **sample.listed), client.get_uid):
                statuses.append(status.Status)
    assert (statuses[-1] == 0xFE00) is cancelled


@pytest.mark.parametrize("name", ["StatesLate", "ImagesLate"])
def test_late(opened: Open, sample: Sample, name: str) -> None:
    with opened(name) as client:
        everything = frozenset(item.sop_uid for item in client.pacs._waiting.values()) | client.pacs.held
        assert client.pacs.held < everything
        assert not client.pacs.spent
        for _ in range(2):
            client.pacs.night()
        assert client.pacs.held == everything
        assert client.pacs.spent


def test_goes_away(opened: Open, sample: Sample) -> None:
    with opened("GoesAway") as client:
        assert studies(client)[0] is None
        client.pacs.faults[0]._away = 2  # type: ignore[attr-defined]
        for _ in range(2):
            assert not client.associate([build_context(VERIFICATION)]).is_established
        assert finds(client) == 4


def test_restarts(opened: Open, sample: Sample) -> None:
    with opened("Restarts") as client:
        got = client.get("IMAGE", **sample.listed)
        assert got.status is None
        there = []
        while len(there) < 100 and there[-2:] != [False, True]:
            there.append(client.associate([build_context(VERIFICATION)]).is_established)
            client.ended.wait(0.05)
        assert client.get("IMAGE", **sample.listed).uids == set(sample.images)


# --------------------------------------------------------------------------------------------------------- all of them


def test_every_switch_has_its_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FAULTS if f'"{name}"' not in source] == []


def test_every_row_of_the_table_has_a_switch() -> None:
    assert {kind.row for kind in FAULTS.values()} == set(range(1, 19))


def test_every_switch_says_what_it_does() -> None:
    assert [name for name, kind in FAULTS.items() if not re.match(r"[A-Z].{20}", kind.__doc__ or "", re.DOTALL)] == []


def test_a_combination_follows_from_its_seed() -> None:
    assert Faults.from_seed(5) == Faults.from_seed(5)
    assert len({Faults.from_seed(seed).names for seed in range(200)}) > 190
    drawn = {name for seed in range(200) for name in Faults.from_seed(seed).names}
    assert drawn == set(FAULTS)


def test_several_faults_act_at_once(sample: Sample) -> None:
    faults = Faults(("CapsStudies", "CountsAbsent", "SentTwice"), 1).build()
    with FaultyPacs(sample.folder, faults) as pacs:
        client = Client(pacs)
        assert finds(client) == faults[0].limit  # type: ignore[attr-defined]
        got = client.get("IMAGE", **sample.listed)
    assert len(got.objects) > SLICES
    assert not any("NumberOfCompletedSuboperations" in response for response in got.responses)
