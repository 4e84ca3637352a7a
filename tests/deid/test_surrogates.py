from __future__ import annotations

import math
import os
import pickle
import re
import subprocess
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from miner.deid import UNDATED, Surrogates, vault_key
from miner.errors import ConfigError, ObjectError, Reason
from miner.records import Kind, PatientRef, Point

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
ONE, OTHER = Surrogates(KEY), Surrogates(OTHER_KEY)
HEX = re.compile(r"[0-9a-f]{32}")
VALID_UID = re.compile(r"(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
coordinates = st.floats(-2_000, 2_000, allow_nan=False)
points = st.tuples(coordinates, coordinates)


def everything(surrogates: Surrogates, uid: str = "1.2.3") -> dict[str, str]:
    return {
        "patient": surrogates.patient(PatientRef("4711", "hospital"), uid),
        "study": surrogates.study(uid),
        "series": surrogates.series(uid),
        "second volume": surrogates.series(uid, 1),
        "instance": surrogates.instance(uid),
        "bookmark": surrogates.bookmark(uid, None, Kind.LINE, [(1.0, 2.0), (3.0, 4.0)]),
        "content": surrogates.content(uid.encode()),
        "uid": surrogates.uid(uid),
        "vault": vault_key(KEY if surrogates is ONE else OTHER_KEY).hex(),
        "tracking": surrogates.tracking(uid),
    }


def test_nothing_in_common_between_purposes_or_keys() -> None:
    values = [*everything(ONE).values(), *everything(OTHER).values()]
    assert len(set(values)) == len(values)
    for name, value in everything(ONE).items():
        assert name in ("uid", "vault") or HEX.fullmatch(value), name


def test_published_surrogates_never_change() -> None:
    """What datasets have been made with: if this fails, every existing catalogue and release comes apart."""
    assert everything(ONE) == PINNED
    assert ONE.order("ab" * 16, "20200131", "235959.5") == PINNED_ORDER


EVERY_KIND = """
import sys
from miner.deid import Surrogates
from miner.records import Kind, PatientRef

surrogates = Surrogates(bytes(range(32)))
wanted = [str(number) for number in range(40)]
for number in {"up": wanted, "down": wanted[::-1]}[sys.argv[1]]:
    uid = f"1.2.{number}"
    patient = surrogates.patient(PatientRef(number, "hospital"), uid)
    line = [(1.0, 2.0), (3.0, float(number))]
    print(number, patient, surrogates.study(uid), surrogates.series(uid), surrogates.series(uid, 1),
          surrogates.instance(uid), surrogates.uid(uid), surrogates.bookmark(uid, None, Kind.LINE, line),
          surrogates.tracking(uid), surrogates.content(uid.encode()), surrogates.order(patient, "20200131", "1200"))
"""


def test_other_processes_give_the_same_in_whatever_order() -> None:
    """Two processes, each with its own seed of Python's hashes, asked in opposite orders."""
    printed = []
    for seed, order in (("0", "up"), ("12345", "down")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", EVERY_KIND, order]
        run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        printed.append(run.stdout.splitlines())
    assert printed[0] != printed[1] and sorted(printed[0]) == sorted(printed[1])
    assert len(printed[0]) == 40
    number, patient, study, *_, uid = printed[0][7].split()[:7]
    here = PatientRef(number, "hospital")
    assert (patient, study, uid) == (ONE.patient(here, ""), ONE.study(f"1.2.{number}"), ONE.uid(f"1.2.{number}"))


def test_a_million_uids_do_not_collide_and_are_valid() -> None:
    """By the grammar of PS3.5 9.1: components without leading zeros, 64 characters at most."""
    count = 1_000_000
    uids = {ONE.uid(f"1.2.{number}") for number in range(count)}
    assert len(uids) == count
    assert all(VALID_UID.fullmatch(uid) for uid in uids)


def test_a_hundred_thousand_patients_do_not_collide() -> None:
    count = 100_000
    assert len({ONE.patient(PatientRef(str(number)), "") for number in range(count)}) == count


def test_another_key_gives_other_uids() -> None:
    count = 20_000
    assert {ONE.uid(f"1.2.{n}") for n in range(count)}.isdisjoint(OTHER.uid(f"1.2.{n}") for n in range(count))


@given(st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,8})){1,5}", fullmatch=True))
def test_a_surrogate_uid_is_a_valid_uid_of_a_uuid_version_8(uid: str) -> None:
    surrogate = ONE.uid(uid)
    assert UID(surrogate).is_valid and len(surrogate) <= 44
    number = uuid.UUID(int=int(surrogate.removeprefix("2.25.")))
    assert number.version == 8 and number.variant == uuid.RFC_4122
    assert surrogate != OTHER.uid(uid)


