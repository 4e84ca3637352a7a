from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from miner.audit import Trace, trace
from miner.audit.names import BookmarkName, PictureName, RowName, StoredName, parse
from miner.errors import UsageError
from miner.records import MinedObject
from tests.audit.conftest import Audited, with_pictures
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_study, sha, with_bookmark


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("000123_01_02_045.png", PictureName(123, 1, 2, 45)),
        ("000123_01_02/045.png", PictureName(123, 1, 2, 45)),
        ("/x/Images_png/000123_01_02/1045.png", PictureName(123, 1, 2, 1045)),
        ("x\\000123_01_02\\045.png", PictureName(123, 1, 2, 45)),
        (f"images/{'a' * 32}/007.png", StoredName("a" * 32, 7)),
        ("DL_info.csv:0", RowName("DL_info", 0)),
        ("release/lesions.csv:12", RowName("DL_info", 12)),
        ("bookmarks.csv:3", RowName("bookmarks", 3)),
        (" " + "0f" * 16, BookmarkName("0f" * 16)),
        ("1000123_01_02_045.png", None),
        ("123_01_02_045.png", None),
        ("DL_info.csv", None),
        ("DL_info.csv:-1", None),
        ("DL_info.csv:9999999999", None),
        ("000123_01_9999999999_045.png", None),
        ("0F" * 16, None),
        ("", None),
    ],
)
def test_names(name: str, meaning: object) -> None:
    assert parse(name) == meaning


def rows_of(audited: Audited, name: str) -> list[dict[str, str]]:
    with (audited.release / name).open(newline="") as file:
        return list(csv.DictReader(file))


def traced(audited: Audited, name: str) -> Trace:
    return trace(audited.catalogue, audited.images, name)


def test_every_row_of_a_release_is_traced_to_its_objects_runs_and_events(audited: Audited) -> None:
    lesions = rows_of(audited, "lesions.csv")
    for number, row in enumerate(rows_of(audited, "DL_info.csv")):
        chain = traced(audited, f"DL_info.csv:{number}")
        uid = lesions[number]["Lesion_uid"]
        study = next(mined for mined in audited.studies if uid in {mark.uid for mark in mined.bookmarks})
        mark = next(mark for mark in study.bookmarks if mark.uid == uid)
        assert chain.file_name == row["File_name"] == lesions[number]["File_name"]
        assert (chain.patient_index, chain.study_index, chain.series_id, chain.number) == tuple(
            int(row[name]) for name in ("Patient_index", "Study_index", "Series_ID", "Key_slice_index")
        )
        assert str(chain.split) == row["Train_Val_Test"]
        assert (chain.patient_key, chain.series_key) == (study.patient_key, study.series[0].series_key)
        assert chain.object_key == mark.object_key
        assert [entry.uid for entry in chain.bookmarks] == [uid]
        assert [entry.object_key for entry in chain.objects] == [mark.object_key]
        assert {(entry.file, entry.row) for entry in chain.rows} >= {("DL_info.csv", number)}
        key_picture = next(picture for picture in chain.pictures if picture.number == chain.number)
        assert (key_picture.instance_key, key_picture.sha256) == (
            chain.instance_key,
            lesions[number]["Key_png_sha256"],
        )
        assert {picture.condition for picture in chain.pictures} == {"agrees"}
        assert [run["version"] for run in chain.runs] == [INFO.version]
        assert [event.what for event in chain.events] == ["study mined", "identities published"]
        assert len(chain.releases) == 1


def test_all_names_of_one_lesion_lead_to_the_same(audited: Audited) -> None:
    first = rows_of(audited, "lesions.csv")[0]
    file_name = first["File_name"]
    folder, _, number = file_name.rpartition("_")
    by_uid = traced(audited, first["Lesion_uid"])
    by_file = traced(audited, file_name)
    path = audited.release / "Images_png" / folder / number
    by_path = traced(audited, str(path))
    stored = traced(audited, str(audited.images / by_uid.series_key / number))
    assert {entry.uid for entry in by_file.bookmarks} > {entry.uid for entry in by_uid.bookmarks}
    assert by_file.bookmarks == by_path.bookmarks == stored.bookmarks
    assert by_path.given_file == stored.given_file == "agrees"
    assert by_file.given_file is None
    assert {chain.file_name for chain in (by_uid, by_file, by_path, stored)} == {file_name}


def test_a_slice_without_a_bookmark_is_traced_to_those_it_was_kept_for(audited: Audited) -> None:
    file_name = rows_of(audited, "DL_info.csv")[0]["File_name"]
    chain = traced(audited, file_name.replace("_015.png", "_012.png"))
    assert chain.number == 12
    assert len(chain.bookmarks) == 2
    assert chain.instance_key not in (None, traced(audited, file_name).instance_key)


