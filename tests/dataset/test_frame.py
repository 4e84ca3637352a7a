"""miner.dataset.frame: a release as a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from miner.dataset import read_frame, read_rows


def test_official_rows_as_a_table(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "deeplesion" / "DL_info.first-1686-rows.csv"
    (tmp_path / "DL_info.csv").symlink_to(source)
    frame = read_frame(tmp_path)
    rows = read_rows(source)
    assert len(frame) == len(rows) == 1686
    first = frame.iloc[0]
    assert first["path"] == str(tmp_path / "Images_png" / "000001_01_01" / "109.png")
    assert (first["key_slice"], first["age"], first["gender"], first["split"]) == (109, 62, "F", "test")
    assert first["long_mm"] == pytest.approx(11.9677 * 0.488281, abs=1e-4)
    assert list(frame["long_x1"]) == [row.coordinates[0] for row in rows]
    assert frame["age"].isna().sum() == sum(row.age is None for row in rows)
    assert isinstance(frame["age"].dtype, pd.Int64Dtype)
