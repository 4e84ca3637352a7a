"""How each command's result is printed: a table for people, or one JSON document."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from miner.errors import Reason
from miner.explanations import EXPLANATIONS
from miner.show.keeping import ShowKeeping

if TYPE_CHECKING:
    from miner.audit import Trace
    from miner.catalogue import Status
    from miner.dataset import CheckReport, ReleaseReport
    from miner.demo.run import DemoResult
    from miner.dialect import Listing
    from miner.doctor import Examination
    from miner.mining.estimate import Estimate
    from miner.mining.run import RunReport
    from miner.setup import Initialised, Upgraded

MISSING_SHOWN = 20
"""Missing items in the table of `miner status`."""

MARKS = {"ok": "ok", "warning": "warning", "fault": "FAULT"}


class Show(ShowKeeping):
    """One method per command."""

    def init(self, made: Initialised) -> None:
        """`miner init`."""
        if self.out.as_json:
            self.out.document(made)
            return
        self.out.line(f"configuration  {made.config}")
        self.out.line(f"key            {made.key_file or 'from MINER_KEY, not written down'}")
        self.out.line(f"catalogue      {made.catalogue}")
        self.out.line(f"vault          {made.vault}")
        self.out.line()
        self.out.line("Back up key, vault and catalogue together: none is of use without the others.")
        self.out.line("Next: enter your PACS under [pacs] in the configuration, then run `miner doctor`.")

    def doctor(self, report: Examination) -> None:
        """`miner doctor`."""
        if self.out.as_json:
            self.out.document(report.document())
            return
        rows = [(MARKS[entry.state], entry.subject, entry.words) for entry in report.findings]
        self.out.table("miner doctor", ("", "looked at", "found"), rows)

    def estimate(self, found: Estimate) -> None:
        """`miner mine --dry-run`."""
        if self.out.as_json:
            self.out.document(found)
            return
        self.out.line(f"{found.studies} studies hold {found.annotation_objects} presentation states and reports.")
        if found.unlisted:
            self.out.line(f"The PACS failed to list {found.unlisted} series of them: what they hold is not counted.")
        self.out.line(
            f"Estimated: {found.slices} slices, {found.octets / 1e9:.2f} GB to receive, {_duration(found.seconds)} "
            "over one association. Nothing was retrieved."
        )

    def run(self, report: RunReport) -> None:
        """`miner mine`."""
        if self.out.as_json:
            self.out.document(
                {
                    "run": report.run,
                    "found": report.found,
                    "outcomes": report.outcomes,
                    "reasons": report.reasons,
                    "bookmarks": report.bookmarks,
                    "octets": report.octets,
                    "warnings": report.warnings,
                    "unanswered": report.unanswered,
                    "unseen": report.unseen,
                    "passed_over": report.passed_over,
                    "refused_at_door": report.refused_at_door,
                    "ended_early": report.ended_early,
                    "exit_status": int(report.exit_status),
                }
            )
            return
        self.out.line(
            f"Run {report.run}: {report.found} studies found, {report.bookmarks} bookmarks accepted, "
            f"{report.octets / 1e6:.1f} MB received."
        )
        if report.unanswered:
            self.out.line(
                f"{report.unanswered} parts of what was asked for were not answered: the next run asks again. The "
                "warnings above, or with --json, say which."
            )
        self._reasons("Not looked at, and of no study that is known", {str(r): n for r, n in report.unseen.items()})
        if report.passed_over:
            self.out.line(f"{report.passed_over} studies of patients who were withdrawn were passed over.")
        self.out.counts("Studies looked at", report.outcomes)
        self._reasons("Why not mined whole", report.reasons)

    def status(self, status: Status) -> None:
        """`miner status`."""
        if self.out.as_json:
            self.out.document(status)
            return
        self.out.table("Runs", ("run", "started", "ended", "outcome"), [_run_row(run) for run in status.runs])
        self.out.counts("Studies", status.studies)
        self._reasons("Studies not mined whole", status.study_reasons)
        self._reasons("Annotation objects", status.objects)
        self._reasons("Marks", status.marks)
        self.out.counts("Bookmarks accepted", status.bookmarks)
        if status.superseded:
            self.out.line(f"{status.superseded} more are history: another study's measurement stands for the lesion.")
        self._reasons("Volumes", status.series)
        self._reasons("Bookmarks that no release may hold yet", status.held_back)
        if status.published_in_quarantine:
            self.out.line(
                f"{status.published_in_quarantine} published series are in quarantine or rejected: look at them before "
                "giving a release away (`miner quarantine list --all`)."
            )
        self._missing(status)
        self._reasons("Not looked at by the last run, and of no study that is known", status.unseen)
        if status.unanswered:
            self.out.line(f"{status.unanswered} parts of the last run's window were not answered: the next asks again.")
        if status.nameless:
            self.out.line(
                f"{status.nameless} studies of the last run have no patient id: each counts as a patient of its own."
            )
        if status.withdrawn:
            self.out.line(
                f"{status.withdrawn} patients were withdrawn; the last run passed over {status.passed_over} studies."
            )
        if status.withdrawals_unfinished:
            self.out.line(
                f"{status.withdrawals_unfinished} withdrawals were cut off: give `miner vault forget` again, or mine."
            )
        self._traffic(status)
        self.out.line(
            f"{status.slices} slices of {status.patients} patients stored, {status.octets / 1e6:.1f} MB; "
            f"{status.releases} releases; mined up to {status.watermark or 'no day yet'}."
        )

    def _missing(self, status: Status) -> None:
        """What should be here and is not: how much for which reason, and the first by name."""
        self._reasons("Missing", status.missing_reasons)
        columns = ("level", "key", "kind", "reason", "attempts")
        rows = [tuple(entry[name] for name in columns) for entry in status.missing[:MISSING_SHOWN]]
        self.out.table("Missing by name (`miner vault resolve KEY` says which)", columns, rows)
        if len(status.missing) > MISSING_SHOWN:
            self.out.line(f"The first {MISSING_SHOWN} of {len(status.missing)}: all of them with --json.")

    def _traffic(self, status: Status) -> None:
        """How much of what was received was needed."""
        traffic = status.traffic
        asked, arrived = traffic.get("objects_asked", 0), traffic.get("objects_arrived", 0)
        if not asked:
            return
        self.out.line(f"{asked} objects asked for, {arrived} arrived, {asked - arrived} did not.")
        if status.image_ratio is None:
            return
        wanted = traffic["image_octets"] - traffic["looked_octets"]
        self.out.line(
            f"{wanted / 1e6:.1f} MB of images received for {traffic['image_octets_used'] / 1e6:.1f} MB of slices kept "
            f"(ratio {status.image_ratio:.2f}; {traffic['extra_octets'] / 1e6:.1f} MB of it came without being asked "
            f"for), and {traffic['looked_octets'] / 1e6:.1f} MB of images that gave nothing."
        )

    def bookmarks(self, listing: Listing) -> None:
        """`miner bookmarks`."""
        from miner.dialect.tables import pages

        if self.out.as_json:
            self.out.document(listing)
        for page in pages(listing):
            for line in page.lines:
                self.out.line(line)
            self.out.table(page.title, page.columns, page.rows)
        if listing.failed:
            self.out.error(
                f"{listing.failed} of {len(listing.objects) + listing.unreadable} objects could not be read: "
                "the listing says which and why."
            )

    def release(self, report: ReleaseReport) -> None:
        """`miner release`."""
        if report.published_in_quarantine:
            self.out.error(
                f"warning: in {report.published_in_quarantine} series that an earlier release holds, and this one "
                "too, text is suspected, or a person has rejected them: look at them (`miner quarantine list --all`) "
                "before giving the release away. What is rejected leaves with its patient: `miner vault forget` with a "
                "File_name of it, then release again."
            )
        if self.out.as_json:
            self.out.document(report)
            return
        self.out.line(f"Release {report.number} is written to {report.folder}.")
        self.out.table("Counts", ("what", "count"), [(word, count) for word, count in report.counts.items()])
        if report.withdrawn:
            self.out.line(
                f"{report.withdrawn} patients of earlier releases were withdrawn since, and {report.moved_rows} rows "
                "moved up; release.json says which."
            )
        if report.changes:
            self.out.line(f"{len(report.changes)} cells of published rows changed; release.json lists them.")
        if report.corrections:
            self.out.line(
                f"{len(report.corrections)} published measurements were corrected in the archive since; "
                "their rows stay, release.json lists them."
            )
        if report.remarks:
            self.out.line(f"{len(report.remarks)} bookmarks have a remark in release.json.")
        for reason, held in report.held_back.items():
            self.out.line(f"Held back ({reason}): {held['bookmarks']} bookmarks on {held['series']} series.")

    def check(self, report: CheckReport) -> None:
        """`miner check`."""
        if self.out.as_json:
            self.out.document(report)
            return
        for title, entries in (("Faults", report.faults), ("Notes", report.notes)):
            rows = [(entry.file, entry.line or "", entry.words) for entry in entries]
            self.out.table(title, ("file", "line", "what"), rows)
        self.out.line(f"{len(report.faults)} faults, {len(report.notes)} notes.")

    def trace(self, chain: Trace) -> None:
        """`miner audit trace`."""
        if self.out.as_json:
            self.out.document(chain)
            return
        for line in chain.lines():
            self.out.line(line)

    def verify(self, faults: Sequence[str]) -> None:
        """`miner audit verify`."""
        if self.out.as_json:
            self.out.document({"faults": faults})
            return
        for fault in faults:
            self.out.line(fault)
        self.out.line(f"{len(faults)} faults." if faults else "Every hash, event and row agrees.")

    def upgraded(self, done: Sequence[Upgraded]) -> None:
        """`miner db upgrade`."""
        if self.out.as_json:
            self.out.document(done)
            return
        for entry in done:
            same = entry.before == entry.after
            self.out.line(f"{entry.database}: {'is at' if same else f'{entry.before} ->'} {entry.after}")

    def demo(self, result: DemoResult) -> None:
        """`miner demo`."""
        if self.out.as_json:
            self.out.document(result)
            return
        self.out.counts("Bookmarks accepted", result.bookmarks)
        self._reasons("Marks", result.marks)
        self.out.line(
            f"{result.patients} made-up patients gave {result.lesions} RECIST lesions: {result.release}/DL_info.csv"
        )
        self.out.line(f"Look at {result.report}")
        self.out.line(f"Go on with: miner --config {shlex.quote(str(result.config))} status")

    def _reasons(self, title: str, counts: Mapping[str, int]) -> None:
        """Counts by reason, each with its meaning."""
        rows = [(word, count, _meaning(word)) for word, count in sorted(counts.items())]
        if len(rows) > 1:
            rows.append(("total", sum(counts.values()), ""))
        self.out.table(title, ("outcome", "count", "meaning"), rows)


def _meaning(word: str) -> str:
    code = word.rpartition(": ")[2]
    return EXPLANATIONS[Reason(code)] if code in Reason.__members__.values() else ""


def _run_row(run: Mapping[str, object]) -> tuple[object, ...]:
    return run["number"], _minute(run["started"]), _minute(run["ended"]), run["outcome"] or "under way"


def _minute(time: object) -> str:
    return str(time)[:16].replace("T", " ") if time else ""


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
