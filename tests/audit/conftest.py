"""A catalogue with two mined studies, their pictures, and a release of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from miner.catalogue import Catalogue
from miner.dataset import ReleaseRules, write_release
from miner.images import encode_png, write_png
from miner.records import MinedStudy
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_study

SIDE = 256


@dataclass
class Audited:
    """What an audit looks at."""

    catalogue: Catalogue
    images: Path
    release: Path
    studies: tuple[MinedStudy, ...]

    def tamper(self, statement: str) -> None:
        """Change a row behind the software's back."""
        with self.catalogue._database.writing() as connection:
            assert connection.exec_driver_sql(statement).rowcount > 0


def with_pictures(mined: MinedStudy, images: Path) -> MinedStudy:
    """The study with small pictures that lie in the image store."""
    (series,) = mined.series
    stored = []
    for entry in series.stored:
        values = np.full((SIDE, SIDE), 32768 + entry.number, dtype=np.uint16)
        png = encode_png(values)
        digest = write_png(images / series.series_key / f"{entry.number:03d}.png", png)
        stored.append(replace(entry, png_sha256=digest, png_octets=len(png)))
    return replace(mined, series=(replace(series, columns=SIDE, rows=SIDE, stored=tuple(stored)),))


def release(catalogue: Catalogue, images: Path, out: Path) -> Path:
    write_release(catalogue, images=images, out=out, settings=ReleaseRules(), now=datetime(2026, 1, 1, tzinfo=UTC))
    return out


@pytest.fixture
def audited(tmp_path: Path) -> Iterator[Audited]:
    images = tmp_path / "images"
    url = f"sqlite:///{tmp_path}/catalogue.sqlite"
    catalogue = Catalogue.create(url, site="here", patient_index_range=(1, 999))
    run = catalogue.begin_run(INFO)
    studies = tuple(with_pictures(a_study(name, slices=range(1, 41)), images) for name in "ab")
    for mined in studies:
        catalogue.commit_study(run, mined)
    catalogue.end_run(run, "done", {})
    yield Audited(catalogue, images, release(catalogue, images, tmp_path / "release"), studies)
    catalogue.close()
