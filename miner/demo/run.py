"""`miner demo`: a loopback PACS with made-up patients, mined by the flow that runs at night, released and shown."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from miner.catalogue import Status
from miner.config import Settings, load
from miner.dataset import ReleaseReport, ReleaseRules, check, write_release
from miner.deid import KEY_VARIABLE
from miner.demo.content import report_content
from miner.demo.pacs import LoopbackPacs
from miner.demo.patients import make_patients
from miner.demo.report import write_report
from miner.errors import MinerError, UsageError, storage_error
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.start import mine
from miner.setup import init_project

MARKER = ".miner-demo"
"""Names a folder as a demonstration's own: only such a folder is ever emptied."""

SITE = "made-up-hospital"
Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class DemoResult:
    """What a demonstration found, and where to look."""

    patients: int
    studies: Mapping[str, int]
    marks: Mapping[str, int]
    bookmarks: Mapping[str, int]
    lesions: int
    release: Path
    report: Path
    config: Path
    seconds: float


@dataclass
class Stopwatch:
    """Seconds by step, in order."""

    steps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        start = time.monotonic()
        yield
        self.steps[name] = time.monotonic() - start


def run_demo(
    out: Path,
    *,
    patients: int,
    with_prefect: bool,
    verbose: bool = False,
    say: Say = lambda text: None,
    progress: Progress = lambda done, total: None,
) -> DemoResult:
    """Run the whole way in ``out``; nothing is written anywhere else.

    Raises:
        UsageError: ``out`` holds something that is no demonstration.
        StorageError: ``out`` cannot be written.
        MinerError: the release does not pass its own check.
    """
    out = out.resolve()
    _start_afresh(out)
    watch = Stopwatch()
    with LoopbackPacs(out / "pacs") as pacs:
        say(f"Filling a PACS on {pacs.host}:{pacs.port} with {patients} made-up patients …")
        with watch.step("making patients"):
            for study in make_patients(patients):
                for dataset in study.objects:
                    pacs.add(dataset)
        settings = _project(out, pacs)
        say("Mining it " + ("through Prefect, as it runs at night …" if with_prefect else "…"))
        with watch.step("mining"), _own_key():
            run = mine(
                settings,
                Request(since="all"),
                progress,
                through_prefect=with_prefect,
                verbose=verbose,
                prefect_home=out / "prefect",
            )
    with watch.step("releasing and checking"):
        released, status = _release(settings, out)
        checked = check(out / "release")
    if checked.faults:
        raise MinerError("The demonstration's own release does not pass `miner check`: please report this.")
    write_report(out / "report.html", report_content(out, status, run, released, checked, seconds=watch.steps))
    return _result(out, patients, status, released, watch)


@contextmanager
def _own_key() -> Iterator[None]:
    """Pass over a key in the environment: it belongs to a project of the user's, not to this one."""
    key = os.environ.pop(KEY_VARIABLE, None)
    try:
        yield
    finally:
        if key is not None:
            os.environ[KEY_VARIABLE] = key


def _start_afresh(out: Path) -> None:
    try:
        if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARKER).is_file())):
            raise UsageError(f"{out} is in use and is no demonstration: name another folder with --out DIR.")
        out.mkdir(parents=True, exist_ok=True)
        # The marker goes in first and stays: a demonstration that is cut off here can be begun again. So does the
        # folder itself, which may be where somebody's shell is.
        (out / MARKER).write_text("Made by `miner demo`, which empties this folder when it is run again.\n")
        for entry in list(out.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != MARKER:
                entry.unlink()
    except OSError as error:
        raise storage_error(error, out) from None


def _project(out: Path, pacs: LoopbackPacs) -> Settings:
    """A project as `miner init` makes it, pointed at the demonstration's PACS."""
    init_project(out, {})
    (out / "config.toml").write_text(
        f"# The demonstration's configuration. Its PACS runs while `miner demo` runs.\n"
        f'[site]\nname = "{SITE}"\n\n'
        f'[pacs]\nhost = "{pacs.host}"\nport = {pacs.port}\nae_title = "{pacs.ae_title}"\n',
        encoding="utf-8",
    )
    return load(out / "config.toml", {})


def _release(settings: Settings, out: Path) -> tuple[ReleaseReport, Status]:
    with open_catalogue(settings) as catalogue:
        released = write_release(
            catalogue,
            images=settings.images,
            out=out / "release",
            settings=ReleaseRules.of(settings),
            now=datetime.now(UTC),
        )
        return released, catalogue.status()


def _result(out: Path, patients: int, status: Status, released: ReleaseReport, watch: Stopwatch) -> DemoResult:
    return DemoResult(
        patients=patients,
        studies=status.studies,
        marks=status.marks,
        bookmarks=status.bookmarks,
        lesions=released.counts["lesions"],
        release=out / "release",
        report=out / "report.html",
        config=out / "config.toml",
        seconds=round(sum(watch.steps.values()), 1),
    )
