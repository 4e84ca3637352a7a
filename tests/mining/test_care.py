"""A run and the PACS it asks: rates as the PACS sees them, hours, pauses, a stop within seconds, and an end in time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import evt

from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.errors import ExitStatus, MinerError, Reason, StoppedError
from miner.mining import following
from miner.mining.cohort import Request as Cohort
from miner.mining.run import RunReport, open_run, run_in_process
from miner.pacs import retry
from miner.pacs.care import bucket
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.peers.network import free_port

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PATIENTS = tuple(f"P{number}" for number in range(6))

STOP_SECONDS = 5.0
LOADED = 4.0
"""What a loaded machine may add to a deadline."""


def fill(hospital: Hospital, patients: int = 3) -> None:
    for number in range(patients):
        images = ct_series(PATIENTS[number])
        hospital.add(images, ruler_pair(images[5 + number]))


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def rewrite(hospital: Hospital, **sections: dict[str, Any]) -> None:
    """Add sections to the project's config.toml, as somebody does while a run goes on."""
    config = hospital.settings.base / "config.toml"
    kept = config.read_text(encoding="utf-8").split("\n# changed\n")[0]
    lines = []
    for section, content in sections.items():
        lines += [f"[{section}]", *(f"{name} = {_toml(value)}" for name, value in content.items())]
    new = config.with_suffix(".new")
    new.write_text(kept + "\n# changed\n" + "\n".join(lines) + "\n", encoding="utf-8")
    new.rename(config)


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def not_now() -> dict[str, str]:
    """Hours that begin in six hours and last for one."""
    begins = datetime.now(UTC) + timedelta(hours=6)
    ends = begins + timedelta(hours=1)
    return {**dict.fromkeys(DAYS, ""), DAYS[begins.weekday()]: f"{begins:%H:%M}-{ends:%H:%M}"}


class Background:
    """A run in a thread, beside the test. ``said``: what it told meanwhile."""

    def __init__(self, hospital: Hospital, **request: Any) -> None:
        self.said: list[str] = []
        self.report: RunReport | None = None
        self.error: BaseException | None = None
        self._hospital = hospital
        self._request = Cohort(**{"patients": PATIENTS, **request})
        self._halts: list[Any] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with open_run(self._hospital.settings, self._request, say=self.said.append) as run:
                self._halts.append(run.pace.halt)
                self.report = run_in_process(run)
        except BaseException as error:
            self.error = error

    def stop(self) -> float:
        """Throw the run's halt; the seconds that it took to end."""
        start = time.monotonic()
        self._halts[0].throw()
        self._thread.join(60)
        assert not self._thread.is_alive()
        return time.monotonic() - start

    def result(self) -> RunReport:
        self._thread.join(240)
        if self.error is not None:
            raise self.error
        assert self.report is not None, f"still going on; it said {self.said}"
        return self.report


class Door:
    """How many connections the PACS sees open: an association has ended when its connection has (PS3.8 9.2)."""

    def __init__(self, hospital: Hospital) -> None:
        self.open = self.opened = 0
        self._lock = threading.Lock()
        hospital.pacs._server.bind(evt.EVT_CONN_OPEN, lambda event: self._note(1))
        hospital.pacs._server.bind(evt.EVT_CONN_CLOSE, lambda event: self._note(-1))

    def _note(self, change: int) -> None:
        with self._lock:
            self.open += change
            self.opened += change > 0


# -------------------------------------------------------------------------------------------------------------- rates


