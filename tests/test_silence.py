"""miner.silence: what leaves a process by accident carries no value."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from miner import silence
from miner.errors import MinerError

SECRET = "XUBRIQEZAL^WOTYVELU"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with silence.for_a_while():
        yield


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """Every record that reaches the root, whoever logs."""

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    kept: list[logging.LogRecord] = []
    root, handler = logging.getLogger(), Keep(logging.DEBUG)
    loggers = [root, *(entry for entry in root.manager.loggerDict.values() if isinstance(entry, logging.Logger))]
    before = [(entry, entry.level, entry.propagate, entry.disabled, entry.filters) for entry in loggers]
    root.addHandler(handler)
    for logger in loggers:  # whatever the product set, or a library
        logger.level, logger.propagate, logger.disabled, logger.filters = logging.DEBUG, True, False, []
    root.manager._clear_cache()  # type: ignore[attr-defined]
    try:
        yield kept
    finally:
        root.removeHandler(handler)
        for logger, *settings in before:
            logger.level, logger.propagate, logger.disabled, logger.filters = settings
        root.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name",
    ["sqlalchemy.engine.Engine", "urllib3.connectionpool", "httpx", "PIL.PngImagePlugin", "asyncio", "any.other"],
)
def test_other_libraries_say_where_and_how_grave_and_no_more(name: str, records: list[logging.LogRecord]) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger(name).error("of %s", SECRET, exc_info=True, stack_info=True)
    (record,) = [entry for entry in records if entry.name == name]
    assert SECRET not in repr(vars(record))
    assert (record.name, record.levelno, record.filename) == (name, logging.ERROR, Path(__file__).name)
    assert record.lineno > 0
    assert record.exc_info is None
    assert record.getMessage().startswith("withheld: ")  # a quiet handler of a way in may have been there first


@pytest.mark.parametrize("name", ["httpx", "prefect.flow_runs", "miner.mining.run"])
def test_what_hangs_on_a_record_goes_but_prefects_ids(name: str, records: list[logging.LogRecord]) -> None:
    """Formatters that write JSON print every attribute of a record."""
    log = logging.getLogger(name)
    log.propagate = True
    named = "busy-otter" if name.startswith("prefect") else SECRET
    adapter = logging.LoggerAdapter(log, {"patient": SECRET, "flow_run_name": named, "flow_run_id": "0f3a"})
    adapter.warning("said", exc_info=False)
    log.warning("said", extra={"request": {"url": SECRET}})
    one, other = records
    assert SECRET not in repr([vars(one), vars(other)])
    assert one.flow_run_id == "0f3a"  # type: ignore[attr-defined]
    assert getattr(one, "flow_run_name", None) == ("busy-otter" if name.startswith("prefect") else None)


def test_our_own_words_stay_without_exceptions_uids_and_long_numbers(records: list[logging.LogRecord]) -> None:
    log = logging.getLogger("miner.mining.run")
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        log.exception("A study failed: %s at %s", error, "volume.py:12")
    log.warning("%s of %d, key %s", "1.2.840.113619.2.55.3.604688119", 483920175, "f65be31e1c6c587c56d092cdf6e1ed01")
    log.info("%s", MinerError("The spool cannot be written."))
    log.info("done by %(share)d %%", {"share": 40})
    said = [record.getMessage() for record in records]
    assert said == [
        "A study failed: ValueError at volume.py:12",
        "<uid> of <number>, key f65be31e1c6c587c56d092cdf6e1ed01",
        "The spool cannot be written.",
        "done by 40 %",
    ]
    assert all(record.exc_info is None and not record.args for record in records)


def test_prefects_progress_stays_and_its_exceptions_do_not(records: list[logging.LogRecord]) -> None:
    log = logging.getLogger("prefect.flow_runs")
    log.setLevel(logging.DEBUG)
    log.propagate = True
    log.info("Beginning flow run 'big-otter' for flow 'nightly'")
    log.error("Encountered exception during execution: %r", ValueError(SECRET))
    assert [record.getMessage() for record in records] == [
        "Beginning flow run 'big-otter' for flow 'nightly'",
        silence.WITHHELD,
    ]


def test_a_message_that_does_not_fit_its_arguments_fails_nobody(records: list[logging.LogRecord]) -> None:
    logging.getLogger("miner.pacs").info("%d", SECRET)
    assert records[0].getMessage() == "a message that cannot be formatted"


def test_a_lost_message_is_still_known(records: list[logging.LogRecord]) -> None:
    logging.getLogger("pynetdicom.x").warning("Received unexpected C-STORE of %s", SECRET)
    assert silence.quiet_record("pynetdicom", 30, "x", 1, f"Received unexpected {SECRET}", (), None).msg == (
        "Received unexpected"
    )


def test_a_warning_is_its_category_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    silence.show_warning(UserWarning(SECRET), UserWarning, "/somewhere/valuerep.py", 12, line=SECRET)
    assert capsys.readouterr().err == "UserWarning at valuerep.py:12\n"


def test_what_was_before_comes_back() -> None:
    factory, hook = logging.getLogRecordFactory(), sys.excepthook
    with silence.for_a_while():
        warnings.warn_explicit("x", UserWarning, "x.py", 1)
    assert logging.getLogRecordFactory() is factory
    assert sys.excepthook is hook


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (f"raise ValueError({SECRET!r})", "ValueError at"),
        (f"t = threading.Thread(target=fail, args=({SECRET!r},)); t.start(); t.join()", "ValueError in a thread at"),
        ("class C:\n    def __del__(self):\n        fail('" + SECRET + "')\nC()", "ValueError in a destructor at"),
        (f"warnings.warn({SECRET!r})", "UserWarning at"),
        (
            f"async def f(): fail({SECRET!r})\nasync def g(): asyncio.create_task(f()); await asyncio.sleep(0.01)\n"
            "asyncio.run(g()); import gc; gc.collect()",
            silence.WITHHELD,
        ),
        (f"logging.raiseExceptions = True; logging.getLogger('a').warning('%d', {SECRET!r})", silence.WITHHELD),
    ],
    ids=["main", "thread", "destructor", "warning", "asyncio", "misfit"],
)
def test_a_whole_process(ending: str, said: str) -> None:
    before = """
        import asyncio, logging, threading, warnings
        from miner import silence
        silence.install()
        def fail(words):
            raise ValueError(words)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(before) + ending],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said in done.stderr
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="has no core dumps")
def test_no_core_dump() -> None:
    script = (
        "import resource; from miner import silence; silence.install(); print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "(0, 0)"
