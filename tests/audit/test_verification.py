from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from miner.audit import verify
from miner.errors import UsageError
from tests.audit.conftest import Audited, release, with_pictures
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_study


def a_picture(audited: Audited) -> Path:
    return sorted(audited.images.rglob("*.png"))[3]


def test_what_agrees_has_no_faults(audited: Audited) -> None:
    assert verify(audited.catalogue, audited.images) == []
    assert verify(audited.catalogue, audited.images, audited.release) == []


def test_a_missing_picture_is_named(audited: Audited) -> None:
    path = a_picture(audited)
    path.unlink()
    assert verify(audited.catalogue, audited.images) == [f"{path}: missing, though the catalogue has it"]


def test_a_changed_picture_is_named(audited: Audited) -> None:
    path = a_picture(audited)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.unlink()  # the release links the same file
    path.write_bytes(content)
    assert verify(audited.catalogue, audited.images) == [f"{path}: not what was written (its SHA-256 differs)"]


def test_a_changed_row_is_named(audited: Audited) -> None:
    audited.tamper("UPDATE bookmark SET confidence = 0.5")
    faults = verify(audited.catalogue, audited.images)
    assert len(faults) == 4
    assert all(fault.startswith("catalogue: table bookmark, key ") for fault in faults)


def test_a_broken_chain_is_named(audited: Audited) -> None:
    for trigger in ("event_never_updated", "event_never_deleted"):
        audited_connection(audited, f"DROP TRIGGER {trigger}")
    audited.tamper("UPDATE event SET time = '2020' WHERE number = 3")
    assert verify(audited.catalogue, audited.images) == ["event chain: event 3: its content was changed"]


def audited_connection(audited: Audited, statement: str) -> None:
    with audited.catalogue._database.writing() as connection:
        connection.exec_driver_sql(statement)


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    content = change(path.read_bytes())
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["DL_info.csv", "bookmarks.csv", "lesions.csv", "series.csv", "README.md"])
def test_a_changed_file_of_a_release_is_named(audited: Audited, name: str) -> None:
    rewrite(audited.release / name, lambda content: content.replace(b"1", b"2", 1))
    faults = verify(audited.catalogue, audited.images, audited.release)
    assert f"{audited.release / name}: not what MANIFEST.sha256 says" in faults


def test_a_csv_that_was_changed_together_with_its_manifest_is_named(audited: Audited) -> None:
    import hashlib

    path = audited.release / "DL_info.csv"
    before = hashlib.sha256(path.read_bytes()).hexdigest().encode()
    rewrite(path, lambda content: content.replace(b"0.25", b"0.75"))
    after = hashlib.sha256(path.read_bytes()).hexdigest().encode()
    rewrite(audited.release / "MANIFEST.sha256", lambda content: content.replace(before, after))
    faults = verify(audited.catalogue, audited.images, audited.release)
    manifest = audited.release / "MANIFEST.sha256"
    assert faults == [f"{manifest}: not the manifest of any release that this catalogue published"]


def test_a_bookmark_changed_after_its_release_no_longer_gives_the_csvs(audited: Audited) -> None:
    audited.tamper("UPDATE bookmark SET points = replace(points, '100.25', '101.25')")
    faults = verify(audited.catalogue, audited.images, audited.release)
    for name in ("DL_info.csv", "bookmarks.csv"):
        assert f"{audited.release / name}: not what the catalogue says when it is written again" in faults


def test_a_published_cell_that_was_changed_is_named(audited: Audited) -> None:
    audited.tamper("UPDATE release_row SET cells = '[]' WHERE position = 0")
    faults = verify(audited.catalogue, audited.images, audited.release)
    assert {"catalogue: table release_row, key DL_info/0", "catalogue: table release_row, key bookmarks/0"} == {
        fault.partition(": it is")[0] for fault in faults if "release_row" in fault
    }


def test_missing_and_added_files_of_a_release_are_named(audited: Audited) -> None:
    picture = sorted(audited.release.rglob("*.png"))[0]
    picture.unlink()
    (audited.release / "notes.txt").write_text("x")
    faults = verify(audited.catalogue, audited.images, audited.release)
    assert faults == [
        f"{picture}: missing, though MANIFEST.sha256 lists it",
        f"{audited.release / 'notes.txt'}: not in MANIFEST.sha256",
    ]


@pytest.mark.parametrize("line", ["no hash", "0" * 64 + "  ../outside", "0" * 64 + "  /etc/hostname"])
def test_a_manifest_that_points_elsewhere_is_not_followed(audited: Audited, line: str) -> None:
    rewrite(audited.release / "MANIFEST.sha256", lambda content: content + line.encode() + b"\n")
    faults = verify(audited.catalogue, audited.images, audited.release)
    assert any("a line that is not a hash and a path" in fault for fault in faults)


@pytest.mark.parametrize("name", ["MANIFEST.sha256", "release.json", "DL_info.csv", "bookmarks.csv"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(audited: Audited, name: str) -> None:
    (audited.release / name).unlink()
    os.mkfifo(audited.release / name)
    assert any(name in fault for fault in verify(audited.catalogue, audited.images, audited.release))


@pytest.mark.parametrize("events", ["1e400", "99999999999999999999", "-1", "[" * 5000])
def test_a_release_that_names_no_event_of_the_chain(audited: Audited, events: str) -> None:
    text = '{"event_chain": {"head": "x", "events": ' + events + "}}"
    (audited.release / "release.json").write_text(text)
    assert any("event" in fault for fault in verify(audited.catalogue, audited.images, audited.release))


def test_a_manifest_with_a_name_that_no_file_can_have(audited: Audited) -> None:
    rewrite(audited.release / "MANIFEST.sha256", lambda content: content + b"0" * 64 + b"  a\x00b\n")
    assert any("missing, though" in fault for fault in verify(audited.catalogue, audited.images, audited.release))


def test_a_release_without_a_manifest_is_named(audited: Audited) -> None:
    (audited.release / "MANIFEST.sha256").unlink()
    (fault,) = verify(audited.catalogue, audited.images, audited.release)
    assert fault.endswith("missing or unreadable")


def test_a_chain_that_was_written_anew_does_not_fit_the_release(audited: Audited) -> None:
    statement = audited.release / "release.json"

    def change(content: bytes) -> bytes:
        document = json.loads(content)
        document["event_chain"]["head"] = "0" * 64
        return json.dumps(document).encode()

    rewrite(statement, change)
    faults = verify(audited.catalogue, audited.images, audited.release)
    assert any(fault.startswith("event chain: event 5 is not the one that") for fault in faults)
    rewrite(statement, lambda content: b"{}")
    assert any("does not say where" in fault for fault in verify(audited.catalogue, audited.images, audited.release))


def test_an_earlier_release_still_agrees(audited: Audited, tmp_path: Path) -> None:
    run = audited.catalogue.begin_run(INFO)
    audited.catalogue.commit_study(run, with_pictures(a_study("c", slices=range(1, 41)), audited.images))
    audited.catalogue.end_run(run, "done", {})
    later = release(audited.catalogue, audited.images, tmp_path / "later")
    assert verify(audited.catalogue, audited.images, audited.release) == []
    assert verify(audited.catalogue, audited.images, later) == []


def test_a_folder_that_is_not_there_is_a_wrong_command(audited: Audited, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no release"):
        verify(audited.catalogue, audited.images, tmp_path / "nowhere")