class Stamps(Behaviour):
    """Notes when each object is sent, and how large it is."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, int]] = []

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, item in answers:
            if item is not None and "SOPInstanceUID" in item:
                self.sent.append((time.monotonic(), sum(len(element.value) for element in item if element.VR == "OW")))
            yield status, item

    def most(self, seconds: float, weigh: Callable[[int], float]) -> float:
        """Of any stretch of so many seconds, wherever it begins."""
        stretches = (
            sum(weigh(octets) for at, octets in self.sent if start <= at < start + seconds) for start, _ in self.sent
        )
        return max(stretches)


@pytest.mark.parametrize("retrieve", ["get", "move"])
@pytest.mark.parametrize("associations", [1, 3])
def test_objects_per_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retrieve: str, associations: int) -> None:
    minute, bound = 4.0, 20
    monkeypatch.setattr(bucket, "MINUTE", minute)
    port = free_port()
    limits = {"associations": associations, "objects_per_minute": bound}
    with Hospital(tmp_path, limits=limits, pacs={"retrieve": retrieve, "move_port": port}) as hospital:
        hospital.pacs.destinations["MINER"] = ("127.0.0.1", port)
        fill(hospital, 3)
        hospital.pacs.behaviour = stamps = Stamps()
        assert hospital.mine(since=None, patients=PATIENTS).outcomes == {"mined": 3}
    assert len(stamps.sent) > 1.5 * bound, "enough to be held back"
    assert stamps.most(minute, lambda octets: 1) <= bound


def test_octets_per_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from miner.pacs.care import pace

    monkeypatch.setattr(bucket, "MINUTE", 4.0)
    monkeypatch.setattr(pace, "LARGE", 20_000)  # slices of the tests are small
    with Hospital(tmp_path, limits={"mebibytes_per_minute": 0.25}) as hospital:
        fill(hospital, 3)
        hospital.pacs.behaviour = stamps = Stamps()
        assert hospital.mine(since=None, patients=PATIENTS).outcomes == {"mined": 3}
    assert sum(octets for _, octets in stamps.sent) > 1.5 * 0.25 * 2**20, "enough to be held back"
    assert stamps.most(4.0, float) <= 0.25 * 2**20


def test_a_bound_set_while_a_run_goes_on(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(bucket, "MINUTE", 4.0)
    monkeypatch.setattr(following, "SLOW_SECONDS", 0.2)
    fill(hospital, 4)
    hospital.pacs.behaviour = stamps = Stamps()
    run = Background(hospital)
    until(lambda: len(stamps.sent) > 3)
    rewrite(hospital, limits={"objects_per_minute": 8})
    until(lambda: any("8 objects a minute" in words for words in run.said))
    held = len(stamps.sent)
    time.sleep(2.0)
    assert len(stamps.sent) <= held + 8
    rewrite(hospital, limits={"objects_per_minute": 0, "associations": 3})
    assert run.result().outcomes == {"mined": 4}


# -------------------------------------------------------------------------------------------------- hours and pauses


def test_a_run_outside_its_hours_asks_nothing_and_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.05)
    with Hospital(tmp_path, hours=not_now()) as hospital:
        fill(hospital, 1)
        run = Background(hospital)
        until(lambda: bool(run.said))
        time.sleep(1.5)
        assert "Outside the [hours]" in run.said[0]
        assert hospital.pacs.requests.associations == 0
        assert [entry["outcome"] for entry in hospital.status().runs] == [None], "it holds the lease meanwhile"
        begun = datetime.now(UTC) - timedelta(minutes=1)
        config = hospital.settings.base / "config.toml"
        text = config.read_text(encoding="utf-8")
        today = DAYS[begun.weekday()]
        lines = [line for line in text.splitlines() if line.split(" = ")[0] not in DAYS or not line.startswith(today)]
        lines.insert(lines.index("[hours]") + 1, f'{today} = "{begun:%H:%M}-{begun + timedelta(hours=2):%H:%M}"')
        config.write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
        assert run.result().outcomes == {"mined": 1}
        assert run.said[-1] == "Going on."


def test_a_pause_in_the_middle_ends_associations_and_nothing_is_lost(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.05)
    fill(hospital, 3)
    door = Door(hospital)
    hospital.pacs.behaviour = slow = Slow(find=0.0, send=0.05)
    run = Background(hospital)
    until(lambda: slow.sent > 5)
    rewrite(hospital, limits={"paused": True})
    until(lambda: any("Paused" in words for words in run.said))
    until(lambda: door.open == 0)
    asked = hospital.pacs.requests
    time.sleep(1.5)
    assert hospital.pacs.requests == asked, "nothing is asked, and what was asked for has come"
    rewrite(hospital, limits={"paused": False})
    assert run.result().outcomes == {"mined": 3}
    assert hospital.status().missing == ()


# --------------------------------------------------------------------------------------------------------------- stop


class Slow(Behaviour):
    """Takes its time with each answer. ``found``, ``sent``: what it has answered."""

    def __init__(self, *, find: float = 0.0, send: float = 0.0) -> None:
        self.found = self.sent = 0
        self._find, self._send = find, send
        self.over = threading.Event()

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        self.found += 1
        self.over.wait(self._find)
        yield from answers

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            self.sent += 1
            self.over.wait(self._send)
            yield answer


class Promises(Slow):
    """Answers a C-MOVE with Success and sends nothing."""

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        self.sent += 1
        return iter(())


class Overloaded(Slow):
    """Refuses every query: out of resources (PS3.4 Table C.4-1)."""

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        self.found += 1
        yield 0xA700, None


SITUATIONS: dict[str, tuple[Callable[[], Slow], dict[str, dict[str, Any]], Callable[[Slow], bool]]] = {
    "discovery": (lambda: Slow(find=60.0), {}, lambda pacs: pacs.found > 0),
    "C-GET": (lambda: Slow(send=20.0), {}, lambda pacs: pacs.sent > 0),
    "three C-GETs": (lambda: Slow(send=20.0), {"limits": {"associations": 3}}, lambda pacs: pacs.sent > 2),
    "C-MOVE": (lambda: Slow(send=20.0), {"pacs": {"retrieve": "move"}}, lambda pacs: pacs.sent > 0),
    "after a C-MOVE": (Promises, {"pacs": {"retrieve": "move"}}, lambda pacs: pacs.sent > 0),
    "back-off": (Overloaded, {"limits": {"attempts": 10}}, lambda pacs: pacs.found > 2),
    "pause": (Slow, {"limits": {"paused": True}}, lambda pacs: True),
    "hours": (Slow, {"hours": not_now()}, lambda pacs: True),
    "rate": (Slow, {"limits": {"objects_per_minute": 1}}, lambda pacs: pacs.sent > 0),
}


SIGNALS = [*((name, signal.SIGINT) for name in SITUATIONS), ("three C-GETs", signal.SIGTERM), ("pause", signal.SIGTERM)]


@pytest.mark.parametrize(("situation", "signum"), SIGNALS)
def test_a_signal_ends_a_run_within_seconds(tmp_path: Path, situation: str, signum: int) -> None:
    behaviour, sections, reached = SITUATIONS[situation]
    port = free_port()
    pacs = {"move_port": port, **sections.get("pacs", {})}
    with Hospital(tmp_path, **{**sections, "pacs": pacs}) as hospital:
        hospital.pacs.destinations["MINER"] = ("127.0.0.1", port)
        fill(hospital, 3)
        hospital.pacs.behaviour = slow = behaviour()
        door = Door(hospital)
        process = start_command(hospital, tmp_path)
        try:
            until(lambda: (reached(slow) and begun(hospital)) or process.poll() is not None)
            time.sleep(0.5)
            start = time.monotonic()
            process.send_signal(signum)
            status = process.wait(60)
            took = time.monotonic() - start
        finally:
            slow.over.set()
            process.kill()
        words = process_words(tmp_path)
        assert status == ExitStatus.INTERRUPTED, words
        assert took < STOP_SECONDS + LOADED
        until(lambda: door.open == 0, 5)
        assert "Traceback" not in words
        assert_given_back(hospital)


def start_command(hospital: Hospital, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """`miner mine` in a process of its own; what it says goes to a file."""
    config = str(hospital.settings.base / "config.toml")
    cohort = folder / "patients.txt"
    cohort.write_text("\n".join(PATIENTS), encoding="utf-8")
    command = [sys.executable, "-m", "miner", "--config", config, "mine", "--patients", str(cohort), *options]
    # Of tests that a shell started with `&` the processes would ignore SIGINT: they inherit that.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with (folder / "words").open("wb") as words:
            return subprocess.Popen(command, stdout=words, stderr=words)
    finally:
        signal.signal(signal.SIGINT, inherited)


def process_words(folder: Path) -> str:
    return (folder / "words").read_text(errors="replace")


def begun(hospital: Hospital) -> bool:
    return bool(hospital.status().runs)


def assert_given_back(hospital: Hospital) -> None:
    status = hospital.status()
    assert [run["outcome"] for run in status.runs] == [Reason.INTERRUPTED]
    assert set(status.studies) <= {"found", "mined"}, "no claim is left, and no study has failed by it"
    assert status.missing == ()
    assert list(hospital.settings.spool.iterdir()) == []


def test_a_dry_run_keeps_to_the_hours_too(tmp_path: Path) -> None:
    with Hospital(tmp_path, hours=not_now()) as hospital:
        process = start_command(hospital, tmp_path, "--dry-run")
        try:
            until(lambda: "Outside the [hours]" in process_words(tmp_path) or process.poll() is not None)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == ExitStatus.INTERRUPTED, process_words(tmp_path)
        finally:
            process.kill()
        assert hospital.pacs.requests.associations == 0
        assert "Interrupted" in process_words(tmp_path)


@pytest.mark.parametrize("situation", ["discovery", "C-GET", "three C-GETs", "back-off", "pause"])
def test_a_thrown_halt_aborts_what_is_open_while_the_process_lives(tmp_path: Path, situation: str) -> None:
    behaviour, sections, reached = SITUATIONS[situation]
    with Hospital(tmp_path, **sections) as hospital:
        fill(hospital, 3)
        hospital.pacs.behaviour = slow = behaviour()
        door = Door(hospital)
        run = Background(hospital)
        until(lambda: reached(slow) and bool(run._halts))
        time.sleep(0.3)
        took = run.stop()
        assert took < STOP_SECONDS + LOADED
        assert isinstance(run.error, StoppedError)
        until(lambda: door.open == 0, 5)
        slow.over.set()
        assert_given_back(hospital)
        hospital.pacs.behaviour = Behaviour()
        rewrite(hospital)
        if situation != "pause":
            assert hospital.mine(since=None, patients=PATIENTS).outcomes == {"mined": 3}


def test_a_stop_in_the_middle_of_pictures(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    from miner.mining import pictures

    fill(hospital, 1)
    real = pictures.encode_png
    written: list[int] = []

    def slow(values: Any) -> bytes:
        written.append(1)
        time.sleep(0.3)
        return real(values)

    monkeypatch.setattr(pictures, "encode_png", slow)
    run = Background(hospital)
    until(lambda: len(written) == 2)
    assert run.stop() < STOP_SECONDS + LOADED
    assert len(written) <= 4
    assert_given_back(hospital)


def test_a_silent_host_does_not_hold_a_stop_up(tmp_path: Path) -> None:
    """Something takes the connection and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent, Hospital(tmp_path) as hospital:
        address = {"port": silent.getsockname()[1], "connect_seconds": 60.0}
        pacs = hospital.settings.pacs.model_copy(update=address)
        hospital.settings = hospital.settings.model_copy(update={"pacs": pacs})
        run = Background(hospital)
        accepted, _ = silent.accept()
        time.sleep(0.2)
        assert run.stop() < STOP_SECONDS + LOADED
        accepted.close()


