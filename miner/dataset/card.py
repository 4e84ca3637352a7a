"""What a release says of itself: README.md, the dataset card, and release.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from miner import __version__
from miner.dataset.compose import Composition
from miner.dataset.pixels import declared, pixel_words
from miner.dataset.rules import ReleaseRules, rules_digest
from miner.dataset.withdrawn import Withdrawals
from miner.records import Kind

CARD = "README.md"
STATEMENT = "release.json"

_CARD = """\
# Radiologists' bookmarks in DeepLesion's format

Measurements that radiologists made in clinical work, with the CT slices around them, de-identified. `DL_info.csv` and
`Images_png/` follow DeepLesion to the byte: what reads DeepLesion reads this.

| | |
| --- | --- |
| patients | {patients} |
| studies | {studies} |
| series | {series} |
| lesions (rows of `DL_info.csv`) | {lesions} |
| bookmarks of every kind (rows of `bookmarks.csv`) | {bookmarks} |
{kinds}
| slices in `Images_png/` | {images} |
| slices in `Bookmark_images_png/` | {bookmark_images} |

## Reading it
```python
import csv, numpy, PIL.Image
rows = list(csv.DictReader(open("DL_info.csv", newline="")))
hu = numpy.asarray(PIL.Image.open("Images_png/" + "/".join(rows[0]["File_name"].rsplit("_", 1)))).astype(int) - 32768
```
With OpenCV: `cv2.imread(path, cv2.IMREAD_UNCHANGED).astype(int) - 32768`; without that flag it returns 8 bits.

## How it was made
Presentation states and structured reports were read from the picture archive. A RECIST measurement (long and short
axis) is what a report says is one, or two crossing straight lines on one image of a presentation state; single lines,
arrows, ellipses and closed polygons are kept as they are. For each bookmark the slices within {context:g} mm of its key
slice (further for lesions that are longer) were fetched and written as 16-bit PNG, value = HU + 32768 (`series.csv`
says where it is stored value + 32768). A RECIST measurement is in `DL_info.csv` where its confidence is at least
{acceptance:g} and its series is axial, evenly spaced and without gantry tilt; every other bookmark is in
`bookmarks.csv` only.

Numbers once given stay: a later release appends rows and never renumbers or reorders. Of a row that stands here, only
`Slice_range` (growing), `Possibly_noisy` and `Coarse_lesion_type` may change; `release.json` lists each change. A
measurement that was corrected in the archive after its row was published keeps its row: `release.json` names it under
`corrections`, with the number of newer states. One that a later state of the same series lacks stays, with
`deleted-later` among its `Noise_reasons`.
{withdrawn_words}
## Columns
`DL_info.csv` has DeepLesion's 18 columns. Where this data set differs:
- `Coarse_lesion_type` is 1 to 8 where the report that the measurement was read from codes its finding site as an organ
  that lies in one of DeepLesion's types alone: a bone (1); spleen, pancreas, adrenal gland, gallbladder, stomach,
  duodenum (2, abdomen); mediastinum (3); liver (4); lung (5); kidney (6); skin, subcutaneous tissue, muscle (7, soft
  tissue); bladder, prostate, seminal vesicle, uterus, ovary, vagina, rectum (8, pelvis). Else −1: presentation states
  name no site, and regions, lymph nodes and organs of two regions are no type.
- `Normalized_lesion_location`: the third number (head to feet) is {z_words}.
- `Possibly_noisy` is 1 where the evidence in `Noise_reasons` weighs {noise_threshold:g} or more, from 0 to 1. No
  person has looked.
- `Patient_gender` may be `O`; `Patient_age` is `NaN` where unknown and 90 for everybody of 90 or older.

`lesions.csv` has one row for each row of `DL_info.csv`, in the same order: `Lesion_uid`, a name that stays;
`Study_order`, the rank in time of the study among the patient's studies here; `Confidence`; `Noise_reasons`; where
window and location come from; `Merged_count`, measurements averaged into this one; the SHA-256 of the key slice's PNG.

