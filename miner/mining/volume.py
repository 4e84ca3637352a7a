"""One volume with marks on it: key slices first, then the slices around what was recognised, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from miner.bookmarks import merge_versions, recognise
from miner.catalogue import StoredSeries
from miner.dataset.geometry import as_written, length_of, to_written
from miner.deid import is_head, refused_class
from miner.errors import ObjectError, Reason
from miner.images import half_width, pixel_facts, window, within
from miner.mining.books import StudyBooks
from miner.mining.locate import Volume
from miner.mining.pictures import Image, PictureStore, StoredSlices, read_image
from miner.mining.project import Project
from miner.mining.rewritten import rewritten
from miner.mining.spool import StudySpool
from miner.mining.text import around, search_slices
from miner.mining.withdrawal import is_withdrawn
from miner.records import (
    AnnotationObject,
    Bookmark,
    ImageHeader,
    Mark,
    MinedBookmark,
    MinedSeries,
    MinedState,
    PatientRef,
    SearchedSlice,
    StudyRef,
)

DEFAULT_WINDOW = (-175.0, 275.0)
"""HU; DeepLesion's own soft tissue window, where neither image nor presentation state names one."""

HEAD_POLICY, HEAD_CONTEXT_POLICY = "head-key-slice-only", "head-with-context"


