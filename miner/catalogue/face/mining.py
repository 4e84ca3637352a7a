"""Runs, the work and the image store: what a mining run does with the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from sqlalchemy import select, update

from miner.catalogue import (
    chain,
    content,
    runs,
    status,
    studies,
    tables,
    work,
)
from miner.catalogue.canonical import canonical, sha256_of
from miner.catalogue.face.opened import Opened
from miner.catalogue.ledger import PROFILE, RowDigests
from miner.catalogue.rows import (
    Filing,
    KnownSlice,
    RunInfo,
    RunRow,
    Status,
    StoredSeries,
    WorkRow,
)
from miner.errors import Reason
from miner.records import MinedStudy


class Mining(Opened):
    """Runs, the work and the image store: what a mining run does with the catalogue."""

    # ---------------------------------------------------------------------------------------------------- the runs

    def begin_run(self, info: RunInfo) -> int:
        """Start a run and return its number. Raises DatabaseError(CATALOGUE_BUSY) where another one is alive.

        A run whose process has died is closed as ``interrupted``, and what it had claimed goes back to FOUND: at once
        where it ran on this host, after two minutes without a heartbeat where it ran on another.
        """
        with self._database.writing() as connection:
            return runs.begin_run(connection, self.site, info)

    def heartbeat(self, run: int) -> None:
        """A sign of life, to be given at least every half minute; every other method that takes a run gives one too."""
        with self._database.writing() as connection:
            runs.renew(connection, run)

    def end_run(self, run: int, outcome: str, counts: Mapping[str, int]) -> None:
        """Close a run's books. What it still has claimed goes back to FOUND."""
        with self._database.writing() as connection:
            runs.end_run(connection, self.site, run, outcome, counts)

    def require_idle(self) -> None:
        """Raises DatabaseError(CATALOGUE_BUSY) where a run is under way; one whose process has died is closed."""
        with self._database.writing() as connection:
            runs.make_way(connection, self.site)

    def runs(self) -> tuple[RunRow, ...]:
        """All runs, oldest first."""
        with self._database.reading() as connection:
            return status.runs(connection)

    # ---------------------------------------------------------------------------------------------------- the work

    def offer(self, run: int, study_keys: Iterable[str]) -> int:
        """Make studies known, as FOUND; returns how many were new."""
        with self._database.writing() as connection:
            return work.offer(connection, self.site, run, study_keys)

    def work(self, study_key: str) -> WorkRow | None:
        """One study's work row; None where it was never offered."""
        with self._database.reading() as connection:
            return work.one(connection, study_key)

    def works(self, study_keys: Sequence[str]) -> dict[str, WorkRow]:
        """Work rows by study, in one query; studies that were never offered are not among them."""
        with self._database.reading() as connection:
            return work.several(connection, study_keys)

    def filings(self) -> list[Filing]:
        """Under whom every study that was looked at is filed, and every study of images that bookmarks were read on."""
        with self._database.reading() as connection:
            return work.filings(connection)

    def who_is_who(self) -> str:
        """The digest that :meth:`follow_who_is_who` got last, empty before."""
        with self._database.reading() as connection:
            said = [event.payload for event in chain.read(connection, work.WHO_IS_WHO)]
        return str(said[-1]["digest"]) if said else ""

    def follow_who_is_who(self, run: int, digest: str, study_keys: Iterable[str]) -> None:
        """Record what is said of who is who from now on, and put the studies that this concerns back to FOUND."""
        with self._database.writing() as connection:
            payload = {"what": "who is who changed", "digest": digest}
            work.look_again(connection, self.site, run, study_keys, payload)

    def pending(self) -> list[WorkRow]:
        """Studies to be mined, unclaimed: FOUND, and FAILED or PARTIAL for a retriable reason.

        Fewest attempts first, then by key.
        """
        with self._database.reading() as connection:
            return work.pending(connection)

    def claim(self, run: int, study_key: str) -> bool:
        """Take a study, in whatever state; False where it is taken already or was never offered."""
        with self._database.writing() as connection:
            return work.claim(connection, self.site, run, study_key)

    def release_claim(self, run: int, study_key: str) -> None:
        """Give a study back as it was before the claim."""
        with self._database.writing() as connection:
            work.release_claim(connection, run, study_key)

    def commit_study(self, run: int, mined: MinedStudy) -> None:
        """Write all that a study gave, and end its claim. The same study again changes only its count of attempts.

        Raises ChainError where the study's books do not add up, PermanentError where it contradicts what is stored (a
        slice with other content, a series numbered differently, a published study under another patient), RefusedError
        (WITHDRAWN) where its patient or that of its images was withdrawn: nothing of it is written then.
        """
        with self._database.writing() as connection:
            studies.commit_study(connection, self.site, run, mined)

    def forget_series(self, run: int, series_key: str) -> None:
        """Remove a volume that no release holds, with its slices and bookmarks, since the PACS now shows another one.

        Every study that had bookmarks on it goes back to FOUND. The PNGs are the caller's to remove, afterwards.
        Raises PermanentError where a release holds it.
        """
        with self._database.writing() as connection:
            studies.forget_series(connection, self.site, run, series_key)

    def fail_study(self, run: int, study_key: str, reason: Reason) -> None:
        """Settle a study as FAILED and end its claim; what earlier runs got from it stays."""
        with self._database.writing() as connection:
            work.fail(connection, self.site, run, study_key, reason)

    def watermark(self) -> date | None:
        """The study date up to which everything was looked at; None before the first whole run."""
        with self._database.reading() as connection:
            return work.watermark(connection)

    def set_watermark(self, run: int, day: date) -> None:
        """Move the watermark."""
        with self._database.writing() as connection:
            work.set_watermark(connection, self.site, run, day)

    def status(self) -> Status:
        """The books: everything found, and what became of it."""
        with self._database.reading() as connection:
            return status.status(connection)

    # ---------------------------------------------------------------------------------------------- the image store

    def series(self, series_key: str) -> StoredSeries | None:
        """A volume that was met before: how it was numbered, and which slices of it are stored."""
        with self._database.reading() as connection:
            return content.stored_series(connection, series_key)

    def known_slices(self) -> Iterator[KnownSlice]:
        """Every PNG that the image store must hold, sorted by series (as the database sorts) and number."""
        with self._database.reading() as connection:
            yield from content.known_slices(connection)

    def orphan_slices(self, found: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """Those of the image store's (series key, slice number) that no row names: what a crash left."""
        known = {(entry.series_key, entry.number) for entry in self.known_slices()}
        return sorted(set(found) - known)

    # -------------------------------------------------------------------------------------------- profile of a PACS

    def store_profile(self, profile: Mapping[str, object]) -> str:
        """Keep what a PACS was found to do, as the profile in use; returns its digest."""
        text = canonical(profile)
        digest = sha256_of(text)
        with self._database.writing() as connection:
            in_use = connection.execute(select(tables.Catalogue.profile_digest)).scalar_one()
            if in_use == digest:
                return digest
            values = {"digest": digest, "site": self.site, "profile": text}
            studies.upsert(connection, PROFILE.table, [values])
            connection.execute(update(tables.Catalogue).values(profile_digest=digest))
            rows: RowDigests = {PROFILE.name_of(values): PROFILE.digest_of(values)}
            payload = {"what": "PACS profile stored"}
            chain.append(connection, self.site, chain.Activity.GENERATION, f"profile:{digest}", payload, rows=rows)
            work.settings_event(connection, self.site, {"what": "PACS profile taken into use"})
        return digest

    def profile(self) -> Mapping[str, object] | None:
        """The profile in use; None before the first `miner doctor`."""
        query = select(tables.PacsProfile.profile).join(
            tables.Catalogue, tables.Catalogue.profile_digest == tables.PacsProfile.digest
        )
        with self._database.reading() as connection:
            text = connection.execute(query).scalar_one_or_none()
        return None if text is None else dict(json.loads(text))