# ---------------------------------------------------------------------------------------------------- leaving it alone


class Failing(Behaviour):
    """Fails all queries below STUDY level."""

    asked = 0

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        if request.level == "STUDY":
            yield from answers
        else:
            self.asked += 1
            yield 0xC001, None


@pytest.mark.parametrize("associations", [1, 2])
def test_a_pacs_in_trouble_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, associations: int) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)
    many = tuple(f"Q{number}" for number in range(8))
    with Hospital(tmp_path, limits={"attempts": 1, "associations": associations}) as hospital:
        for name in many:
            images = ct_series(name)
            hospital.add(images, ruler_pair(images[5]))
        hospital.pacs.behaviour = Failing()
        report = hospital.mine(since=None, patients=many)
        assert report.ended_early is Reason.FIND_FAILED
        assert report.exit_status is ExitStatus.INCOMPLETE
        assert 5 <= report.outcomes["failed"] <= 5 + associations - 1
        assert any("5 studies in a row" in words for words in report.warnings)
        assert hospital.status().runs[-1]["outcome"] == Reason.FIND_FAILED
        failed = report.outcomes["failed"]
        assert hospital.status().studies == {"failed": failed, "found": 8 - failed}
        hospital.pacs.behaviour = Behaviour()
        assert hospital.mine(since=None, patients=many).outcomes == {"mined": 8}


