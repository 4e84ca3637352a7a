"""The DICOMweb service as configured: its root, our credentials, TLS. All of it is checked before anything is sent.

A secret is sent encrypted, or to this machine itself, or not at all. Variables of the environment that redirect HTTP
(``HTTPS_PROXY`` and the like), ``.netrc`` and certificate bundles named there are not looked at: a request carries
identifiers, and where it goes is said in config.toml alone.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from miner.errors import ConfigError
from miner.pacs.peer import Peer
from miner.pacs.tls import requestor_context

_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service is and how to speak to it. ``tls`` is None for plain HTTP."""

    root: str
    authorization: Authorization
    tls: ssl.SSLContext | None = None
    tls_name: str = ""

    @classmethod
    def of(cls, peer: Peer) -> Service:
        """Raises ConfigError where the settings are not complete, contradict each other or would give away a secret."""
        root = _root(peer)
        authorization = Authorization(peer)
        encrypted = root.scheme == "https"
        if authorization.given and not (encrypted or _is_here(root.hostname or "")):
            raise ConfigError(
                "pacs.url begins with http://: a password or token would cross the network in clear text. "
                "Use https://, or give no credentials."
            )
        if peer.settings.tls and not encrypted:
            raise ConfigError("pacs.tls is true, but pacs.url begins with http://: use https://.")
        context = requestor_context(peer) if encrypted else None
        return cls(root.geturl().rstrip("/"), authorization, context, peer.settings.tls_name)


class Authorization(AuthBase):
    """The Authorization header of each request: a bearer token (RFC 6750), Basic (RFC 7617), or none."""

    def __init__(self, peer: Peer) -> None:
        credentials = peer.credentials
        if credentials.token and credentials.user:
            raise ConfigError("Give either pacs.user with a password, or a token (pacs.token_file, MINER_TOKEN).")
        if bool(credentials.user) != bool(credentials.password):
            raise ConfigError("pacs.user and a password (pacs.password_file, MINER_PASSWORD) go together.")
        self._token = _checked(credentials.token)
        self._basic = HTTPBasicAuth(credentials.user.encode(), credentials.password.encode())
        self._file = peer.path(peer.settings.token_file) if peer.settings.token_file else None
        self.given = bool(self._token or credentials.user)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Called by requests for each request."""
        # dicomweb-client names the host without its port, which is not the host's name (RFC 9110 7.2).
        request.headers.pop("Host", None)
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        elif self.given:
            self._basic(request)
        return request

    def renew(self) -> bool:
        """Read the token's file again: tokens live for minutes, runs for hours. True where it holds another now."""
        if not self._token or self._file is None:
            return False
        token = _token_in(self._file)
        if not token or token == self._token:
            return False
        self._token = token
        return True


def _root(peer: Peer) -> SplitResult:
    url = peer.settings.url
    if not url:
        raise ConfigError(
            "pacs.url is empty: give the root of the DICOMweb service, such as https://pacs.example.org/dicom-web."
        )
    try:
        root = urlsplit(url)
        _ = root.port  # raises where it is no number
    except ValueError:
        raise ConfigError("pacs.url is not a URL.") from None
    if root.scheme not in ("http", "https") or not root.hostname or not _PRINTABLE.fullmatch(url):
        raise ConfigError("pacs.url must be an address that begins with https:// or http://.")
    if root.username is not None or root.password is not None:
        raise ConfigError(
            "pacs.url holds a user name or password: it appears in messages. Use pacs.user and pacs.password_file."
        )
    if root.query or root.fragment:
        raise ConfigError("pacs.url must be the service's root, without anything after a question mark or #.")
    return root


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked(token: str) -> str:
    if token and not _PRINTABLE.fullmatch(token):
        raise ConfigError("The token (pacs.token_file, MINER_TOKEN) holds a character that no token can have.")
    return token


def _token_in(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return token if _PRINTABLE.fullmatch(token) else ""
