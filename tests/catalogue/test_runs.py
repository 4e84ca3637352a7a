from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from miner.catalogue import Catalogue, processes
from miner.errors import DatabaseError, Reason
from miner.records import WorkState
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_study, key

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from miner.catalogue import Catalogue
from miner.errors import DatabaseError
from tests.catalogue.conftest import INFO
catalogue = Catalogue.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    run = catalogue.begin_run(INFO)
    catalogue.offer(run, ["a", "b"])
    catalogue.claim(run, "a")
    print("got", run, flush=True)
except DatabaseError as error:
    print("busy", error.reason, flush=True)
sys.stdin.readline()
"""


@contextmanager
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that begins a run at the first line it reads, and stays until the second."""
    command = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_two_at_once_exactly_one_begins(url: str) -> None:
    with holder(url) as one, holder(url) as other:
        go(one)
        go(other)
        assert sorted((answer(one), answer(other))) == ["busy catalogue-busy", "got 1"]


def test_a_killed_run_is_taken_over_at_once(url: str, reopen: Callable[[], Catalogue]) -> None:
    with holder(url) as process:
        go(process)
        assert answer(process) == "got 1"
        catalogue = reopen()
        with pytest.raises(DatabaseError, match=r"Another run \(number 1, begun 20..-"):
            catalogue.begin_run(INFO)
        row = catalogue.work("a")
        assert row is not None and row.state is WorkState.CLAIMED
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but still a zombie
        assert catalogue.begin_run(INFO) == 2
    first = catalogue.runs()[0]
    assert (first.outcome, first.ended is None) == ("interrupted", False)
    assert [(row.study_key, row.state) for row in catalogue.pending()] == [
        ("a", WorkState.FOUND),
        ("b", WorkState.FOUND),
    ]
    assert catalogue.verify_chain() == catalogue.verify_rows() == []


def test_the_error_of_a_busy_catalogue_is_retriable_and_names_no_host(catalogue: Catalogue, run: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        catalogue.begin_run(INFO)
    assert caught.value.reason is Reason.CATALOGUE_BUSY
    assert os.uname().nodename not in str(caught.value)


def test_a_run_of_another_host_is_waited_for_two_minutes(
    catalogue: Catalogue, run: int, tamper: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_this_host", lambda: "another")
    tamper("UPDATE lease SET heartbeat = heartbeat - 110")
    with pytest.raises(DatabaseError):
        catalogue.begin_run(INFO)
    tamper("UPDATE lease SET heartbeat = heartbeat - 20")
    assert catalogue.begin_run(INFO) == run + 1


def test_a_silent_run_of_this_host_is_not_taken_over_while_it_lives(
    catalogue: Catalogue, run: int, tamper: Callable[..., None]
) -> None:
    tamper("UPDATE lease SET heartbeat = heartbeat - 100000")
    with pytest.raises(DatabaseError):
        catalogue.begin_run(INFO)
    catalogue.heartbeat(run)


def test_a_reused_pid_is_not_taken_for_the_holder(catalogue: Catalogue, run: int, tamper: Callable[..., None]) -> None:
    tamper("UPDATE lease SET process_started = '1'")
    assert catalogue.begin_run(INFO) == run + 1


def test_who_was_taken_over_cannot_write_any_more(catalogue: Catalogue, run: int, tamper: Callable[..., None]) -> None:
    mined = a_study("a")
    catalogue.offer(run, [mined.study_key])
    catalogue.claim(run, mined.study_key)
    tamper("UPDATE lease SET process_started = '1'")
    newer = catalogue.begin_run(INFO)
    before = catalogue.chain_head()
    for write in (
        lambda: catalogue.commit_study(run, mined),
        lambda: catalogue.fail_study(run, mined.study_key, Reason.TIMED_OUT),
        lambda: catalogue.offer(run, ["b"]),
        lambda: catalogue.claim(run, mined.study_key),
        lambda: catalogue.release_claim(run, mined.study_key),
        lambda: catalogue.heartbeat(run),
        lambda: catalogue.end_run(run, "done", {}),
    ):
        with pytest.raises(DatabaseError, match="taken over"):
            write()
    assert catalogue.chain_head() == before
    catalogue.commit_study(newer, mined)


def test_a_run_ends_with_its_counts_and_gives_back_what_it_did_not_finish(catalogue: Catalogue, run: int) -> None:
    catalogue.offer(run, ["a", "b"])
    catalogue.claim(run, "a")
    catalogue.end_run(run, "interrupted", {"mined": 0, "found": 2})
    (row,) = catalogue.runs()
    assert (row.number, row.outcome, row.counts, row.info) == (1, "interrupted", {"found": 2, "mined": 0}, INFO)
    assert row.ended is not None and row.ended >= row.started
    assert [row.state for row in catalogue.pending()] == [WorkState.FOUND] * 2
    assert catalogue.begin_run(INFO) == 2
    assert catalogue.verify_rows() == []


def test_an_interrupted_claim_of_a_mined_study_is_looked_at_again(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    catalogue.claim(run, mined.study_key)
    catalogue.end_run(run, "interrupted", {})
    (row,) = catalogue.pending()
    assert (row.study_key, row.state, row.annotations_digest) == (key("study", "a"), WorkState.FOUND, "")
    assert len(catalogue.release_content().bookmarks) == 2


def test_no_host_name_is_stored(catalogue: Catalogue, run: int, url: str) -> None:
    with catalogue._database.reading() as connection:
        stored = str(connection.exec_driver_sql("SELECT * FROM lease").one())
    assert os.uname().nodename not in stored
