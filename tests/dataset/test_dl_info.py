from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.dataset import LesionRow, read_rows, write_rows
from miner.dataset.dl_info import HEADER, parse_row
from miner.dataset.geometry import as_written, box_of, diameters_of
from miner.errors import UsageError

SOME_ROW = LesionRow(
    patient_index=12,
    study_index=1,
    series_id=3,
    key_slice=7,
    coordinates=(10.0, 12.5, 18.0, 12.5, 14.0, 10.0, 14.0, 15.0),
    box=(5.0, 5.0, 23.0, 20.0),
    diameters=(8.0, 5.0),
    location=(0.5, 0.25, math.nan),
    lesion_type=-1,
    noisy=0,
    slice_range=(1, 13),
    spacing=(0.7, 0.8, 5.0),
    size=(512, 400),
    window=(-175.0, 275.0),
    gender="O",
    age=None,
    split=1,
)


def test_official_rows_are_written_byte_for_byte(official_file: Path) -> None:
    rows = read_rows(official_file)
    assert len(rows) == 1686
    assert write_rows(rows) == official_file.read_bytes()


def test_a_row_in_full() -> None:
    assert SOME_ROW.cells() == (
        "000012_01_03_007.png",
        "12",
        "1",
        "3",
        "7",
        "10, 12.5, 18, 12.5, 14, 10, 14, 15",
        "5, 5, 23, 20",
        "8, 5",
        "0.5, 0.25, NaN",
        "-1",
        "0",
        "1, 13",
        "0.7, 0.8, 5",
        "512, 400",
        "-175, 275",
        "O",
        "NaN",
        "1",
    )


def test_quotes_stand_only_around_commas() -> None:
    line = write_rows([SOME_ROW]).split(b"\n")[1].decode("ascii")
    assert line.startswith('000012_01_03_007.png,12,1,3,7,"10, 12.5, ')
    assert line.endswith('"-175, 275",O,NaN,1')
    assert b"\r" not in write_rows([SOME_ROW])


numbers = st.floats(-2000, 2000).map(as_written)


@given(
    coordinates=st.tuples(*[numbers] * 8),
    location=st.tuples(numbers, numbers, st.one_of(numbers, st.just(math.nan))),
    age=st.one_of(st.none(), st.integers(0, 90)),
    key_slice=st.integers(1, 4000),
    study=st.integers(1, 200),
)
def test_cells_are_read_back(
    coordinates: tuple[float, ...], location: tuple[float, ...], age: int | None, key_slice: int, study: int
) -> None:
    row = replace(
        SOME_ROW,
        coordinates=coordinates,
        box=box_of(coordinates),
        diameters=diameters_of(coordinates),
        location=location,
        age=age,
        key_slice=key_slice,
        study_index=study,
    )
    assert parse_row(row.cells()).cells() == row.cells()
    assert "-0" not in row.cells()[5].split(", ")


@pytest.mark.parametrize(
    ("column", "cell"),
    [(1, "x"), (5, "1, 2, 3"), (7, "1"), (11, "4"), (16, ""), (16, "62.0"), (17, "one"), (0, "000012_01_03_008.png")],
)
def test_an_unreadable_cell_names_its_column(tmp_path: Path, column: int, cell: str) -> None:
    cells = list(SOME_ROW.cells())
    cells[column] = cell
    with pytest.raises(ValueError, match=HEADER[column]):
        parse_row(cells)


def test_reading_a_file_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "DL_info.csv"
    path.write_bytes(write_rows([SOME_ROW, SOME_ROW]).replace(b"NaN,1\n", b",1\n"))
    with pytest.raises(UsageError, match=r"line 2: Patient_age"):
        read_rows(path)
    path.write_bytes(b"a,b\n")
    with pytest.raises(UsageError, match="header"):
        read_rows(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_rows(tmp_path / "absent.csv")