def test_one_good_study_begins_the_count_anew() -> None:
    from miner.mining.report import Breaker, StudyOutcome
    from miner.records import WorkState

    breaker = Breaker()
    failed = StudyOutcome("s", WorkState.FAILED, Reason.FIND_FAILED, by_pacs=True)
    empty = StudyOutcome("s", WorkState.PARTIAL, Reason.NOT_RETRIEVED)
    ours = StudyOutcome("s", WorkState.FAILED, Reason.INTERNAL)
    good = StudyOutcome("s", WorkState.MINED, octets=10)
    assert not any(breaker.add(entry) for entry in [failed, empty, failed, ours, failed, good, failed, empty, failed])
    assert [breaker.add(entry) for entry in [failed, failed]] == [False, True]


def test_who_was_refused_at_our_door_is_reported(hospital: Hospital) -> None:
    from miner.pacs.care import Refusal

    fill(hospital, 1)
    with open_run(hospital.settings, Cohort(patients=PATIENTS)) as run:
        run.peer.visitors.refuse(Refusal.CALLING_TITLE)
        run.peer.visitors.refuse(Refusal.CALLING_TITLE)
        run_in_process(run)
    assert run.report.refused_at_door == {"unknown-calling-title": 2}
    assert run.report.warnings == ["Refused at our port for C-MOVE: 2 unknown-calling-title."]
    counts = hospital.status().runs[-1]["counts"]
    assert counts["refused at the door: unknown-calling-title"] == 2


