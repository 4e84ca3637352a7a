"""The whole way of `miner bookmarks`: from names on a command line to a listing and a drawing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from miner.bookmarks.producers import read_origin
from miner.bookmarks.skeleton import skeleton
from miner.dialect.drawing import check_target, draw
from miner.dialect.examination import ObjectExamination, examine
from miner.dialect.files import SortedFiles, sort_files
from miner.dialect.images import GivenImages
from miner.dialect.listing import Facts, ListedObject, Listing, list_object, meanings_of
from miner.dialect.redaction import Names
from miner.errors import ObjectError, StorageError, UsageError

Progress = Callable[[int, int], None]


def look_at(
    paths: Sequence[Path], *, picture: Path | None = None, redacted: bool = False, progress: Progress | None = None
) -> Listing:
    """What is read in annotation objects, with the images that are given beside them.

    Args:
        paths: DICOM files, and folders that are searched for them.
        picture: a PNG to draw into; an earlier PNG of that name is replaced, anything else is not.
        redacted: leave out everything that identifies anybody, and add each object's skeleton.
        progress: called with objects done and objects in all.

    Raises UsageError for names that are no files, no annotation object among them, or a picture that cannot be
    written there; StorageError where the disk is full.
    """
    if picture is not None:
        check_target(picture, paths)
    files = sort_files(paths)
    if not files.objects:
        raise UsageError(_none_among(files))
    images = GivenImages(files.images)
    names = Names(redacted=redacted)
    examined: list[ObjectExamination] = []
    listed: list[ListedObject] = []
    for number, file in enumerate(files.objects):
        try:
            found = examine(file, images)
        except StorageError:  # gone since it was sorted
            files.unreadable.append((file.path, "cannot be read"))
            continue
        examined.append(found)
        listed.append(list_object(found, _facts(found, names), names))
        if progress is not None:
            progress(number + 1, len(files.objects))
    notes = [f"{names.file(path)} {words}." for path, words in files.unreadable]
    notes += draw(examined, names, picture) if picture is not None else ()
    unreadable = len(files.unreadable)
    return Listing(redacted, files.counts, tuple(listed), names.legend(), meanings_of(listed), tuple(notes), unreadable)


def _facts(examined: ObjectExamination, names: Names) -> Facts:
    """Who wrote the file, and how it is built where that is asked for. UIDs are named by the listing's own words."""
    path = examined.file.path
    _name_known(examined, names)
    try:
        built = skeleton(path, lambda uid: names.uid("uid", uid)) if names.redacted else None
        return Facts(read_origin(path), built)
    except ObjectError:
        return Facts()


def _name_known(examined: ObjectExamination, names: Names) -> None:
    """Name what the object is about before its skeleton names the rest: an image is an image there too."""
    read = examined.read
    if read is None:
        return
    names.uid("object", read.sop_uid)
    for reference in (*read.references, *(mark.image for mark in read.marks)):
        names.uid("image", reference.sop_uid)
        names.uid("series", reference.series_uid)
    for mark in (*read.marks, *(spatial.mark for spatial in read.spatial)):
        names.uid("lesion", mark.tracking)
    for spatial in read.spatial:
        names.uid("frame of reference", spatial.frame_of_reference)
    names.uid("study", read.study_uid)
    names.uid("series", read.series_uid)


def _none_among(files: SortedFiles) -> str:
    found = ", ".join(f"{count} × {what}" for what, count in sorted(files.counts.items())) or "no file at all"
    return (
        f"None of the given files is an annotation object (found: {found}): give presentation states or structured "
        "reports, and beside them the images that they lie on."
    )
