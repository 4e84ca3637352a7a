"""What is laid by of a series lies on the disk as long as it may be wanted, and no longer."""

from __future__ import annotations

from pathlib import Path

from miner.errors import Reason
from miner.mining.spares import Spares
from miner.records import Fetched, InstanceRef


def image(series: str, number: int) -> InstanceRef:
    return InstanceRef("1.2", f"1.2.{series}", f"1.2.{series}.{number}", "1.2.840.10008.5.1.4.1.1.2")


def laid_by(folder: Path, *along: InstanceRef) -> Spares:
    paths = {entry.sop_uid: folder / entry.sop_uid for entry in along}
    for path in paths.values():
        path.write_bytes(b"x" * 10)
    spares = Spares(folder)
    conflict = {along[0].sop_uid: Reason.CONTENT_CONFLICT}
    rest = spares.lay_by(Fetched(paths, {}, octets=30, conflicts=conflict), along, dict.fromkeys(paths, 10))
    assert (rest.arrived, rest.conflicts, rest.octets, rest.extra_octets) == (
        {},
        {},
        30 - 10 * len(along),
        10 * len(along),
    )
    return spares


def test_a_series_that_is_done_with_leaves_the_disk(tmp_path: Path) -> None:
    first, second = image("1", 1), image("2", 1)
    spares = laid_by(tmp_path, first, second)
    spares.keep_only({second.series_uid})
    assert [path.name for path in tmp_path.iterdir()] == [second.sop_uid]
    assert first.sop_uid not in spares
    assert second.sop_uid in spares


def test_what_is_taken_is_wanted_and_counted_once(tmp_path: Path) -> None:
    first, second = image("1", 1), image("1", 2)
    spares = laid_by(tmp_path, first, second)
    taken = spares.take([first])
    assert (list(taken.arrived), taken.octets, taken.extra_octets) == ([first.sop_uid], 10, -10)
    assert taken.conflicts == {first.sop_uid: Reason.CONTENT_CONFLICT}
    assert spares.take([first]).arrived == {}
    spares.keep_only(())
    assert [path.name for path in tmp_path.iterdir()] == [first.sop_uid], "taken ones belong to the spool"