def test_a_patient_is_id_and_issuer_trimmed() -> None:
    plain = ONE.patient(PatientRef("4711", "a"), "1.2.3")
    assert plain == ONE.patient(PatientRef(" 4711 \0", "a "), "1.2.4")
    assert plain != ONE.patient(PatientRef("4711", "b"), "1.2.3")
    assert ONE.patient(PatientRef("47", "11"), "") != ONE.patient(PatientRef("4711", ""), "")
    assert ONE.patient(PatientRef("4", "711"), "") != ONE.patient(PatientRef("47", "11"), "")


@pytest.mark.parametrize("empty", ["", "  ", "\0"])
def test_without_an_id_each_study_is_its_own_patient(empty: str) -> None:
    first = ONE.patient(PatientRef(empty, "a"), "1.2.3")
    assert first == ONE.patient(PatientRef("", "b"), "1.2.3")
    assert first != ONE.patient(PatientRef(empty, "a"), "1.2.4")
    assert first != ONE.patient(PatientRef("1.2.3"), "1.2.3")
    assert first != ONE.study("1.2.3")


def test_an_absent_uid_is_no_identity() -> None:
    for ask in (ONE.study, ONE.series, ONE.instance, ONE.uid):
        with pytest.raises(ObjectError) as caught:
            ask(" \0")
        assert caught.value.reason is Reason.DAMAGED_OBJECT
    with pytest.raises(ObjectError):
        ONE.patient(PatientRef(""), "")


@given(st.text(), st.text())
def test_any_text_has_a_surrogate(patient_id: str, issuer: str) -> None:
    assert HEX.fullmatch(ONE.patient(PatientRef(patient_id, issuer), "1.2.3"))


def test_text_that_was_decoded_badly_has_a_surrogate() -> None:
    assert HEX.fullmatch(ONE.patient(PatientRef("M\udcfcller"), "1.2.3"))


# --------------------------------------------------------------------------------------------------------- bookmarks


def bookmark(kind: Kind, geometry: list[Point], frame: int | None = None) -> str:
    return ONE.bookmark("1.2.3", frame, kind, geometry)


@given(points, points)
def test_the_ends_of_a_line_have_no_order(a: Point, b: Point) -> None:
    assert bookmark(Kind.LINE, [a, b]) == bookmark(Kind.LINE, [b, a])


@given(points, points, points, points, st.sampled_from([Kind.RECIST, Kind.ELLIPSE]))
def test_the_ends_of_an_axis_and_the_axes_have_no_order(a: Point, b: Point, c: Point, d: Point, kind: Kind) -> None:
    same = [[a, b, c, d], [b, a, c, d], [a, b, d, c], [b, a, d, c], [c, d, a, b], [d, c, b, a]]
    assert len({bookmark(kind, geometry) for geometry in same}) == 1


def test_points_of_two_axes_are_not_mixed() -> None:
    a, b, c, d = (0.0, 0.0), (10.0, 0.0), (5.0, -3.0), (5.0, 3.0)
    assert bookmark(Kind.RECIST, [a, b, c, d]) != bookmark(Kind.RECIST, [a, c, b, d])


def test_arrows_and_polygons_have_an_order() -> None:
    a, b, c, d = (0.0, 0.0), (10.0, 0.0), (5.0, 3.0), (1.0, 3.0)
    assert bookmark(Kind.ARROW, [a, b]) != bookmark(Kind.ARROW, [b, a])
    assert bookmark(Kind.POLYGON, [a, b, c, d]) != bookmark(Kind.POLYGON, [a, c, b, d])


@given(st.integers(-1_000_000, 1_000_000), st.integers(-1_000_000, 1_000_000), st.floats(-0.0004, 0.0004))
def test_less_than_half_a_thousandth_of_a_pixel_makes_no_difference(x: int, y: int, noise: float) -> None:
    plain = bookmark(Kind.ARROW, [(x / 1000, y / 1000)])
    assert plain == bookmark(Kind.ARROW, [(x / 1000 + noise, y / 1000 - noise)])
    assert plain != bookmark(Kind.ARROW, [((x + 1) / 1000, y / 1000)])


