"""What the configuration names, taken out of a report: an AE title, a host, a path, a user, the site, a database."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from miner.config import Settings

_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^\s'\":;,()<>/\\]+[/\\]*)+")
"""An absolute path, also one that nothing here has named."""

_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")

NAMED = ("host", "ae_title", "calling_ae_title", "url", "path", "user", "tls_name")
FILES = ("tls_ca", "tls_certificate", "tls_key", "password_file", "token_file")
STORED = ("root", "key", "catalogue", "vault", "images", "spool")


@dataclass(frozen=True, slots=True)
class Names:
    """Names to be hidden, each with what stands in its place."""

    known: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, settings: Settings, config: Path) -> Names:
        """Everything in the settings, and around them, that tells who or where."""
        found = {name: mark for name, mark in _names(settings, config) if name.strip("/\\. ")}
        return cls(tuple(sorted(found.items(), key=lambda entry: -len(entry[0]))))

    def hide(self, words: str) -> str:
        """The words with ``<pacs.host>`` and the like for what is named; other paths and addresses without a name."""
        if self.known:
            words = self._pattern().sub(lambda match: self._mark(match.group()), words)
        words = _PATH.sub("<path>", words)
        return _ADDRESS.sub("<address>", words)

    def _pattern(self) -> re.Pattern[str]:
        # A short name is hidden where it stands alone: within words it would be found everywhere.
        alone = (re.escape(name) if len(name) > 3 else rf"(?<!\w){re.escape(name)}(?!\w)" for name, _ in self.known)
        return re.compile("|".join(alone), re.IGNORECASE)

    def _mark(self, found: str) -> str:
        return next(mark for name, mark in self.known if name.casefold() == found.casefold())


def _names(settings: Settings, config: Path) -> Iterator[tuple[str, str]]:
    """Names and their marks; where one name has two, the later mark stands."""
    yield socket.gethostname(), "<this host>"
    yield str(Path.home()), "<home>"
    pacs, storage = settings.pacs, settings.storage
    for folder in (settings.base, settings.base.resolve()):
        yield str(folder), "<configuration>"
    for path in (config, config.absolute(), config.resolve()):
        yield str(path), "<config.toml>"
    for key in (*FILES, "path"):
        if value := getattr(pacs, key):
            yield value, f"<pacs.{key}>"
            yield str(settings.path(value)), f"<pacs.{key}>"
    for key in STORED:
        if value := getattr(storage, key):
            yield value, f"<storage.{key}>"
            yield str(settings.path(value)), f"<storage.{key}>"
    for place, key in ((settings.root, "root"), (settings.images, "images"), (settings.spool, "spool")):
        yield str(place), f"<storage.{key}>"
    for url, key in ((settings.catalogue_url, "catalogue"), (settings.vault_url, "vault")):
        yield from ((part, f"<storage.{key}>") for part in _parts_of(url))
    if settings.selection.opt_out:
        yield settings.selection.opt_out, "<selection.opt_out>"
        yield str(settings.path(settings.selection.opt_out)), "<selection.opt_out>"
    if settings.selection.crosswalk:
        yield settings.selection.crosswalk, "<selection.crosswalk>"
        yield str(settings.path(settings.selection.crosswalk)), "<selection.crosswalk>"
    for entry in pacs.move_from:
        yield from ((part, "<pacs.move_from>") for part in (entry, *entry.split("@")))
    for key in NAMED:
        yield getattr(pacs, key), f"<pacs.{key}>"
    yield settings.site.name, "<site.name>"


def _parts_of(url: str) -> Iterator[str]:
    """A database's URL, and who and where stands in it."""
    yield url
    _, separator, rest = url.partition("://")
    if separator and not url.startswith("sqlite"):
        who, _, where = rest.rpartition("@")
        yield from who.split(":")
        host, _, database = where.partition("/")
        yield from (host, host.partition(":")[0], database.partition("?")[0])
