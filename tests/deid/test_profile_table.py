"""Every attribute that any room reads, against PS3.15 Table E.1-1 in both editions; and that no room reads another."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import Tag

import miner.bookmarks
from miner.bookmarks import read_object
from miner.bookmarks.attributes import READ as ANNOTATIONS
from miner.deid import PROFILE
from miner.deid.projection import ATTRIBUTES as IMAGES
from miner.errors import ObjectError
from miner.pacs.attributes import READ as QUERIES
from miner.pacs.folder import header
from miner.pacs.queries import identifiers
from miner.records.attributes import Attribute, Use
from tests.annotations import STYLES, Arrow, Ellipse, Outline, Pair, ct_image, presentation_state, save
from tests.annotations.reports import REPORT_STYLES, report, writable

ROOMS = {"images": IMAGES, "annotations": ANNOTATIONS, "queries": QUERIES}
COLUMNS = {"113103": "cleanGraphOpt", "113104": "cleanStructContOpt", "113108": "rtnPatCharsOpt"}
"""Columns of Table E.1-1, by the option of CID 7050 (PS3.16) that they belong to."""

ROWS_OF_THE_TABLE = {"images": 12, "annotations": 19, "queries": 14}
"""How many of a room's attributes have a row in one of the editions at least."""


@pytest.fixture(scope="module")
def editions(shared_data: Path) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Rows by tag, of the editions 2025b (with the columns of options) and 2026c."""
    folder = shared_data / "ps3.15"
    old = json.loads((folder / "table-E.1-1_2025b.json").read_text())
    new = json.loads((folder / "table-E.1-1_2026c.json").read_text())
    assert len(old) > 600 and len(new) > 600
    return {row["id"].upper(): row for row in old}, {"".join(row["tag"]).upper(): row for row in new}


def allowed(entry: Attribute, old: dict[str, str] | None, new: dict[str, str] | None) -> bool:
    """Whether the table lets us do with an attribute what is declared.

    Kept: it has no row in either edition, or its row keeps (K) or cleans (C) it under the declared option. A UID: it
    has no row (a container of references), or is replaced by another (U). Sealed: it has a row, else nothing would
    need sealing. Judged: nothing of the value is kept, which fulfils every action.
    """
    if entry.use is Use.KEPT and entry.option:
        return (old or {}).get(COLUMNS[entry.option]) in ("K", "C")
    if entry.use is Use.KEPT:
        return old is None and new is None
    if entry.use is Use.SURROGATE:
        return all(row is None or "U" in row["basicProfile"] for row in (old, new))
    return entry.use is Use.JUDGED or (old is not None and new is not None)


@pytest.mark.parametrize("room", ROOMS)
def test_each_attribute_has_the_use_that_the_table_allows(
    room: str, editions: tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]
) -> None:
    old, new = editions
    wrong = [
        keyword_for_tag(entry.tag)
        for entry in ROOMS[room]
        if not allowed(entry, old.get(f"{entry.tag:08X}"), new.get(f"{entry.tag:08X}"))
    ]
    assert wrong == []
    bound = [entry for entry in ROOMS[room] if f"{entry.tag:08X}" in old or f"{entry.tag:08X}" in new]
    assert len(bound) >= ROWS_OF_THE_TABLE[room]


@pytest.mark.parametrize("room", ROOMS)
def test_options_are_declared_and_nothing_stands_twice(room: str) -> None:
    declared = {option.code for option in PROFILE}
    tags = [entry.tag for entry in ROOMS[room]]
    assert len(set(tags)) == len(tags)
    assert {entry.option for entry in ROOMS[room]} <= {"", *declared}
    assert all(entry.why for entry in ROOMS[room])


def test_a_wrong_declaration_is_seen() -> None:
    """The name of a patient kept, a date kept, a text kept that only the later edition lists, a UID kept as it is."""
    removed, replaced = {"basicProfile": "X"}, {"basicProfile": "U"}
    assert not allowed(Attribute(0x00100010, Use.KEPT, "w"), removed, removed)
    assert not allowed(Attribute(0x00700006, Use.KEPT, "w"), None, removed)
    assert not allowed(Attribute(0x00080018, Use.KEPT, "w"), replaced, replaced)
    assert not allowed(Attribute(0x00080020, Use.SURROGATE, "w"), removed, removed)
    assert not allowed(Attribute(0x00700001, Use.KEPT, "w", "113108"), {**removed, "cleanGraphOpt": "C"}, removed)


# ------------------------------------------------------------------------------------------ nothing else is read


def of(room: str) -> set[int]:
    return {entry.tag for entry in ROOMS[room]}


def keywords_in_sources() -> Iterator[tuple[str, str]]:
    """(file, keyword) of every constant of the bookmarks room that is a keyword; its skeleton has its own tables."""
    folder = Path(miner.bookmarks.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        if path.name == "skeleton.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if text and tag_for_keyword(text) is not None:
                yield path.name, text


def test_every_keyword_in_the_sources_of_the_readers_is_declared() -> None:
    named = list(keywords_in_sources())
    assert len(named) > 100
    declared = {keyword_for_tag(tag) for tag in of("annotations")}
    assert [entry for entry in named if entry[1] not in declared] == []
    assert declared - {keyword for _, keyword in named} == set()


OUTLINE = Outline(((100.0, 100.0), (140.0, 100.0), (140.0, 130.0), (100.0, 130.0)))
ELLIPSE = Ellipse(((100.0, 120.0), (140.0, 120.0)), ((120.0, 110.0), (120.0, 130.0)))


class Traced:
    """What modules of the bookmarks room take out of data sets, by tag."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tags: set[int] = set()
        self.modules: set[str] = set()
        for name in ("__getitem__", "__getattr__", "get", "get_item"):
            monkeypatch.setattr(Dataset, name, self._watched(getattr(Dataset, name)))

    def _watched(self, original: Any) -> Any:
        def watched(dataset: Dataset, key: Any, *more: Any, **named: Any) -> Any:
            module = sys._getframe(1).f_globals.get("__name__", "")
            if module.startswith("miner.bookmarks"):
                tag = tag_for_keyword(key) if isinstance(key, str) else key if isinstance(key, int) else None
                if tag is not None:
                    self.tags.add(int(Tag(tag)))
                    self.modules.add(module)
            return original(dataset, key, *more, **named)

        return watched


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Traced:
    return Traced(monkeypatch)


