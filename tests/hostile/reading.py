"""What the product does with a crafted file, for every way by which one gets in. Each returns a word for its outcome.

Whatever is raised beside an error of :mod:`miner.errors` is a fault, and so is a message that carries a planted value.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

import miner.dialect
import miner.show
from miner.bookmarks import merge_versions, read_object, recognise
from miner.bookmarks.recognition import place_all
from miner.bookmarks.skeleton import skeleton
from miner.cli import main
from miner.config import Pacs as PacsSettings
from miner.dataset.checking import check
from miner.deid import project
from miner.errors import MinerError, ObjectError
from miner.images import decode, encode_png, to_values
from miner.pacs.books import Books
from miner.pacs.dicomweb.intake import Intake, NoObjectError
from miner.pacs.dicomweb.model import Question, in_path, is_rows, rows_of
from miner.pacs.dicomweb.multipart import MalformedError, parts
from miner.pacs.dicomweb.part10 import LONGEST_META, NotPart10Error, file_meta
from miner.pacs.dicomweb.wado import LARGEST_SMALL_OBJECT
from miner.pacs.dimse.receive import Arrival, Receiver
from miner.pacs.folder.archive import FolderPacs
from miner.pacs.peer import Peer
from miner.pacs.queries import rows
from miner.records import DateWindow, InstanceRef, PatientRef, StudyRef
from tests.hostile.families.transports import BOUNDARY

DONE = "read"
LOADED = (miner.dialect, miner.show)
"""What commands import when they run: here once, and not in the process of each case."""

SIDE = 512


@dataclass(frozen=True)
class Place:
    """Where a case lies and what may be written: its spool."""

    given: Path
    spool: Path

    @property
    def file(self) -> Path:
        """The crafted file."""
        return self.given / "object.dcm"


Reader = Callable[[Place], str]


def read_image(place: Place) -> str:
    """Projection, gate and pixels; those of a refused image too, as if the gate had let it through."""
    header, pixels = project(place.file)
    if pixels is None:
        return "no pixels"
    try:
        values = decode(pixels)
        if not header.gate:
            encode_png(
                to_values(values, slope=header.slope, intercept=header.intercept, has_rescale=header.has_rescale)
            )
    except MinerError:
        if not header.gate:
            raise
    return header.gate[0].value if header.gate else DONE


def read_annotations(place: Place) -> str:
    """Marks, their places, bookmarks, and versions."""
    found = read_object(place.file)
    placed = place_all(found.spatial, [])
    assert len(placed) == len(found.spatial)
    for image in {mark.image for mark in found.marks}:
        own = [mark for mark in found.marks if mark.image == image]
        result = recognise(own, columns=SIDE, rows=SIDE, pixel_spacing=(0.7, 0.7))
        ends = [order for one in result.bookmarks for order in one.orders] + [one.order for one in result.refused]
        assert sorted(ends) == sorted(mark.order for mark in own), "a mark ended twice or never"
        merge_versions(result.bookmarks, [found])
    return DONE if found.marks or found.spatial else "nothing marked"


def list_skeleton(place: Place) -> str:
    """The structure that a report of a dialect holds."""
    skeleton(place.file, lambda uid: "uid")
    return DONE


def command(place: Place) -> str:
    """`miner bookmarks FILE`."""
    return f"exit {_miner(place, '--json', 'bookmarks', str(place.file))}"


def redacted(place: Place) -> str:
    """`miner bookmarks --redacted FILE`, which lists the skeleton too."""
    return f"exit {_miner(place, '--json', 'bookmarks', str(place.file), '--redacted')}"


def check_folder(place: Place) -> str:
    """`miner check DIR`."""
    report = check(place.given)
    assert report.faults or report.notes
    return "faults" if report.faults else DONE


def read_folder(place: Place) -> str:
    """The folder as an archive: listed, and everything in it handed on."""
    pacs = FolderPacs(Peer(PacsSettings(protocol="folder", path=str(place.given)), place.given))
    try:
        found = [
            instance
            for study in pacs.find_studies(DateWindow())
            for series in pacs.find_series(study)
            for instance in pacs.find_instances(series)
        ]
        fetched = pacs.fetch(found, place.spool)
        pacs.notes()
    finally:
        pacs.close()
    inside = (place.given.resolve(), place.spool.resolve())
    for path in fetched.arrived.values():
        assert any(path.resolve().is_relative_to(folder) for folder in inside), "a file outside is handed on"
        for read in (project, read_object):
            with contextlib.suppress(ObjectError):
                read(path)
    return DONE if fetched.arrived else "nothing"


def receive(place: Place) -> str:
    """The data set as a C-STORE brings it, twice, the second time with an octet more."""
    content = place.file.read_bytes()[:MOST_RECEIVED] if place.file.stat().st_size < MOST_RECEIVED else b""
    try:
        meta = file_meta(content[: LONGEST_META + 12])
    except NotPart10Error:
        meta = None
    if meta is None or not content[meta.end :]:
        return "not sent"
    wanted = InstanceRef("2.25.1", "2.25.2", meta.sop_uid, "")
    books = Books([wanted])
    receiver = Receiver(place.spool, books)
    receiver.take_whole("2.25.2")
    for more in (b"", b"\0"):
        receiver.take(Arrival("1.2", meta.sop_uid, meta.transfer_syntax_uid, content[meta.end :] + more))
    return DONE if books.path_of(meta.sop_uid) else "not kept"


MOST_RECEIVED = 96 << 20
"""Octets of a crafted file that are sent in memory; larger ones are held against the bounds of the wire elsewhere."""


def take_body(place: Place) -> str:
    """A multipart body in pieces, as they come from a socket."""
    books = Books([InstanceRef("2.25.1", "2.25.2", "2.25.3", "")])
    intake = Intake(place.spool, books)

    def chunks() -> object:
        with (place.given / "body.bin").open("rb") as file:
            while piece := file.read(65_536):
                yield piece

    taken = 0
    try:
        for content in parts(chunks(), BOUNDARY):  # type: ignore[arg-type]
            try:
                intake.take(content, books.expects, LARGEST_SMALL_OBJECT)
                taken += 1
            except NoObjectError:
                continue
    except MalformedError:
        return "malformed"
    return DONE if taken else "nothing"


def take_answer(place: Place) -> str:
    """The rows of a QIDO-RS answer, and the paths that are asked for by their UIDs."""
    keys = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "ImagePositionPatient", "Rows", "InstanceNumber")
    try:
        answer = json.loads((place.given / "answer.json").read_bytes()[: 32 << 20])
    except (ValueError, RecursionError):  # as the connection does, which makes a PacsError of them
        return "no JSON"
    if not is_rows(answer):
        return "no rows"
    question = Question("IMAGE", "", "", {}, keys)
    for row in rows_of(answer, question):
        _use(row)
    return DONE


def take_row(place: Place) -> str:
    """A row of a C-FIND whose UIDs are hostile."""
    uid = (place.given / "row.bin").read_bytes()
    row = Dataset()
    for number in (0x0020000D, 0x0020000E, 0x00080018, 0x00100020):
        row[Tag(number)] = RawDataElement(Tag(number), "UI", len(uid), uid, 0, False, True)
    return _use(row)


def _use(row: Dataset) -> str:
    study = rows.study(row)
    series = rows.series(row, study)
    instance = rows.instance(row, series)
    for uid in (study.study_uid, series.series_uid, instance.sop_uid):
        part = in_path(uid)
        assert "/" not in part and "\\" not in part and part.strip("."), "a UID is a path"
    assert isinstance(study, StudyRef) and isinstance(study.patient, PatientRef)
    return DONE


def _miner(place: Place, *words: str) -> int:
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(words)
    except SystemExit as ended:
        status = ended.code or 0
        assert status != 1, f"a fault of this software: {err.getvalue().strip()[:200]}"
        assert "Traceback" not in err.getvalue()
        assert "Planted" not in err.getvalue(), "a message carries a planted value"
        return int(status)
    return 0


READERS: Mapping[str, Mapping[str, Reader]] = {
    "object": {
        "image": read_image,
        "annotations": read_annotations,
        "skeleton": list_skeleton,
        "command": command,
        "redacted": redacted,
        "folder": read_folder,
        "C-STORE": receive,
    },
    "tree": {"folder": read_folder, "command": lambda place: f"exit {_miner(place, 'bookmarks', str(place.given))}"},
    "body": {"body": take_body},
    "answer": {"answer": take_answer},
    "row": {"row": take_row},
    "release": {"check": check_folder},
}
"""Kind of a case → everything that reads it."""
