"""Possibly_noisy: a score with reasons. A noisy lesion is marked, never dropped.

Each reason is one piece of evidence that the mark is not a lesion's measurement, with a weight between 0 (says nothing)
and 1 (settles it). Independent evidence adds up as in a noisy-or: score = 1 − Π(1 − weight). A row is Possibly_noisy
where its score reaches the threshold of config.toml (``[release] noise_threshold``, 0.5 by default): one strong reason
or two middling ones.

NIH found noise from box area, aspect, mean and standard deviation of the pixels, then looked by hand (Yan et al. 2018).
Bounds of size and aspect lie just outside what the first 1,686 official rows, all marked clean, span: long axis 2.1 to
210 mm, axis ratio 0.17 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from miner.records import Doubt, MinedBookmark, PixelFacts

WEIGHTS: Mapping[Doubt, float] = {
    Doubt.CONTESTED: 0.5,  # another line pairs as well: one of the axes may belong to another lesion
    Doubt.ANGLE: 0.3,  # axes far from perpendicular: 13 % of the official rows are more than 5° off
    Doubt.AXIS_RATIO: 0.3,
    Doubt.NO_CROSSING: 0.3,  # true of 35 of 11,562 official rows
    Doubt.TEXT_MISMATCH: 0.6,  # its own text contradicts it: wrong image, a user calibration, or a wrong pair
    Doubt.ARROW_DIRECTION: 0.0,  # says nothing about a pair of axes
    Doubt.PRESENTATION_SPACING: 0.2,  # drawn on another scale than the image's
    Doubt.OTHER_SERIES_LABEL: 0.2,
    Doubt.DISPLAYED_AREA: 0.2,  # the corners of its displayed area are not what the standard says: off by a pixel or so
    Doubt.DELETED_LATER: 0.6,  # a later state of the same series and label shows the image without it
    Doubt.AREA: 0.5,
    Doubt.ASPECT: 0.3,
    Doubt.CONTRAST: 0.5,
    Doubt.OFF_BODY: 0.7,  # drawn beside the patient
}
"""Reason → weight. Reasons that recognition raised are in the bookmark; the last four are raised here."""

LONG_AXIS_MM = (1.5, 250.0)
AXIS_RATIO = 0.15
FLAT_HU = 2.0
"""Standard deviation in the box below which there is nothing to see: noise alone gives more in any CT."""
EQUAL_HU = 2.0
"""Difference of the means in the box and in the frame around it below which the lesion does not stand out."""
QUIET_HU = 8.0
"""… provided that the box itself is quiet: a lesion with texture may have its surroundings' mean."""
BODY_FRACTION = 0.25
"""Part of the box that lies on the body below which the mark is beside the patient; boxes of skin lesions reach out."""


def rules() -> dict[str, object]:
    """Weights and bounds, for the digest of the rules."""
    return {
        "weights": {doubt.value: weight for doubt, weight in WEIGHTS.items()},
        "bounds": [*LONG_AXIS_MM, AXIS_RATIO, FLAT_HU, EQUAL_HU, QUIET_HU, BODY_FRACTION],
    }


def reasons(bookmark: MinedBookmark) -> tuple[Doubt, ...]:
    """Why a lesion may be noise: recognition's doubts and what size and pixels say, in :class:`Doubt`'s order."""
    found = set(bookmark.doubts) | _of_size(bookmark.length_mm, bookmark.short_mm)
    if Doubt.AXIS_RATIO in found:
        found.discard(Doubt.ASPECT)  # the same evidence: count it once
    if bookmark.facts is not None:
        found |= _of_pixels(bookmark.facts)
    return tuple(doubt for doubt in Doubt if doubt in found)


def score(found: tuple[Doubt, ...]) -> float:
    """Noisy-or of the reasons' weights, from 0 to 1."""
    clean = 1.0
    for doubt in found:
        clean *= 1.0 - WEIGHTS[doubt]
    return 1.0 - clean


def is_noisy(found: tuple[Doubt, ...], threshold: float) -> bool:
    """Whether the reasons reach the threshold. Without a reason nothing is noisy, whatever the threshold."""
    return bool(found) and score(found) >= threshold - 1e-9


def _of_size(long_mm: float | None, short_mm: float | None) -> set[Doubt]:
    found = set()
    if long_mm is not None and not LONG_AXIS_MM[0] <= long_mm <= LONG_AXIS_MM[1]:
        found.add(Doubt.AREA)
    if long_mm is not None and short_mm is not None and short_mm < AXIS_RATIO * long_mm:
        found.add(Doubt.ASPECT)
    return found


def _of_pixels(facts: PixelFacts) -> set[Doubt]:
    found = set()
    unlike_anything = facts.std_hu < FLAT_HU
    like_its_surroundings = abs(facts.mean_hu - facts.ring_mean_hu) < EQUAL_HU and facts.std_hu < QUIET_HU
    if unlike_anything or like_its_surroundings:
        found.add(Doubt.CONTRAST)
    if facts.body_found and facts.body_fraction < BODY_FRACTION:
        found.add(Doubt.OFF_BODY)
    return found