def test_what_is_learned_is_kept_for_the_next_run(hospital: Hospital) -> None:
    from miner.mining.project import open_catalogue

    fill(hospital, 1)

    class Without(Behaviour):
        """Breaks off every C-GET."""

        def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
            if request.service == "get":
                request.abort()
            return answers

    hospital.pacs.behaviour = Without()
    port = free_port()
    pacs = hospital.settings.pacs.model_copy(update={"move_port": port})
    hospital.settings = hospital.settings.model_copy(update={"pacs": pacs})
    hospital.pacs.destinations["MINER"] = ("127.0.0.1", port)
    hospital.mine(since=None, patients=PATIENTS)
    with open_catalogue(hospital.settings) as catalogue:
        profile = catalogue.profile()
    assert profile is not None
    assert profile["get_offered"] is False
    asked = hospital.pacs.requests.gets
    images = ct_series("P3")
    hospital.add(images, ruler_pair(images[5]))
    assert hospital.mine(since=None, patients=("P3",)).outcomes == {"mined": 1}
    assert hospital.pacs.requests.gets == asked, "what is known is not tried again"


def test_an_error_of_an_idle_connection_does_not_hide_the_result(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    from miner.pacs.dimse.archive import DimsePacs

    def fail(self: DimsePacs) -> None:
        raise MinerError("closing")

    monkeypatch.setattr(DimsePacs, "close", fail)
    fill(hospital, 1)
    assert hospital.mine(since=None, patients=PATIENTS).outcomes == {"mined": 1}


@pytest.mark.peer
def test_a_signal_ends_a_run_with_a_real_pacs(orthanc: Any, tmp_path: Path) -> None:
    """Slowed down by a bound on its rate; afterwards the rest is mined."""
    import io

    for name in PATIENTS[:3]:
        images = ct_series(name)
        for item in (*images, ruler_pair(images[5])):
            file = io.BytesIO()
            item.save_as(file, enforce_file_format=True)
            orthanc.store([file.getvalue()])
    pacs = {"host": orthanc.host, "port": orthanc.port, "ae_title": orthanc.ae_title}
    with Hospital(tmp_path, pacs=pacs, limits={"objects_per_minute": 40}) as hospital:
        process = start_command(hospital, tmp_path)
        try:
            until(lambda: bool(list(hospital.settings.spool.rglob("*.dcm"))) or process.poll() is not None)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == ExitStatus.INTERRUPTED, process_words(tmp_path)
            assert time.monotonic() - start < STOP_SECONDS + LOADED
        finally:
            process.kill()
        assert_given_back(hospital)
        limits = hospital.settings.limits.model_copy(update={"objects_per_minute": 0})
        hospital.settings = hospital.settings.model_copy(update={"limits": limits})
        report = hospital.mine(since=None, patients=PATIENTS)
        assert report.exit_status is ExitStatus.DONE
        assert hospital.status().studies == {"mined": 3}
