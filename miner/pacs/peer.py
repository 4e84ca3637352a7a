"""The PACS as we reach it: its settings, our credentials, the pace that it is asked at, and who came in its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from miner.config import Pacs as PacsSettings
from miner.config import Settings
from miner.errors import ConfigError
from miner.pacs.care import Pace, Visitors


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we say we are beyond the AE title; nothing of it appears in a ``repr``. Empty: not given.

    DIMSE: User Identity Negotiation (PS3.7 D.3.3.7); DICOMweb: HTTP Basic, or a bearer token.
    """

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Peer:
    """One PACS. ``base``: folder that relative paths of the settings start at."""

    settings: PacsSettings
    base: Path = Path()
    credentials: Credentials = Credentials()
    pace: Pace = field(default_factory=Pace, repr=False, compare=False)
    visitors: Visitors = field(default_factory=Visitors, repr=False, compare=False)

    @classmethod
    def of(cls, settings: Settings, pace: Pace | None = None, environment: Mapping[str, str] | None = None) -> Peer:
        """The PACS of config.toml. Raises ConfigError where a file of credentials cannot be read."""
        credentials = read_credentials(settings, os.environ if environment is None else environment)
        return cls(settings.pacs, settings.base, credentials, pace or Pace())

    def path(self, value: str) -> Path:
        """A path that the settings name, absolute."""
        return (self.base / value).absolute()

    def __str__(self) -> str:
        """The PACS in a message, as configured."""
        settings = self.settings
        if settings.protocol == "dicomweb":
            return f"The DICOMweb service at {settings.url}"
        if settings.protocol == "folder":
            return f"The folder {settings.path}"
        return f"The PACS {settings.ae_title} at {settings.host}:{settings.port}"


def read_credentials(settings: Settings, environment: Mapping[str, str]) -> Credentials:
    """User, password and token: the secrets from MINER_PASSWORD and MINER_TOKEN, else from the files named.

    Raises ConfigError where a file that is named cannot be read or is empty.
    """
    pacs = settings.pacs
    return Credentials(
        pacs.user,
        environment.get("MINER_PASSWORD") or _secret(settings, "password_file", pacs.password_file),
        environment.get("MINER_TOKEN") or _secret(settings, "token_file", pacs.token_file),
    )


def _secret(settings: Settings, key: str, named: str) -> str:
    if not named:
        return ""
    path = settings.path(named)
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"pacs.{key}: {path} cannot be read ({type(error).__name__}).") from None
    if not secret:
        raise ConfigError(f"pacs.{key}: {path} is empty.")
    return secret
