"""What review and the honest broker's commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from miner.console import Terminal

if TYPE_CHECKING:
    from miner.broker import Resolved
    from miner.broker.backup import BackedUp
    from miner.broker.destroy import Destroyed
    from miner.broker.escrow import Exported
    from miner.broker.forget import Candidate, Forgotten
    from miner.broker.quarantine import SearchReport, Sheet
    from miner.broker.restore import Restored
    from miner.broker.rotate import Rotated
    from miner.catalogue.rows import ReviewedSeries


class ShowKeeping:
    """One method per command that looks after pixels, names, keys and copies."""

    def __init__(self, out: Terminal) -> None:
        self.out = out

    def quarantine(self, waiting: Sequence[ReviewedSeries]) -> None:
        """`miner quarantine list`."""
        if self.out.as_json:
            self.out.document({"series": [_reviewed(entry) for entry in waiting]})
            return
        columns = ("series", "state", "reason", "slices", "boxes", "bookmarks", "published", "since", "note")
        self.out.table("Quarantine", columns, [tuple(_reviewed(entry).values()) for entry in waiting])
        if not waiting:
            self.out.line("No series waits.")

    def sheet(self, sheet: Sheet) -> None:
        """`miner quarantine show`."""
        if self.out.as_json:
            self.out.document(sheet)
            return
        left = f" The first {len(sheet.slices)} of {sheet.of}." if len(sheet.slices) < sheet.of else ""
        self.out.line(f"{sheet.path}: slices {', '.join(map(str, sheet.slices))} of {sheet.series_key}.{left}")
        self.out.line("It shows a patient's pictures, with whatever is written in them: keep it inside.")

    def decided(self, entry: ReviewedSeries) -> None:
        """`miner quarantine pass` and `miner quarantine reject`."""
        if entry.published and entry.reason is not None:
            self.out.error(
                "warning: a release holds it: what was published of it stays in its place, and nothing new of it comes "
                "in. To take it out of the next release, withdraw its patient: `miner vault forget` with a File_name "
                "of it; and take back the releases that were given away."
            )
        if self.out.as_json:
            self.out.document(_reviewed(entry))
            return
        self.out.line(f"{entry.series_key} is {entry.review}, with {entry.bookmarks} bookmarks.")

    def searched(self, report: SearchReport) -> None:
        """`miner quarantine search`."""
        if self.out.as_json:
            self.out.document(report)
            return
        self.out.line(f"{report.slices} slices of {report.series} series searched; {report.failed} searches failed.")
        self.out.counts("Series", report.reviews)
        if report.quarantined:
            self.out.line(f"{len(report.quarantined)} came into quarantine: see `miner quarantine list`.")

    def resolved(self, resolved: Resolved) -> None:
        """`miner vault resolve`."""
        if self.out.as_json:
            self.out.document({"name": resolved.name, **resolved.levels})
            return
        rows = [(level, key, value) for level, values in resolved.levels.items() for key, value in values.items()]
        self.out.table(resolved.name, ("level", "attribute", "value"), rows)

    def exported(self, done: Exported) -> None:
        """`miner vault export`."""
        if self.out.as_json:
            self.out.document(done)
            return
        self.out.line(f"{done.identities} identities for {done.recipients} recipients: {done.file}")

    def rotated(self, done: Rotated) -> None:
        """`miner vault rotate`."""
        if self.out.as_json:
            self.out.document(done)
            return
        if done.identities is None:
            self.out.line("The vault opens with the new key already.")
        else:
            self.out.line(f"{done.identities} identities are sealed under the new key.")
        if done.key_file is None:
            self.out.line("Now put MINER_NEW_KEY's value into the secret store as MINER_KEY: only it opens the vault.")
        else:
            self.out.line(f"The new key is in {done.key_file}; the old one does not open the vault any more.")
        if not done.compacted:
            self.out.line(
                "The database still holds the old sealing: rotate again while nothing else reads the vault, or on "
                "PostgreSQL have its owner run VACUUM FULL on it."
            )
        self.out.line("Make a new backup, and keep the old key no longer than the backups that need it.")

    def destroyed(self, done: Destroyed) -> None:
        """`miner vault destroy`."""
        if self.out.as_json:
            self.out.document(done)
            return
        self.out.line(
            "Nothing was left to destroy."
            if done.before and not done.key_file
            else "Key and vault are destroyed: releases can no longer be linked to patients."
        )
        if done.key_in_environment:
            self.out.line("MINER_KEY is still set: remove the key from the secret store.")
        self.out.line("Backups, escrow files and snapshots must be destroyed by those who keep them.")

    def backed_up(self, done: BackedUp) -> None:
        """`miner backup`."""
        if self.out.as_json:
            self.out.document(done)
            return
        self.out.line(
            f"{done.file}: key, configuration, {done.rows.get('vault/identity', 0)} identities and "
            f"{sum(count for table, count in done.rows.items() if table.startswith('catalogue/'))} rows of the "
            f"catalogue, {done.octets / 1e6:.1f} MB."
        )
        self.out.line("Pictures are not in it: back up the image store as files, or mine it again.")

    def restored(self, done: Restored) -> None:
        """`miner restore`."""
        if self.out.as_json:
            self.out.document(done)
            return
        self.out.line(f"configuration  {done.config}")
        self.out.line(f"key            {done.key_file or 'from MINER_KEY, not written down'}")
        self.out.line(f"rows           {sum(done.rows.values())}, written by version {done.software}")
        self.out.line("Next: put back the image store and the files that config.toml names, then `miner audit verify`.")
        self.out.line(
            "Patients who were withdrawn after this backup was made are in it again: give `miner vault forget` for "
            "each of them before anything is mined or released."
        )

    def candidate(self, found: Candidate) -> None:
        """`miner vault forget`, before it asks."""
        said = "was withdrawn before; of the patient there is now" if found.again else "would go"
        self.out.note(f"This {said}: {_counted(found.counts)}; {_in_releases(found.releases)}.")

    def forgotten(self, done: Forgotten) -> None:
        """`miner vault forget`."""
        if self.out.as_json:
            self.out.document(done)
            return
        self.out.line(f"Withdrawn: {_counted(done.counts)}, and {done.identities} entries of the vault.")
        if done.patient_index is not None:
            self.out.line(f"Patient_index {done.patient_index} is not given again; the next release says so.")
        if done.releases:
            self.out.line(
                f"It was {_in_releases(done.releases)}: their copies hold the patient still, wherever they are. "
                "Have them withdrawn."
            )
        self.out.line(
            "Out of reach: earlier backups bring the patient back, so back up anew; and a release that was cut off may "
            "have left a folder `.NAME.partial-…` with pictures beside its place."
        )


def _reviewed(entry: ReviewedSeries) -> dict[str, object]:
    return {
        "series": entry.series_key,
        "state": entry.review.value,
        "reason": "" if entry.reason is None else entry.reason.value,
        "slices": len(entry.suspicious),
        "boxes": sum(len(found.boxes) for found in entry.suspicious),
        "bookmarks": entry.bookmarks,
        "published": entry.published,
        "since": entry.since,
        "note": entry.note,
    }


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts.get(name, 0)} {name}" for name in ("studies", "series", "bookmarks", "slices"))


def _in_releases(numbers: Sequence[int]) -> str:
    if not numbers:
        return "in no release"
    return f"in release{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
