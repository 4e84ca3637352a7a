"""A disk that really is full: the image store on a small file system of its own, in a mount namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.hospital import Hospital, ct_series, ruler_pair
from tests.peers.network import lacking

SCRIPT = """
set -u
mount -t tmpfs -o size=200k tmpfs "$IMAGES"
"$PYTHON" -m miner --config "$CONFIG" mine --since all; echo "status $?"
"$PYTHON" -m miner --config "$CONFIG" status
mount -o remount,size=64m "$IMAGES"
"$PYTHON" -m miner --config "$CONFIG" mine --since all; echo "status $?"
"$PYTHON" -m miner --config "$CONFIG" release --out "$OUT"; echo "status $?"
"$PYTHON" -m miner check "$OUT"; echo "status $?"
"$PYTHON" -m miner --config "$CONFIG" audit verify --release "$OUT"; echo "status $?"
"""


def _namespaces_allowed() -> bool:
    command = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def test_full_disk_stops_the_run_and_loses_nothing(hospital: Hospital, tmp_path: Path) -> None:
    if not _namespaces_allowed():
        lacking("a mount namespace (unshare) is not allowed here")
    for number in range(4):
        images = ct_series(f"P{number}")
        hospital.add(images, ruler_pair(images[10]))
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "IMAGES": str(hospital.settings.images),
        "CONFIG": str(hospital.settings.base / "config.toml"),
        "OUT": str(tmp_path / "release"),
    }
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", SCRIPT]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in result.stderr
    statuses = [line for line in result.stdout.splitlines() if line.startswith("status ")]
    assert statuses == ["status 3", "status 0", "status 0", "status 0", "status 0"], result.stdout + result.stderr
    assert "is full: make room" in result.stderr
    assert "disk-full" in result.stdout
    assert len((tmp_path / "release" / "DL_info.csv").read_text().splitlines()) == 5
