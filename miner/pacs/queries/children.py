"""SERIES and IMAGE level: the series of a study, the instances of a series, whole or an error (PS3.4 C.4.1).

A list that is cut off here loses a presentation state, or numbers every slice wrongly. It is held against the number
that the PACS itself gives; where it gives none, against lists that were longer, and then asked for by other keys.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable

from pydicom import Dataset

from miner.errors import PacsError, Reason
from miner.pacs.profile import PacsProfile
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.asking import Ask
from miner.pacs.queries.lengths import Lengths
from miner.pacs.retry import RequestRefusedError
from miner.records import InstanceRef, SeriesRef, StudyRef

# fmt: off
MODALITIES = (
    "PR", "SR", "KO", "SEG", "ANN", "REG", "FID", "DOC",
    "CT", "MR", "PT", "NM", "CR", "DX", "MG", "US", "XA", "RF", "OT", "SC", "ECG", "ES", "XC", "SM",
    "RTSTRUCT", "RTDOSE", "RTPLAN", "RTIMAGE", "RTRECORD",
)
# fmt: on
"""By these a list of series is cut where it may be cut off: annotations first (PS3.3 C.7.3.1.1.1)."""

MOST_SINGLE_QUERIES = 600
"""So many instances of one series are asked for one by one, by Instance Number, where their list is cut off."""

END_OF_SERIES = 10
"""After so many Instance Numbers in a row that nobody has, a series is taken to be at its end."""


class Children:
    """The lists below a study over one connection; remembers what their lengths tell."""

    def __init__(self, ask: Ask, *, profile: PacsProfile, patient_root: Callable[[], bool] = lambda: False) -> None:
        self._ask = ask
        self._patient_root = patient_root
        self._series = Lengths(profile.series_limits)
        self._images = Lengths(profile.image_limits)
        self._refuses_made = False

    def learned(self) -> dict[str, object]:
        """What was found out, as fields of ``PacsProfile``."""
        caught = {"series_limits": self._series.caught, "image_limits": self._images.caught}
        return {name: sorted(lengths) for name, lengths in caught.items() if lengths}

    # --------------------------------------------------------------------------------------------------------- series

    def series(self, study: StudyRef) -> list[SeriesRef]:
        """All series of one study, de-duplicated by UID. Raises PacsError where the list is known to be incomplete."""
        found: dict[str, SeriesRef] = {}
        length = self._list_series(study, found)
        told = len(found)
        if length and not self._series.may_be_cut_off(length):
            return list(found.values())
        exists, expected = self._count_of_series(study)
        if not told and (not exists or expected == 0):
            return []
        if expected is None or told < expected:
            self._by_modality(study, found)
        if len(found) > told:
            self._series.catch(length)
        if not found or (expected is not None and len(found) < expected):
            of = "none" if expected is None else f"{len(found)} of {expected}"
            raise PacsError(
                f"The PACS lists {of} of the series that it says a study has: its answers may be cut off; ask its "
                "administrator for a higher limit.",
                Reason.FIND_FAILED,
            )
        return list(found.values())

    def _list_series(self, study: StudyRef, found: dict[str, SeriesRef], **matching: str) -> int:
        """Enter one answer; how many rows it had."""
        answer = self._ask(identifiers.series_query(study, **matching))
        for row in _children(answer, StudyInstanceUID=study.study_uid):
            series = rows.series(row, study)
            found.setdefault(series.series_uid, series)
        return len(answer)

    def _count_of_series(self, study: StudyRef) -> tuple[bool, int | None]:
        """Whether the PACS has the study at all, and of how many series, where it says."""
        try:
            answer = self._ask(identifiers.count_query(study, patient_root=self._patient_root()))
        except RequestRefusedError:
            return True, None
        own = _children(answer, StudyInstanceUID=study.study_uid)
        counts = [count for row in own if (count := rows.integer(row, "NumberOfStudyRelatedSeries")) is not None]
        return bool(own), max(counts, default=None)

    def _by_modality(self, study: StudyRef, found: dict[str, SeriesRef]) -> None:
        """Enter what lists of one modality each have more."""
        present = [series.modality for series in found.values() if series.modality]
        for modality in dict.fromkeys([*MODALITIES, *present]):
            try:
                self._list_series(study, found, Modality=modality)
            except RequestRefusedError:
                return

    # ------------------------------------------------------------------------------------------------------ instances

    def instances(self, series: SeriesRef) -> list[InstanceRef]:
        """All instances of one series, de-duplicated by UID.

        Raises PacsError where the PACS names fewer than it says the series has, twice and when asked one by one:
        slices are numbered over the series, so a part of it would give wrong numbers.
        """
        found = self._named(series)
        length, expected = len(found), series.instances
        if expected is not None and length >= expected:
            self._images.enter(length)
            return list(found.values())
        if expected is None and length and not self._images.may_be_cut_off(length):
            return list(found.values())
        if expected is not None or not length:
            found.update(self._named(series))
        if found and (expected is None or len(found) < expected):
            self._one_by_one(series, found)
        if not found or (expected is not None and len(found) < expected):
            has = "exists" if expected is None else f"has {expected}"
            raise PacsError(
                f"The PACS names {len(found)} instances of a series that it says {has}: its answers may be cut off; "
                "ask its administrator for a higher limit.",
                Reason.FIND_FAILED,
            )
        return list(found.values())

    def _named(self, series: SeriesRef, **matching: str) -> dict[str, InstanceRef]:
        parents = {"StudyInstanceUID": series.study.study_uid, "SeriesInstanceUID": series.series_uid}
        answer = self._image_rows(series, **matching)
        instances = [rows.instance(row, series) for row in _children(answer, **parents)]
        return {instance.sop_uid: instance for instance in instances}

    def _image_rows(self, series: SeriesRef, **matching: str) -> list[Dataset]:
        """Of annotations, with when they were made. A PACS that cannot be asked for that costs no object of theirs."""
        if series.modality in identifiers.ANNOTATIONS and not self._refuses_made:
            with contextlib.suppress(RequestRefusedError):
                answer = self._ask(identifiers.annotation_query(series, **matching))
                if answer or matching:
                    return answer
            without = self._ask(identifiers.image_query(series, **matching))
            self._refuses_made = bool(without)
            return without
        return self._ask(identifiers.image_query(series, **matching))

    def _one_by_one(self, series: SeriesRef, found: dict[str, InstanceRef]) -> None:
        """Enter instances that nobody has named, by their Instance Number: PACS match it, but no range of it.

        A list that is whole costs a few queries more; what lies beyond the last number is asked for first.
        """
        length, left = len(found), MOST_SINGLE_QUERIES
        for numbers in _free_numbers(found.values()):
            left = self._of_numbers(series, numbers, found, left)
        if len(found) > length:
            self._images.catch(length)
        if not left:
            raise PacsError(
                f"The PACS cuts off its list of a series' instances at {length}: ask its administrator for a higher "
                "limit.",
                Reason.FIND_FAILED,
            )

    def _of_numbers(self, series: SeriesRef, numbers: Iterable[int], found: dict[str, InstanceRef], left: int) -> int:
        """Enter what some Instance Numbers bring, until they bring nothing for a while; how many queries are left."""
        fruitless = 0
        for number in numbers:
            whole = series.instances is not None and len(found) >= series.instances
            if fruitless >= END_OF_SERIES or whole or not left:
                break
            left -= 1
            try:
                more = self._named(series, InstanceNumber=str(number))
            except RequestRefusedError:
                break
            if any(instance.instance_number not in (number, None) for instance in more.values()):
                break  # it does not match by this key
            fruitless = 0 if more.keys() - found.keys() else fruitless + 1
            found.update(more)
        return left


def find_series(ask: Ask, study: StudyRef) -> list[SeriesRef]:
    """:meth:`Children.series` for one question."""
    return Children(ask, profile=PacsProfile()).series(study)


def find_instances(ask: Ask, series: SeriesRef) -> list[InstanceRef]:
    """:meth:`Children.instances` for one question."""
    return Children(ask, profile=PacsProfile()).instances(series)


def _free_numbers(named: Iterable[InstanceRef]) -> tuple[Iterable[int], Iterable[int]]:
    """Instance Numbers that none of them has: those beyond the last, without end, and the holes among them."""
    taken = {instance.instance_number for instance in named if instance.instance_number is not None}
    last = max(taken, default=0)
    return itertools.count(last + 1), (number for number in range(0, last + 1) if number not in taken)


def _children(answer: Iterable[Dataset], **parents: str) -> list[Dataset]:
    """Rows that belong to the parents asked for; a PACS that ignores a key answers with others too."""
    return [row for row in answer if all(rows.text(row, key) in ("", uid) for key, uid in parents.items())]
