"""`miner quarantine`: series in whose pixels text is suspected, and a person's decision."""

from __future__ import annotations

from pathlib import Path

import click

from miner.cli.program import Invocation, app, pass_invocation, show

_NOTES = ("no-text", "harmless-text", "identifying-text", "unreadable")
_note = click.option("--note", type=click.Choice(_NOTES), help="Why, as a word of this list; it stands in the event.")


@app.group(no_args_is_help=False)
def quarantine() -> None:
    """Series in whose pixels text is suspected: no release holds them until a person has looked."""


@quarantine.command("list")
@click.option("--all", "decided", is_flag=True, help="Those that were passed or rejected too.")
@pass_invocation
def list_(invocation: Invocation, decided: bool) -> None:
    """The series that wait: why, how many slices and boxes, how many bookmarks wait with them, and since when."""
    from miner.broker.quarantine import waiting
    from miner.mining.project import open_catalogue

    with open_catalogue(invocation.settings) as catalogue:
        show(invocation).quarantine(waiting(catalogue, decided=decided))


@quarantine.command("show")
@click.argument("series")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="For the site's own eyes, mode 0600; an earlier PNG is replaced, nothing else is.",
)
@pass_invocation
def show_(invocation: Invocation, series: str, out: Path) -> None:
    """Draw the suspicious slices of SERIES with their boxes; of one that does not wait, its key slices."""
    from miner.broker.quarantine import draw
    from miner.mining.project import open_catalogue

    settings = invocation.settings
    with open_catalogue(settings) as catalogue:
        show(invocation).sheet(draw(catalogue, settings.images, series, out))


@quarantine.command("pass")
@click.argument("series")
@_note
@pass_invocation
def pass_(invocation: Invocation, series: str, note: str | None) -> None:
    """Let SERIES out: somebody has looked at it. An event each time."""
    _decide(invocation, series, "passed", note)


@quarantine.command()
@click.argument("series")
@_note
@pass_invocation
def reject(invocation: Invocation, series: str, note: str | None) -> None:
    """Keep SERIES in: nothing new of it is ever released. An event each time."""
    _decide(invocation, series, "rejected", note)


@quarantine.command()
@pass_invocation
def search(invocation: Invocation) -> None:
    """Search what is stored and was not searched yet, as after setting text_search; asks no PACS."""
    from miner.broker.quarantine import search_stored
    from miner.mining.project import open_catalogue

    settings = invocation.settings
    with open_catalogue(settings) as catalogue, invocation.out.progress("searching") as progress:
        report = search_stored(settings, catalogue, progress)
    show(invocation).searched(report)


def _decide(invocation: Invocation, series: str, decision: str, note: str | None) -> None:
    from miner.broker.quarantine import ReviewNote, decide
    from miner.mining.project import open_catalogue
    from miner.records import PixelReview

    with open_catalogue(invocation.settings) as catalogue:
        found = decide(catalogue, series, PixelReview(decision), ReviewNote(note) if note else None)
    show(invocation).decided(found)
