"""miner.mining.cohort: days, files of ids, and cohorts that must never grow."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from miner.config import Selection, Settings
from miner.errors import ConfigError, UsageError
from miner.mining.cohort import parse_day, parse_since, read_cohort_file, read_opt_out
from miner.mining.start import request_from
from tests.hospital import Hospital, ct_series, ruler_pair


def test_a_day_is_written_one_way() -> None:
    assert parse_since("2026-01-31") == date(2026, 1, 31)
    assert parse_since("all") == "all"
    for text in ("20260131", "2026-W05-6", "2026-1-31", "2026-02-30", "31.01.2026", "ALL", "", " 2026-01-31"):
        with pytest.raises(UsageError, match="YYYY-MM-DD"):
            parse_day(text, "--since")


@pytest.mark.parametrize("content", [b"P1\nP2\n", b"\xef\xbb\xbfP1\r\nP2\r\n", b"P1\n\n  P2  \nP1", b"P1\rP2"])
def test_ids_are_read_as_editors_and_spreadsheets_write_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ids").write_bytes(content)
    assert read_cohort_file(tmp_path / "ids", "--patients") == ("P1", "P2")
    settings = Settings(selection=Selection(opt_out="ids"), base=tmp_path)
    assert read_opt_out(settings) == {"P1", "P2"}


@pytest.mark.parametrize("content", ["P1\n".encode("utf-16"), "P1\n".encode("utf-16-le"), b"P1\x00\n", b"M\xfcller\n"])
def test_a_file_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ids").write_bytes(content)
    with pytest.raises(UsageError, match="--patients"):
        read_cohort_file(tmp_path / "ids", "--patients")
    with pytest.raises(ConfigError, match="opt_out"):
        read_opt_out(Settings(selection=Selection(opt_out="ids"), base=tmp_path))


def test_a_cohort_of_nobody_is_not_everybody(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n \n")
    with pytest.raises(UsageError, match="no id"):
        request_from(patients=tmp_path / "empty")
    with pytest.raises(UsageError, match="no id"):
        request_from(accessions=tmp_path / "empty")
    with pytest.raises(UsageError, match="--study is empty"):
        request_from(study="")
    assert read_opt_out(Settings(selection=Selection(opt_out="empty"), base=tmp_path)) == frozenset()


@pytest.mark.parametrize("wild", ["*", "P?", "P\\Q", "P1\n*"])
def test_a_wild_card_is_not_everybody(tmp_path: Path, wild: str) -> None:
    (tmp_path / "ids").write_text(wild)
    with pytest.raises(UsageError, match="--patients") as caught:
        request_from(patients=tmp_path / "ids")
    assert "P" not in str(caught.value).replace(str(tmp_path), "")


def test_an_opt_out_list_with_a_byte_order_mark_is_honoured(tmp_path: Path) -> None:
    (tmp_path / "opt-out.txt").write_bytes(b"\xef\xbb\xbfP1\r\n")
    with Hospital(tmp_path, selection={"opt_out": str(tmp_path / "opt-out.txt")}) as hospital:
        for patient in ("P1", "P2"):
            images = ct_series(patient)
            hospital.add(images, ruler_pair(images[10]))
        hospital.mine()
        assert hospital.status().study_reasons == {"refused: opted-out": 1}
        assert hospital.status().bookmarks == {"recist": 1}
