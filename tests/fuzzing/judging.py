"""Reads mutants in processes of their own and says what went wrong: a crash, a hang, a leak, an unsound bookmark."""

from __future__ import annotations

import faulthandler
import math
import os
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

from miner.bookmarks import merge_versions, read_object, recognise
from miner.bookmarks.recognition import place_all
from miner.errors import ObjectError, Reason
from miner.records import AnnotationObject, Bookmark, Mark, MarkRefusal
from tests.annotations.reports import plane
from tests.fuzzing.originals import IMAGES, PATIENT
from tests.fuzzing.wounds import wounded

SIDE = 512
EDGE = 0.02
LONGEST_MM = 1000.0
MOST_MEMORY = 2_000_000
"""Kilobytes of resident memory that reading mutants of some kilobytes may take in all."""

LATER = 15
"""Times the processor time that a file may take on a clock: a loaded machine is slow."""

_REFUSALS = (Reason.DAMAGED_OBJECT, Reason.UNSUPPORTED_OBJECT, Reason.OVER_LIMITS)

PLANES = [plane(image, 2.5) for image in IMAGES]

Read = Callable[[Path], AnnotationObject]


@dataclass
class Verdict:
    """Of many mutants. ``faults``: seed (or -1 for a process that died) and what went wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Take in another batch's."""
        self.outcomes += other.outcomes
        self.faults += other.faults


class Hang(BaseException):
    """Raised by the alarm; no ``except Exception`` of the reader swallows it."""


def judge_all(
    originals: Sequence[bytes], seeds: Sequence[int], *, reader: str = "miner", seconds: float = 20.0, workers: int = 2
) -> Verdict:
    """Wound, read and judge one mutant a seed, each with ``seconds`` of processor time to end.

    ``reader``: a key of :data:`READERS`.
    """
    batches = [list(seeds)[start::workers] for start in range(workers)]
    whole = Verdict()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_batch, list(originals), batch, reader, seconds) for batch in batches]
        for future in futures:
            try:
                whole.add(future.result())
            except BrokenProcessPool:
                whole.faults.append((-1, "the process died: a crash or a hang below Python"))
    return whole


def judge_file(path: Path, read: Read = read_object) -> str:
    """Read, place, recognise, merge one file; the outcome. Raises AssertionError where something is wrong."""
    try:
        found = read(path)
    except ObjectError as error:
        assert error.reason in _REFUSALS, f"reason {error.reason}"
        assert not any(part in str(error) for part in PATIENT.split("^")), "a message carries the patient's name"
        return error.reason.value
    orders = [thing.order for thing in (*found.marks, *found.refused)] + [s.mark.order for s in found.spatial]
    assert sorted(orders) == list(range(len(orders))), "orders have a gap or a double"
    placed = place_all(found.spatial, PLANES)
    marks = [*found.marks, *(mark for mark in placed if isinstance(mark, Mark))]
    assert all(isinstance(thing, Mark | MarkRefusal) for thing in placed)
    bookmarks = [replace(b, source_uid=found.sop_uid) for b in _recognised(marks)]
    merge_versions(bookmarks, [found])
    return "bookmarks" if bookmarks else "no bookmark"


def _recognised(marks: Sequence[Mark]) -> Iterator[Bookmark]:
    for image in {mark.image for mark in marks}:
        own = [mark for mark in marks if mark.image == image]
        result = recognise(own, columns=SIDE, rows=SIDE, pixel_spacing=(0.7, 0.7))
        ends = [order for b in result.bookmarks for order in b.orders] + [r.order for r in result.refused]
        assert sorted(ends) == sorted(mark.order for mark in own), "a mark ended twice or never"
        for bookmark in result.bookmarks:
            _check(bookmark)
            yield bookmark


def _check(bookmark: Bookmark) -> None:
    assert bookmark.points, "a bookmark without points"
    for value in (value for point in bookmark.points for value in point):
        assert math.isfinite(value), "a point that is not finite"
        assert -0.5 - EDGE <= value <= SIDE - 0.5 + EDGE, "a point outside of the image"
    lengths = [length for length in (bookmark.length_mm, bookmark.short_mm, bookmark.text_mm) if length is not None]
    assert all(math.isfinite(length) and length > 0 for length in lengths), "a length that is none"
    assert bookmark.length_mm is None or bookmark.length_mm < LONGEST_MM, "a length beyond the image"
    assert 0 <= bookmark.confidence <= 1, "a confidence beyond 0 to 1"


# ----------------------------------------------------------------------------------------------------- in the process


def _batch(originals: list[bytes], seeds: list[int], reader: str, seconds: float) -> Verdict:
    verdict = Verdict()
    signal.signal(signal.SIGPROF, _alarm)
    read = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mutant.dcm")
        for seed in seeds:
            path.write_bytes(wounded(originals[seed % len(originals)], seed))
            try:
                with _watched(seconds):
                    verdict.outcomes[judge_file(path, read)] += 1
            except Hang:
                verdict.faults.append((seed, "hangs"))
            except Exception as error:
                verdict.faults.append((seed, f"{type(error).__name__}: {error}"))
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MOST_MEMORY:
        verdict.faults.append((-1, "took gigabytes of memory"))
    return verdict


@contextmanager
def _watched(seconds: float) -> Iterator[None]:
    """An alarm in processor time for Python code; where it does not come through, the process ends itself later."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    faulthandler.dump_traceback_later(LATER * seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


def _alarm(signum: int, frame: FrameType | None) -> None:
    raise Hang


# ------------------------------------------------------------------------------------- readers with a fault, on purpose


def _crashing(path: Path) -> AnnotationObject:
    raise KeyError(path)


def _hanging(path: Path) -> AnnotationObject:
    while True:
        pass


def _dying(path: Path) -> AnnotationObject:
    os._exit(3)


def _leaking(path: Path) -> AnnotationObject:
    raise ObjectError(f"The patient {PATIENT} has a broken object.")


def _losing(path: Path) -> AnnotationObject:
    """Leaves the first thing out: its order is a gap."""
    found = read_object(path)
    return replace(found, marks=found.marks[1:], refused=found.refused[1:] if not found.marks else found.refused)


READERS: dict[str, Read] = {
    "miner": read_object,
    "crashing": _crashing,
    "hanging": _hanging,
    "dying": _dying,
    "leaking": _leaking,
    "losing": _losing,
}
