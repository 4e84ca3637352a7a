"""The ten action types of MIDI-B, what each means for a release, and the ledger of checks.

MIDI-B (Medical Image De-Identification Benchmark, MICCAI 2024) scores de-identified DICOM files element by element. A
release holds no DICOM file but CSVs, PNGs and JSON, so each action is held against what the release makes of the
source, always computed here from the source objects and never by the package under test:

``tag retained``      The attribute that a column stands for is carried: the lesion's row has that cell, in its form.
``text not null``     What must not be empty is not, also where the source leaves it out (``O`` for no sex, the rule
                      that made the values of a picture, the encoding that a bookmark was read from).
``text retained``     The cell says what the source says: sex, age in years with 90 and above as 90, window, spacing,
                      size, orientation, number of slices, slice number by position, measured points, millimetres.
``text removed``      A text that names or describes somebody or something, planted in an element of an image or an
                      annotation object, stands in no file and in no file's name.
``UID changed``       A UID of the source stands nowhere: study, series, instance, frame of reference, annotation,
                      device.
``UID consistent``    Links between objects hold without their UIDs: the mark lies on the picture of the image that the
                      annotation names; all files name one lesion alike; series of one study share its number; another
                      project with the same key, mining the same objects in another order, gives the same bytes.
``patient ID consistent``  Studies of one person have one Patient_index and one split, whatever number they are filed
                      under; those of different people have different ones.
``date shifted``      Stronger than a shift: no date and no time leaves, in any of its usual forms. What a shift is
                      to keep is kept: studies of a person are numbered in their order of time.
``pixels hidden``     Objects that carry text or graphics in or over their pixels are not in the release at all, and
                      what hides in the unused bits of a good one is gone.
``pixels retained``   Each PNG holds the Hounsfield values of its source slice + 32768, exactly, pixel by pixel.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from enum import StrEnum


class Action(StrEnum):
    """The action types, in MIDI-B's words."""

    TAG_RETAINED = "tag retained"
    TEXT_NOT_NULL = "text not null"
    TEXT_RETAINED = "text retained"
    TEXT_REMOVED = "text removed"
    UID_CHANGED = "UID changed"
    UID_CONSISTENT = "UID consistent"
    PATIENT_ID_CONSISTENT = "patient ID consistent"
    DATE_SHIFTED = "date shifted"
    PIXELS_HIDDEN = "pixels hidden"
    PIXELS_RETAINED = "pixels retained"


class Ledger:
    """Every check that was made, and those that failed with what they were about."""

    def __init__(self) -> None:
        self.made: Counter[Action] = Counter()
        self.failed: dict[Action, list[str]] = defaultdict(list)

    def check(self, action: Action, holds: bool, about: str) -> None:
        """Enter one check. ``about`` names the made-up thing that was looked at."""
        self.made[action] += 1
        if not holds:
            self.failed[action].append(about)

    def __str__(self) -> str:
        lines = [f"{action.value:24}{self.made[action]:7}{len(self.failed[action]):7}" for action in Action]
        return "\n".join(["action                     made failed", *lines, f"{'':24}{self.made.total():7}"])