def test_a_file_that_was_changed_is_told(audited: Audited, tmp_path: Path) -> None:
    file_name = rows_of(audited, "DL_info.csv")[0]["File_name"]
    copy = tmp_path / file_name
    copy.write_bytes(b"other")
    chain = traced(audited, str(copy))
    assert chain.given_file == "does not agree"
    assert any("does not agree" in line for line in chain.lines())


def test_a_picture_that_the_store_lost_is_told(audited: Audited) -> None:
    chain = traced(audited, "DL_info.csv:0")
    (audited.images / chain.series_key / "015.png").unlink()
    conditions = {picture.number: picture.condition for picture in traced(audited, "DL_info.csv:0").pictures}
    assert (conditions[15], conditions[16]) == ("missing", "agrees")


def test_a_bookmark_that_no_release_holds_is_traced_by_its_uid(audited: Audited) -> None:
    run = audited.catalogue.begin_run(INFO)
    mined = with_pictures(a_study("c"), audited.images)
    audited.catalogue.commit_study(run, mined)
    chain = traced(audited, mined.bookmarks[0].uid)
    assert (chain.file_name, chain.rows, chain.releases) == (None, (), ())
    assert next(iter(chain.lines())).endswith("not published yet")
    assert chain.runs[-1]["outcome"] is None


def test_a_correction_after_publication_is_told_with_its_object(audited: Audited) -> None:
    mined = audited.studies[0]
    old = mined.bookmarks[0]
    newer = sha("newer")[:32]
    changes = {"object_key": newer, "state_order": 9, "history_keys": (old.object_key,), "history_orders": (5,)}
    corrected = replace(
        with_bookmark(mined, 0, **changes), objects=[*mined.objects, MinedObject(newer, "PR", None, 2, 2, 0, sha("x"))]
    )
    run = audited.catalogue.begin_run(INFO)
    audited.catalogue.commit_study(run, corrected)
    chain = traced(audited, old.uid)
    (mark,) = chain.bookmarks
    assert (mark.points, mark.object_key, mark.history_keys) == (old.points, old.object_key, (newer,))
    assert (mark.newer_states, mark.stands, mark.published_in) == (1, True, 1)
    assert {entry.object_key for entry in chain.objects} == {newer, old.object_key}
    assert "corrected since by 1 newer states" in "\n".join(chain.lines())
    assert [event.what for event in chain.events].count("study mined") == 2


def test_another_studys_measurement_is_traced_as_history(audited: Audited) -> None:
    mined = audited.studies[0]
    mark = replace(mined.bookmarks[0], object_key=sha("other")[:32], state_order=9)
    other = replace(
        mined,
        study_key=sha("other study")[:32],
        bookmarks=(mark,),
        objects=(MinedObject(mark.object_key, "SR", None, 1, 1, 0, sha("x")),),
        refused=(),
    )
    run = audited.catalogue.begin_run(INFO)
    audited.catalogue.commit_study(run, other)
    chain = traced(audited, mark.uid)
    assert [(entry.source_study_key, entry.stands) for entry in chain.bookmarks] == [
        (mined.study_key, True),
        (other.study_key, False),
    ]
    assert {entry.kind for entry in chain.objects} == {"PR", "SR"}
    assert "  history: another study's measurement stands for this lesion" in list(chain.lines())


def test_a_trace_prints_as_lines_and_as_json(audited: Audited) -> None:
    chain = traced(audited, rows_of(audited, "DL_info.csv")[0]["File_name"])
    document = json.loads(json.dumps(chain.as_json()))
    assert document["patient_key"] == chain.patient_key
    text = "\n".join(chain.lines())
    for word in ("DL_info.csv row 0", "bookmark ", "object ", "run 1", "release 1", "event ", "slice 15"):
        assert word in text
    assert "here" not in text.split()


@pytest.mark.parametrize("name", ["rubbish", "", "DL_info.csv"])
def test_a_name_of_no_known_form_is_a_wrong_command(audited: Audited, name: str) -> None:
    with pytest.raises(UsageError, match="not a name that can be traced"):
        traced(audited, name)


@pytest.mark.parametrize("name", ["000999_01_01_001.png", "DL_info.csv:999999999", "0" * 32, f"{'0' * 32}/001.png"])
def test_an_unknown_name_is_told(audited: Audited, name: str) -> None:
    with pytest.raises(UsageError, match="knows nothing named"):
        traced(audited, name)


def test_a_slice_that_is_not_stored_is_told(audited: Audited) -> None:
    file_name = rows_of(audited, "DL_info.csv")[0]["File_name"]
    with pytest.raises(UsageError, match="knows nothing named"):
        traced(audited, file_name.replace("_015.png", "_059.png"))
