"""The archive: find and fetch, and an account of everything that was asked for.

:func:`connect` gives the one interface of :mod:`miner.pacs.interface`, :func:`probe` what an archive really does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from miner.pacs.interface import Pacs
from miner.pacs.peer import Peer
from miner.pacs.profile import PacsProfile

__all__ = ["Pacs", "PacsProfile", "Peer", "connect", "probe"]


def connect(peer: Peer, *, profile: Mapping[str, object] | None = None, attempts: int = 3) -> Pacs:
    """The PACS of ``peer``; nothing is opened before the first request.

    ``profile``: what :func:`probe` learned, as its JSON object; without it, everything is found out on the way.
    ``attempts``: how often one request is sent before it counts as failed. Raises ConfigError where the settings of
    its protocol are not complete.
    """
    match peer.settings.protocol:
        case "dimse":
            from miner.pacs.dimse.archive import DimsePacs

            return DimsePacs(peer, profile=profile, attempts=attempts)
        case "dicomweb":
            from miner.pacs.dicomweb.archive import DicomwebPacs

            return DicomwebPacs(peer, profile=profile, attempts=attempts)
        case "folder":
            from miner.pacs.folder.archive import FolderPacs

            return FolderPacs(peer, profile=profile, attempts=attempts)


def probe(peer: Peer, annotations: Sequence[str] = ("PR", "SR")) -> PacsProfile:
    """Ask the PACS what it can do, by a handful of harmless requests; nothing is retrieved.

    ``annotations``: modalities of the series that hold annotations.

    Raises PacsUnreachable or AssociationRefused where it cannot be asked at all.
    """
    match peer.settings.protocol:
        case "dimse":
            from miner.pacs.dimse.probe import probe as probe_dimse

            return probe_dimse(peer, annotations)
        case "dicomweb":
            from miner.pacs.dicomweb.probe import probe as probe_dicomweb

            return probe_dicomweb(peer, annotations)
        case "folder":
            from miner.pacs.folder.probe import probe as probe_folder

            return probe_folder(peer)
