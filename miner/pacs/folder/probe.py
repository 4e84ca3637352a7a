"""What a folder holds, as the profile that ``miner doctor`` shows: all heads are read for it, as a run does."""

from __future__ import annotations

from miner.pacs.folder.archive import FolderPacs
from miner.pacs.peer import Peer
from miner.pacs.profile import HONOURED, PacsProfile


def probe(peer: Peer) -> PacsProfile:
    """Read the folder. Raises ConfigError where none is named, PacsUnreachable where it cannot be read."""
    pacs = FolderPacs(peer)
    try:
        pacs.echo()
        census = pacs.census()
    finally:
        pacs.close()
    return PacsProfile(
        protocol="folder",
        echo=True,
        study_level=census.objects > 0,
        series_level=census.objects > 0,
        image_level=census.objects > 0,
        date_range=HONOURED,
        study_uid=HONOURED,
        patient_id=HONOURED,
        modalities_in_study=HONOURED,
        annotations_listed=True,
        counts=True,
        sop_classes=True,
        positions=True,
        image_retrieve=True,
        as_stored=True,
        faults=census.sentences(),
    )