`bookmarks.csv` has every bookmark: `Kind` (recist, line, arrow, ellipse, polygon), `Coordinates` in the frame of
`Measurement_coordinates` (the centre of the first pixel is 1, 1), `Length_mm` computed from them, `Text_mm` as the
viewer had written it, `Confidence` (evidence from 0 to 1, not a probability), `Encoding`, and `In_DL_info` (0 or 1).
Its key slice lies in `Images_png/` where a `Slice_range` of its series holds it, else in `Bookmark_images_png/`.

`series.csv` has geometry: number of slices of the whole series, position of the first pixel of its first slice and
direction cosines (millimetres, LPS axes) where known, spacing x, y, z (without z where there is none), how values were
written, and the policy that decided which slices left.

## De-identification
Only a short list of attributes was ever read out of the source objects; nothing else was copied. Identifiers became
numbers under a secret key, which stays with the source. No date, no name, no identifier of the source and no text
that a person typed is in these files; ages stop at 90. Declared options of DICOM PS3.15 Annex E:
{profile}

{pixel_words} Of head and neck series {head_words}
A series that does not say which part of the body it shows counts as neither head nor neck.
Do not try to find out who anybody is.

## Limits
- Bookmarks are what radiologists chose to measure: not every lesion of a patient is marked, and unmarked slices are not
  free of disease.
- Pairs of lines were recognised by rules; `Confidence` and `Noise_reasons` say how sure they are.
- `Train_Val_Test` (1, 2, 3) is by patient, 70 / 15 / 15 in expectation; small data sets may be far from it.

`MANIFEST.sha256` checks the files: `sha256sum --check MANIFEST.sha256`.
"""


def card(
    counts: Mapping[str, int],
    rules: ReleaseRules,
    reviews: Mapping[str, int],
    withdrawals: Withdrawals,
) -> bytes:
    """README.md. No number, time or version of the release stands in it: equal content gives an equal card."""
    kinds = "\n".join(f"| … {kind.value} | {counts[f'bookmarks_{kind.value}']} |" for kind in Kind)
    known_z = rules.unknown_location_z != "NaN"
    z_words = (
        f"{rules.unknown_location_z}, a neutral value: the position is not known" if known_z else "`NaN`: not known"
    )
    head_words = (
        "as many slices as of others are here; a face can be recognised in them."
        if rules.head_context
        else "only key slices are here, so that no face can be rebuilt."
    )
    named = {name: value for name, value in counts.items() if not name.startswith("bookmarks_")}
    text = _CARD.format(
        **named,
        kinds=kinds,
        context=rules.context_mm,
        acceptance=rules.acceptance,
        noise_threshold=rules.noise_threshold,
        z_words=z_words,
        head_words=head_words,
        profile="\n".join(f"- {code}: {meaning}" for code, meaning in declared(reviews)),
        pixel_words=pixel_words(reviews),
        withdrawn_words=withdrawals.words,
    )
    return text.encode("utf-8")


def statement(
    number: int,
    now: datetime,
    composition: Composition,
    rules: ReleaseRules,
    chain: tuple[int, str],
) -> bytes:
    """release.json: what this release is, and what it changed. The chain's head is that of before its publication."""
    content = {
        "number": number,
        "time": instant(now),
        "software": __version__,
        "rules_digest": rules_digest(rules),
        "rules": rules.plain(),
        "deidentification": [{"code": code, "meaning": meaning} for code, meaning in declared(composition.reviews)],
        "pixels": dict(composition.reviews),
        "held_back": {reason: dict(counts) for reason, counts in composition.held_back.items()},
        "published_in_quarantine": len(composition.suspected),
        "counts": dict(composition.counts),
        "row_changes": [
            {"uid": change.uid, "column": change.column, "old": change.old, "new": change.new}
            for change in composition.changes
        ],
        "corrections": [
            {"uid": entry.uid, "rows": dict(entry.rows), "newer_states": entry.newer_states}
            for entry in composition.corrections
        ],
        "merged": [{"uid": uid, "bookmarks": len(uids)} for uid, uids in sorted(composition.merged.items())],
        "remarks": [{"uid": uid, "remark": remark.value} for uid, remark in sorted(composition.remarks.items())],
        **composition.withdrawals.plain(),
        "event_chain": {"events": chain[0], "head": chain[1]},
    }
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def instant(now: datetime) -> str:
    """A time as release.json and the catalogue write it: UTC, ISO 8601, whole seconds."""
    return now.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
