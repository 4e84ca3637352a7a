"""Which uid a bookmark goes on under, so that a lesion that a release holds is never published a second time."""

from __future__ import annotations

from collections.abc import Sequence

from miner.bookmarks import box_overlap, one_lesion
from miner.deid import Surrogates
from miner.records import Bookmark, MinedBookmark


def uids_of(
    bookmarks: Sequence[Bookmark], published: Sequence[MinedBookmark], key_slices: Sequence[int], surrogates: Surrogates
) -> list[str]:
    """One uid for each of the bookmarks of one volume: that of a published one which it measures, else its own.

    Its own uid is made of its oldest state, and changes where that state is deleted from the archive or where an even
    older one arrives. What was published under a uid keeps it: it is found again by any of its states or, where the
    state is gone, or lies in another study, by the rules that make one lesion of two measurements on one slice: one
    Tracking Unique Identifier, or one place.

    Args:
        bookmarks: on one volume, with their history.
        published: measurements on the same volume of lesions that a release holds; a uid may come more than once.
        key_slices: the slice number of each of ``bookmarks``.
        surrogates: make the uids.
    """
    states = [(bookmark, *bookmark.history) for bookmark in bookmarks]
    own = [
        [surrogates.bookmark(state.image.sop_uid, state.image.frame, state.kind, state.points) for state in known]
        for known in states
    ]
    free = {entry.uid for entry in published}
    taken: dict[int, str] = {}
    for candidates in ([uids[-1:] for uids in own], own):
        for index, uids in enumerate(candidates):
            if index not in taken and (found := next((uid for uid in reversed(uids) if uid in free), None)):
                taken[index] = found
                free.remove(found)
    fits = sorted(
        (not _is_tracked(entry, state, surrogates), -box_overlap(entry, state), entry.uid, index)
        for index, known in enumerate(states)
        for state in known
        for entry in published
        if index not in taken
        and entry.uid in free
        and (entry.kind, entry.key_slice) == (state.kind, key_slices[index])
        and (_is_tracked(entry, state, surrogates) or one_lesion(entry, state))
    )
    for *_, uid, index in fits:
        if index not in taken and uid in free:
            taken[index] = uid
            free.remove(uid)
    return [taken.get(index, uids[-1]) for index, uids in enumerate(own)]


def _is_tracked(entry: MinedBookmark, state: Bookmark, surrogates: Surrogates) -> bool:
    return bool(entry.tracking_key and state.tracking) and entry.tracking_key == surrogates.tracking(state.tracking)
