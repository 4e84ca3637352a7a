"""Readers of DeepLesion, written here the way the public ones work, read a release of ours."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from miner.dataset import ReleaseRules, write_release
from miner.records import Kind
from tests.dataset.making import NOW, FakeCatalogue, make, put, slice_png


@pytest.fixture
def release(catalogue: FakeCatalogue, images: Path, tmp_path: Path) -> Path:
    made = [make(patient, 1, key_slice=10 + 5 * patient) for patient in range(1, 9)]
    made.append(make(1, 1, key_slice=40, kind=Kind.ARROW))
    made[2] = replace(made[2], study=replace(made[2].study, age=None))
    put(catalogue, images, made)
    return write_release(catalogue, images=images, out=tmp_path / "r", settings=ReleaseRules(), now=NOW).folder


def imread_unchanged(path: Path | io.BytesIO) -> np.ndarray:
    """What OpenCV's imread with flag -1 gives for a grey PNG of 16 bits: shape (rows, columns), dtype uint16."""
    picture = Image.open(path)
    assert picture.mode in ("I;16", "I")
    return np.array(picture).astype(np.uint16)


def test_a_reader_by_position(release: Path) -> None:
    """Detection trainers: the csv module, columns by number, three slices around the key slice, HU clipped."""
    lesions = []
    with (release / "DL_info.csv").open(newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for line in reader:
            name = line[0]
            key_slice = int(line[4])
            box = np.array([float(part) for part in line[6].split(",")]) - 1
            first, last = (int(part) for part in line[11].split(","))
            spacing = [float(part) for part in line[12].split(",")]
            size = [int(part) for part in line[13].split(",")]
            window = [float(part) for part in line[14].split(",")]
            age = float(line[16])
            assert line[15] in ("M", "F")
            assert int(line[10]) in (0, 1)
            lesions.append((name, key_slice, box, (first, last), spacing, size, window, age, int(line[17])))
    assert len(lesions) == 8
    assert sum(np.isnan(entry[7]) for entry in lesions) == 1
    for name, key_slice, box, (first, last), spacing, size, window, *_ in lesions:
        folder = release / "Images_png" / name[: name.rindex("_")]
        volume = np.stack(
            [
                imread_unchanged(folder / f"{number:03d}.png").astype(np.int32) - 32768
                for number in range(key_slice - 1, key_slice + 2)
            ]
        )
        assert volume.shape == (3, size[1], size[0])
        assert volume[1, 0, 0] == -1000 + key_slice
        assert sorted(int(path.stem) for path in folder.iterdir()) == list(range(first, last + 1))
        scaled = np.clip((volume - window[0]) / (window[1] - window[0]), 0, 1)
        assert np.isfinite(scaled).all()
        assert box[2] - box[0] == pytest.approx(8 + 10)
        assert spacing == [0.7, 0.8, 5.0]


def test_a_reader_by_name(release: Path) -> None:
    """Notebooks: pandas, columns by name, lists parsed out of text, one volume a series by its range."""
    table = pd.read_csv(release / "DL_info.csv")
    assert list(table.columns)[:2] == ["File_name", "Patient_index"]
    assert table["Patient_age"].dtype == float
    assert table["Patient_age"].isna().sum() == 1
    assert str(table["Key_slice_index"].dtype) == "int64"
    assert str(table["Possibly_noisy"].dtype) == "int64"
    measured = np.array([[float(part) for part in text.split(",")] for text in table["Measurement_coordinates"]])
    drawn = np.array([[float(part) for part in text.split(", ")] for text in table["Lesion_diameters_Pixel_"]])
    long = np.hypot(measured[:, 0] - measured[:, 2], measured[:, 1] - measured[:, 3])
    assert long == pytest.approx(drawn[:, 0])
    patients = table.groupby("Patient_index")["Train_Val_Test"].nunique()
    assert (patients == 1).all()
    for _, row in table.iterrows():
        first, last = map(int, row["Slice_range"].split(", "))
        folder = release / "Images_png" / row["File_name"].rsplit("_", 1)[0]
        assert folder.name == f"{row['Patient_index']:06d}_{row['Study_index']:02d}_{row['Series_ID']:02d}"
        volume = [imread_unchanged(folder / f"{number:03d}.png") for number in range(first, last + 1)]
        assert len(volume) == last - first + 1
        assert volume[0].tobytes() == imread_unchanged(io.BytesIO(slice_png(first))).tobytes()


def test_every_table_is_read_by_pandas(release: Path) -> None:
    tables = {name: pd.read_csv(release / name) for name in ("bookmarks.csv", "lesions.csv", "series.csv")}
    assert {name: len(table) for name, table in tables.items()} == {
        "bookmarks.csv": 9,
        "lesions.csv": 8,
        "series.csv": 8,
    }
    joined = tables["bookmarks.csv"].merge(tables["lesions.csv"], left_on="Bookmark_uid", right_on="Lesion_uid")
    assert len(joined) == 8
    assert (joined["File_name_x"] == joined["File_name_y"]).all()