def undeclared(traced: Traced) -> list[str]:
    public = {tag for tag in traced.tags if not Tag(tag).is_private}
    return [keyword_for_tag(tag) or f"{tag:08X}" for tag in sorted(public - of("annotations"))]


def test_readers_take_nothing_else_out_of_real_objects(traced: Traced, shared_data: Path) -> None:
    read = 0
    for path in sorted(shared_data.glob("*/*/*.dcm")):
        if path.parent.parent.name == "ct":
            continue
        try:
            read_object(path)
            read += 1
        except ObjectError:
            continue  # an image among them
    assert read >= 10
    assert undeclared(traced) == []
    assert len(traced.tags) > 50, "the trace is not blind"


def test_readers_take_nothing_else_out_of_made_objects(traced: Traced, tmp_path: Path) -> None:
    images = [ct_image(number=number) for number in (1, 2)]
    pair = Pair(((100.0, 100.0), (140.0, 100.0)), ((120.0, 90.0), (120.0, 110.0)))
    drawings = {str(images[0].SOPInstanceUID): [pair, Arrow((200.0, 200.0), (220.0, 230.0))]}
    for style in STYLES:
        read_object(save(presentation_state(images, drawings, style), tmp_path))
    for style in REPORT_STYLES:
        wanted = [drawing for drawing in (pair, OUTLINE, ELLIPSE) if writable(drawing, style)]
        made: FileDataset = report(images, {str(images[0].SOPInstanceUID): wanted}, style)
        read_object(save(made, tmp_path))
    assert undeclared(traced) == []
    assert traced.modules <= {"miner.bookmarks.elements", "miner.bookmarks.states.private"}


def test_every_key_of_a_query_and_of_a_folder_is_declared() -> None:
    keys = {
        *identifiers.STUDY_KEYS,
        *identifiers.PATIENT_KEYS,
        *identifiers.COUNT_KEYS,
        *identifiers.SERIES_KEYS,
        *identifiers.IMAGE_KEYS,
        *identifiers.MADE_KEYS,
        *header.KEYWORDS,
    }
    declared = {keyword_for_tag(tag) for tag in of("queries")}
    assert sorted(keys - declared) == []
