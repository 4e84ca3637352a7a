"""miner.deid.crosswalk: whose a record is, and every way of saying it wrongly."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.deid import Crosswalk, Surrogates, read_crosswalk
from miner.deid.crosswalk import COLUMNS, LARGEST_FILE
from miner.errors import ConfigError
from miner.records import PatientRef

HEADER = ",".join(COLUMNS)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """``write("P2,,,P1,")``: a crosswalk of these lines below the header, readable by its owner alone."""

    def made(*lines: str, header: str = HEADER, octets: bytes | None = None, mode: int = 0o600) -> Path:
        path = tmp_path / "crosswalk.csv"
        path.write_bytes("\n".join([header, *lines, ""]).encode() if octets is None else octets)
        path.chmod(mode)
        return path

    return made


def person(crosswalk: Crosswalk, patient_id: str, issuer: str = "", study: str = "1.2.3") -> tuple[str, str]:
    found = crosswalk.person(PatientRef(patient_id, issuer), study)
    return found.patient_id, found.issuer


# ------------------------------------------------------------------------------------------------------ what it says


def test_without_an_issuer_a_line_is_about_the_number_under_every_issuer(write: Write) -> None:
    crosswalk = read_crosswalk(write("P2,,,P1,"))
    assert {person(crosswalk, number, issuer) for number in ("P1", "P2") for issuer in ("", "a", "b")} == {("P1", "")}
    assert person(crosswalk, "P3", "a") == ("P3", "a")


def test_with_an_issuer_it_is_about_that_one_alone(write: Write) -> None:
    crosswalk = read_crosswalk(write("P2,a,,P1,b"))
    assert person(crosswalk, "P2", "a") == ("P1", "b")
    assert person(crosswalk, "P2", "c") == ("P2", "c")
    assert person(crosswalk, "P2") == ("P2", "")
    assert person(crosswalk, "P1", "a") == ("P1", "a")


def test_a_line_with_an_issuer_counts_before_one_without(write: Write) -> None:
    crosswalk = read_crosswalk(write("P2,,,P1,x", "P2,a,,P9,x"))
    assert person(crosswalk, "P2", "a") == ("P9", "x")
    assert person(crosswalk, "P2", "b") == ("P1", "x")


def test_one_study_is_split_off(write: Write) -> None:
    crosswalk = read_crosswalk(write("P1,,1.2.9,P7,", "P1,,,P5,"))
    assert person(crosswalk, "P1", study="1.2.9") == ("P7", "")
    assert person(crosswalk, "P1", "a", " 1.2.9\0") == ("P7", "")
    assert person(crosswalk, "P1", study="1.2.8") == ("P5", "")
    assert person(crosswalk, "P2", study="1.2.9") == ("P2", "")


def test_a_study_alone_says_whose_a_study_is_that_is_filed_under_nobody(write: Write) -> None:
    crosswalk = read_crosswalk(write(",,1.2.9,P7,"))
    assert person(crosswalk, "", study="1.2.9") == ("P7", "")
    assert person(crosswalk, "P3", study="1.2.9") == ("P7", "")
    assert person(crosswalk, "", study="1.2.8") == ("", "")


def test_chains_are_followed_to_their_end(write: Write) -> None:
    crosswalk = read_crosswalk(write("P4,,,P3,", "P3,,,P2,", "P2,,,P1,", "P9,,1.5,P4,"))
    assert {person(crosswalk, number) for number in ("P1", "P2", "P3", "P4")} == {("P1", "")}
    assert person(crosswalk, "P9", study="1.5") == ("P1", "")


def test_a_chain_goes_on_by_the_issuer_of_each_step(write: Write) -> None:
    crosswalk = read_crosswalk(write("P3,,,P2,a", "P2,a,,P1,a", "P2,b,,P8,a"))
    assert person(crosswalk, "P3", "b") == ("P1", "a")
    assert person(crosswalk, "P2", "b") == ("P8", "a")


def test_a_person_named_without_an_issuer_is_that_number_under_every_issuer(write: Write) -> None:
    crosswalk = read_crosswalk(write("P8,,,P1,a", "P9,,,P1,"))
    assert {person(crosswalk, *record) for record in (("P8",), ("P9",), ("P1", "a"), ("P1", "b"))} == {("P1", "")}
    apart = read_crosswalk(write("P9,,,P1,", "P1,b,,P1,b"))
    assert person(apart, "P1", "b") == ("P1", "b")
    assert person(apart, "P1", "a") == person(apart, "P9") == ("P1", "")


def test_a_number_may_be_named_as_its_own(write: Write) -> None:
    crosswalk = read_crosswalk(write("P1,,,P1,a", "P2,,,P1,a"))
    assert {person(crosswalk, number, issuer) for number in ("P1", "P2") for issuer in ("", "a", "b")} == {("P1", "a")}


def test_all_numbers_of_a_person(write: Write) -> None:
    crosswalk = read_crosswalk(write("P3,,,P2,", "P2,,,P1,", "P8,,1.2.9,P1,", "P6,,,P5,"))
    for number in ("P1", "P2", "P3"):
        assert crosswalk.numbers(PatientRef(f" {number} ", "a")) == {"P1", "P2", "P3"}
    assert crosswalk.numbers(PatientRef("P8"), "1.2.9") == {"P1", "P2", "P3", "P8"}
    assert crosswalk.numbers(PatientRef("P8"), "1.2.8") == {"P8"}
    assert crosswalk.numbers(PatientRef("P5")) == {"P5", "P6"}
    assert crosswalk.numbers(PatientRef(" ", "a"), "1.2.8") == frozenset()


def test_numbers_are_trimmed_as_surrogates_trim_them(write: Write) -> None:
    crosswalk = read_crosswalk(write(" P2 , a ,, P1 , a "))
    assert person(crosswalk, "P2 \0", " a") == ("P1", "a")


def test_no_crosswalk_leaves_everybody_as_they_are() -> None:
    patient = PatientRef(" P1 ", "a ")
    assert Crosswalk().person(patient, "1.2.3") is patient
    assert len(Crosswalk()) == 0


# ------------------------------------------------------------------------------------------------- how it is written


@pytest.mark.parametrize(
    "octets",
    [
        f"{HEADER}\nP2,,,P1,\n".encode(),
        f"\ufeff{HEADER}\r\nP2,,,P1,\r\n".encode(),
        f"{HEADER}\rP2,,,P1,".encode(),
        f'"{HEADER.replace(",", chr(34) + "," + chr(34))}"\n"P2","","","P1",""\n'.encode(),
        f"{HEADER}\n\n,,,,\nP2,,,P1,\n\nP2,,,P1,\n".encode(),
        b"person_id,patient_id,issuer,study_uid,person_issuer\nP1,P2,,,\n",
    ],
)
def test_as_editors_and_spreadsheets_write_it(octets: bytes, write: Write) -> None:
    crosswalk = read_crosswalk(write(octets=octets))
    assert person(crosswalk, "P2") == ("P1", "")
    assert len(crosswalk) == 2


def test_a_comma_and_letters_of_any_script_in_a_number(write: Write) -> None:
    assert person(read_crosswalk(write('"P,2",,,Müller-Łódź,')), "P,2") == ("Müller-Łódź", "")


SECRET = "MRN7781234"


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([f"{SECRET},,,P1,", f"{SECRET},,,P2,"], "lines 2 and 3"),
        ([f"{SECRET},a,,P1,", "", f"{SECRET},a,,P1,b"], "lines 2 and 4"),
        ([f"{SECRET},,,P1,", f"P1,,,{SECRET},"], "lines 2, 3"),
        ([f"{SECRET},,,P1,", "P1,,,P2,", f"P2,,,{SECRET},"], "lines 2, 3, 4"),
        ([f"{SECRET},a,,P1,b", f"P1,,,{SECRET},a"], "lines 2, 3"),
        ([f"{SECRET},,,,"], "Line 2"),
        ([f",{SECRET},,P1,"], "Line 2"),
        ([f",{SECRET},1.2.3,P1,"], "Line 2"),
        ([",,,P1,"], "Line 2"),
        ([f"P2,,,P1,,{SECRET}"], "Line 2"),
        (["P2,,,P1,", SECRET], "Line 3"),
        ([f"P2,,{SECRET},P1,"], "Line 2"),
        ([f'P2,,,"{SECRET}'], "Line 2"),
        ([f'P2,,,"{SECRET}"x,'], "Line 2"),
        ([f"P2,,,{SECRET}\x07,"], "Line 2"),
        ([f"P2,,,{SECRET * 30},"], "Line 2"),
        ([f"P2;;;{SECRET};"], "Line 2"),
    ],
)
def test_what_is_wrong_is_named_by_its_lines_alone(lines: list[str], named: str, write: Write) -> None:
    path = write(*lines)
    with pytest.raises(ConfigError, match=named) as caught:
        read_crosswalk(path)
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value) and caught.value.__suppress_context__ | (caught.value.__context__ is None)


@pytest.mark.parametrize(
    "octets",
    [b"", f"{SECRET},,,P1,\n".encode(), f"{HEADER}\n".encode("utf-16"), b"\xff\xfe\xfd", HEADER.encode() + b",more\n"],
)
def test_what_is_no_crosswalk(octets: bytes, write: Write) -> None:
    with pytest.raises(ConfigError, match=r"header|UTF-8") as caught:
        read_crosswalk(write(octets=octets))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_may_open_is_refused(mode: int, write: Write) -> None:
    with pytest.raises(ConfigError, match="chmod 600"):
        read_crosswalk(write("P2,,,P1,", mode=mode))


def test_a_file_that_is_missing_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="crosswalk"):
        read_crosswalk(tmp_path / "nowhere.csv")
    tmp_path.chmod(0o700)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_crosswalk(tmp_path)


def test_a_file_that_is_far_too_large(write: Write) -> None:
    path = write()
    with path.open("r+b") as file:
        file.truncate(LARGEST_FILE + 1)  # sparse
    with pytest.raises(ConfigError, match="larger"):
        read_crosswalk(path)


# ---------------------------------------------------------------------------------------------------- its surrogates

KEY = bytes(range(32))


def test_all_numbers_of_a_person_have_one_surrogate(write: Write) -> None:
    plain, mapped = Surrogates(KEY), Surrogates(KEY, read_crosswalk(write("P3,,,P2,a", "P2,a,,P1,a", "P1,,1.9,P8,a")))
    one = plain.patient(PatientRef("P1", "a"), "")
    assert mapped.patient(PatientRef("P1", "a"), "1.2") == one, "the person's own surrogate stays"
    assert mapped.patient(PatientRef("P2", "a"), "1.2") == mapped.patient(PatientRef("P3", "b"), "1.3") == one
    assert mapped.patient(PatientRef("P2", "b"), "1.2") == plain.patient(PatientRef("P2", "b"), "1.2")
    assert mapped.patient(PatientRef("P1", "a"), "1.9") == plain.patient(PatientRef("P8", "a"), "")
    assert mapped.patient(PatientRef(""), "1.7") == plain.patient(PatientRef(""), "1.7")


@given(st.text(max_size=20), st.text(max_size=20), st.from_regex(r"[1-9](\.[1-9]){1,5}", fullmatch=True))
def test_an_empty_crosswalk_changes_no_surrogate(patient_id: str, issuer: str, study_uid: str) -> None:
    patient = PatientRef(patient_id, issuer)
    assert Surrogates(KEY).patient(patient, study_uid) == Surrogates(KEY, Crosswalk()).patient(patient, study_uid)


def test_the_crosswalk_does_not_leave(write: Write) -> None:
    crosswalk = read_crosswalk(write(f"{SECRET},,,P1,"))
    assert SECRET not in repr(crosswalk)
    with pytest.raises(TypeError, match="does not leave"):
        pickle.dumps(crosswalk)


# --------------------------------------------------------------------------------------------- beside a number, digest


def test_beside_a_number_stand_all_others_of_its_persons_under_whatever_issuer(write: Write) -> None:
    crosswalk = read_crosswalk(write("P2,a,,P1,", "P3,,,P2,a", "P2,b,,P7,b", "P9,,1.2.3,P1,"))
    assert crosswalk.beside("P3") == ({"P1", "P2"}, {"1.2.3"})
    assert crosswalk.beside(" P1 ") == ({"P2", "P3"}, {"1.2.3"})
    assert crosswalk.beside("P2") == ({"P1", "P3", "P7"}, {"1.2.3"}), "two people, under two issuers"
    assert crosswalk.beside("P9") == (frozenset(), frozenset())
    assert Crosswalk().beside("P1") == (frozenset(), frozenset())


def test_the_digest_is_of_what_is_said_and_keyed(write: Write) -> None:
    def said(*lines: str, key: int = 1, opted_out: tuple[str, ...] = ()) -> str:
        return Surrogates(bytes([key]) * 32, read_crosswalk(write(*lines))).who_is_who(opted_out)

    once = said("P2,,,P1,", "P3,,,P1,")
    assert once == said("P3,,,P2,", "P2,,,P1,", "P2,,,P1,")
    others = [said("P2,,,P1,"), said("P2,a,,P1,", "P3,,,P1,"), said("P2,,,P1,", "P3,,,P1,", key=2)]
    listed = [said("P2,,,P1,", "P3,,,P1,", opted_out=ids) for ids in (("A",), ("A", "B"))]
    assert len({once, *others, *listed, said(opted_out=("A", "B"))}) == 7
    assert said(opted_out=("B", "A", "B")) == said(opted_out=("A", "B"))
    assert said() == "" == Surrogates(bytes(32)).who_is_who()