@dataclass(frozen=True)
class MarkedObject:
    """One annotation object and those of its marks that lie on one volume."""

    read: AnnotationObject
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Placed:
    """A bookmark, its key slice's number, and the first and last slice kept around it."""

    bookmark: Bookmark
    key: int
    first: int
    last: int

    @property
    def numbers(self) -> range:
        """The slice numbers kept around it."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class VolumeWork:
    """One volume on its way: what every step below needs."""

    volume: Volume
    marked: Sequence[MarkedObject]
    project: Project
    spool: StudySpool
    books: StudyBooks
    run: int

    @property
    def series_key(self) -> str:
        """Surrogate of the volume."""
        geometry = self.volume.geometry
        return self.books.surrogates.series(geometry.series_uid, geometry.rank)

    @property
    def numbering_digest(self) -> str:
        """Keyed digest of which image has which slice number."""
        return self.books.surrogates.content("\n".join(self.volume.geometry.sop_uids).encode())

    def refuse(self, reason: Reason) -> None:
        """Refuse the whole volume and every mark on it."""
        for entry in self.marked:
            self.books.refuse(entry.read.sop_uid, [mark.order for mark in entry.marks], reason)
        self.books.refuse_series(self.series_key, reason)


def mine_volume(work: VolumeWork) -> None:
    """Recognise the bookmarks of one volume, store the slices around them, and enter all of it in the books."""
    if (refusal := _refusal_unseen(work)) is not None:
        work.refuse(refusal)
        return
    keys = read_key_images(work)
    if not keys:
        return
    header = next(iter(keys.values())).header
    policy = _policy(work, keys.values())
    known = work.project.catalogue.series(work.series_key)
    found = _without_rewritten(recognise_marks(work, keys), work, known.published if known else ())
    placed = [_place(bookmark, work, header, policy) for bookmark in found]
    if not placed:
        return
    folder = work.project.images / work.series_key
    pictures = PictureStore(work.volume, folder, known.slices if known else {}, work.spool, work.books)
    stored = pictures.store(
        {number for entry in placed for number in entry.numbers},
        {work.volume.geometry.number_of(uid): image for uid, image in keys.items()},
    )
    if stored.head and not policy:
        policy = _head_policy(work)
        if policy == HEAD_POLICY:
            placed = [replace(entry, first=entry.key, last=entry.key) for entry in placed]
            pictures.withdraw_neighbours(stored, {entry.key for entry in placed})
    if Reason.VALUE_RANGE in stored.unusable.values():
        work.refuse(Reason.VALUE_RANGE)
        accepted = []
    else:
        accepted = _with_whole_windows(placed, stored, work)
    if accepted:
        _enter(accepted, work, keys, policy, replace(stored, searched=_search_for_text(accepted, work, known)))
    else:
        pictures.discard(stored)


def _refusal_unseen(work: VolumeWork) -> Reason | None:
    """Why nothing of this volume may be fetched, if so: images of one volume are of one SOP class."""
    if is_withdrawn(work.project, work.volume.series.study):
        return Reason.WITHDRAWN
    first = work.volume.instances[work.volume.geometry.sop_uids[0]]
    if (refusal := refused_class(first.sop_class_uid)) is not None:
        return refusal
    known = work.project.catalogue.series(work.series_key)
    if known is None:
        return None
    moved = known.study_key != work.books.surrogates.study(work.volume.series.study.study_uid)
    if moved and (known.released or _is_still_filed(work, known.study_key)):
        return Reason.CONTENT_CONFLICT
    if known.numbering_digest != work.numbering_digest and known.released:
        return Reason.SERIES_CHANGED
    if moved or known.numbering_digest != work.numbering_digest:
        _forget(work)
    return None


def _is_still_filed(work: VolumeWork, study_key: str) -> bool:
    """Whether the PACS has a series of this UID in that other study as well: then it was copied, not moved."""
    identity = work.project.vault.resolve("study", study_key)
    if identity is None:
        return False
    value = identity.value
    other = StudyRef(value["study_uid"], PatientRef(value["patient_id"], value["issuer"]))
    series_uid = work.volume.geometry.series_uid
    return any(entry.series_uid == series_uid for entry in work.spool.pacs.find_series(other))


def _forget(work: VolumeWork) -> None:
    """Nothing of the volume was released: forget its old numbers and mine it as it now is. Rows first, then files."""
    work.project.catalogue.forget_series(work.run, work.series_key)
    for path in (work.project.images / work.series_key).glob("*.png"):
        path.unlink(missing_ok=True)


def read_key_images(work: VolumeWork) -> dict[str, Image]:
    """Fetch the images that carry marks, by SOP Instance UID; marks on images that the gate refuses are refused.

    A volume whose key images are all refused is refused, and no other image of it is ever asked for.
    """
    uids = sorted({mark.image.sop_uid for entry in work.marked for mark in entry.marks})
    instances = work.volume.instances
    fetched = work.spool.fetch([instances[uid] for uid in uids], work.books, images=True, series=instances.values())
    keys: dict[str, Image] = {}
    reasons: list[Reason] = []
    for uid in uids:
        work.spool.halt.check()
        if uid not in fetched.arrived:
            reasons.append(fetched.missing.get(uid, Reason.NOT_RETRIEVED))
        else:
            try:
                keys[uid] = read_image(work.volume, uid, fetched.arrived[uid])
                continue
            except ObjectError as error:
                reasons.append(error.reason)
        _refuse_image(work, uid, reasons[-1])
    if not keys:
        work.books.refuse_series(work.series_key, reasons[0])
    return keys


def _refuse_image(work: VolumeWork, uid: str, reason: Reason) -> None:
    work.books.refuse_slice(work.series_key, reason)
    for entry in work.marked:
        orders = [mark.order for mark in entry.marks if mark.image.sop_uid == uid]
        work.books.refuse(entry.read.sop_uid, orders, reason)


def recognise_marks(work: VolumeWork, keys: Mapping[str, Image]) -> tuple[Bookmark, ...]:
    """Marks to bookmarks, image by image and object by object; then the versions of one lesion become one."""
    found: list[Bookmark] = []
    for entry in work.marked:
        uid_of_object = entry.read.sop_uid
        for uid, image in keys.items():
            marks = _marks_on(uid, entry, work.books)
            spacing = image.header.pixel_spacing
            if spacing is None:
                work.books.refuse(uid_of_object, [mark.order for mark in marks], Reason.NO_PIXEL_SPACING)
                continue
            result = recognise(marks, columns=image.header.columns, rows=image.header.rows, pixel_spacing=spacing)
            for refusal in result.refused:
                work.books.refuse(uid_of_object, [refusal.order], refusal.reason)
            for bookmark in result.bookmarks:
                work.books.use(uid_of_object, bookmark.orders)
                found.append(replace(bookmark, source_uid=uid_of_object))
    return merge_versions(found, work.books.objects_read)


def _without_rewritten(
    found: Sequence[Bookmark], work: VolumeWork, published: Sequence[MinedBookmark]
) -> list[Bookmark]:
    """Without those whose object held another, published measurement there: that is kept, and the conflict named."""
    geometry = work.volume.geometry
    conflicts = rewritten(found, published, work.books.surrogates, geometry.number_of) if published else ()
    for bookmark in conflicts:
        for version in (bookmark, *bookmark.history):
            work.books.refuse(version.source_uid, version.orders, Reason.CONTENT_CONFLICT)
    return [bookmark for bookmark in found if bookmark not in conflicts]


def _marks_on(uid: str, entry: MarkedObject, books: StudyBooks) -> list[Mark]:
    """One object's marks on one image. The gate lets images of one frame through: frame 1 of it is the image itself."""
    marks = []
    for mark in entry.marks:
        if mark.image.sop_uid == uid and mark.image.frame in (None, 1):
            marks.append(replace(mark, image=replace(mark.image, frame=None)))
        elif mark.image.sop_uid == uid:
            # Not IMAGE_NOT_FOUND, with which every run would try again: a second frame will never come.
            books.refuse(entry.read.sop_uid, [mark.order], Reason.POINT_OUTSIDE_IMAGE)
    return marks


