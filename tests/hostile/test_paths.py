"""No name of a file ever comes from the wire: spool files are named at random, pictures by keyed surrogates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from miner.deid import Surrogates
from miner.errors import ObjectError, PacsError
from miner.pacs.books import Books
from miner.pacs.dicomweb.intake import Intake
from miner.pacs.dicomweb.model import in_path
from miner.pacs.dimse.receive import Arrival, Receiver
from miner.records import InstanceRef
from tests.hostile.crafting import image, meta, part10
from tests.hostile.families.paths import HOSTILE_UIDS

UIDS = st.one_of(
    st.sampled_from([uid.decode("latin-1") for uid in HOSTILE_UIDS.values()]),
    st.text(alphabet="./\\~%0123456789\0\n:*abc", max_size=80),
    st.text(max_size=40),
)
SPOOLED = re.compile(r"tmp[a-z0-9_]{8}\.dcm")
SURROGATE = re.compile(r"[0-9a-zA-Z._-]{1,64}")


def everything(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(uid=UIDS.filter(bool))
@example(uid="../../outside/written")
def test_c_store(uid: str, tmp_path: Path) -> None:
    spool = tmp_path / "a" / "spool"
    before = everything(tmp_path)
    receiver = Receiver(spool, Books([InstanceRef("2.25.1", "2.25.2", uid, "")]))
    receiver.take(Arrival(uid, uid, "1.2.840.10008.1.2.1", image()))
    new = everything(tmp_path) - before - {Path("a"), Path("a/spool")}
    assert all(path.parent == Path("a/spool") and SPOOLED.fullmatch(path.name) for path in new), new
    assert len(new) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(uid=UIDS)
@example(uid="../../outside/written")
def test_wado(uid: str, tmp_path: Path) -> None:
    spool = tmp_path / "a" / "spool"
    before = everything(tmp_path)
    encoded = uid.encode("latin-1", "replace")
    content = part10(image(), meta(sop_uid=encoded))
    Intake(spool, Books([InstanceRef("2.25.1", "2.25.2", "2.25.3", "")])).take(
        iter([content]), lambda named: True, 1 << 20
    )
    new = everything(tmp_path) - before - {Path("a"), Path("a/spool")}
    assert all(path.parent == Path("a/spool") and SPOOLED.fullmatch(path.name) for path in new), new


@settings(max_examples=300, deadline=None)
@given(uid=UIDS)
def test_a_url_holds_no_way_up(uid: str) -> None:
    try:
        part = in_path(uid)
    except PacsError:
        return
    assert not set(part) & set("/\\?#&\0\n")
    assert part.strip(".")


@settings(max_examples=300, deadline=None)
@given(uid=UIDS)
def test_pictures_and_folders_are_named_by_surrogates(uid: str) -> None:
    surrogates = Surrogates(bytes(range(32)))
    try:
        names = (surrogates.series(uid, 0), surrogates.instance(uid), surrogates.study(uid))
    except ObjectError:  # a UID of nothing but padding names nothing
        return
    for name in names:
        assert SURROGATE.fullmatch(name)
        assert name.strip(".")
        assert len(uid) < 4 or uid not in name


@pytest.mark.parametrize("name", list(HOSTILE_UIDS))
def test_each_hostile_uid_in_a_url(name: str) -> None:
    try:
        part = in_path(HOSTILE_UIDS[name].decode("latin-1"))
    except PacsError as error:
        assert "passwd" not in str(error)
    else:
        assert "/" not in part
