"""Runs crafted cases, each in a process of its own, and measures time, memory, and what it touched.

A case's process is a fork of one that has imported the product and done nothing: so its peak of memory, less that of a
case that does nothing, is what the case took. A hook on the interpreter's audit events sees every file that is opened
and every name that is made; the listing of everything around the case's own folder is compared besides.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from miner.errors import MinerError, ObjectError
from tests.hostile.crafting import PATIENT, Case
from tests.hostile.reading import READERS, Place, Reader

SECONDS = 20.0
"""Of processor time that one reading of one case may take."""

OCTETS = 1 << 30
"""Of memory, beyond what the interpreter with its libraries has, that a case may take."""

_NET = 6 << 30
"""Octets of address space beyond which a case is stopped: that of the machine is not to be used up."""

_WRITES = frozenset(
    {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod", "os.chown"}
)
_NEVER = frozenset(
    {"os.system", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "subprocess.Popen", "socket.connect"}
)


@dataclass(frozen=True)
class Reading:
    """One reading of one case. ``outcome``: a word of its reader, a reason code, or empty where ``fault`` says why."""

    reader: str
    outcome: str
    seconds: float
    fault: str = ""


@dataclass(frozen=True)
class Result:
    """One case. ``octets``: of memory at its peak, beyond that of doing nothing; ``faults``: all that is wrong."""

    name: str
    readings: tuple[Reading, ...]
    octets: int
    faults: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Of its slowest reading."""
        return max((reading.seconds for reading in self.readings), default=0.0)


class Hang(BaseException):
    """Raised by the alarm; no ``except Exception`` swallows it."""


@dataclass
class _Watch:
    """What one process touches beside its own folders."""

    inside: tuple[str, ...]
    forbidden: str
    faults: list[str] = field(default_factory=list)
    on: bool = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or (mode and set(mode) & set("wax+"))
            self._look(path, "writes", writes=bool(writes))
        elif event in _WRITES:
            self._look(arguments[0], event, writes=True)
        elif event in _NEVER:
            self.faults.append(f"does {event}")

    def _look(self, path: object, what: str, *, writes: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        named = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links are not to be followed
        if named.startswith(self.forbidden):
            self.faults.append(f"{what} a file outside of its folder")
        elif writes and named != os.devnull and not named.startswith(self.inside):
            self.faults.append(f"{what} outside of its folder")


def run_all(
    cases: Sequence[Case],
    work: Path,
    readers: Mapping[str, Mapping[str, Reader]] = READERS,
    tell: Callable[[Result], object] = lambda result: None,
) -> list[Result]:
    """Every case, one after another, in the order given. ``work``: an empty folder; ``tell`` is given each result."""
    base = _peak_of(lambda: None)
    results = []
    for number, case in enumerate(cases):
        results.append(_run(case, work / str(number), readers[case.kind], base))
        tell(results[-1])
    return results


def _run(case: Case, here: Path, readers: Mapping[str, Reader], base: int) -> Result:
    given, outside = here / "given", here / "outside"
    for folder in (given, outside, here / "spool", here / "home"):
        folder.mkdir(parents=True, mode=0o700)
    (outside / "canary").write_bytes(b"canary")
    _crafted(case, given)
    before = listing(here)
    told, said = tempfile.TemporaryFile(dir=here.parent), tempfile.TemporaryFile(dir=here.parent)  # noqa: SIM115
    child = os.fork()
    if not child:
        _child(readers, here, told.fileno(), said.fileno())
    _, status, usage = os.wait4(child, 0)
    told.seek(0)
    lines = [json.loads(line) for line in told.read().splitlines()]
    said.seek(0)
    readings = tuple(Reading(**line) for line in lines if "reader" in line)
    faults = [f"{reading.reader}: {reading.fault}" for reading in readings if reading.fault]
    faults += [fault for line in lines for fault in line.get("touched", ())]
    if status:
        faults.append(f"the process died ({status}) after {len(readings)} of {len(readers)} readings")
    if PATIENT in said.read():
        faults.append("a planted value was printed")
    octets = usage.ru_maxrss * 1024 - base
    if octets > OCTETS:
        faults.append(f"took {octets >> 20} MiB")
    if listing(here) != before:
        faults.append("changed files outside of its spool")
    told.close(), said.close()
    _swept(here)
    return Result(case.name, readings, max(octets, 0), tuple(faults))


def _crafted(case: Case, given: Path) -> None:
    """Write the case in a process of its own, so that what crafting takes is not counted."""
    child = os.fork()
    if not child:
        try:
            case.write(given)
        except BaseException as error:
            print(f"{case.name}: {error!r}", file=sys.__stderr__, flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, f"{case.name} cannot be crafted"


def _swept(here: Path) -> None:
    for folder, _, _ in os.walk(here):
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(here, ignore_errors=True)


def listing(here: Path) -> dict[str, tuple[int, int, int]]:
    """Everything in a case's surroundings but its spool: name → kind and rights, size, time of writing."""
    found: dict[str, tuple[int, int, int]] = {}
    for folder, folders, names in os.walk(here):
        if Path(folder) == here:
            folders.remove("spool")
        for name in (*folders, *names):
            path = os.path.join(folder, name)  # noqa: PTH118 - thousands of names
            try:
                status = os.lstat(path)
            except OSError:  # a path longer than the system takes
                continue
            found[path] = status.st_mode, status.st_size, status.st_mtime_ns
    return found


# ----------------------------------------------------------------------------------------------------- in the process


def _child(readers: Mapping[str, Reader], here: Path, told: int, said: int) -> None:
    """Read one case in all its ways, tell of each, and end."""
    try:
        for number in (1, 2):
            os.dup2(said, number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.chdir(here / "given")
        os.environ.update(HOME=str(here / "home"), TMPDIR=str(here / "spool"))
        tempfile.tempdir = str(here / "spool")
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + _NET, now + _NET))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, _alarm)
        signal.signal(signal.SIGPROF, _alarm)
        watch = _Watch((str(here / "spool"),), str(here / "outside"))
        sys.addaudithook(watch)
        for name, reader in readers.items():
            spool = here / "spool" / str(len(name))
            watch.on = True
            reading = _judged(name, reader, Place(here / "given", spool))
            watch.on = False
            os.write(told, json.dumps(reading.__dict__).encode() + b"\n")
        os.write(told, json.dumps({"touched": sorted(set(watch.faults))}).encode() + b"\n")
        status = 0
    except BaseException as error:
        os.write(told, json.dumps({"touched": [f"{type(error).__name__}: {error}"]}).encode() + b"\n")
        status = 3
    os._exit(status)


