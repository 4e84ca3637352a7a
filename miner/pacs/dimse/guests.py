"""Who may come in at our storage SCP: AE titles, and the addresses that each may come from."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections import defaultdict

from miner.config import Pacs as PacsSettings
from miner.errors import ConfigError

RESOLVE_SECONDS = 60.0
"""Names are resolved again when a stranger knocks after so long: a PACS may have moved."""


_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
"""One part of a host's name; letters beyond ASCII are written otherwise only on the way to a name server."""


def senders(settings: PacsSettings) -> list[tuple[str, str]]:
    """AE title and host of each entry of ``pacs.move_from``. Raises ConfigError for one that is none.

    A name need not resolve: it may do so by the time that its host sends.
    """
    return [_entry(value) for value in settings.move_from]


def unresolved(settings: PacsSettings) -> int:
    """How many entries of ``pacs.move_from`` name a host that has no address now. Raises ConfigError."""
    return sum(not _addresses(host) for _, host in senders(settings))


class Guests:
    """AE titles and the addresses that each may come from: the PACS, and the entries of ``pacs.move_from``."""

    def __init__(self, settings: PacsSettings) -> None:
        """Raises ConfigError for an entry of pacs.move_from that is none."""
        self._entries = [(settings.ae_title.strip(), settings.host), *senders(settings)]
        self._titles: dict[str, frozenset[str]] = {}
        self._resolved = 0.0
        self._resolving = threading.Lock()
        self.resolve()

    def titles_at(self, address: str) -> frozenset[str]:
        """The AE titles that may call from an address; none: a stranger's."""
        return self._titles.get(address, frozenset())

    @property
    def stale(self) -> bool:
        """True where the names should be resolved again before a stranger is called one."""
        return time.monotonic() - self._resolved >= RESOLVE_SECONDS and not self._resolving.locked()

    def resolve(self) -> None:
        """Ask for the addresses of all names; a name that does not resolve now keeps those that it had."""
        if not self._resolving.acquire(blocking=False):
            return
        try:
            known: dict[str, set[str]] = defaultdict(set)
            for title, host in self._entries:
                for address in _addresses(host) or self._had(title):
                    known[address].add(title)
            self._titles = {address: frozenset(titles) for address, titles in known.items()}
            self._resolved = time.monotonic()
        finally:
            self._resolving.release()

    def _had(self, title: str) -> list[str]:
        return [address for address, titles in self._titles.items() if title in titles]


def _entry(value: str) -> tuple[str, str]:
    title, _, host = value.rpartition("@")
    title, host = title.strip(), host.strip()
    if not (0 < len(title) <= 16 and _is_host(host)):
        raise ConfigError(
            'pacs.move_from must hold entries of the form "AE_TITLE@address": an IP address or a host\'s name, '
            "without a port."
        )
    return title, host


def _is_host(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        labels = host.removesuffix(".").split(".")
        return all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdecimal() and len(host) <= 253


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return []
    return sorted({plain_address(str(place[4][0])) for place in found})


def plain_address(address: str) -> str:
    """An IP address in its one form: without a zone, IPv4 also where it came over an IPv6 socket."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
