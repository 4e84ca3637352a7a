"""The archive: find and fetch, and an account of everything that was asked for.

:func:`connect` gives the one interface of :mod:`miner.pacs.interface`, :func:`probe` what an archive really does.
"""

from __future__ import annotations

from collections.abc import Mapping

from miner.config import Pacs as PacsSettings
from miner.errors import ConfigError
from miner.pacs.interface import Pacs
from miner.pacs.probe import PacsProfile, probe

__all__ = ["Pacs", "PacsProfile", "connect", "probe"]


def connect(settings: PacsSettings, *, profile: Mapping[str, object] | None = None, attempts: int = 3) -> Pacs:
    """The PACS of ``settings``; nothing is opened before the first request.

    ``profile``: what :func:`probe` learned, as its JSON object; without it, everything is found out on the way.
    ``attempts``: how often one request is sent before it counts as failed. Raises ConfigError for a protocol that this
    version does not speak.
    """
    if settings.protocol != "dimse":
        raise ConfigError(f'pacs.protocol = "{settings.protocol}" is not available in this version: use "dimse".')
    from miner.pacs.dimse import DimsePacs

    return DimsePacs(settings, profile=profile, attempts=attempts)
