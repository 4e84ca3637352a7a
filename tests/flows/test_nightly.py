"""flows: the nightly flow in a real Prefect, and its schedule; nothing that Prefect keeps names anybody."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.peers.network import free_port

SECONDS = 240


def _environment(home: Path, **more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MINER_", "PREFECT_"))}
    return {**clean, "PREFECT_HOME": str(home), **more}


def _planted(hospital: Hospital) -> list[bytes]:
    """A patient whose study is mined, one whose key slice is broken; everything that names them."""
    images, broken = ct_series("PLANTED-ONE"), ct_series("PLANTED-TWO")
    broken[10].PixelData = b"1234"
    hospital.add(images, ruler_pair(images[10]), broken, ruler_pair(broken[10]))
    names = [b"PLANTED", b"Planted", b"ACCS1"]
    return [*names, *(str(image.SOPInstanceUID).encode() for image in (images[10], broken[10]))]


def _assert_clean(folder: Path, planted: list[bytes]) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("prefect.db") for path in files)
    for path in files:
        content = path.read_bytes()
        for word in planted:
            assert word not in content, path.name


CARELESS = {
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "true",
    "PREFECT_TASKS_REFRESH_CACHE": "true",
    "PREFECT_TASKS_DEFAULT_RETRIES": "2",
    "PREFECT_FLOWS_DEFAULT_RETRIES": "1",
    "PREFECT_LOGGING_LOG_PRINTS": "true",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "miner,pydicom,pynetdicom,httpx,sqlalchemy",
    "PREFECT_LOGGING_LEVEL": "DEBUG",
}
"""What keeps and tells as much as Prefect can."""


def _careless(home: Path) -> dict[str, str]:
    """Half of it in the user's environment, all of it in a profile of theirs."""
    home.mkdir()
    lines = [f'{name} = "{value}"' for name, value in CARELESS.items()]
    lines.append(f'PREFECT_LOCAL_STORAGE_PATH = "{home / "results"}"')
    text = "\n".join(['active = "careless"', "[profiles.careless]", *lines])
    (home / "profiles.toml").write_text(text, encoding="utf-8")
    return dict(list(CARELESS.items())[::2])