def test_image_frame_and_kind_count() -> None:
    line = [(0.0, 0.0), (10.0, 0.0)]
    values = [
        ONE.bookmark("1.2.3", None, Kind.LINE, line),
        ONE.bookmark("1.2.4", None, Kind.LINE, line),
        ONE.bookmark("1.2.3", 1, Kind.LINE, line),
        ONE.bookmark("1.2.3", 2, Kind.LINE, line),
        ONE.bookmark("1.2.3", None, Kind.ARROW, line),
    ]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_point_that_is_no_number(wrong: float) -> None:
    with pytest.raises(ObjectError) as caught:
        bookmark(Kind.LINE, [(0.0, wrong), (1.0, 1.0)])
    assert caught.value.reason is Reason.POINT_NOT_FINITE


# ------------------------------------------------------------------------------------------------------------- order


@given(st.datetimes(), st.datetimes(), st.binary(min_size=16, max_size=16))
def test_order_sorts_one_patients_studies_and_keeps_their_distance(first, second, patient) -> None:  # type: ignore[no-untyped-def]
    numbers = [
        ONE.order(patient.hex(), moment.strftime("%Y%m%d").rjust(8, "0"), moment.strftime("%H%M%S"))
        for moment in (first, second)
    ]
    distance = second.replace(microsecond=0) - first.replace(microsecond=0)
    assert numbers[1] - numbers[0] == distance.days * 86_400 + distance.seconds
    assert all(0 <= number < UNDATED < 2**63 for number in numbers)


def test_order_gives_no_date_away() -> None:
    """The same moment for 2,000 patients: spread over the whole span, and over the time of day."""
    numbers = [ONE.order(ONE.study(str(n + 1)), "20200131", "120000") for n in range(2_000)]
    assert len(set(numbers)) == len(numbers)
    quarters = [sum(number * 4 // 2**48 == quarter for number in numbers) for quarter in range(4)]
    assert min(quarters) > 400
    hours = {number % 86_400 // 3_600 for number in numbers}
    assert len(hours) == 24


@pytest.mark.parametrize("wrong", ["", "  ", "20201301", "2020", "unknown", "00000000"])
def test_studies_without_a_date_come_last(wrong: str) -> None:
    assert ONE.order("ab" * 16, wrong, "120000") == UNDATED


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        *(("", 0), ("07", 25_200), ("0703", 25_380), ("070305", 25_385), ("070305.999", 25_385), ("07:03:05", 25_385)),
        *(("240000", 0), ("noon", 0), ("7", 0), (" 070305 ", 25_385)),
    ],
)
def test_times(time: str, seconds: int) -> None:
    midnight = ONE.order("ab" * 16, "20200131", "000000")
    assert ONE.order("ab" * 16, "20200131", time) - midnight == seconds


# --------------------------------------------------------------------------------------------------------------- key


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length(length: int) -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        Surrogates(bytes(length))


def test_the_key_does_not_leave() -> None:
    with pytest.raises(TypeError, match="does not leave"):
        pickle.dumps(ONE)
    assert KEY.hex() not in repr(ONE) and repr(KEY) not in repr(ONE)
    assert KEY not in vault_key(KEY)


PINNED = {
    "patient": "80f61aa9c092b0817a3f0c3e61ee5105",
    "study": "c906d616e1a9e598941c02376e3c0905",
    "series": "8a43a16c112b4517ab3b41f8c0e1a761",
    "second volume": "79ef3d40e7d37029d6691f5ca6c91972",
    "instance": "f3b6d89614f2d561c806256f2ef20a4c",
    "bookmark": "742783f5a687cc7c36fdb940fcdb553c",
    "content": "b91debb27244431ad20ddff89f197d0c",
    "uid": "2.25.22876014265247902137830860305107290878",
    "vault": "1d6a578534f25f499dcea6aeedb46bf48bf51f5a0f65fcf3519f5746460dfc37",
    "tracking": "d55a07f7f2e957fe94db9acaecc92dd8",
}
PINNED_ORDER = 151022583586230
