"""Objects that come badly: every one is whole in the spool, or named with its reason."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import EnhancedCTImageStorage

from miner.errors import PacsError, PacsUnreachable, Reason, StoppedError, StorageError
from miner.pacs.care import Bounds, Pace
from miner.pacs.dicomweb import wado
from tests.hospital import ct_series
from tests.pacs.dicomweb.conftest import ConnectWeb, reference
from tests.pacs.dicomweb.service import Answer, Asked, DicomwebService, file_of, multipart


def on_objects(change: Callable[[Asked, Answer], Answer], *, times: int = 10**6) -> Any:
    """A change of the first so many answers with objects."""
    done = threading.Semaphore(times)

    def change_some(asked: Asked, answer: Answer) -> Answer:
        return change(asked, answer) if asked.kind == "objects" and done.acquire(blocking=False) else answer

    return change_some


def spooled(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def check_whole(fetched: Any, objects: list[Dataset]) -> None:
    stored = {item.SOPInstanceUID: item for item in objects}
    assert fetched.missing == {}
    assert set(fetched.arrived) == set(stored)
    for uid, path in fetched.arrived.items():
        assert dcmread(path) == stored[uid]


def data_set_octets(content: bytes) -> int:
    return len(content) - 144 - int.from_bytes(content[140:144], "little")


def test_every_instance_by_itself_over_one_connection(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    with DicomwebService(study) as service:
        fetched = web(service).fetch([reference(item) for item in study], spool)
    check_whole(fetched, study)
    assert fetched.service == "wado"
    assert fetched.octets == sum(data_set_octets(file_of(item)) for item in study)
    assert fetched.extra_octets == 0
    assert service.connections == 1
    assert {asked.headers["Accept"] for asked in service.asked} == {wado.ACCEPT[0]}
    assert {asked.headers["Accept-Encoding"] for asked in service.asked} == {"identity"}
    assert {asked.headers["Host"] for asked in service.asked} == {f"{service.host}:{service.port}"}


def test_files_in_the_spool_are_not_named_by_the_service(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    with DicomwebService(study) as service:
        web(service).fetch([reference(item) for item in study], spool)
    names = " ".join(path.name for path in spooled(spool))
    assert not any(item.SOPInstanceUID in names for item in study)
    assert spool.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in spooled(spool))


CURABLE = {
    "cut in the header of the file": on_objects(lambda asked, answer: dataclasses.replace(answer, drop=100), times=2),
    "cut in the middle": on_objects(lambda asked, answer: dataclasses.replace(answer, drop=9000), times=2),
    "cut before the last delimiter, no length": on_objects(
        lambda asked, answer: dataclasses.replace(answer, length=-1, drop=len(bytes(answer.body)) - 20), times=2
    ),
    "dropped before the status": on_objects(lambda asked, answer: (_ for _ in ()).throw(OSError()), times=2),
    "busy": on_objects(lambda asked, answer: Answer(503), times=2),
    "too many requests": on_objects(lambda asked, answer: Answer(429).with_headers(Retry_After="0"), times=2),
    "failed": on_objects(lambda asked, answer: Answer(500, body=b"x" * 200_000), times=2),
    "another object": on_objects(lambda asked, answer: multipart([file_of(other_slice())]), times=2),
    "a page of HTML": on_objects(
        lambda asked, answer: Answer(headers={"Content-Type": "text/html"}, body=b"<html>"), times=2
    ),
    "another boundary than named": on_objects(
        lambda asked, answer: dataclasses.replace(answer, body=bytes(answer.body).replace(b"--a-bound", b"--b-bound")),
        times=2,
    ),
    "no part at all": on_objects(lambda asked, answer: multipart([]), times=2),
    "no file": on_objects(lambda asked, answer: multipart([b"not a DICOM file" * 20]), times=2),
    "an empty part": on_objects(lambda asked, answer: multipart([b""]), times=2),
    "an empty body": on_objects(lambda asked, answer: Answer(200, answer.headers), times=2),
    "no content": on_objects(lambda asked, answer: Answer(204), times=2),
}


def other_slice() -> Dataset:
    return ct_series("P2", slices=1)[0]


@pytest.mark.parametrize("fault", CURABLE)
def test_what_is_cured_by_asking_again(fault: str, study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    with DicomwebService(study, change=CURABLE[fault]) as service:
        fetched = web(service).fetch([reference(item) for item in study], spool)
    check_whole(fetched, study)
    assert len(spooled(spool)) == len(study)
    assert service.count("objects") == len(study) + 2


def test_another_wanted_object_is_not_the_one_that_was_asked_for(
    study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    """A cache that mixes up its answers: each object is taken by the request that named it, or not at all."""
    first, second, third = study[:3]

    def change(asked: Asked, answer: Answer) -> Answer:
        return multipart([file_of(second)]) if first.SOPInstanceUID in asked.path else answer

    with DicomwebService(study, change=on_objects(change)) as service:
        fetched = web(service, attempts=2).fetch([reference(item) for item in (first, second, third)], spool)
    assert fetched.missing == {first.SOPInstanceUID: Reason.NOT_RETRIEVED}
    assert set(fetched.arrived) == {second.SOPInstanceUID, third.SOPInstanceUID}
    assert fetched.extra_octets == 3 * data_set_octets(file_of(second))
    assert fetched.conflicts == {}


@pytest.mark.parametrize(
    "shape",
    ["plain", "chunked", "without a length", "several parts", "Content-Length of the part", "small pieces"],
)
def test_forms_in_which_an_object_may_come(shape: str, study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    def change(asked: Asked, answer: Answer) -> Answer:
        body = bytes(answer.body)
        content = body[body.index(b"\r\n\r\n") + 4 : body.rindex(b"\r\n--a-boundary")]
        match shape:
            case "plain":
                return Answer(headers={"Content-Type": "application/dicom"}, body=content)
            case "chunked":
                chunks = [body[at : at + 5000] for at in range(0, len(body), 5000)]
                coded = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""]]
                return dataclasses.replace(answer, body=coded).with_headers(Transfer_Encoding="chunked")
            case "without a length":
                return dataclasses.replace(answer, length=-1)
            case "several parts":
                return multipart([file_of(other_slice()), content])
            case "Content-Length of the part":
                header = b"dicom\r\nContent-Length: %d\r\n\r\n" % len(content)
                return dataclasses.replace(answer, body=body.replace(b"dicom\r\n\r\n", header, 1))
            case _:
                return dataclasses.replace(
                    answer, body=[body[at : at + 97] for at in range(0, len(body), 97)], length=-1
                )

    with DicomwebService(study, change=on_objects(change)) as service:
        fetched = web(service).fetch([reference(item) for item in study], spool)
    check_whole(fetched, study)
    other = data_set_octets(file_of(other_slice())) * len(study)
    assert fetched.extra_octets == (other if shape == "several parts" else 0)
    assert len(spooled(spool)) == len(study)


def test_an_object_alone_without_its_length_may_be_cut(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    def change(asked: Asked, answer: Answer) -> Answer:
        return Answer(headers={"Content-Type": "application/dicom"}, body=file_of(study[0])[:-500], length=-1)

    with DicomwebService(study, change=on_objects(change)) as service, pytest.raises(PacsError) as caught:
        web(service, attempts=1).fetch([reference(study[0])], spool)
    assert caught.value.reason is Reason.RETRIEVE_FAILED
    assert spooled(spool) == []


def test_an_object_that_does_not_exist_is_missing_with_its_reason(
    study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    absent = dataclasses.replace(reference(study[0]), sop_uid="2.25.404")
    with DicomwebService(study) as service:
        fetched = web(service).fetch([absent, *(reference(item) for item in study)], spool)
    assert fetched.missing == {"2.25.404": Reason.NOT_SENT}
    assert len(fetched.arrived) == len(study)
    assert service.count("objects") == len(study) + 2, "once more at the end, and no more"


def test_one_that_always_fails_does_not_hold_up_the_others(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    broken = study[1].SOPInstanceUID
    change = on_objects(lambda asked, answer: Answer(500) if broken in asked.path else answer)
    with DicomwebService(study, change=change) as service:
        fetched = web(service, attempts=2).fetch([reference(item) for item in study], spool)
    assert fetched.missing == {broken: Reason.RETRIEVE_FAILED}
    assert len(fetched.arrived) == len(study) - 1


def test_a_service_that_always_fails_is_not_asked_for_everything(web: ConnectWeb, spool: Path) -> None:
    images = ct_series(slices=20)
    with DicomwebService(images, change=on_objects(lambda asked, answer: Answer(500))) as service:
        fetched = web(service, attempts=2).fetch([reference(item) for item in images], spool)
    assert set(fetched.missing.values()) == {Reason.RETRIEVE_FAILED}
    assert len(fetched.missing) == 20
    assert service.count("objects") == 3 * 2 + 2, "three instances, then the series, each twice"


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_where_single_instances_are_not_given_the_series_is_taken_once(
    status: int, study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    change = on_objects(lambda asked, answer: Answer(status) if "instances" in asked.parts else answer)
    images = study[:5]
    with DicomwebService(study, change=change) as service:
        pacs = web(service)
        fetched = pacs.fetch([reference(item) for item in images[1:3]], spool)
        again = pacs.fetch([reference(images[4])], spool)
        before = service.count("objects")
        pacs.fetch([reference(images[0])], spool)
    check_whole(fetched, images[1:3])
    check_whole(again, [images[4]])
    sizes = [data_set_octets(file_of(item)) for item in images]
    assert fetched.octets == sum(sizes[1:3])
    assert fetched.extra_octets == sum(sizes) - sum(sizes[1:3])
    assert service.count("objects") - before == 1, "after two series it is known"
    assert pacs.learned()["image_retrieve"] is False


@pytest.mark.parametrize("part", [b"", b"<html>out of memory</html>", bytes(200_000)], ids=["empty", "page", "zeros"])
def test_a_part_that_is_no_object_costs_none_of_the_others(
    part: bytes, study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    """Of a series as a whole: what should have been there is missing by name, and the series is sent once."""
    images = study[:5]
    files = [file_of(item) for item in images]
    whole = multipart([files[0], part, *files[2:]])
    change = on_objects(lambda asked, answer: Answer(405) if "instances" in asked.parts else whole)
    with DicomwebService(study, change=change) as service:
        fetched = web(service).fetch([reference(item) for item in images], spool)
    assert fetched.missing == {images[1].SOPInstanceUID: fetched.missing[images[1].SOPInstanceUID]}
    assert set(fetched.arrived) == {item.SOPInstanceUID for item in images} - set(fetched.missing)
    assert sum("instances" not in asked.parts for asked in service.asked) == 1
    assert len(spooled(spool)) == 4


def test_the_form_of_an_answer_is_left_to_the_service_or_named(
    study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    change = on_objects(lambda asked, answer: Answer(406) if asked.headers["Accept"].endswith("=*") else answer)
    with DicomwebService(study, change=change) as service:
        pacs = web(service)
        check_whole(pacs.fetch([reference(item) for item in study], spool), study)
    assert service.count("objects") == len(study) + 1
    assert pacs.learned()["as_stored"] is False


def test_one_uid_with_two_contents_is_a_conflict(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    """In a series as a whole, since an instance alone is asked for once."""
    twin = dcmread(spool_file(study[0], spool))
    twin.ImageComments = "another"

    def change(asked: Asked, answer: Answer) -> Answer:
        if "instances" in asked.parts:
            return Answer(404)
        return multipart([file_of(item) for item in (study[0], study[0], twin, study[1])])

    with DicomwebService(study, change=on_objects(change)) as service:
        fetched = web(service).fetch([reference(item) for item in study[:2]], spool / "of the fetch")
    check_whole(fetched, study[:2])
    assert fetched.conflicts == {study[0].SOPInstanceUID: Reason.CONTENT_CONFLICT}
    assert fetched.extra_octets == data_set_octets(file_of(study[0])) + data_set_octets(file_of(twin))
    assert len(spooled(spool / "of the fetch")) == 2


def spool_file(item: Dataset, spool: Path) -> Path:
    spool.mkdir(exist_ok=True)
    (spool / "one").write_bytes(file_of(item))
    return spool / "one"


def test_an_object_whose_file_meta_names_another_uid(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    """Careless anonymisers leave it behind; archives go by the data set, and so do queries."""
    content = file_of(study[0])
    uid = study[0].SOPInstanceUID.encode()
    other = b"2.25." + b"9" * (len(uid) - 5)
    change = on_objects(lambda asked, answer: multipart([content.replace(uid, other, 1)]))
    with DicomwebService(study, change=change) as service:
        fetched = web(service).fetch([reference(study[0])], spool)
    assert set(fetched.arrived) == {study[0].SOPInstanceUID}


def test_a_gigabyte_that_is_announced_for_a_slice_is_not_read(
    study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    change = on_objects(lambda asked, answer: dataclasses.replace(answer, length=10**9))
    with DicomwebService(study, change=change) as service:
        fetched = web(service).fetch([reference(study[0])], spool)
    assert list(fetched.missing.values()) == [Reason.RETRIEVE_FAILED]
    assert service.count("objects") == 2, "it is asked for once more at the end, and not as a part of its series"
    assert spooled(spool) == []


def test_a_body_without_an_end_is_ended(
    study: list[Dataset], web: ConnectWeb, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wado, "LARGEST_SMALL_OBJECT", 300_000)
    monkeypatch.setattr(wado, "LARGEST_OBJECT", 300_000)

    def endless(asked: Asked, answer: Answer) -> Answer:
        def pieces() -> Any:
            yield bytes(answer.body)[:1000]
            while True:
                yield b"\0" * 50_000

        return dataclasses.replace(answer, body=pieces(), length=-1)

    with DicomwebService(study, change=on_objects(endless)) as service:
        fetched = web(service).fetch([reference(study[0])], spool)
    assert list(fetched.missing.values()) == [Reason.RETRIEVE_FAILED]
    assert spooled(spool) == []


def test_an_enhanced_image_may_be_larger_than_a_slice(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    wanted = dataclasses.replace(reference(study[0]), sop_class_uid=EnhancedCTImageStorage)
    change = on_objects(lambda asked, answer: dataclasses.replace(answer, length=100 << 20))
    with DicomwebService(study, change=change) as service:
        pacs = web(service, silence_seconds=0.3)
        assert pacs.fetch([wanted], spool).missing == {}, "it came whole, whatever was announced"
        assert pacs.fetch([reference(study[1])], spool).arrived == {}
    assert service.count("objects") == 3


def test_silence_and_drip(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    def silent(asked: Asked, answer: Answer) -> Answer:
        time.sleep(3)
        return answer

    wanted = [reference(study[0])]
    with DicomwebService(study, change=on_objects(silent)) as service:
        with pytest.raises(PacsError, match=r"silent for 0\.3 s") as caught:
            web(service, attempts=1, silence_seconds=0.3).fetch(wanted, spool)
        assert caught.value.reason is Reason.TIMED_OUT
    drip = on_objects(lambda asked, answer: dataclasses.replace(answer, pause=0.05))
    with DicomwebService(study, change=drip) as service:
        start = time.monotonic()
        with pytest.raises(PacsError, match=r"did not finish a retrieval within 0\.6 s") as caught:
            web(service, attempts=1, request_seconds=0.6).fetch(wanted, spool)
        assert caught.value.reason is Reason.TIMED_OUT
        assert time.monotonic() - start < 5
    assert spooled(spool) == []


def test_a_stop_ends_a_transfer_at_once(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    pace = Pace()
    drip = on_objects(lambda asked, answer: dataclasses.replace(answer, pause=0.05))
    with DicomwebService(study, change=drip) as service:
        threading.Timer(0.4, pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            web(service, pace=pace).fetch([reference(item) for item in study], spool)
        assert time.monotonic() - start < 5
    assert spooled(spool) == []


def test_a_stop_while_the_service_is_thinking(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    pace, answering = Pace(), threading.Event()
    with DicomwebService(study, change=lambda asked, answer: (answering.wait(20), answer)[1]) as service:
        threading.Timer(0.4, pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            web(service, pace=pace, silence_seconds=15).fetch([reference(study[0])], spool)
        assert time.monotonic() - start < 5
        answering.set()


def test_the_pace_is_asked_before_each_request_and_told_of_each_object(
    study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    class Noting(Pace):
        def __init__(self) -> None:
            super().__init__(Bounds(associations=1))
            self.named: list[int] = []
            self.octets: list[int] = []

        def before_request(self, objects: int = 0, **options: Any) -> int:
            self.named.append(objects)
            return super().before_request(objects, **options)

        def took(self, octets: int) -> None:
            self.octets.append(octets)
            super().took(octets)

    pace = Noting()
    with DicomwebService(study) as service:
        fetched = web(service, pace=pace).fetch([reference(item) for item in study], spool)
    assert pace.named == [1] * len(study)
    assert sum(pace.octets) == fetched.octets


def test_a_full_disk_is_ours_and_not_the_services(
    study: list[Dataset], web: ConnectWeb, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, content: Any) -> int:
        raise OSError(28, "No space left on device")

    with DicomwebService(study) as service:
        pacs = web(service)
        monkeypatch.setattr("miner.pacs.dicomweb.intake.os.write", full)
        with pytest.raises(StorageError) as caught:
            pacs.fetch([reference(item) for item in study], spool)
    assert caught.value.reason is Reason.DISK_FULL
    assert service.count("objects") == 1
    assert spooled(spool) == []


def test_a_service_that_goes_away_in_the_middle(study: list[Dataset], web: ConnectWeb, spool: Path) -> None:
    with DicomwebService(study) as service:
        pacs = web(service, attempts=1)
        pacs.fetch([reference(study[0])], spool)
    pacs.close()
    with pytest.raises(PacsUnreachable, match="cannot be reached"):
        pacs.fetch([reference(item) for item in study], spool)


@pytest.mark.parametrize("uid", ["..", "../../admin", "1/2", "1?x=1", "1#2", "1%2e", "", "ü", "x" * 200])
def test_a_uid_that_would_name_another_resource_is_not_sent(
    uid: str, study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    odd = dataclasses.replace(reference(study[0]), sop_uid=uid)
    with DicomwebService(study) as service:
        fetched = web(service).fetch([odd, reference(study[1])], spool)
    assert list(fetched.missing) == [uid]
    assert all("admin" not in asked.path and asked.query == {} for asked in service.asked)


@pytest.mark.parametrize("uid", ["1.02.3", "1.2.", "not a uid", "2.16.840_1-x"])
def test_a_uid_that_breaks_the_rules_is_sent_as_it_is(
    uid: str, study: list[Dataset], web: ConnectWeb, spool: Path
) -> None:
    odd = dataclasses.replace(reference(study[0]), sop_uid=uid)
    with DicomwebService(study) as service:
        web(service).fetch([odd], spool)
    assert service.asked[0].parts[-1] == uid