def _policy(work: VolumeWork, keys: Iterable[Image]) -> str:
    """Neighbouring slices of a face are a comparable image: a head series keeps its key slices only.

    Where the configuration wants more, the series still says that it is a head, so that a release can leave them out.
    """
    named = [work.volume.series.body_part, *(image.header.body_part for image in keys)]
    return _head_policy(work) if any(is_head(body_part) for body_part in named) else ""


def _head_policy(work: VolumeWork) -> str:
    return HEAD_CONTEXT_POLICY if work.project.settings.selection.head_context else HEAD_POLICY


def _place(bookmark: Bookmark, work: VolumeWork, header: ImageHeader, policy: str) -> Placed:
    geometry, context = work.volume.geometry, work.project.settings.selection.context_mm
    key = geometry.number_of(bookmark.image.sop_uid)
    if policy == HEAD_POLICY:
        return Placed(bookmark, key, key, key)
    if geometry.refusals or geometry.spacing_z is None:
        return Placed(bookmark, key, *within(geometry, key, context))
    half = half_width(geometry.spacing_z, _written_length_mm(bookmark, header), context)
    return Placed(bookmark, key, *window(key, half, geometry.slices))


def _written_length_mm(bookmark: Bookmark, header: ImageHeader) -> float:
    """The first axis in mm from the numbers as a release writes them, so that no range is a slice short of its rule."""
    if bookmark.length_mm is None or header.pixel_spacing is None:
        return 0.0
    row_spacing, column_spacing = header.pixel_spacing
    return length_of(to_written(bookmark.points[:2]), (as_written(column_spacing), as_written(row_spacing)))


def _with_whole_windows(placed: Iterable[Placed], stored: StoredSlices, work: VolumeWork) -> list[Placed]:
    """Keep the bookmarks whose slices are all here; the others wait, with their reason, for the next run."""
    accepted = []
    for entry in placed:
        missing = [stored.missing[number] for number in entry.numbers if number in stored.missing]
        reason = stored.unusable.get(entry.key) or (missing[0] if missing else None)
        if reason is None:
            first, last = stored.run_around(entry.key, entry.first, entry.last)
            accepted.append(replace(entry, first=first, last=last))
            continue
        for version in (entry.bookmark, *entry.bookmark.history):
            work.books.refuse(version.source_uid, version.orders, reason)
    for reason in [*stored.missing.values(), *stored.unusable.values()]:
        work.books.refuse_slice(work.series_key, reason)
    return accepted


def _search_for_text(
    accepted: Sequence[Placed], work: VolumeWork, known: StoredSeries | None
) -> tuple[SearchedSlice, ...]:
    """Search key slices and their neighbours for text, of all bookmarks on the volume; none that was searched before.

    Only what is kept is searched, so of a head series the key slices alone: the others are not even fetched.
    """
    pixels = work.project.settings.pixels
    if pixels.text_search == "off":
        return ()
    numbers = {number for entry in accepted for number in around([entry.key], pixels.neighbours) & {*entry.numbers}}
    if known is not None:
        numbers |= around(known.keys, pixels.neighbours) & known.slices.keys()
        numbers -= known.searched
    return search_slices(work.project.images / work.series_key, numbers, work.spool.halt.check)