def _judged(name: str, reader: Reader, place: Place) -> Reading:
    began = time.process_time()
    outcome, fault = "", ""
    try:
        with _alarmed():
            outcome = reader(place)
    except Hang:
        fault = f"takes more than {SECONDS:g} s"
    except MinerError as error:
        outcome = error.reason.value
        fault = _amiss(error)
    except Exception as error:
        fault = f"{type(error).__name__}: {str(error)[:200]}"
    seconds = time.process_time() - began
    if seconds > SECONDS and not fault:
        fault = f"takes {seconds:.1f} s"
    return Reading(name, outcome, seconds, fault)


def _amiss(error: MinerError) -> str:
    """What is wrong with a typed error: memory ran out behind it, a planted value in it, a fault of our own."""
    if "MemoryError" in str(error):
        return "memory ran out"
    if PATIENT.decode().split("^")[0] in str(error):
        return "a message carries a planted value"
    return f"{type(error).__name__}" if type(error) is MinerError and not isinstance(error, ObjectError) else ""


@contextlib.contextmanager
def _alarmed() -> Iterator[None]:
    """After so much processor time, or ten times as long by the clock, as nothing may wait for ever either."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS + 1)
    signal.setitimer(signal.ITIMER_REAL, 10 * SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _alarm(signum: int, frame: FrameType | None) -> None:
    raise Hang


def _peak_of(action: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        action()
        os._exit(0)
    return os.wait4(child, 0)[2].ru_maxrss * 1024


def main() -> None:
    """``python -m tests.hostile.measuring [WORDS]``: the cases whose names hold the words, and a table of them."""
    from tests.hostile.families import CASES

    words = " ".join(sys.argv[1:])
    cases = [case for case in CASES if words in case.name]

    def tell(result: Result) -> None:
        if result.faults or result.seconds > 1 or result.octets > OCTETS // 4:
            print(table([result], 1), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        results = run_all(cases, Path(folder), tell=tell)
    print(table(results))


def table(results: Sequence[Result], rows: int = 15) -> str:
    """The slowest and the largest, and everything that is wrong."""
    lines = [f"{len(results)} cases, {sum(len(result.readings) for result in results)} readings"]
    for title, key in (("slowest", lambda one: one.seconds), ("largest", lambda one: one.octets)):
        lines.append(f"-- {title}")
        for result in sorted(results, key=key, reverse=True)[:rows]:
            slow = max(result.readings, key=lambda one: one.seconds, default=Reading("-", "", 0))
            lines.append(
                f"{result.seconds:7.2f} s {result.octets >> 20:6d} MiB  {result.name} ({slow.reader}: {slow.outcome})"
            )
    wrong = [f"{result.name}: {fault}" for result in results for fault in result.faults]
    return "\n".join([*lines, f"-- {len(wrong)} faults", *wrong])


if __name__ == "__main__":
    main()