def test_mine_through_prefect_whatever_its_user_has_set(hospital: Hospital, tmp_path: Path) -> None:
    planted = _planted(hospital)
    config = str(hospital.settings.base / "config.toml")
    command = [sys.executable, "-m", "miner", "-v", "--config", config, "mine", "--since", "all", "--prefect"]
    home = tmp_path / "prefect"
    result = subprocess.run(
        command, env=_environment(home, **_careless(home)), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert result.returncode == 0, result.stderr
    assert hospital.status().studies == {"mined": 1, "refused": 1}
    assert hospital.status().bookmarks == {"recist": 1}
    for word in planted:
        assert word.decode() not in result.stdout + result.stderr
    _assert_clean(home, planted)
    assert not (home / "results").exists() and not (home / "storage").exists()
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        states = [data for (data,) in database.execute("SELECT data FROM task_run_state")]
        states += [data for (data,) in database.execute("SELECT data FROM flow_run_state")]
        assert states and not [data for data in states if data not in (None, "null")]
        assert database.execute("SELECT count(*) FROM artifact").fetchone() == (0,)
        assert database.execute("SELECT max(run_count) FROM task_run").fetchone() == (1,)


def test_error_of_a_run_is_the_commands_exit_status(hospital: Hospital, tmp_path: Path) -> None:
    hospital.pacs.stop()
    config = str(hospital.settings.base / "config.toml")
    command = [sys.executable, "-m", "miner", "--config", config, "mine", "--since", "all", "--prefect"]
    environment = _environment(tmp_path / "prefect", MINER_LIMITS__ATTEMPTS="1")
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert result.returncode == 3, result.stderr
    assert str(hospital.settings.pacs.port) in result.stderr
    assert len(result.stderr.splitlines()) == 1, "one sentence, and no traceback of Prefect's"
    assert hospital.status().runs[-1]["outcome"] == "pacs-unreachable"


def test_an_account_without_a_home(hospital: Hospital) -> None:
    _planted(hospital)
    config = str(hospital.settings.base / "config.toml")
    command = [sys.executable, "-m", "miner", "--config", config, "mine", "--since", "all", "--prefect"]
    environment = _environment(Path(), HOME="/dev/null/nowhere")
    del environment["PREFECT_HOME"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert (hospital.settings.root / "prefect" / "prefect.db").is_file()


def test_a_prefect_server_that_is_not_there(hospital: Hospital, tmp_path: Path) -> None:
    config = str(hospital.settings.base / "config.toml")
    command = [sys.executable, "-m", "miner", "--config", config, "mine", "--since", "all"]
    environment = _environment(tmp_path / "prefect", PREFECT_API_URL=f"http://127.0.0.1:{free_port()}/api")
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert result.returncode == 3, result.stderr
    assert "PREFECT_API_URL" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert hospital.status().runs == ()


def test_schedule_fires_by_cron_and_stops_on_a_signal(hospital: Hospital, tmp_path: Path) -> None:
    _planted(hospital)
    hospital.mine()
    config = hospital.settings.base / "config.toml"
    with config.open("a", encoding="utf-8") as file:
        file.write('[schedule]\ncron = "* * * * *"\ntimezone = "Europe/Berlin"\n')
    command = [sys.executable, "-m", "miner", "--config", str(config), "schedule"]
    log = (tmp_path / "log").open("w")
    with subprocess.Popen(command, env=_environment(tmp_path / "prefect"), stdout=log, stderr=log) as process:
        try:
            end = time.monotonic() + SECONDS
            while len(hospital.status().runs) < 2 and time.monotonic() < end and process.poll() is None:
                time.sleep(1)
            while hospital.status().runs[-1]["outcome"] is None and time.monotonic() < end:
                time.sleep(1)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    words = (tmp_path / "log").read_text()
    assert [run["outcome"] for run in hospital.status().runs][:2] == ["done", "done"], words
    assert "Traceback" not in words


def test_deployment_carries_the_configured_schedule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\nfrom miner.config import build\nimport miner.flows.environment as e\ne.enforce()\n"
        "from miner.flows.nightly import deployment\n"
        "schedule = {'cron': '30 2 * * 1-5', 'timezone': 'Europe/Berlin'}\n"
        "s = build({'schedule': schedule}, base=Path('.'), environment={})\n"
        "d = deployment(s)\nprint(d.schedules[0].schedule.cron, d.schedules[0].schedule.timezone, d.entrypoint)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert result.stdout.split() == ["30", "2", "*", "*", "1-5", "Europe/Berlin", "miner.flows.nightly.nightly"]


class _SlowToSend(Behaviour):
    """Sends an object, then nothing for long."""

    def __init__(self) -> None:
        self.sent = 0
        self.over = threading.Event()

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            self.sent += 1
            yield answer
            self.over.wait(120)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_through_prefect(hospital: Hospital, tmp_path: Path, signum: int) -> None:
    _planted(hospital)
    hospital.pacs.behaviour = slow = _SlowToSend()
    config = str(hospital.settings.base / "config.toml")
    (tmp_path / "patients").write_text("PLANTED-ONE\n")
    command = [sys.executable, "-m", "miner", "--config", config, "mine", "--prefect"]
    command += ["--patients", str(tmp_path / "patients")]
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=_environment(tmp_path / "prefect"), stdout=log, stderr=log)
    signal.signal(signal.SIGINT, inherited)
    try:
        end = time.monotonic() + SECONDS
        while not slow.sent and time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)
        start = time.monotonic()
        process.send_signal(signum)
        while hospital.status().runs[-1]["outcome"] is None and time.monotonic() < start + 20:
            time.sleep(0.05)
        took = time.monotonic() - start
        status = process.wait(SECONDS)
    finally:
        slow.over.set()
        process.kill()
    words = (tmp_path / "log").read_text()
    assert status == 130, words
    assert took < 9, "five seconds, and what a loaded machine adds"
    assert hospital.status().runs[-1]["outcome"] == "interrupted"
    assert hospital.status().studies == {"found": 1}
    assert "Traceback" not in words