def _enter(
    accepted: Sequence[Placed], work: VolumeWork, keys: Mapping[str, Image], policy: str, stored: StoredSlices
) -> None:
    books, geometry = work.books, work.volume.geometry
    work.spool.keep(geometry.sop_uids)
    books.count_used(stored.octets)
    header = next(iter(keys.values())).header
    row_spacing, column_spacing = header.pixel_spacing or (0.0, 0.0)
    # A volume with a slice that cannot be shown would have holes in its ranges: it is kept out of DL_info.csv.
    refusals = (*geometry.refusals, *sorted(set(stored.unusable.values()) - set(geometry.refusals)))
    books.remember(
        "series",
        work.series_key,
        series_uid=geometry.series_uid,
        study_uid=work.volume.series.study.study_uid,
        rank=str(geometry.rank),
    )
    books.series.append(
        MinedSeries(
            series_key=work.series_key,
            study_key=books.image_study(work.volume.series.study, header.sex, header.age),
            modality=work.volume.series.modality,
            slices=geometry.slices,
            spacing=(column_spacing, row_spacing, geometry.spacing_z),
            origin=geometry.origin,
            orientation=geometry.orientation,
            columns=header.columns,
            rows=header.rows,
            value_rule="hu+32768" if header.has_rescale else "stored+32768",
            policy=policy,
            refusals=refusals,
            numbering_digest=work.numbering_digest,
            stored=tuple(stored.written[number] for number in sorted(stored.written)),
            searched=stored.searched,
        )
    )
    objects = {entry.read.sop_uid: entry.read for entry in work.marked}
    for entry in accepted:
        window_of_key = keys[entry.bookmark.image.sop_uid].header.window
        levels = _levels(window_of_key, objects[entry.bookmark.source_uid])
        books.bookmarks.append(_mined(entry, work, stored, levels))


def _levels(header: tuple[float, float] | None, source: AnnotationObject) -> tuple[tuple[float, float], str]:
    """Lowest and highest HU of the display window, and where it comes from."""
    if header is not None:
        return header, "header"
    if source.window is not None:
        return source.window, "presentation-state"
    return DEFAULT_WINDOW, "default"


def _mined(
    entry: Placed, work: VolumeWork, stored: StoredSlices, levels: tuple[tuple[float, float], str]
) -> MinedBookmark:
    """Under the uid of its oldest state; whether a release holds the lesion under another, the next release finds."""
    bookmark = entry.bookmark
    own, *history = (_state(version, work) for version in (bookmark, *bookmark.history))
    hounsfield = stored.key_values[entry.key].astype(np.int32) - 32768
    return MinedBookmark(
        uid=(history or [own])[-1].uid,
        kind=bookmark.kind,
        series_key=work.series_key,
        key_slice=entry.key,
        points=bookmark.points,
        length_mm=bookmark.length_mm,
        short_mm=bookmark.short_mm,
        text_mm=bookmark.text_mm,
        confidence=bookmark.confidence,
        encoding=bookmark.encoding,
        doubts=bookmark.doubts,
        facts=pixel_facts(hounsfield, bookmark.points),
        window=levels[0],
        window_source=levels[1],
        first=entry.first,
        last=entry.last,
        merged=bookmark.merged,
        object_key=own.object_key,
        history_keys=tuple(state.object_key for state in history),
        history_orders=tuple(state.order for state in history),
        state_order=own.order,
        tracking_key=own.tracking_key,
        finding="" if bookmark.finding is None else str(bookmark.finding),
        finding_site="" if bookmark.site is None else str(bookmark.site),
        states=(own, *history) if history else (),
    )


def _state(version: Bookmark, work: VolumeWork) -> MinedState:
    surrogates = work.books.surrogates
    return MinedState(
        uid=surrogates.bookmark(version.image.sop_uid, version.image.frame, version.kind, version.points),
        object_key=surrogates.instance(version.source_uid),
        order=work.books.state_order(version.source_uid, work.volume.series.study),
        tracking_key=surrogates.tracking(version.tracking) if version.tracking else "",
        points=version.points,
    )
