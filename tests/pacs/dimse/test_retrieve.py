"""What is asked for, in what portions and how often, against an archive in memory that may do anything."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from miner.errors import PacsError, PacsUnreachable, Reason, StoppedError
from miner.pacs import retry
from miner.pacs.books import Books
from miner.pacs.care import Halt, Pace
from miner.pacs.dimse.receive import SUCCESS, Arrival, Receiver
from miner.pacs.dimse.retrieve import LIST_LENGTH, Abilities, retrieve
from miner.pacs.retry import OutOfResourcesError, RequestRefusedError, ServiceNotOfferedError
from miner.records import Fetched, InstanceRef


def instance(number: int, series: int = 1) -> InstanceRef:
    return InstanceRef("2.25.1", f"2.25.2{series}", f"2.25.3{series}.{number}", CTImageStorage, number)


def arrival(one: InstanceRef, comment: str = "") -> Arrival:
    item = Dataset()
    item.SOPInstanceUID, item.StudyInstanceUID, item.SeriesInstanceUID = one.sop_uid, one.study_uid, one.series_uid
    item.ImageComments = comment
    data = encode(item, is_implicit_vr=True, is_little_endian=True)
    assert data is not None
    return Arrival(CTImageStorage, one.sop_uid, ImplicitVRLittleEndian, data)


@dataclass
class Archive:
    """Holds ``held``; ``answer`` decides on each request what of the objects that it names is sent, or raises."""

    held: Sequence[InstanceRef]
    answer: Callable[[str, list[InstanceRef]], Sequence[InstanceRef]] = lambda level, named: named
    name: str = "get"
    requests: list[tuple[str, int]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    @contextlib.contextmanager
    def receiving(self, receiver: Receiver) -> Iterator[None]:
        yield

    def ask(self, identifier: Dataset, batch: Sequence[InstanceRef], receiver: Receiver) -> None:
        level, named = self.named(identifier)
        count = len(named) if level == "SERIES" else identifier["SOPInstanceUID"].VM
        self.requests.append((level, count))
        for one in self.answer(level, named):
            self.statuses.append(receiver.take(arrival(one)))

    def named(self, identifier: Dataset) -> tuple[str, list[InstanceRef]]:
        """Level of a request, and which objects it names."""
        of_series = [one for one in self.held if one.series_uid == identifier.SeriesInstanceUID]
        if identifier.QueryRetrieveLevel == "SERIES":
            return "SERIES", of_series
        uids = identifier.SOPInstanceUID
        asked = {uids} if isinstance(uids, str) else set(uids)
        return "IMAGE", [one for one in of_series if one.sop_uid in asked]

    def release(self) -> None: ...

    def close(self) -> None: ...


def fetch(
    archive: Archive,
    wanted: Sequence[InstanceRef],
    spool: Path,
    *,
    attempts: int = 2,
    abilities: Abilities | None = None,
    pace: Pace | None = None,
) -> Fetched:
    pace = pace or Pace()
    books = Books(wanted, pace.halt)
    retrieve(archive, Receiver(spool, books, pace), pace, attempts, abilities or Abilities())
    return books.close(archive.name)


SERIES = [instance(number) for number in range(150)]


def test_an_honest_archive_is_asked_for_lists_of_one_series(spool: Path) -> None:
    other = [instance(number, series=2) for number in range(3)]
    archive = Archive([*SERIES, *other])
    fetched = fetch(archive, [*other, *SERIES], spool)
    assert fetched.missing == {}
    assert archive.requests == [("IMAGE", 64), ("IMAGE", 64), ("IMAGE", 22), ("IMAGE", 3)]
    assert fetched.extra_octets == 0
    assert fetched.octets == sum(len(arrival(one).data) for one in [*SERIES, *other])


def test_what_is_missing_is_asked_for_again_as_long_as_something_new_comes(spool: Path) -> None:
    """A limit on objects per request that the archive says nothing of."""
    archive = Archive(SERIES, lambda level, named: named[:10])
    assert fetch(archive, SERIES, spool).missing == {}
    assert {level for level, _ in archive.requests} == {"IMAGE"}
    assert len(archive.requests) == 7 + 7 + 3, "lists of 64, 64 and 22, by tens"


def test_a_list_that_fails_for_one_object_is_taken_apart(spool: Path) -> None:
    bad = {SERIES[5].sop_uid, SERIES[70].sop_uid, SERIES[71].sop_uid}

    def answer(level: str, named: list[InstanceRef]) -> Sequence[InstanceRef]:
        if any(one.sop_uid in bad for one in named):
            raise RequestRefusedError("refused", Reason.RETRIEVE_FAILED)
        return named

    archive = Archive(SERIES, answer)
    abilities = Abilities()
    fetched = fetch(archive, SERIES, spool, abilities=abilities)
    assert fetched.missing == dict.fromkeys(bad, Reason.RETRIEVE_FAILED)
    assert abilities.longest_list == LIST_LENGTH, "lists work with this archive"
    assert len(archive.requests) < 120


def test_one_uid_per_request_is_learned_from_two_lists(spool: Path) -> None:
    archive = Archive(SERIES, lambda level, named: named if len(named) == 1 else [])
    abilities = Abilities()
    assert fetch(archive, SERIES, spool, abilities=abilities).missing == {}
    assert abilities.learned() == {"longest_list": 1, "image_retrieve": True}
    assert len([count for _, count in archive.requests if count > 1]) <= 4


def test_an_archive_that_fails_now_and_then_is_not_taken_for_one_without_lists(spool: Path) -> None:
    calls = iter(range(1000))
    archive = Archive(SERIES, lambda level, named: [] if next(calls) == 0 else named)
    abilities = Abilities()
    assert fetch(archive, SERIES, spool, abilities=abilities).missing == {}
    assert abilities.longest_list == LIST_LENGTH


def refuse_images(level: str, named: list[InstanceRef]) -> Sequence[InstanceRef]:
    if level == "IMAGE":
        raise RequestRefusedError("refused", Reason.RETRIEVE_FAILED)
    return named


def ignore_images(level: str, named: list[InstanceRef]) -> Sequence[InstanceRef]:
    return named if level == "SERIES" else []


@pytest.mark.parametrize("answer", [refuse_images, ignore_images])
def test_a_pacs_without_image_level_is_asked_for_the_series(
    answer: Callable[[str, list[InstanceRef]], Sequence[InstanceRef]], spool: Path
) -> None:
    wanted = SERIES[10:80:10]
    archive = Archive(SERIES, answer)
    abilities = Abilities()
    fetched = fetch(archive, wanted, spool, abilities=abilities)
    assert fetched.missing == {}
    assert [level for level, _ in archive.requests].count("SERIES") == 1
    assert set(archive.statuses) == {SUCCESS}
    assert len(list(spool.iterdir())) == len(wanted), "what nobody wants is never written"
    assert fetched.extra_octets == sum(len(arrival(one).data) for one in SERIES) - fetched.octets

    assert abilities.learned() == {}, "once may be a bad moment"
    assert fetch(archive, wanted, spool, abilities=abilities).missing == {}
    assert abilities.learned() == {"image_retrieve": False}
    archive.requests.clear()
    assert fetch(archive, wanted, spool, abilities=Abilities.of({"image_retrieve": False})).missing == {}
    assert archive.requests == [("SERIES", 150)], "what is known is not tried again"


def test_objects_of_another_series_are_refused_while_one_is_taken_whole(spool: Path) -> None:
    stranger = instance(1, series=9)
    archive = Archive(SERIES, lambda level, named: [*named, stranger] if level == "SERIES" else [])
    fetched = fetch(archive, SERIES[:3], spool)
    assert len(fetched.arrived) == 3
    assert archive.statuses.count(SUCCESS) == len(SERIES)
    assert archive.statuses[-1] != SUCCESS


def test_the_series_is_not_asked_for_where_single_images_come(spool: Path) -> None:
    gone = SERIES[3]
    archive = Archive([one for one in SERIES if one is not gone])
    assert fetch(archive, SERIES[:10], spool).missing == {gone.sop_uid: Reason.NOT_RETRIEVED}
    assert {level for level, _ in archive.requests} == {"IMAGE"}


def test_an_overloaded_pacs_is_not_asked_for_more(spool: Path) -> None:
    def overloaded(level: str, named: list[InstanceRef]) -> Sequence[InstanceRef]:
        raise OutOfResourcesError("busy", Reason.RETRIEVE_FAILED)

    archive = Archive(SERIES, overloaded)
    fetched = fetch(archive, SERIES, spool)
    assert set(fetched.missing.values()) == {Reason.RETRIEVE_FAILED}
    assert {level for level, _ in archive.requests} == {"IMAGE"}
    assert len(archive.requests) <= 12


def test_where_nothing_comes_few_questions_are_asked(spool: Path) -> None:
    archive = Archive([])
    fetched = fetch(archive, [instance(n, series) for series in range(5) for n in range(100)], spool)
    assert len(fetched.missing) == 500
    assert len(archive.requests) <= 5 * 2 + 3 + 1


def test_the_pace_bounds_what_one_request_names(spool: Path) -> None:
    class Slow(Pace):
        def before_request(self, objects: int = 0, **_: object) -> int:
            return min(objects, 7)

    archive = Archive(SERIES)
    assert fetch(archive, SERIES[:20], spool, pace=Slow()).missing == {}
    assert [count for _, count in archive.requests] == [7, 7, 6]


def test_the_pace_is_told_of_every_object_before_it_is_acknowledged(spool: Path) -> None:
    told: list[int] = []

    class Counting(Pace):
        def took(self, octets: int) -> None:
            told.append(octets)

    archive = Archive(SERIES, lambda level, named: [*named, *named])
    fetched = fetch(archive, SERIES[:5], spool, pace=Counting())
    assert sum(told) == fetched.octets + fetched.extra_octets
    assert len(told) == 10


def test_two_questions_that_run_out_of_time_end_the_fetch(spool: Path) -> None:
    def slow(level: str, named: list[InstanceRef]) -> Sequence[InstanceRef]:
        if SERIES[0] in named:
            return named
        raise PacsError("silent", Reason.TIMED_OUT)

    archive = Archive(SERIES, slow)
    fetched = fetch(archive, SERIES, spool)
    assert len(fetched.arrived) == 64
    assert set(fetched.missing.values()) == {Reason.TIMED_OUT}
    assert len(archive.requests) <= 6


def test_nothing_at_all_is_an_error(spool: Path) -> None:
    def gone(level: str, named: list[InstanceRef]) -> Sequence[InstanceRef]:
        raise PacsUnreachable("gone")

    with pytest.raises(PacsUnreachable):
        fetch(Archive(SERIES, gone), SERIES, spool)


def test_a_class_that_the_service_is_not_offered_for_does_not_cost_the_others(spool: Path) -> None:
    def partly(level: str, named: list[InstanceRef]) -> Sequence[InstanceRef]:
        if named[0].series_uid.endswith("1"):
            raise ServiceNotOfferedError("not for this class")
        return named

    wanted = [instance(n, series) for series in (1, 2) for n in range(3)]
    books = Books(wanted)
    with pytest.raises(ServiceNotOfferedError):
        retrieve(Archive(wanted, partly), Receiver(spool, books), Pace(), 1, Abilities())
    assert books.count == 3


def test_a_stop_ends_a_fetch(spool: Path) -> None:
    pace = Pace(halt=Halt())

    def stop(level: str, named: list[InstanceRef]) -> Sequence[InstanceRef]:
        pace.halt.throw()
        raise PacsError("aborted")

    with pytest.raises(StoppedError):
        fetch(Archive(SERIES, stop), SERIES, spool, pace=pace)


# ------------------------------------------------------------------------------------------- whatever an archive may do

NUMBERS = st.integers(0, 11)


@st.composite
def whims(draw: st.DrawFn) -> dict[str, Any]:
    """One answer: what is sent of what was asked, what beside it, how it ends."""
    return {
        "lost": draw(st.sets(NUMBERS)),
        "twice": draw(st.sets(NUMBERS)),
        "altered": draw(st.sets(NUMBERS)),
        "others": draw(st.sets(NUMBERS, max_size=4)),
        "late": draw(st.sets(NUMBERS)),
        "end": draw(st.sampled_from(["success", "success", "refused", "busy", "broken", "timed-out", "gone"])),
    }


ENDS: dict[str, Exception | None] = {
    "success": None,
    "refused": RequestRefusedError("r", Reason.RETRIEVE_FAILED),
    "busy": OutOfResourcesError("o", Reason.RETRIEVE_FAILED),
    "broken": PacsError("b", Reason.RETRIEVE_FAILED),
    "timed-out": PacsError("t", Reason.TIMED_OUT),
    "gone": PacsUnreachable("u"),
}


HONEST: dict[str, Any] = {
    "lost": set(),
    "twice": set(),
    "altered": set(),
    "others": set(),
    "late": set(),
    "end": "success",
}


class Whimsical(Archive):
    """Answers request by request as drawn, then honestly. Late objects come during the next request."""

    def __init__(self, held: Sequence[InstanceRef], answers: list[dict[str, Any]]) -> None:
        super().__init__(held)
        self.answers = answers
        self.late: list[InstanceRef] = []
        self.octets = 0

    def ask(self, identifier: Dataset, batch: Sequence[InstanceRef], receiver: Receiver) -> None:
        whim = self.answers.pop(0) if self.answers else HONEST
        _, named = self.named(identifier)
        sent = [one for one in named if one.instance_number not in whim["lost"]]
        sending = [*self.late, *sent, *(one for one in sent if one.instance_number in whim["twice"])]
        self.late = [one for one in named if one.instance_number in whim["late"]]
        sending += [one for one in self.held if one.instance_number in whim["others"]]
        for at, one in enumerate(sending):
            again = at >= len(sent) and one.instance_number in whim["altered"]
            object_sent = arrival(one, f"version {at}" if again else "")
            if receiver.take(object_sent) == SUCCESS:
                self.octets += len(object_sent.data)
        error = ENDS[whim["end"]]
        if error is not None:
            raise error


@settings(max_examples=150, deadline=None)
@given(
    wanted=st.sets(st.tuples(NUMBERS, st.integers(1, 2)), min_size=1),
    held=st.sets(st.tuples(NUMBERS, st.integers(1, 2))),
    answers=st.lists(whims(), max_size=6),
    longest=st.sampled_from([1, 3, LIST_LENGTH]),
)
def test_every_instance_ends_in_one_place_and_the_counts_add_up(
    wanted: set[tuple[int, int]], held: set[tuple[int, int]], answers: list[dict[str, Any]], longest: int
) -> None:
    retry.FIRST_PAUSE, before = 0.0, retry.FIRST_PAUSE
    asked = [instance(*one) for one in sorted(wanted)]
    archive = Whimsical([instance(*one) for one in sorted(held | wanted)], list(answers))
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder) / "spool"
        books = Books(asked)
        failed = False
        try:
            retrieve(archive, Receiver(spool, books), Pace(), 2, Abilities(longest_list=longest))
        except PacsError:
            failed = True
        finally:
            retry.FIRST_PAUSE = before
        fetched = books.close("get")
        uids = {one.sop_uid for one in asked}
        assert fetched.arrived.keys() | fetched.missing.keys() == uids
        assert not fetched.arrived.keys() & fetched.missing.keys()
        assert not (failed and fetched.arrived), "a partial answer is an answer"
        assert set(fetched.arrived.values()) == set(spool.iterdir()), "nothing else is written"
        assert fetched.conflicts.keys() <= fetched.arrived.keys()
        assert fetched.octets + fetched.extra_octets == archive.octets
        if all(answer["end"] in ("success", "refused", "busy") and not answer["lost"] for answer in answers):
            assert fetched.missing == {}, "nothing was withheld"
