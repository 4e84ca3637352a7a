"""Every fault alone: whole, or named with its reason; nothing lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pacs.matrix.case import Bench, check
from tests.peers.faults import FAULTS, Faults


@pytest.mark.parametrize("name", FAULTS)
def test_alone(bench: Bench, tmp_path: Path, name: str) -> None:
    check(bench, Faults((name,), 1), tmp_path, "move" if "move" in FAULTS[name].closes else "auto")
