"""The catalogue's public face: one object per database, one method per thing that is done with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Row

from miner.catalogue import (
    chain,
    content,
    copying,
    lineage,
    ownership,
    publication,
    review,
    runs,
    status,
    studies,
    tables,
    withdrawals,
    withdrawing,
    work,
)
from miner.catalogue.canonical import canonical, sha256_of
from miner.catalogue.database import STORE
from miner.catalogue.ledger import CATALOGUE, PROFILE, RowDigests
from miner.catalogue.rows import (
    Event,
    Holdings,
    KnownSlice,
    Lineage,
    Publication,
    ReleaseContent,
    Remains,
    ReviewedSeries,
    RunInfo,
    RunRow,
    Status,
    StoredSeries,
    WithdrawalRow,
    WorkRow,
)
from miner.databases import Database, Piece, opening, schema
from miner.errors import PermanentError, Reason, SchemaError, UsageError
from miner.records import MinedStudy, PixelReview, SearchedSlice


class Catalogue:
    """What was found, what it gave and what was published: surrogates only.

    One database, SQLite or PostgreSQL. Every method is one transaction. All methods raise DatabaseError where the
    database cannot be used now, and StorageError where its disk is full or read-only. Methods that take a run raise
    DatabaseError(CATALOGUE_BUSY) where that run has ended or was taken over.
    """

    def __init__(self, database: Database, site: str, patient_index_range: tuple[int, int]) -> None:
        """Use :meth:`open` or :meth:`create`."""
        self._database = database
        self.site = site
        self.patient_index_range = patient_index_range

    # ------------------------------------------------------------------------------------------------ the database

    @classmethod
    def create(cls, url: str, *, site: str, patient_index_range: tuple[int, int]) -> Catalogue:
        """Make the catalogue of a site, or open the one that is there.

        Raises UsageError where it is another site's or has another block of patient indices: identities given from one
        block cannot move to another.
        """
        with _migrating(url) as database:
            database.make_file()
            with database.writing() as connection:
                _upgrade(database, connection, create=True)
                row = _settings(connection)
                if row is None:
                    _lay_settings(connection, site, patient_index_range)
                elif (row.site, row.first_patient_index, row.last_patient_index) != (site, *patient_index_range):
                    raise UsageError(
                        f"The catalogue {database.shown} was created for another [site] name or patient_index_range: "
                        "set them as they were, or create another catalogue."
                    )
        return cls(Database(STORE, url), site, patient_index_range)

    @classmethod
    def open(cls, url: str) -> Catalogue:
        """Open a catalogue. Raises SchemaError where there is none, or where it is older or newer than the software."""
        with opening(STORE, url) as database:
            database.require_file()
            with database.reading() as connection:
                schema.require_newest(database, connection)
                row = _settings(connection)
            if row is None:
                raise SchemaError(f"The catalogue {database.shown} was never finished: run `miner init`.")
        return cls(database, row.site, (row.first_patient_index, row.last_patient_index))

    @staticmethod
    def upgrade(url: str) -> tuple[str, str]:
        """Bring a catalogue to this software's schema; returns the versions before and after.

        Raises SchemaError where there is none, or where it is newer.
        """
        with _migrating(url) as database:
            database.require_file()
            with database.writing() as connection:
                return _upgrade(database, connection)

    def adopt(self, site: str, patient_index_range: tuple[int, int]) -> None:
        """Take the configuration's site and block, as long as no run has begun: `miner init` comes before the editor.

        Raises UsageError afterwards: identities given from one block cannot move to another.
        """
        if (site, patient_index_range) == (self.site, self.patient_index_range):
            return
        with self._database.writing() as connection:
            work.adopt(connection, self.site, site, patient_index_range)
        self.site, self.patient_index_range = site, patient_index_range

    def bind_key(self, check: str) -> None:
        """Bind the catalogue to a key by a keyed constant, at first use. Raises WrongKey where it has another one."""
        with self._database.reading() as connection:
            if ownership.key_check(connection) == check:
                return
        with self._database.writing() as connection:
            ownership.bind_key(connection, self.site, check)

    @staticmethod
    def is_there(url: str) -> bool:
        """Whether the place holds a catalogue, or a file that could be one."""
        return copying.is_there(url)

    @staticmethod
    def restore(url: str, revision: str, rows: Iterable[Piece], head: tuple[int, str]) -> None:
        """Make a catalogue of a backup's rows; a run that was under way when it was copied is closed.

        Args:
            url: a place without a catalogue.
            revision: the schema that the rows are of; they are brought to this software's afterwards.
            rows: all rows, in an order in which foreign keys hold.
            head: number of events, and the hash of the last.

        Raises SchemaError for a newer revision, ChainError where the rows do not fit it or do not agree with
        themselves. Until the last step a failure leaves a part of it, which :meth:`take_back` removes.
        """
        copying.load(url, revision, rows, head)
        Catalogue.upgrade(url)
        copying.close_run(url)

    @staticmethod
    def take_back(url: str) -> None:
        """Remove the catalogue at a place, files and tables, as if it had never been made."""
        copying.take_back(url)

    @contextmanager
    def snapshot(self) -> Iterator[copying.Snapshot]:
        """All rows, and what they must agree with: one state of the database, for a backup."""
        with self._database.reading() as connection:
            yield copying.snapshot(connection)

    def close(self) -> None:
        """Close all connections; the object may not be used any more."""
        self._database.close()

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

    def filed_under(self) -> dict[str, str]:
        """Study -> patient, by surrogate, of every study with images."""
        with self._database.reading() as connection:
            return work.filed_under(connection)

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
            if every_issuer is not None and every_issuer != patient_key:
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

    # ------------------------------------------------------------------------------------------------ the provenance

    def record_event(self, activity: str, entity: str, payload: Mapping[str, object], run: int | None = None) -> None:
        """Add an event about something that is not a row here. ``payload``: surrogates, numbers and codes only."""
        if "rows" in payload:
            raise PermanentError("An event's `rows` are the catalogue's own to write.", Reason.INTERNAL)
        with self._database.writing() as connection:
            chain.append(connection, self.site, activity, entity, payload, run=run)

    def chain_head(self) -> tuple[int, str]:
        """Number of events, and the hash of the last."""
        with self._database.reading() as connection:
            return chain.head(connection)

    def hash_of_event(self, number: int) -> str | None:
        """The hash of one event; None where there is no such event."""
        with self._database.reading() as connection:
            return chain.hash_of(connection, number)

    def events(self, entity: str | None = None) -> Iterator[Event]:
        """Events in their order: all, or those of one entity."""
        with self._database.reading() as connection:
            yield from chain.read(connection, entity)

    def verify_chain(self) -> list[str]:
        """Faults of the event chain in words: changed, removed, inserted, moved events, a cut tail. Empty: none."""
        with self._database.reading() as connection:
            return chain.verify(connection, self.site)

    def verify_rows(self) -> list[str]:
        """Rows that are not what the latest event that names them says, with table and key. Empty: none."""
        with self._database.reading() as connection:
            return chain.verify_rows(connection)

    def lineage_of_picture(self, patient_index: int, study_index: int, series_id: int) -> Lineage | None:
        """Everything about the series that a release shows in the folder PPPPPP_SS_RR, and about all its bookmarks."""
        with self._database.reading() as connection:
            key = lineage.series_of_indices(connection, patient_index, study_index, series_id)
            return None if key is None else lineage.lineage(connection, key)

    def lineage_of_series(self, series_key: str) -> Lineage | None:
        """Everything about one volume of the image store, and about all its bookmarks."""
        with self._database.reading() as connection:
            known = content.stored_series(connection, series_key) is not None
            return lineage.lineage(connection, series_key) if known else None

    def lineage_of_bookmark(self, uid: str) -> Lineage | None:
        """Everything about one bookmark and its series."""
        with self._database.reading() as connection:
            key = lineage.series_of_bookmark(connection, uid)
            return None if key is None else lineage.lineage(connection, key, [uid])

    def lineage_of_row(self, csv: str, position: int) -> Lineage | None:
        """Everything about the bookmark in a published row; ``csv`` is ``DL_info`` or ``bookmarks``."""
        with self._database.reading() as connection:
            uid = lineage.uid_of_row(connection, csv, position)
        return None if uid is None else self.lineage_of_bookmark(uid)


def _migrating(url: str) -> Database:
    # Foreign keys are off while SQLite's tables are rebuilt, which is how Alembic alters them there.
    return Database(STORE, url, foreign_keys=False)


def _upgrade(database: Database, connection: Connection, *, create: bool = False) -> tuple[str, str]:
    """Bring the schema to this software's; the chain tells of it in the same transaction."""
    before, after = schema.upgrade(database, connection, create=create)
    row = _settings(connection)
    if before != after and row is not None:
        payload = {"what": "schema upgraded", "before": before, "after": after}
        chain.append(connection, row.site, chain.Activity.GENERATION, "catalogue", payload)
    return before, after


def _settings(connection: Connection) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(tables.Catalogue.__table__)).one_or_none()


def _lay_settings(connection: Connection, site: str, block: tuple[int, int]) -> None:
    values = {
        "id": 1,
        "site": site,
        "first_patient_index": block[0],
        "last_patient_index": block[1],
        "watermark": None,
        "profile_digest": None,
        "key_check": None,
    }
    connection.execute(insert(tables.Catalogue).values(**values))
    chain.begin(connection, site)
    rows: RowDigests = {CATALOGUE.name_of(values): CATALOGUE.digest_of(values)}
    chain.append(connection, site, chain.Activity.GENERATION, "catalogue", {"what": "catalogue created"}, rows=rows)
