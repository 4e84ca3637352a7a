"""What a release holds back for text in the pixels, and what it says of the pixels that it does hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from miner.catalogue.rows import SeriesRow
from miner.deid.profile import PROFILE, ProfileOption, release_profile
from miner.records import MinedBookmark, PixelReview


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What waits for a person, or was rejected by one.

    Attributes:
        kept: the bookmarks that may be released, in the order given.
        reasons: reason → number of series and of bookmarks that no release has held and that stay out.
        published: keys of series that earlier releases hold, and that were put into quarantine or rejected since. What
            was published of them stays in its place; nothing new of them comes in.
    """

    kept: tuple[MinedBookmark, ...]
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    published: tuple[str, ...] = ()


def hold_back(
    bookmarks: Iterable[MinedBookmark], series: Mapping[str, SeriesRow], published: Collection[str]
) -> HeldBack:
    """Sort bookmarks into those that may leave and those that may not.

    Args:
        bookmarks: one per lesion.
        series: rows of the catalogue, by key.
        published: uids of the bookmarks that releases have held.
    """
    kept = []
    held: dict[str, dict[str, int]] = defaultdict(Counter)
    seen = set()
    for bookmark in bookmarks:
        reason = series[bookmark.series_key].held_for
        if reason is None or bookmark.uid in published:
            kept.append(bookmark)
            continue
        held[reason.value]["bookmarks"] += 1
        held[reason.value]["series"] += bookmark.series_key not in seen
        seen.add(bookmark.series_key)
    waiting = sorted({entry.series_key for entry in kept if series[entry.series_key].held_for is not None})
    return HeldBack(
        tuple(kept),
        {reason: {"series": n["series"], "bookmarks": n["bookmarks"]} for reason, n in sorted(held.items())},
        tuple(waiting),
    )


def reviews_of(series: Iterable[SeriesRow]) -> dict[str, int]:
    """Number of series by what is known of text in their pixels; every word of :class:`PixelReview` stands in it."""
    found = Counter(entry.pixel_review for entry in series)
    return {review.value: found[review] for review in PixelReview}


def declared(reviews: Mapping[str, int]) -> tuple[ProfileOption, ...]:
    """The profile that a release with such series declares."""
    return release_profile(pixels_clean=_clean(reviews))


def _clean(reviews: Mapping[str, int]) -> bool:
    """Whether every series was searched without a find, or passed by a person."""
    total = sum(reviews.values())
    return total > 0 and reviews.get(PixelReview.SEARCHED, 0) + reviews.get(PixelReview.PASSED, 0) == total


def pixel_words(reviews: Mapping[str, int]) -> str:
    """What the dataset card says of text in the pixels."""
    total, header = sum(reviews.values()), reviews.get(PixelReview.HEADER, 0)
    gate = (
        "Objects that say that they are screenshots, secondary captures or annotated in the pixels were\n"
        "refused by their headers"
    )
    if header == total:
        return f"Pixels: header gate only. {gate}; the pixels themselves were not searched for text."
    searched, passed = reviews.get(PixelReview.SEARCHED, 0), reviews.get(PixelReview.PASSED, 0)
    waiting, rejected = reviews.get(PixelReview.QUARANTINED, 0), reviews.get(PixelReview.REJECTED, 0)
    parts = [
        f"{searched} were searched for text (key slice of every bookmark and\nits neighbours) and nothing was found",
        f"{passed} were passed by a person who looked at them" if passed else "",
        f"{header} were judged by their headers only" if header else "",
        f"in {waiting} text is suspected that was not when they were published" if waiting else "",
        f"{rejected} were\nrejected by a person after they were published and should not be used" if rejected else "",
    ]
    told = ", ".join(filter(None, parts))
    return f"Pixels: {gate}. Of the {total} series {told}.\nSlices further from a bookmark were not searched."


__all__ = ["PROFILE", "HeldBack", "declared", "hold_back", "pixel_words", "reviews_of"]
