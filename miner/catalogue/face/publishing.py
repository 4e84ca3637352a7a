"""Releases, withdrawals and reviews: what leaves, and what is kept back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from miner.catalogue import (
    content,
    publication,
    review,
    withdrawals,
    withdrawing,
)
from miner.catalogue.face.opened import Opened
from miner.catalogue.rows import (
    Holdings,
    Publication,
    ReleaseContent,
    Remains,
    ReviewedSeries,
    WithdrawalRow,
)
from miner.records import MinedStudy, PixelReview, SearchedSlice


class Publishing(Opened):
    """Releases, withdrawals and reviews: what leaves, and what is kept back."""

    # ------------------------------------------------------------------------------------------- text in the pixels

    def reviewed_series(self) -> tuple[ReviewedSeries, ...]:
        """Every series with what is known of text in its pixels, sorted by key."""
        with self._database.reading() as connection:
            return review.reviewed_series(connection)

    def decide_pixels(self, series_key: str, decision: PixelReview, note: str = "") -> None:
        """Enter a person's decision (PASSED or REJECTED) on a series; ``note`` is a code. The same again: nothing.

        Raises UsageError where no such series is known.
        """
        with self._database.writing() as connection:
            review.decide(connection, self.site, series_key, decision, note)

    def settle_search(self, series_key: str, searched: Iterable[SearchedSlice]) -> PixelReview:
        """Enter what a search outside of a run found; returns what is known of the series then."""
        with self._database.writing() as connection:
            return review.settle_search(connection, self.site, series_key, searched)

    # ------------------------------------------------------------------------------------------------- the releases

    def release_content(self) -> ReleaseContent:
        """Everything a release is made from, as it is at one moment."""
        with self._database.reading() as connection:
            return content.release_content(connection)

    def publish(self, publication_: Publication) -> None:
        """Write what a release gives for ever, whole or not at all.

        Raises PermanentError where it would change what an earlier release gave, DatabaseError (repeat the release)
        where the catalogue moved on since the content was read.
        """
        with self._database.writing() as connection:
            publication.publish(connection, self.site, self.patient_index_range, publication_)

    # ---------------------------------------------------------------------------------------------- the withdrawals

    def withdrawals(self) -> tuple[WithdrawalRow, ...]:
        """The tombstones of all patients who were withdrawn, oldest first."""
        with self._database.reading() as connection:
            return withdrawals.all_withdrawals(connection)

    def withdrawn_studies(self, study_keys: Iterable[str]) -> frozenset[str]:
        """Those of the studies that went with a patient who was withdrawn."""
        with self._database.reading() as connection:
            return withdrawals.withdrawn_studies(connection, study_keys)

    def knows_studies(self, study_keys: Iterable[str]) -> frozenset[str]:
        """Those of the studies that have anything here, as annotation study or as images; withdrawn ones have not."""
        with self._database.reading() as connection:
            return withdrawing.known_studies(connection, study_keys)

    def require_none_withdrawn(self, mined: MinedStudy) -> None:
        """Raises RefusedError (WITHDRAWN) where :meth:`commit_study` would."""
        with self._database.reading() as connection:
            withdrawals.require_none_withdrawn(connection, mined)

    def holdings(self, patient_key: str, study_keys: Iterable[str] = ()) -> Holdings:
        """What :meth:`withdraw` would take."""
        with self._database.reading() as connection:
            return withdrawing.holdings(connection, patient_key, study_keys)

    def withdraw(
        self,
        patient_key: str,
        study_keys: Iterable[str] = (),
        run: int | None = None,
        *,
        every_issuer: str | None = None,
    ) -> WithdrawalRow:
        """Remove every row of a patient and lay the tombstone; pictures and vault entries are the caller's to remove.

        ``study_keys``: studies that the vault knows of the patient, whoever they are filed under here.
        ``every_issuer``: the surrogate of the patient's record number without an issuer, which is to stand for the
        number under every issuer from now on. Raises DatabaseError(CATALOGUE_BUSY) where another run than ``run`` is
        alive.
        """
        with self._database.writing() as connection:
            row = withdrawing.withdraw(connection, self.site, patient_key, study_keys, run=run)
            if every_issuer is not None:
                withdrawals.lay_for_every_issuer(connection, self.site, every_issuer)
            return row

    def finish_withdrawal(self, patient_key: str, remove: Callable[[Remains], None], run: int | None = None) -> None:
        """Have what is left of a withdrawn patient removed outside the catalogue, then note it as finished.

        ``remove`` gets what is to go; no run can begin, and nobody else write here, until it returns. It may be called
        again for the same patient: a kill in the middle leaves the withdrawal unfinished. Raises DatabaseError
        (CATALOGUE_BUSY) where another run than ``run`` is alive.
        """
        with self._database.writing() as connection:
            withdrawing.require_alone(connection, self.site, run)
            remove(withdrawals.remains(connection, patient_key))
            withdrawals.finish(connection, self.site, patient_key, run)

    def patient_behind(self, key: str = "", patient_index: int | None = None) -> str | None:
        """The patient of a Patient_index, or else of a surrogate of a patient, study, series or bookmark."""
        with self._database.reading() as connection:
            return withdrawals.patient_behind(connection, key, patient_index)

    def withdrawn_behind(self, names: Iterable[str] = (), patient_index: int | None = None) -> str | None:
        """The withdrawn patient of a Patient_index, or else of a row that went, by its names in events.

        A bookmark's name here is its uid alone, ``bookmark:UID``.
        """
        with self._database.reading() as connection:
            return withdrawals.withdrawn_behind(connection, frozenset(names), patient_index)
